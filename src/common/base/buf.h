/* Growable bytes with a ceiling. Appended at the end, consumed at the front; empty buffers hold no memory after
 * buf_release, so that an idle connection costs nothing. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <assert.h>

#include "common/base/span.h"

struct buf {
	char *data;
	size_t head; /* first byte not consumed */
	size_t tail; /* one past the last byte */
	size_t cap;  /* bytes allocated */
	size_t max;  /* ceiling of the contents; 0 stands for BUF_MAX_DEFAULT */
};

#define BUF_MAX_DEFAULT ((size_t)64 << 20)

/* Bytes held, and the room left up to the ceiling. */
static inline size_t buf_len(const struct buf *b)
{
	return b->tail - b->head;
}
size_t buf_room(const struct buf *b);

/* The contents. Valid until the next call that appends to, consumes from or frees the buffer. */
static inline struct span buf_span(const struct buf *b)
{
	return (struct span){b->data != NULL ? b->data + b->head : "", b->tail - b->head};
}

/* Append, and give the bytes back as they lie in the buffer: they stay there until it is consumed from, or grows past what
 * was reserved. */
struct span buf_keep(struct buf *b, struct span s);

/* Append. -1 when the ceiling would be passed; nothing is appended then. */
int buf_add(struct buf *b, const void *p, size_t len);
int buf_add_span(struct buf *b, struct span s);
int buf_add_str(struct buf *b, const char *s);
int buf_add_char(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The part of buf_reserve that moves or grows. */
char *buf_make_room(struct buf *b, size_t len);

/* Make room for len more bytes and return where they go, NULL when the ceiling would be passed. buf_commit then
 * says how many were written. */
static inline char *buf_reserve(struct buf *b, size_t len)
{
	/* What is allocated never passes the ceiling. */
	return b->data != NULL && b->cap - b->tail >= len ? b->data + b->tail : buf_make_room(b, len);
}

static inline void buf_commit(struct buf *b, size_t len)
{
	assert(len <= b->cap - b->tail);
	b->tail += len;
}

/* Show the buffer len bytes at p behind what it holds: copied if it holds any, else borrowed. Between this and
 * buf_settle they may be consumed, but nothing may be appended, released or freed. -1 as of buf_add. */
int buf_lend(struct buf *b, char *p, size_t len);
/* Take what is left of the bytes lent from p into the buffer's own memory. -1 as of buf_add. */
int buf_settle(struct buf *b, const char *p);

/* Drop the first len bytes; len must not exceed buf_len. */
void buf_consume(struct buf *b, size_t len);
void buf_clear(struct buf *b);
/* Give the memory back if nothing is held. */
void buf_release(struct buf *b);
/* Give the memory back; the ceiling stays, and the buffer may be used again. */
void buf_free(struct buf *b);
/* The same for secrets: wiped first. Growing a buffer of secrets wipes the old block too only if it was reserved
 * in full beforehand, so reserve the ceiling first. */
void buf_wipe(struct buf *b);

#endif
