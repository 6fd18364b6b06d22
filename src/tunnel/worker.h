/* One event loop and what all its connections share. Passed to whoever needs it; several may live in one process. */
#ifndef TUNNEL_WORKER_H
#define TUNNEL_WORKER_H

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/net/loop.h"

#define WORKER_READ_MAX ((size_t)64 * 1024) /* bytes read from a socket at once */
#define WORKER_OUT_HIGH ((size_t)64 * 1024) /* bytes gathered before a write */

struct worker {
	struct loop *loop;
	const struct log *log;
	/* Scratch: valid within one callback only, so that idle connections hold no buffers. */
	char in[WORKER_READ_MAX];
	struct buf out;
};

/* NULL with err when there is no event loop to be had. log is borrowed. */
struct worker *worker_new(const struct log *log, struct err *err);
void worker_free(struct worker *w);

#endif
