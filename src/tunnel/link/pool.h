/* The connector's connections to the edge: dialed, registered, kept alive, replaced, taken down. One slot a connection
 * index. */
#ifndef LINK_POOL_H
#define LINK_POOL_H

#include "common/base/opt.h"
#include "common/conf/cred.h"
#include "common/net/dial.h"
#include "tunnel/control/rpc.h"
#include "tunnel/link/link.h"

#define POOL_SLOTS_MAX 64
#define POOL_CONTROL_MS 15000  /* from TLS to the edge's control stream */
#define POOL_RPC_MS 5000       /* for an answer on it */
#define POOL_SPACING_MS 100    /* between the starts of connections 1, 2, ... */
#define POOL_BACKOFF_MS 1000   /* bound of the first wait; doubled each time */
#define POOL_BACKOFF_STEPS 5   /* so often: 32 s */
#define POOL_BACKOFF_LEAST 100 /* no wait is shorter: a lone address that refuses is not hammered */

struct pool; /* opaque */

/* Settings; borrowed until pool_free. */
struct pool_conf {
	const struct cred *cred;
	struct uuid connector_id;
	const struct opt_list *edges; /* HOST:PORT, one may stand there several times */
	size_t connections;           /* wanted; at most as many as there are addresses */
	struct tls_context *tls;
	const char *server_name; /* h2.cftunnel.com */
	uint64_t grace_ms;
	struct span config; /* JSON for updateLocalConfiguration */
	/* Give up at so many refusals in a row while nothing is registered; 0: only as pool_events.refused says. */
	unsigned refusals_max;
};

struct pool_events {
	void (*request)(
		void *arg, struct exchange *x, const struct exchange_head *head, bool end, unsigned index);
	void (*registered)(void *arg, unsigned index, const char *edge, struct span location);
	void (*lost)(void *arg, unsigned index, const char *edge, const char *why);
	/* A call to the edge is over; answered is false when the answer did not come, or was an exception. */
	void (*called)(void *arg, enum rpc_method method, uint64_t took_us, bool answered);
	/* The secret was refused, and it will be tried again. May be NULL. */
	void (*unauthorized)(void *arg);
	/* The first connection was refused for good, or refusals_max is reached: nothing will come of this. The pool is over, as
	 * after stopped. */
	void (*refused)(void *arg, const char *why);
	/* pool_stop is done. */
	void (*stopped)(void *arg);
};

/* Counters and states, for metrics and /ready. */
struct pool_counts {
	uint64_t registrations, registration_failures, duplicates;
	uint64_t config_pushes, config_push_failures;
};
struct pool_state {
	size_t ready; /* registered now */
	size_t slots;
	struct pool_counts counts;
	struct pool_slot_state {
		bool ready;
		bool serving; /* dialing and waiting included */
		char edge[DIAL_NAME_MAX];
		char location[32];
	} slot[POOL_SLOTS_MAX];
};

struct pool *pool_start(
	struct worker *w, const struct pool_conf *conf, const struct pool_events *events, void *arg);
const struct pool_state *pool_state(const struct pool *p);
/* From now on as with refusals_max 0. */
void pool_be_patient(struct pool *p);
/* Leave the rotation, let requests end within the grace period, close. A second call closes at once. */
void pool_stop(struct pool *p);
/* After stopped or refused. NULL is fine. */
void pool_free(struct pool *p);

#endif
