/* NetworkPolicies: what they keep the connector from. Pods that no policy selects may do all; policies that select one
 * permit together. What the manifests leave open counts as permitted. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "ingress-lint/kube_model.h"

/* The edge is dialled at port 7844 of region1 and region2.v2.argotunnel.com (edgediscovery/allregions of cloudflared). */
#define EDGE_PORT 7844
static const char *const edge_addresses[] = {
	"198.41.192.7", "198.41.200.13", "2606:4700:a0::1", "2606:4700:a8::1"};
#define EDGE_ADDRESSES (sizeof(edge_addresses) / sizeof(edge_addresses[0]))

/* --- Selectors --- */

static const struct yaml_node *label_of(const struct yaml_node *labels, struct span name)
{
	tree_each_pair (label, labels)
		if (span_eq(tree_text(label), name))
			return label->next;
	return NULL;
}

static enum kube_match match_label(const struct kube_labels *l, const struct yaml_node *key)
{
	const struct yaml_node *own = label_of(l->map, tree_text(key));

	if (own == NULL)
		return l->complete ? KUBE_NO : KUBE_UNKNOWN;
	return span_eq(tree_text(own), tree_text(key->next)) ? KUBE_YES : KUBE_NO;
}

static enum kube_match match_expression(const struct kube_labels *l, const struct yaml_node *e)
{
	const struct yaml_node *own = label_of(l->map, tree_text(tree_get(e, "key"))),
			       *op = tree_get(e, "operator");
	bool is_in = false;

	if (own == NULL && !l->complete)
		return KUBE_UNKNOWN;
	tree_each (value, tree_get(e, "values"))
		is_in = is_in || (own != NULL && span_eq(tree_text(value), tree_text(own)));
	if (tree_text_is(op, "In"))
		return is_in ? KUBE_YES : KUBE_NO;
	if (tree_text_is(op, "NotIn"))
		return is_in ? KUBE_NO : KUBE_YES;
	if (tree_text_is(op, "Exists"))
		return own != NULL ? KUBE_YES : KUBE_NO;
	if (tree_text_is(op, "DoesNotExist"))
		return own == NULL ? KUBE_YES : KUBE_NO;
	return KUBE_UNKNOWN;
}

enum kube_match kube_selects(const struct yaml_node *selector, const struct kube_labels *l)
{
	enum kube_match all = KUBE_YES, one;

	tree_each_pair (key, tree_get(selector, "matchLabels")) {
		one = match_label(l, key);
		all = one < all ? one : all;
	}
	tree_each (e, tree_get(selector, "matchExpressions")) {
		one = match_expression(l, e);
		all = one < all ? one : all;
	}
	return all;
}

/* A Service's selector is a map of labels itself. */
static bool serves_pods(const struct kube_object *service, const struct yaml_node *labels)
{
	const struct yaml_node *selector = tree_path(service->root, "spec.selector");

	tree_each_pair (key, selector) {
		const struct yaml_node *own = label_of(labels, tree_text(key));
		if (own == NULL || !span_eq(tree_text(own), tree_text(key->next)))
			return false;
	}
	return tree_first(selector, YAML_MAPPING) != NULL;
}

/* --- Ends of a connection --- */

/* Where a connection comes from, or goes to. */
struct end {
	struct span ns; /* of a pod; a NULL pointer for what is outside of the cluster */
	struct kube_labels labels;
	const char *const *addresses; /* of what is outside; NULL when they are not known */
	size_t address_count;
};

struct port {
	const char *protocol;
	int64_t number;   /* 0: not known */
	struct span name; /* as a container calls it; empty when it is not known */
};

static struct end pods_of(struct span ns, const struct yaml_node *labels, bool complete)
{
	return (struct end){.ns = ns, .labels = {labels, complete}};
}

/* The pods behind a Service, by their workload if it is among the manifests. */
static struct end pods_behind(
	const struct cluster *c, const struct kube_object *service, const struct kube_object **workload)
{
	*workload = NULL;
	for (size_t i = 0; i < c->count; i++) {
		const struct kube_object *o = &c->objects[i];
		const struct yaml_node *labels = kube_pod_labels(o);
		if (span_eq(o->ns, service->ns) && serves_pods(service, labels)) {
			*workload = o;
			return pods_of(o->ns, labels, true);
		}
	}
	return pods_of(service->ns, tree_path(service->root, "spec.selector"), false);
}

static int64_t named_port(const struct kube_object *workload, struct span name)
{
	tree_each (container, tree_get(kube_pod_spec(workload), "containers"))
		tree_each (port, tree_get(container, "ports"))
			if (span_eq(tree_text(tree_get(port, "name")), name))
				return tree_int(tree_get(port, "containerPort"), 0);
	return 0;
}

/* Policies see the port of the pod, not that of the Service. */
static struct port target_port(
	const struct kube_object *service, const struct kube_object *workload, const char *port)
{
	struct port out = {.protocol = "TCP"};

	tree_each (item, tree_path(service->root, "spec.ports")) {
		if (!tree_text_is(tree_get(item, "port"), port))
			continue;
		const struct yaml_node *target = tree_get(item, "targetPort");
		out.number = tree_int(target != NULL ? target : tree_get(item, "port"), 0);
		if (out.number == 0 && target != NULL) {
			out.name = tree_text(target);
			out.number = workload != NULL ? named_port(workload, out.name) : 0;
		}
	}
	return out;
}

/* --- Policies --- */

/* Is the address in ADDRESS/BITS? Both of one family. */
static bool is_within(const char *address, struct span block)
{
	struct span bits, base = span_cut(block, '/', &bits);
	char text[INET6_ADDRSTRLEN];
	unsigned char a[16], b[16];
	uint64_t n;
	int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;

	if (base.len >= sizeof(text) || !span_to_u64(bits, family == AF_INET6 ? 128 : 32, &n))
		return false;
	memcpy(text, base.p, base.len);
	text[base.len] = '\0';
	if (inet_pton(family, address, a) != 1 || inet_pton(family, text, b) != 1)
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

static bool block_holds(const struct yaml_node *block, const struct end *end)
{
	if (end->ns.p != NULL || end->addresses == NULL) /* whatever address it has */
		return true;
	for (size_t i = 0; i < end->address_count; i++) {
		bool held = is_within(end->addresses[i], tree_text(tree_get(block, "cidr")));
		tree_each (except, tree_get(block, "except"))
			held = held && !is_within(end->addresses[i], tree_text(except));
		if (held)
			return true;
	}
	return false;
}

/* Every namespace carries its name as a label. */
static enum kube_match match_namespace(
	const struct cluster *c, const struct yaml_node *selector, struct span ns)
{
	const struct kube_object *o = NULL;
	enum kube_match all = KUBE_YES;

	for (size_t i = 0; i < c->count; i++)
		if (kube_is(&c->objects[i], "Namespace") && span_eq(c->objects[i].name, ns))
			o = &c->objects[i];
	struct kube_labels labels = {o != NULL ? tree_path(o->root, "metadata.labels") : NULL, o != NULL};
	tree_each_pair (key, tree_get(selector, "matchLabels")) {
		enum kube_match one = match_label(&labels, key);
		if (tree_text_is(key, "kubernetes.io/metadata.name"))
			one = span_eq(tree_text(key->next), ns) ? KUBE_YES : KUBE_NO;
		all = one < all ? one : all;
	}
	tree_each (e, tree_get(selector, "matchExpressions")) {
		bool is_in = false;
		enum kube_match one = match_expression(&labels, e);
		tree_each (value, tree_get(e, "values"))
			is_in = is_in || span_eq(tree_text(value), ns);
		if (tree_text_is(tree_get(e, "key"), "kubernetes.io/metadata.name"))
			one = is_in == tree_text_is(tree_get(e, "operator"), "In") ? KUBE_YES : KUBE_NO;
		all = one < all ? one : all;
	}
	return all;
}

static bool permits_peer(const struct cluster *c, const struct kube_object *policy,
	const struct yaml_node *peer, const struct end *end)
{
	const struct yaml_node *block = tree_get(peer, "ipBlock"),
			       *spaces = tree_get(peer, "namespaceSelector"),
			       *pods = tree_get(peer, "podSelector");

	if (block != NULL)
		return block_holds(block, end);
	if (end->ns.p == NULL)
		return false;
	bool space = spaces != NULL ? match_namespace(c, spaces, end->ns) != KUBE_NO
				    : span_eq(end->ns, policy->ns);
	return space && (pods == NULL || kube_selects(pods, &end->labels) != KUBE_NO);
}

static bool permits_port(const struct yaml_node *item, const struct port *port)
{
	const struct yaml_node *protocol = tree_get(item, "protocol"), *from = tree_get(item, "port");

	if (!tree_text_is(protocol, port->protocol) &&
		!(protocol == NULL && strcmp(port->protocol, "TCP") == 0))
		return false;
	int64_t first = tree_int(from, 0), last = tree_int(tree_get(item, "endPort"), first);
	if (from == NULL || (first == 0 && port->name.len == 0)) /* all, or a name of what is not known */
		return true;
	if (first == 0)
		return span_eq(tree_text(from), port->name);
	return port->number == 0 || (port->number >= first && port->number <= last);
}

/* Does one of the rules permit it? */
static bool permits(const struct cluster *c, const struct kube_object *policy, const struct yaml_node *rules,
	const char *peers, const struct end *end, const struct port *port)
{
	tree_each (rule, rules) {
		const struct yaml_node *list = tree_get(rule, peers), *ports = tree_get(rule, "ports");
		bool peer_fits = tree_first(list, YAML_SEQUENCE) == NULL,
		     port_fits = tree_first(ports, YAML_SEQUENCE) == NULL;
		tree_each (peer, list)
			peer_fits = peer_fits || permits_peer(c, policy, peer, end);
		tree_each (item, ports)
			port_fits = port_fits || permits_port(item, port);
		if (peer_fits && port_fits)
			return true;
	}
	return false;
}

/* A policy is about what it says, or about connections to its pods, and from them if it has rules for those. */
static bool is_about(const struct kube_object *policy, bool egress)
{
	const struct yaml_node *types = tree_path(policy->root, "spec.policyTypes");

	tree_each (item, types)
		if (tree_text_is(item, egress ? "Egress" : "Ingress"))
			return true;
	return types == NULL && (!egress || tree_path(policy->root, "spec.egress") != NULL);
}

/* The first policy over pods that lets no connection pass between them and the other end; NULL when some policy, or the
 * lack of any, does. */
static const struct kube_object *find_blocker(const struct cluster *c, bool egress, const struct end *pods,
	const struct end *other, const struct port *port)
{
	const struct kube_object *blocker = NULL;

	for (size_t i = 0; i < c->count; i++) {
		const struct kube_object *o = &c->objects[i];
		const struct yaml_node *spec = tree_get(o->root, "spec");
		if (!kube_is(o, "NetworkPolicy") || spec == NULL || !span_eq(o->ns, pods->ns) ||
			!is_about(o, egress) ||
			kube_selects(tree_get(spec, "podSelector"), &pods->labels) != KUBE_YES)
			continue;
		if (permits(c, o, tree_get(spec, egress ? "egress" : "ingress"), egress ? "to" : "from",
			    other, port))
			return NULL;
		blocker = blocker != NULL ? blocker : o;
	}
	return blocker;
}

/* --- The origin --- */

/* The pods of the connector that the configuration is for. */
static struct end connector_of(const struct lint *l)
{
	for (size_t i = 0; i < l->cluster->count; i++) {
		const struct kube_object *o = &l->cluster->objects[i];
		if (kube_connector(o) != NULL && span_eq(o->ns, l->object->ns))
			return pods_of(o->ns, kube_pod_labels(o), true);
	}
	return pods_of(l->object->ns, NULL, false);
}

static void service_blocked(struct lint *l, const struct view_rule *r, const struct kube_object *service)
{
	const struct kube_object *workload;
	struct end from = connector_of(l), to = pods_behind(l->cluster, service, &workload);
	struct port port = target_port(service, workload, r->target.port != NULL ? r->target.port : "");

	const struct kube_object *blocker = find_blocker(l->cluster, false, &to, &from, &port);
	if (blocker != NULL)
		lint_find(l, r->service->start, "NetworkPolicy %.*s keeps namespace %.*s away from %s",
			(int)blocker->name.len, blocker->name.p, (int)l->object->ns.len, l->object->ns.p,
			r->target.host);
	blocker = blocker == NULL ? find_blocker(l->cluster, true, &from, &to, &port) : NULL;
	if (blocker != NULL)
		lint_find(l, r->service->start, "NetworkPolicy %.*s does not let the connector out to %s",
			(int)blocker->name.len, blocker->name.p, r->target.host);
}

/* A service outside of the cluster, or in it without a Service that is known: an address, or a name. */
static void host_blocked(struct lint *l, const struct view_rule *r)
{
	struct end from = connector_of(l);
	const char *host = r->target.host;
	unsigned char bytes[16];
	bool is_address = inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
	struct end to = {.addresses = is_address ? &host : NULL, .address_count = is_address};
	struct port port = {
		.protocol = "TCP", .number = strtol(r->target.port != NULL ? r->target.port : "0", NULL, 10)};

	if (!is_address) /* in the cluster or not: what lets it out to anywhere may do */
		return;
	const struct kube_object *blocker = find_blocker(l->cluster, true, &from, &to, &port);
	if (blocker != NULL)
		lint_find(l, r->service->start, "NetworkPolicy %.*s does not let the connector out to %s",
			(int)blocker->name.len, blocker->name.p, host);
}

static void origin_blocked(struct lint *l, const struct view *v, const struct view_rule *r)
{
	const struct kube_object *service = kube_service_of(l, r);

	(void)v;
	if (service != NULL)
		service_blocked(l, r, service);
	else if (r->fault == INGRESS_OK && r->target.host != NULL)
		host_blocked(l, r);
}

const struct lint_check kube_network_checks[] = {
	{"IL720", origin_blocked, NULL},
	{0},
};

/* --- The edge --- */

/* The protocols that a connector may use: both unless it is told one. */
static void edge_protocols(const struct cluster *c, const struct kube_object *workload, bool *udp, bool *tcp)
{
	const struct yaml_node *at = NULL;
	const struct view *v = kube_config_of(c, workload);
	struct span protocol = kube_flag(kube_connector(workload), "--protocol", &at);

	if (protocol.p == NULL && v != NULL)
		protocol = tree_text(tree_value(v->root, "protocol"));
	*udp = protocol.p == NULL || !span_eq(protocol, SPAN("http2"));
	*tcp = protocol.p == NULL || !span_eq(protocol, SPAN("quic"));
}

static const struct kube_object *edge_blocker(
	const struct cluster *c, const struct kube_object *workload, const struct end *from)
{
	const struct end edge = {.addresses = edge_addresses, .address_count = EDGE_ADDRESSES};
	const struct port quic = {.protocol = "UDP", .number = EDGE_PORT},
			  http2 = {.protocol = "TCP", .number = EDGE_PORT};
	const struct kube_object *by_udp = NULL, *by_tcp = NULL;
	bool udp, tcp;

	edge_protocols(c, workload, &udp, &tcp);
	if (udp && (by_udp = find_blocker(c, true, from, &edge, &quic)) == NULL)
		return NULL;
	if (tcp && (by_tcp = find_blocker(c, true, from, &edge, &http2)) == NULL)
		return NULL;
	return by_udp != NULL ? by_udp : by_tcp;
}

static const struct kube_object *dns_blocker(const struct cluster *c, const struct end *from)
{
	const struct end dns = {.ns = SPAN("kube-system")};
	const struct port port = {.protocol = "UDP", .number = 53};

	return find_blocker(c, true, from, &dns, &port);
}

/* Told at the policy, once for each connector that it holds. */
static void edge_blocked(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	if (!kube_is(o, "NetworkPolicy"))
		return;
	const struct yaml_node *spec = tree_get(o->root, "spec"), *rules = tree_get(spec, "egress");
	const struct yaml_node *at = rules != NULL ? rules : spec;
	for (size_t i = 0; i < c->count; i++) {
		const struct kube_object *w = &c->objects[i];
		if (kube_connector(w) == NULL || !span_eq(w->ns, o->ns))
			continue;
		struct end from = pods_of(w->ns, kube_pod_labels(w), true);
		if (edge_blocker(c, w, &from) == o)
			lint_find(l, at->start, "%.*s cannot reach the edge: no rule lets it out to port %d",
				(int)w->name.len, w->name.p, EDGE_PORT);
		else if (dns_blocker(c, &from) == o)
			lint_find(l, at->start,
				"%.*s cannot resolve names: no rule lets it out to UDP port 53",
				(int)w->name.len, w->name.p);
	}
}

const struct kube_check kube_edge_checks[] = {
	{"IL723", edge_blocked},
	{0},
};
