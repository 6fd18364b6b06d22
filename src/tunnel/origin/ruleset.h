/* Ingress rules with their services, as the connector carries them out. Replaced as a whole: requests that began under one
 * set of rules end under it. */
#ifndef ORIGIN_RULESET_H
#define ORIGIN_RULESET_H

#include "tunnel/origin/proxy.h"
#include "tunnel/origin/service.h"

struct ruleset {
	struct node node; /* in the list of retired ones, once it is */
	struct worker *worker;
	const struct ingress *ingress;
	struct ingress *owned; /* the same, if it is to be freed with this; else NULL */
	struct ingress_warp warp;
	struct ingress_matcher *matcher;
	struct service *services; /* one a rule, in their order */
	size_t count;
	struct proxy_hold hold;
	size_t *retired_count;
};

/* ingress is borrowed; set owned afterwards to give it away. NULL with err naming the rule when a certificate file cannot be
 * read. */
struct ruleset *ruleset_new(struct worker *w, struct origin_metrics *metrics, const struct ingress *ingress,
	const struct ingress_warp *warp, struct err *err);
/* Keep it on the list until its last request has ended; it frees itself then, and counts down. */
void ruleset_retire(struct ruleset *r, struct list *retired, size_t *count);
/* No request may be under way. NULL is fine. */
void ruleset_free(struct ruleset *r);

#endif
