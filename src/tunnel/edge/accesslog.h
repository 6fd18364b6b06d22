/* The access log: JSON lines, written by a thread of its own so that no request waits for a disk. */
#ifndef EDGE_ACCESSLOG_H
#define EDGE_ACCESSLOG_H

#include "common/base/err.h"
#include "common/base/span.h"

#define ACCESSLOG_BACKLOG_MAX \
	((size_t)8 << 20) /* bytes that wait for the disk; what comes after is dropped and counted */

struct accesslog; /* opaque; one owner */

/* Append to a file, or to stdout for "-". */
struct accesslog *accesslog_open(const char *path, struct err *err);
/* Queue one line, its newline included. Safe from any thread. */
void accesslog_write(struct accesslog *log, struct span line);
/* Lines dropped so far. */
uint64_t accesslog_dropped(struct accesslog *log);
/* Write what is queued, and close. NULL is fine. */
void accesslog_close(struct accesslog *log);

#endif
