/* A configuration against the Services, Ingresses and workloads around it. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "ingress-lint/kube_model.h"

#define CLUSTER_SUFFIX "svc.cluster.local"

/* --- Names of Services --- */

struct service_name {
	struct span name, ns;
};

static size_t count_dots(struct span s)
{
	size_t dots = 0;

	for (size_t i = 0; i < s.len; i++)
		dots += s.p[i] == '.';
	return dots;
}

/* NAME, NAME.NS, NAME.NS.svc or NAME.NS.svc.cluster.local; NAME is of the configuration's own namespace. */
static bool split_name(struct span host, struct span own, struct service_name *out)
{
	struct span rest;

	out->name = span_cut(host, '.', &rest);
	out->ns = own;
	if (rest.p == NULL)
		return true;
	out->ns = span_cut(rest, '.', &rest);
	return rest.p == NULL || span_eq(rest, SPAN("svc")) || span_eq(rest, SPAN(CLUSTER_SUFFIX));
}

/* The host of the rule's service, when it is a name that a cluster may know. */
static bool host_of(const struct view_rule *r, struct span *host)
{
	if (r->fault != INGRESS_OK || r->target.host == NULL)
		return false;
	*host = span_str(r->target.host);
	bool digits = host->len > 0 && host->p[host->len - 1] >= '0' && host->p[host->len - 1] <= '9' &&
		      count_dots(*host) == 3;
	return host->len > 0 && !digits && span_find(*host, ':') == host->len &&
	       !span_eq(*host, SPAN("localhost"));
}

const struct kube_object *kube_service_of(const struct lint *l, const struct view_rule *r)
{
	struct service_name name;
	struct span host;

	if (!host_of(r, &host) || !split_name(host, l->object->ns, &name))
		return NULL;
	return kube_find(l->cluster, "Service", name.name, name.ns);
}

static void short_name(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct span host;

	(void)v;
	if (host_of(r, &host) && count_dots(host) == 0 &&
		kube_find(l->cluster, "Service", host, l->object->ns) == NULL)
		lint_find(l, r->service->start,
			"no Service %s in namespace %.*s; write %s.NAMESPACE." CLUSTER_SUFFIX, r->target.host,
			(int)l->object->ns.len, l->object->ns.p, r->target.host);
}

/* NAME.NS and then something that is nearly the usual suffix. */
static bool is_near_suffix(struct span host)
{
	struct span rest;

	span_cut(host, '.', &rest);
	if (rest.p != NULL)
		span_cut(rest, '.', &rest);
	if (rest.p == NULL)
		return false;
	size_t d = span_distance(rest, SPAN(CLUSTER_SUFFIX));
	return d == 1 || d == 2;
}

static void name_typo(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct span host, rest;
	struct service_name name;

	(void)v;
	if (!host_of(r, &host) || split_name(host, l->object->ns, &name))
		return;
	if (is_near_suffix(host)) {
		lint_find(l, r->service->start, "%s: probably meant: %.*s.%.*s." CLUSTER_SUFFIX,
			r->target.host, (int)name.name.len, name.name.p, (int)name.ns.len, name.ns.p);
		return;
	}
	for (rest = host; rest.p != NULL;)
		if (span_eq(span_cut(rest, '.', &rest), SPAN("svc"))) {
			lint_find(l, r->service->start, "%s: a Service is NAME.NAMESPACE." CLUSTER_SUFFIX,
				r->target.host);
			return;
		}
}

static void port_absent(struct lint *l, const struct view *v, const struct view_rule *r)
{
	const struct kube_object *service = kube_service_of(l, r);
	bool is_target = false;

	(void)v;
	if (service == NULL || r->target.port == NULL)
		return;
	const struct yaml_node *ports = tree_path(service->root, "spec.ports");
	if (tree_first(ports, YAML_SEQUENCE) == NULL)
		return;
	tree_each (item, ports) {
		if (tree_text_is(tree_get(item, "port"), r->target.port))
			return;
		is_target = is_target || tree_text_is(tree_get(item, "targetPort"), r->target.port);
	}
	lint_find(l, r->service->start, "Service %.*s has no port %s%s", (int)service->name.len,
		service->name.p, r->target.port, is_target ? ", which is its targetPort" : "");
}

/* --- What stands behind --- */

static bool has_env(const struct yaml_node *container, const char *name)
{
	tree_each (item, tree_get(container, "env"))
		if (tree_text_is(tree_get(item, "name"), name) &&
			!tree_text_is(tree_get(item, "value"), "false"))
			return true;
	return false;
}

static bool has_arg(const struct yaml_node *container, const char *beginning)
{
	static const char *const lists[] = {"args", "command"};

	for (size_t i = 0; i < 2; i++)
		tree_each (item, tree_get(container, lists[i]))
			if (span_starts(tree_text(item), span_str(beginning)))
				return true;
	return false;
}

/* What is missing for the container to serve below a path; NULL when nothing is, or nothing is known. */
static const char *missing_base(const struct yaml_node *container)
{
	struct span image = tree_text(tree_get(container, "image"));

	if (kube_holds(image, "grafana/grafana") && !has_env(container, "GF_SERVER_SERVE_FROM_SUB_PATH"))
		return "GF_SERVER_SERVE_FROM_SUB_PATH";
	if (kube_holds(image, "prom/prometheus") && !has_arg(container, "--web.external-url") &&
		!has_arg(container, "--web.route-prefix"))
		return "--web.external-url";
	return NULL;
}

static void subpath(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct span host;
	struct service_name name;

	(void)v;
	if (r->expr[0] == '\0' || !host_of(r, &host) || !split_name(host, l->object->ns, &name))
		return;
	for (size_t i = 0; i < l->cluster->count; i++) {
		const struct kube_object *o = &l->cluster->objects[i];
		if (!span_eq(o->name, name.name) || !span_eq(o->ns, name.ns))
			continue;
		tree_each (container, tree_get(kube_pod_spec(o), "containers")) {
			const char *missing = missing_base(container);
			if (missing != NULL)
				lint_find(l, r->path->start, "%.*s serves / alone: it lacks %s",
					(int)o->name.len, o->name.p, missing);
		}
	}
}

/* --- Ingresses --- */

static bool backend_is(const struct yaml_node *path, struct span name)
{
	const struct yaml_node *backend = tree_get(path, "backend");

	return span_eq(tree_text(tree_path(backend, "service.name")), name) ||
	       span_eq(tree_text(tree_get(backend, "serviceName")), name);
}

static void bypassed(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct span host;
	struct service_name name;

	(void)v;
	if (!host_of(r, &host) || !split_name(host, l->object->ns, &name) || view_is_any(r->host))
		return;
	for (size_t i = 0; i < l->cluster->count; i++) {
		const struct kube_object *o = &l->cluster->objects[i];
		if (!kube_is(o, "Ingress"))
			continue;
		tree_each (rule, tree_path(o->root, "spec.rules")) {
			if (!tree_text_is(tree_get(rule, "host"), r->host))
				continue;
			tree_each (path, tree_path(rule, "http.paths"))
				if (backend_is(path, name.name))
					lint_find(l, r->service->start,
						"Ingress %.*s serves %s from the same Service",
						(int)o->name.len, o->name.p, r->host);
		}
	}
}

static bool is_controller(struct span host)
{
	return kube_holds(host, "ingress") || kube_holds(host, "traefik") || kube_holds(host, "nginx");
}

static bool ingress_knows(const struct cluster *c, struct span host, bool *any)
{
	for (size_t i = 0; i < c->count; i++) {
		if (!kube_is(&c->objects[i], "Ingress"))
			continue;
		*any = true;
		tree_each (rule, tree_path(c->objects[i].root, "spec.rules")) {
			struct span known = tree_text(tree_get(rule, "host"));
			bool wild = span_starts(known, SPAN("*.")) && span_ends(host, span_skip(known, 1));
			if (known.len == 0 || wild || span_eq(known, host))
				return true;
		}
	}
	return false;
}

static void host_missing(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct span host, header = tree_text(view_option(v, r, "httpHostHeader"));
	bool any = false;

	if (!host_of(r, &host) || !is_controller(host) || view_is_any(r->host))
		return;
	struct span sent = header.len > 0 ? header : span_str(r->host);
	if (!ingress_knows(l->cluster, sent, &any) && any && header.len == 0)
		lint_find(
			l, r->service->start, "no Ingress serves %s, and httpHostHeader is not set", r->host);
}

/* --- The configuration itself --- */

static void updates(struct lint *l, const struct view *v)
{
	const struct yaml_node *n = tree_value(v->root, "no-autoupdate");

	if (v->root == NULL || (n != NULL && tree_text_is(n, "true")))
		return;
	for (size_t i = 0; i < l->cluster->count; i++) {
		const struct yaml_node *container = kube_connector(&l->cluster->objects[i]);
		if (container != NULL && kube_forbids_update(container))
			return;
	}
	lint_find(l, n != NULL ? n->start : v->root->start,
		"the connector updates itself: no-autoupdate is not true");
}

const struct lint_check kube_config_checks[] = {
	{"IL306", host_missing, NULL},
	{"IL701", NULL, updates},
	{"IL713", short_name, NULL},
	{"IL714", name_typo, NULL},
	{"IL715", port_absent, NULL},
	{"IL716", subpath, NULL},
	{"IL717", bypassed, NULL},
	{0},
};
