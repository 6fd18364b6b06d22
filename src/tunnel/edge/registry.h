/* Which tunnels serve which host name, and over which live connections. */
#ifndef EDGE_REGISTRY_H
#define EDGE_REGISTRY_H

#include "common/base/err.h"
#include "common/base/list.h"
#include "common/conf/uuid.h"
#include "tunnel/link/link.h"

struct registry; /* opaque; one owner */

/* A host name's tunnels; owned by the registry, valid until the next change of its routes. */
struct registry_route;

/* A tunnel with a route or a connection; owned by the registry. */
struct registry_tunnel {
	struct uuid id;
	struct list links; /* of registry_link, those in rotation */
};

/* A registered connection; embedded in its owner. */
struct registry_link {
	struct node node;
	struct link *link;
	struct uuid client_id;
	unsigned conn_index;
	size_t requests; /* open now: its load */
	bool half_close; /* the connector passes a half-closed upgrade on, and drains the other direction */
};

struct registry *registry_new(void);
void registry_free(struct registry *r);

/* The tunnel of that id, made if it is not there. */
struct registry_tunnel *registry_tunnel(struct registry *r, const struct uuid *id);
/* Take it off all routes that may change, and forget it unless a fixed one has it. It has no link. */
void registry_forget(struct registry *r, const struct uuid *id);

/* Route a host name for good: exact, "*.example.com" (one label or more in front), or "*". -1 when it is none of these or
 * routed already. */
int registry_route(struct registry *r, struct span pattern, struct registry_tunnel *to, struct err *err);
/* May this be routed? Lower case only. */
bool registry_is_pattern(struct span pattern);
/* Is it routed for good? */
bool registry_is_fixed(const struct registry *r, struct span pattern);
/* Route a host name to these tunnels in place of what it was routed to; count 0 ends the route. What is routed for good
 * stays. */
void registry_set(struct registry *r, struct span pattern, const struct uuid *ids, size_t count);
/* The route of a host name in lower case, without port: exact first, then the longest wildcard, then "*". NULL when
 * there is none. */
struct registry_route *registry_find(const struct registry *r, struct span host);
/* Has any of its tunnels a connection? */
bool registry_is_up(const struct registry_route *route);

/* Put a connection into rotation, or take it out (harmless when it is not in). */
void registry_add(struct registry_tunnel *t, struct registry_link *l);
void registry_remove(struct registry_link *l);
/* Is another connection of the same tunnel in rotation beside this one, which is? */
bool registry_has_other(const struct registry_link *l);
/* The connection with the same client id and index, if any: it is to be replaced. */
struct registry_link *registry_same(
	const struct registry_tunnel *t, const struct uuid *client_id, unsigned index);
/* The connection with the fewest requests that can take one more, other than `avoid`, and of another connector than it if
 * there is one. NULL when there is none. */
struct registry_link *registry_pick(struct registry_route *route, const struct registry_link *avoid);

#endif
