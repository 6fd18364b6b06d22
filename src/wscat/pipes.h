/* Standard input and output in the loop, without changing their descriptors' modes, which other processes share. Files,
 * which no loop can watch, work too. */
#ifndef WSCAT_PIPES_H
#define WSCAT_PIPES_H

#include "common/base/buf.h"
#include "common/net/loop.h"

#define SOURCE_CHUNK ((size_t)16 * 1024) /* bytes read at once */

/* A descriptor read in pieces. */
struct source;
/* bytes are borrowed for the call; an empty span is the end, or with why an error. */
typedef void source_fn(void *arg, struct span bytes, const char *why);
struct source *source_new(struct loop *loop, int fd, source_fn *fn, void *arg);
/* Reads only while it is on; off at first. */
void source_set(struct source *s, bool on);
void source_free(struct source *s); /* NULL is fine */

/* A descriptor written to without waiting. */
struct sink;
/* Called when the backlog has gone, and with why when no more can be written: "" when the reader has gone. */
typedef void sink_fn(void *arg, const char *why);
struct sink *sink_new(struct loop *loop, int fd, sink_fn *fn, void *arg);
/* Append here, then sink_flush. */
struct buf *sink_buf(struct sink *s);
void sink_flush(struct sink *s);
/* Write all that is left, waiting for the reader. */
void sink_finish(struct sink *s);
void sink_free(struct sink *s); /* NULL is fine */

#endif
