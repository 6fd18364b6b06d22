/* The connector's connections as sets. A set is a pool with one secret and one connector id; there is one, until the
 * credentials change. Then a second set rises with the new secret beside the serving one, takes over once it has
 * registered, and the old one leaves: no moment without connections (make before break). */
#ifndef TUNNEL_CLIENT_SETS_H
#define TUNNEL_CLIENT_SETS_H

#include "tunnel/link/pool.h"
#include "tunnel/worker.h"

#define CLIENT_SETS_ALL_MS 30000 /* for all connections of a rising set, if one has registered */
#define CLIENT_SETS_REFUSALS 3   /* of a rising set, then the secret is taken for wrong */
#define CLIENT_SETS_LEAVING 32   /* sets that may be leaving; before there are more, the oldest is closed */

/* How a change of credentials ended. */
enum client_reload {
	CLIENT_RELOAD_OK,
	CLIENT_RELOAD_UNCHANGED,    /* they are those in use, or already on their way */
	CLIENT_RELOAD_REFUSED,      /* the edge did not take them; the old ones serve on */
	CLIENT_RELOAD_UNREADABLE,   /* the file is missing or makes no sense */
	CLIENT_RELOAD_OTHER_TUNNEL, /* they are of another tunnel, which takes a restart */
	CLIENT_RELOAD_SUPERSEDED,   /* newer ones came before they had registered */
};
#define CLIENT_RELOADS (CLIENT_RELOAD_SUPERSEDED + 1)

/* Where a request or an event comes from. Texts are borrowed for the call. */
struct client_place {
	const char *connector; /* id */
	unsigned index;        /* of the connection in its set */
	const char *edge, *location;
};

/* Settings; borrowed until client_sets_free, but for cred, which is copied. */
struct client_sets_conf {
	const struct cred *cred;
	const struct opt_list *edges;
	size_t connections;
	struct tls_context *tls;
	const char *server_name;
	struct span config;
	uint64_t grace_ms;
};

struct client_sets_events {
	void (*request)(void *arg, struct exchange *x, const struct exchange_head *head, bool end,
		const struct client_place *at);
	void (*registered)(void *arg, const struct client_place *at);
	/* left: this connection was given up, its set being on the way out. */
	void (*lost)(void *arg, const struct client_place *at, const char *why, bool left);
	void (*called)(void *arg, enum rpc_method method, uint64_t took_us, bool answered);
	/* The serving set's secret was refused, while none rises: a moment to look for another. */
	void (*unauthorized)(void *arg);
	/* A change that client_sets_renew began is over. why is NULL unless the result is CLIENT_RELOAD_REFUSED. */
	void (*renewed)(void *arg, enum client_reload result, const char *why);
	/* All have ended after client_sets_stop, or the edge refused the only one for good (why not NULL). */
	void (*over)(void *arg, const char *why);
};

/* For /ready and metrics. */
struct client_sets_state {
	size_t ready;                    /* registered now, and not leaving */
	const struct pool_state *newest; /* the newest set that has registered, else the serving one */
	const char *connector;           /* its id */
	struct pool_counts counts;       /* of all sets since the start */
};

struct client_sets; /* opaque */

struct client_sets *client_sets_start(struct worker *w, const struct client_sets_conf *conf,
	const struct client_sets_events *events, void *arg);
/* Change to these credentials, which are copied. True when a new set rises: `renewed` tells how it went. Else *result
 * says why not. */
bool client_sets_renew(struct client_sets *s, const struct cred *cred, enum client_reload *result);
void client_sets_read(const struct client_sets *s, struct client_sets_state *out);
/* Drain all; at once on the second call. */
void client_sets_stop(struct client_sets *s);
/* After `over`, or before anything was started. NULL is fine. */
void client_sets_free(struct client_sets *s);

#endif
