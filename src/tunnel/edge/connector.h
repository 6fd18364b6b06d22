/* The edge's end of one tunnel connection: accepts it, lets it register, keeps it in rotation until it goes. */
#ifndef EDGE_CONNECTOR_H
#define EDGE_CONNECTOR_H

#include "tunnel/edge/edge.h"

#define CONNECTOR_REGISTER_MS 15000          /* from the end of TLS to registration */
#define CONNECTOR_GOODBYE_MS 1000            /* from our refusal to our closing */
#define CONNECTOR_DRAIN_MS 30000             /* for the requests of connections that were evicted */
#define CONNECTOR_TOLD_MAX ((size_t)1 << 20) /* bytes kept of a connector's own configuration */
#define CONNECTOR_UNREGISTERED_MAX 256       /* connections that have not registered, all peers together */
#define CONNECTOR_PER_ADDRESS_MAX 64         /* and from one address */

/* Take over an accepted socket. Refused by closing it at once when too many have yet to register: before TLS, so that the
 * connector tries again. */
void connector_accept(struct edge *e, int fd, const struct sockaddr_storage *from);
/* A request on this connection has begun or ended. */
void connector_request_began(struct registry_link *l);
void connector_request_ended(struct registry_link *l);
/* Close every connection that carries no request; the others when theirs have ended. */
void connector_drain_all(struct edge *e);
/* Take a tunnel's connections out of rotation at once, or those of one connector; each is closed when its requests have
 * ended, at the latest after drain_ms. They are not shown any more. How many there were. */
size_t connector_evict(
	struct edge *e, const struct directory_tunnel *t, const struct uuid *client_id, uint64_t drain_ms);
/* The session of a registered connection; NULL when it is not usable any more. */
struct h2_session *connector_session(struct connector *c);
/* Close them all now. */
void connector_close_all(struct edge *e);

#endif
