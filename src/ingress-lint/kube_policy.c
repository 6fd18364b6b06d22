/* What else in a cluster bears on the connector: budgets, names of ports, time to end. */
#include <stdlib.h>

#include "common/base/duration.h"
#include "ingress-lint/kube_model.h"

#define GRACE_S 30 /* both defaults: of cloudflared's grace-period and of Kubernetes */

/* --- Ports that say what they speak --- */

static bool speaks(const struct yaml_node *port, struct span protocol)
{
	struct span name = tree_text(tree_get(port, "name")), rest,
		    app = tree_text(tree_get(port, "appProtocol"));

	return span_eq_nocase(app, protocol) ||
	       (app.len == 0 && span_eq_nocase(span_cut(name, '-', &rest), protocol));
}

static void scheme(struct lint *l, const struct view *v, const struct view_rule *r)
{
	const struct kube_object *service = kube_service_of(l, r);

	(void)v;
	if (service == NULL || r->target.kind != INGRESS_HTTP)
		return;
	tree_each (port, tree_path(service->root, "spec.ports")) {
		if (!tree_text_is(tree_get(port, "port"), r->target.port))
			continue;
		if (r->target.tls ? speaks(port, SPAN("http")) : speaks(port, SPAN("https")))
			lint_find(l, r->service->start, "port %s of Service %.*s speaks %s", r->target.port,
				(int)service->name.len, service->name.p, r->target.tls ? "http" : "https");
	}
}

const struct lint_check kube_policy_checks[] = {
	{"IL721", scheme, NULL},
	{0},
};

/* --- The workload --- */

static void grace(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	const struct yaml_node *container = kube_connector(o), *at = NULL;
	const struct yaml_node *n = tree_get(kube_pod_spec(o), "terminationGracePeriodSeconds");
	int64_t end_s = tree_int(n, GRACE_S), ns = GRACE_S * DURATION_S;

	if (container == NULL)
		return;
	struct span text = kube_flag(container, "--grace-period", &at);
	const struct view *v = kube_config_of(c, o);
	if (text.p == NULL && v != NULL)
		text = tree_text(tree_value(v->root, "grace-period"));
	if (text.len > 0 && duration_parse(text, &ns) != DURATION_OK)
		return;
	if (ns > end_s * DURATION_S)
		lint_find(l, n != NULL ? n->start : container->start,
			"the pod is killed after %lld seconds, before the grace period of the connector is "
			"over",
			(long long)end_s);
}

static void budget(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	if (!kube_is(o, "PodDisruptionBudget"))
		return;
	const struct yaml_node *least = tree_path(o->root, "spec.minAvailable"),
			       *most = tree_path(o->root, "spec.maxUnavailable");
	for (size_t i = 0; i < c->count; i++) {
		const struct kube_object *w = &c->objects[i];
		if (kube_connector(w) == NULL || !span_eq(w->ns, o->ns) ||
			kube_selects(tree_path(o->root, "spec.selector"),
				&(struct kube_labels){kube_pod_labels(w), true}) != KUBE_YES)
			continue;
		int64_t replicas = tree_int(tree_path(w->root, "spec.replicas"), 1);
		bool none = most != NULL ? tree_int(most, 1) == 0 : tree_int(least, 0) >= replicas;
		if (none)
			lint_find(l, (most != NULL ? most : least)->start,
				"no pod of %.*s may ever be moved: it has %lld", (int)w->name.len, w->name.p,
				(long long)replicas);
	}
}

const struct kube_check kube_workload_checks[] = {
	{"IL719", grace},
	{"IL722", budget},
	{0},
};
