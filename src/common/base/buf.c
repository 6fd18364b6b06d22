/* Growable byte buffers with a ceiling. */
#include <assert.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/mem.h"

#define BUF_FIRST 512 /* bytes of the first allocation */

static size_t buf_ceiling(const struct buf *b)
{
	return b->max > 0 ? b->max : BUF_MAX_DEFAULT;
}

size_t buf_room(const struct buf *b)
{
	size_t len = buf_len(b);

	return len < buf_ceiling(b) ? buf_ceiling(b) - len : 0;
}

char *buf_make_room(struct buf *b, size_t len)
{
	size_t held = buf_len(b);

	if (len > buf_room(b))
		return NULL;
	if (b->head > 0) {
		memmove(b->data, b->data + b->head, held);
		b->head = 0;
		b->tail = held;
	}
	if (b->data != NULL && b->cap - b->tail >= len)
		return b->data + b->tail;
	size_t cap = b->cap > 0 ? b->cap : BUF_FIRST;
	while (cap < held + len)
		cap *= 2;
	if (cap > buf_ceiling(b))
		cap = buf_ceiling(b);
	b->data = mem_grow(b->data, cap, 1);
	b->cap = cap;
	return b->data + b->tail;
}

int buf_add(struct buf *b, const void *p, size_t len)
{
	if (len == 0)
		return 0;
	char *at = buf_reserve(b, len);
	if (at == NULL)
		return -1;
	memcpy(at, p, len);
	b->tail += len;
	return 0;
}

int buf_add_span(struct buf *b, struct span s)
{
	return buf_add(b, s.p, s.len);
}

int buf_add_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_add_char(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int rc = -1;

	va_start(ap, fmt);
	va_copy(again, ap);
	/* Mostly it fits into what there is: one byte more than the text, as vsnprintf ends with a NUL. */
	size_t spare = b->cap - b->tail;
	int len = vsnprintf(spare > 0 ? b->data + b->tail : NULL, spare, fmt, ap);
	va_end(ap);
	if (len >= 0 && (size_t)len >= spare) {
		char *at = buf_reserve(b, (size_t)len + 1);
		len = at != NULL ? vsnprintf(at, (size_t)len + 1, fmt, again) : -1;
	}
	if (len >= 0) {
		b->tail += (size_t)len;
		rc = 0;
	}
	va_end(again);
	return rc;
}

struct span buf_keep(struct buf *b, struct span s)
{
	size_t at = buf_len(b);

	buf_add_span(b, s);
	return span_skip(buf_span(b), at);
}

int buf_lend(struct buf *b, char *p, size_t len)
{
	if (buf_len(b) > 0)
		return buf_add(b, p, len);
	if (len > buf_room(b))
		return -1;
	free(b->data);
	b->data = p;
	b->head = 0;
	b->tail = b->cap = len;
	return 0;
}

int buf_settle(struct buf *b, const char *p)
{
	struct span left = buf_span(b);

	if (b->data != p)
		return 0;
	b->data = NULL;
	b->head = b->tail = b->cap = 0;
	return buf_add_span(b, left);
}

void buf_consume(struct buf *b, size_t len)
{
	assert(len <= buf_len(b));
	b->head += len;
	if (b->head == b->tail)
		b->head = b->tail = 0;
}

void buf_clear(struct buf *b)
{
	b->head = b->tail = 0;
}

void buf_release(struct buf *b)
{
	if (buf_len(b) == 0)
		buf_free(b);
}

void buf_free(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->head = b->tail = b->cap = 0;
}

void buf_wipe(struct buf *b)
{
	if (b->data != NULL)
		OPENSSL_cleanse(b->data, b->cap);
	buf_free(b);
}
