/* Making rules ready, and outliving their replacement. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/origin/ruleset.h"

static void ruleset_on_empty(void *arg)
{
	struct ruleset *r = arg;

	if (r->hold.count == 0)
		ruleset_free(r);
}

struct ruleset *ruleset_new(struct worker *w, struct origin_metrics *metrics, const struct ingress *ingress,
	const struct ingress_warp *warp, struct err *err)
{
	struct ruleset *r = mem_alloc(sizeof(*r));

	r->worker = w;
	r->ingress = ingress;
	if (warp != NULL)
		r->warp = *warp;
	r->matcher = ingress_matcher_new(ingress);
	r->services = mem_array(ingress_count(ingress), sizeof(*r->services));
	r->hold.empty = (struct loop_task){.fn = ruleset_on_empty, .arg = r};
	for (; r->count < ingress_count(ingress); r->count++) {
		if (service_init(&r->services[r->count], w, metrics, ingress_rule(ingress, r->count), err) <
			0) {
			ruleset_free(r);
			return NULL;
		}
	}
	return r;
}

void ruleset_retire(struct ruleset *r, struct list *retired, size_t *count)
{
	r->hold.is_retired = true;
	r->retired_count = count;
	++*count;
	list_push(retired, &r->node);
	if (r->hold.count == 0)
		loop_defer(r->worker->loop, &r->hold.empty);
}

void ruleset_free(struct ruleset *r)
{
	if (r == NULL)
		return;
	if (r->retired_count != NULL)
		--*r->retired_count;
	list_remove(&r->node);
	loop_task_cancel(&r->hold.empty);
	for (size_t i = 0; i < r->count; i++)
		service_fini(&r->services[i]);
	free(r->services);
	ingress_matcher_free(r->matcher);
	ingress_free(r->owned);
	free(r);
}
