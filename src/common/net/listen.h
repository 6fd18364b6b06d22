/* A listening TCP socket: takes connections in, some at a time, and pauses when the process has no descriptor left, since
 * a full backlog would wake the loop without end. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include <sys/socket.h>

#include "common/net/loop.h"

#define LISTEN_ROUNDS 64    /* connections taken in one wake-up, before others get their turn */
#define LISTEN_PAUSE_MS 100 /* without a descriptor */

struct listen; /* opaque */

/* fd is connected, non-blocking, and the callee's. fd -1: no descriptor is left, and accepting pauses; from is NULL. */
typedef void listen_fn(void *arg, int fd, const struct sockaddr_storage *from);

/* Listen on a numeric ADDRESS:PORT, as dial_listen takes it. NULL with err. */
struct listen *listen_new(struct loop *loop, const char *address, listen_fn *fn, void *arg, struct err *err);
/* Where it listens, with the real port. */
const char *listen_address(const struct listen *l);
/* Close it; connections that wait are refused. NULL is fine. May be called from within fn. */
void listen_free(struct listen *l);

#endif
