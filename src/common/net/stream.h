/* A byte stream over a non-blocking socket, plain or TLS, behind one table. Reads and writes take what there is and
 * never wait; the caller watches the descriptor. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/err.h"

/* Results of stream_read and stream_write besides a count above 0. */
enum {
	STREAM_EOF = 0,    /* read only: the peer has ended its direction */
	STREAM_AGAIN = -1, /* nothing now: wait for stream_want */
	STREAM_FAIL = -2,  /* the stream is broken; stream->why says how */
};

struct stream;

struct stream_ops {
	ssize_t (*read)(struct stream *s, void *p, size_t len);
	ssize_t (*write)(struct stream *s, const void *p, size_t len);
	void (*shutdown)(struct stream *s);
	void (*close)(struct stream *s);
};

struct stream {
	const struct stream_ops *ops; /* NULL: not open */
	int fd;                       /* owned */
	void *tls;                    /* owned; the library's object, NULL for a plain socket */
	const char *why;              /* after STREAM_FAIL: a constant string */
	unsigned char want_read;      /* loop_want that lets a read go on */
	unsigned char want_write;     /* the same for a write: TLS may need to read first */
	bool more; /* after a read: another may find something; else the descriptor tells of what comes */
};

/* Take over fd, which must be non-blocking. */
void stream_open(struct stream *s, int fd);

static inline ssize_t stream_read(struct stream *s, void *p, size_t len)
{
	return s->ops->read(s, p, len);
}

static inline ssize_t stream_write(struct stream *s, const void *p, size_t len)
{
	return s->ops->write(s, p, len);
}

/* Bytes written that the peer's system has not acknowledged yet, with TLS's own (tcp(7), SIOCOUTQ). 0 where the socket cannot
 * tell. */
size_t stream_unsent(const struct stream *s);

/* End our direction: FIN, after a TLS close_notify. */
static inline void stream_shutdown(struct stream *s)
{
	s->ops->shutdown(s);
}

/* Close and forget; harmless when not open. The descriptor must not be watched any more. */
void stream_close(struct stream *s);

/* Cut the connection so that the peer sees a reset, not an end: what was sent is known to be incomplete. */
void stream_abort(struct stream *s);

#endif
