/* What else in a cluster bears on the connector: policies, budgets, names of ports, time to end. */
#include <stdlib.h>

#include "common/base/duration.h"
#include "ingress-lint/kube_model.h"

#define GRACE_S 30 /* both defaults: of cloudflared's grace-period and of Kubernetes */

/* --- Selectors --- */

/* Does matchLabels ask for nothing that the labels lack? True for no selector at all. */
static bool selects(const struct yaml_node *selector, const struct yaml_node *labels)
{
	tree_each_pair (key, tree_get(selector, "matchLabels")) {
		bool has = false;
		tree_each_pair (label, labels)
			has = has || (span_eq(tree_text(label), tree_text(key)) &&
					     span_eq(tree_text(label->next), tree_text(key->next)));
		if (!has)
			return false;
	}
	return tree_first(tree_get(selector, "matchExpressions"), YAML_SEQUENCE) == NULL;
}

/* --- NetworkPolicy --- */

static bool is_about_ingress(const struct kube_object *policy)
{
	const struct yaml_node *types = tree_path(policy->root, "spec.policyTypes");

	tree_each (item, types)
		if (tree_text_is(item, "Ingress"))
			return true;
	return types == NULL;
}

/* May the peer be the connector? What is not known counts as yes. */
static bool may_be_connector(const struct yaml_node *peer, struct span own, struct span ns)
{
	const struct yaml_node *spaces = tree_get(peer, "namespaceSelector");

	if (spaces == NULL) /* pods of the policy's own namespace */
		return tree_get(peer, "podSelector") == NULL || span_eq(own, ns);
	tree_each_pair (key, tree_get(spaces, "matchLabels"))
		if (tree_text_is(key, "kubernetes.io/metadata.name") && !span_eq(tree_text(key->next), own))
			return false;
	return true;
}

static bool lets_in(const struct kube_object *policy, struct span own)
{
	tree_each (rule, tree_path(policy->root, "spec.ingress")) {
		const struct yaml_node *from = tree_get(rule, "from");
		if (tree_first(from, YAML_SEQUENCE) == NULL)
			return true;
		tree_each (peer, from)
			if (may_be_connector(peer, own, policy->ns))
				return true;
	}
	return false;
}

static void policy_blocks(struct lint *l, const struct view *v, const struct view_rule *r)
{
	const struct kube_object *service = kube_service_of(l, r), *blocks = NULL;

	(void)v;
	if (service == NULL)
		return;
	const struct yaml_node *labels = tree_path(service->root, "spec.selector");
	for (size_t i = 0; i < l->cluster->count; i++) {
		const struct kube_object *o = &l->cluster->objects[i];
		if (!kube_is(o, "NetworkPolicy") || !span_eq(o->ns, service->ns) || !is_about_ingress(o) ||
			tree_get(o->root, "spec") == NULL ||
			!selects(tree_path(o->root, "spec.podSelector"), labels))
			continue;
		if (lets_in(o, l->object->ns))
			return;
		blocks = o;
	}
	if (blocks != NULL)
		lint_find(l, r->service->start, "NetworkPolicy %.*s keeps namespace %.*s away from %s",
			(int)blocks->name.len, blocks->name.p, (int)l->object->ns.len, l->object->ns.p,
			r->target.host);
}

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
	{"IL720", policy_blocks, NULL},
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
			!selects(tree_path(o->root, "spec.selector"),
				tree_path(w->root, "spec.template.metadata.labels")))
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
