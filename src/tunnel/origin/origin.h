/* The connector's origin side: takes the requests that come through the tunnel to the services that the ingress rules
 * name. Owner of the services and of everything under way to them. */
#ifndef ORIGIN_ORIGIN_H
#define ORIGIN_ORIGIN_H

#include "common/conf/ingress.h"
#include "tunnel/h2/exchange.h"
#include "tunnel/ops/metrics.h"
#include "tunnel/worker.h"

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

/* Make the services of all rules; ingress is borrowed. NULL with err naming the rule when a certificate file cannot be
 * read. */
struct origin *origin_new(struct worker *w, const struct ingress *ingress, struct err *err);
/* A request from the tunnel. */
void origin_request(struct origin *o, struct exchange *x, const struct exchange_head *head, bool end,
	const struct origin_via *via);
const struct origin_metrics *origin_metrics(const struct origin *o);
/* No request may be under way. NULL is fine. */
void origin_free(struct origin *o);

#endif
