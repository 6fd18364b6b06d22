/* Who is connected: the connectors of each tunnel and their connections, as the API shows them. A connection that was lost
 * without a goodbye stays for a minute as one that is to come back. */
#ifndef EDGE_ROSTER_H
#define EDGE_ROSTER_H

#include "common/net/dial.h"
#include "tunnel/control/rpc.h"
#include "tunnel/edge/directory.h"

#define ROSTER_PENDING_MS 60000  /* that a lost connection is shown */
#define ROSTER_PENDING_MAX 10000 /* lost connections shown; the oldest go first */
#define ROSTER_TEXT_MAX 256      /* bytes of a connector's version and the like */

struct connector; /* edge's end of a connection */
struct configure; /* a configuration on its way to a connector */

/* A process on the origin's side. */
struct roster_client {
	struct node node; /* in tunnel->clients, oldest first */
	struct directory_tunnel *tunnel;
	struct uuid id;
	char *version, *arch; /* never NULL */
	char **features;
	size_t feature_count;
	int64_t run_at; /* first registration */
	int64_t config_version;
	struct list conns;
	struct configure *push; /* NULL: none */
};

struct roster_conn {
	struct node node; /* in client->conns, oldest first */
	struct roster_client *client;
	struct connector *connector; /* NULL: lost */
	struct uuid id;
	unsigned index;
	char origin_ip[DIAL_NAME_MAX];
	int64_t opened_at, secret_version;
	struct node lost; /* in roster->lost */
	uint64_t lost_until_ms;
};

struct roster {
	struct loop *loop;
	struct loop_timer timer; /* for the first of `lost` */
	struct list lost;        /* oldest first */
	size_t lost_count;
	void (*on_client_gone)(struct roster_client *c); /* before it is freed */
};

void roster_init(struct roster *r, struct loop *loop, void (*on_client_gone)(struct roster_client *c));
void roster_fini(struct roster *r);

/* A connection has registered; its id is given. It replaces a lost one of the same process and index. */
struct roster_conn *roster_join(struct roster *r, struct directory_tunnel *t,
	const struct rpc_registration *reg, const struct uuid *client_id, const struct uuid *id);
/* It ended without a goodbye. */
void roster_lose(struct roster *r, struct roster_conn *c);
/* It leaves, or has left: not shown any more. Frees it. NULL is fine. */
void roster_leave(struct roster *r, struct roster_conn *c);
/* Forget the lost connections of a tunnel, or of one of its connectors. */
void roster_forget(struct roster *r, const struct directory_tunnel *t, const struct uuid *client_id);
/* The connector of that id, NULL when there is none. */
struct roster_client *roster_find(const struct directory_tunnel *t, const struct uuid *client_id);

#endif
