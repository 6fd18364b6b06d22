/* The connector's origin side: takes the requests that come through the tunnel to the services that the ingress rules
 * name. Owner of the services and of everything under way to them. */
#ifndef ORIGIN_ORIGIN_H
#define ORIGIN_ORIGIN_H

#include "common/conf/ingress_remote.h"
#include "tunnel/h2/exchange.h"
#include "tunnel/ops/metrics.h"
#include "tunnel/worker.h"

#define ORIGIN_RETIRED_MAX 64 /* replaced rules that may still have requests; more are refused */

struct origin; /* opaque */

/* Which way a request came: for the hello-world page. Borrowed for the call. */
struct origin_via {
	const char *connector;       /* its id */
	unsigned index;              /* of the tunnel connection */
	const char *edge, *location; /* the edge's address and place */
};

/* Counters of cloudflared's names, and the three that the article scrapes. */
struct origin_metrics {
	uint64_t requests, errors;
	uint64_t by_code[1000];              /* responses by status */
	size_t active;                       /* requests and upgraded streams under way */
	struct metrics_histogram duration;   /* seconds to the end of a response; upgrades to their answer */
	struct metrics_histogram connect_ms; /* milliseconds to a connection with a service, TLS included */
	uint64_t connect_errors;
};

/* Make the services of all rules; ingress is borrowed, warp copied (NULL for the defaults). NULL with err naming the rule when a certificate file cannot be
 * read. */
struct origin *origin_new(
	struct worker *w, const struct ingress *ingress, const struct ingress_warp *warp, struct err *err);
/* A request from the tunnel. */
void origin_request(struct origin *o, struct exchange *x, const struct exchange_head *head, bool end,
	const struct origin_via *via);

/* Rules in use. Borrowed until the loop runs again. */
struct origin_rules {
	int32_t version; /* INGRESS_REMOTE_NONE while they are local ones */
	const struct ingress *ingress;
	const struct ingress_warp *warp;
};
void origin_rules(const struct origin *o, struct origin_rules *out);
/* Take rules that the edge sends, if they are newer: from now on they serve, and requests under way end under the old
 * ones. Appends what the edge is to be answered, also when they are refused. -1 when they make no sense at all. */
int origin_configure(struct origin *o, struct span json, struct buf *answer);

const struct origin_metrics *origin_metrics(const struct origin *o);
/* No request may be under way. NULL is fine. */
void origin_free(struct origin *o);

#endif
