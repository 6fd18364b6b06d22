/* One public HTTP/1.1 connection: reads requests, one at a time, and writes their answers in order. */
#ifndef EDGE_VISITOR_H
#define EDGE_VISITOR_H

#include "tunnel/edge/edge.h"

#define VISITOR_HEAD_MS 15000  /* for TLS, and from the first byte of a head to its last */
#define VISITOR_IDLE_MS 75000  /* between requests */
#define VISITOR_STALL_MS 60000 /* a body that does not move, or an answer that is not read */
#define VISITOR_LINGER_MS 2000 /* reading on after the last answer, so that it is not lost to a reset */
#define VISITOR_HALF_CLOSE_MS \
	5000 /* an upgraded connection ended on one side, where that cannot be passed on */
#define VISITOR_IN_MAX ((size_t)128 * 1024) /* bytes read and not yet used: a head, or pipelined requests */
#define VISITOR_OUT_MAX \
	((size_t)32 << 20) /* bytes not yet written: bounded by the stream window before that */

/* Take over an accepted socket. */
void visitor_accept(struct edge *e, int fd, const struct sockaddr_storage *from, bool is_tls);
/* Close those between requests; the others after their answer. */
void visitor_drain_all(struct edge *e);
void visitor_close_all(struct edge *e);

#endif
