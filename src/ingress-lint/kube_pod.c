/* The connector's own pods, and secrets that lie open. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/proto/url.h"
#include "ingress-lint/kube_model.h"

/* Releases older than this by a year are old: it is the one whose verdicts are followed. */
#define BASELINE_MONTHS (2025 * 12 + 5)

/* --- The connector --- */

static const struct yaml_node *template_of(const struct kube_object *o)
{
	if (kube_is(o, "Deployment") || kube_is(o, "DaemonSet") || kube_is(o, "StatefulSet"))
		return tree_path(o->root, "spec.template");
	return kube_is(o, "Pod") ? o->root : NULL;
}

const struct yaml_node *kube_pod_labels(const struct kube_object *o)
{
	return tree_path(template_of(o), "metadata.labels");
}

const struct yaml_node *kube_pod_spec(const struct kube_object *o)
{
	return tree_get(template_of(o), "spec");
}

const struct yaml_node *kube_connector(const struct kube_object *o)
{
	tree_each (container, tree_get(kube_pod_spec(o), "containers"))
		if (kube_holds(tree_text(tree_get(container, "image")), "cloudflared") ||
			tree_text_is(tree_get(container, "name"), "cloudflared"))
			return yaml_resolve(container);
	return NULL;
}

static const char *const arg_lists[] = {"command", "args"};

struct span kube_flag(const struct yaml_node *container, const char *name, const struct yaml_node **at)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < 2; i++)
		tree_each (item, tree_get(container, arg_lists[i])) {
			struct span text = tree_text(item);
			if (!span_starts(text, span_str(name)))
				continue;
			*at = text.len == len ? item->next : item;
			if (text.len == len)
				return tree_text(item->next);
			if (text.p[len] == '=')
				return span_skip(text, len + 1);
		}
	return (struct span){NULL, 0};
}

static bool has_flag(const struct yaml_node *container, const char *name)
{
	for (size_t i = 0; i < 2; i++)
		tree_each (item, tree_get(container, arg_lists[i])) {
			struct span text = tree_text(item);
			size_t len = strlen(name);
			if (span_starts(text, span_str(name)) && (text.len == len || text.p[len] == '='))
				return true;
		}
	return false;
}

static const struct yaml_node *env_of(const struct yaml_node *container, const char *name)
{
	tree_each (item, tree_get(container, "env"))
		if (tree_text_is(tree_get(item, "name"), name))
			return tree_get(item, "value");
	return NULL;
}

bool kube_forbids_update(const struct yaml_node *container)
{
	return has_flag(container, "--no-autoupdate") ||
	       tree_text_is(env_of(container, "NO_AUTOUPDATE"), "true") ||
	       tree_text_is(env_of(container, "TUNNEL_NO_AUTOUPDATE"), "true");
}

bool kube_has_config(const struct yaml_node *container)
{
	return has_flag(container, "--config") || env_of(container, "TUNNEL_CONFIG") != NULL;
}

static const struct yaml_node *volume_of(const struct kube_object *o, struct span name)
{
	tree_each (volume, tree_get(kube_pod_spec(o), "volumes"))
		if (span_eq(tree_text(tree_get(volume, "name")), name))
			return yaml_resolve(volume);
	return NULL;
}

const struct view *kube_config_of(const struct cluster *c, const struct kube_object *o)
{
	bool mounts = false;

	tree_each (volume, tree_get(kube_pod_spec(o), "volumes")) {
		struct span name = tree_text(tree_path(yaml_resolve(volume), "configMap.name"));
		mounts = mounts || name.len > 0;
		for (size_t i = 0; i < c->config_count; i++)
			if (name.len > 0 && span_eq(c->configs[i].object->name, name) &&
				span_eq(c->configs[i].object->ns, o->ns))
				return c->configs[i].view;
	}
	return !mounts && c->config_count == 1 ? c->configs[0].view : NULL;
}

/* --- Probes --- */

static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};

/* The address of metrics. False when it is not known; *set is false when it is known that there is none. */
static bool metrics_of(const struct cluster *c, const struct kube_object *o,
	const struct yaml_node *container, struct url_authority *out, bool *set)
{
	const struct yaml_node *at = NULL;
	struct span text = kube_flag(container, "--metrics", &at);
	const struct view *v = kube_config_of(c, o);

	if (text.p == NULL && env_of(container, "TUNNEL_METRICS") != NULL)
		text = tree_text(env_of(container, "TUNNEL_METRICS"));
	if (text.p == NULL && v != NULL && tree_value(v->root, "metrics") != NULL)
		text = tree_text(tree_value(v->root, "metrics"));
	*set = text.p != NULL;
	if (!*set)
		return v != NULL || !kube_has_config(container);
	return url_parse_address(text, out, NULL) == 0;
}

/* The number of a port, or of the container's port of that name; -1 when there is none. */
static int64_t port_number(const struct yaml_node *container, const struct yaml_node *port)
{
	int64_t number = tree_int(port, -1);

	if (number >= 0)
		return number;
	tree_each (item, tree_get(container, "ports"))
		if (port != NULL && span_eq(tree_text(tree_get(item, "name")), tree_text(port)))
			return tree_int(tree_get(item, "containerPort"), -1);
	return -1;
}

static void probe_port(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	const struct yaml_node *container = kube_connector(o);
	struct url_authority metrics = {.port = -1};
	bool set = false;

	if (container == NULL || !metrics_of(c, o, container, &metrics, &set))
		return;
	for (size_t i = 0; i < 3; i++) {
		const struct yaml_node *port =
			tree_get(tree_path(tree_get(container, probes[i]), "httpGet"), "port");
		int64_t number = port_number(container, port);
		if (port == NULL)
			continue;
		if (!set)
			lint_find(l, port->start, "%s: no metrics address is set, so its port is not known",
				probes[i]);
		else if (number != metrics.port)
			lint_find(l, port->start, "%s asks port %.*s, metrics are at %d", probes[i],
				(int)tree_text(port).len, tree_text(port).p, metrics.port);
	}
}

static bool is_loopback(struct span host)
{
	return span_starts(host, SPAN("127.")) || span_eq(host, SPAN("localhost")) ||
	       span_eq(host, SPAN("::1"));
}

static void metrics_loopback(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	const struct yaml_node *container = kube_connector(o), *asks = NULL;
	struct url_authority metrics = {.port = -1};
	bool set = false;

	if (container == NULL || !metrics_of(c, o, container, &metrics, &set) || !set ||
		!is_loopback(metrics.host))
		return;
	for (size_t i = 0; i < 3 && asks == NULL; i++)
		asks = tree_path(tree_get(container, probes[i]), "httpGet");
	if (asks == NULL) {
		const struct yaml_node *scrape =
			tree_get(tree_path(template_of(o), "metadata.annotations"), "prometheus.io/scrape");
		asks = tree_text_is(scrape, "true") ? scrape : NULL;
	}
	if (asks != NULL)
		lint_find(l, asks->start,
			"metrics listen on %.*s alone, which nothing outside of the pod reaches",
			(int)metrics.host.len, metrics.host.p);
}

static void probe_path(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	const struct yaml_node *container = kube_connector(o);

	(void)c;
	for (size_t i = 0; i < 3 && container != NULL; i++) {
		const struct yaml_node *get = tree_path(tree_get(container, probes[i]), "httpGet"),
				       *path = tree_get(get, "path");
		if (get == NULL || tree_text_is(path, "/ready") ||
			(i != 1 && tree_text_is(path, "/healthcheck")))
			continue;
		lint_find(l, (path != NULL ? path : get)->start,
			"%s asks for %.*s; /ready says whether the edge is connected", probes[i],
			path != NULL ? (int)tree_text(path).len : 1, path != NULL ? tree_text(path).p : "/");
	}
}

static void probe_eager(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	const struct yaml_node *container = kube_connector(o), *probe = tree_get(container, "livenessProbe");

	(void)c;
	if (!tree_text_is(tree_path(probe, "httpGet.path"), "/ready") ||
		tree_get(container, "startupProbe") != NULL)
		return;
	int64_t failures = tree_int(tree_get(probe, "failureThreshold"), 3);
	int64_t first = tree_int(tree_get(probe, "initialDelaySeconds"), 0) +
			failures * tree_int(tree_get(probe, "periodSeconds"), 10);
	if (failures <= 1 || first < 30)
		lint_find(l, probe->start,
			"the pod is killed after %lld failure%s, %lld seconds after its start",
			(long long)failures, failures == 1 ? "" : "s", (long long)first);
}

/* --- The workload --- */

static void replicas(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	const struct yaml_node *n = tree_path(o->root, "spec.replicas");

	(void)c;
	if (kube_connector(o) == NULL || kube_is(o, "DaemonSet") || kube_is(o, "Pod") || tree_int(n, 1) >= 2)
		return;
	lint_find(l, (n != NULL ? n : o->root)->start, "%.*s has one replica", (int)o->name.len, o->name.p);
}

/* The tag of an image; empty when there is none. */
static struct span tag_of(struct span image)
{
	size_t slash = span_rfind(image, '/'), from = slash < image.len ? slash + 1 : 0;
	struct span name = span_skip(image, from);
	size_t colon = span_find(name, ':');

	return colon < name.len ? span_skip(name, colon + 1) : SPAN("");
}

static void image_unpinned(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	const struct yaml_node *n = tree_get(kube_connector(o), "image");
	struct span image = tree_text(n), tag = tag_of(image);

	(void)c;
	if (n != NULL && !kube_holds(image, "@sha256:") && (tag.len == 0 || span_eq(tag, SPAN("latest"))))
		lint_find(l, n->start, "image %.*s is whatever is newest", (int)image.len, image.p);
}

static void image_old(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	const struct yaml_node *n = tree_get(kube_connector(o), "image");
	struct span tag = tag_of(tree_text(n)), rest;
	uint64_t year, month;

	(void)c;
	if (n == NULL)
		return;
	if (span_eq(tag, SPAN("2026.8.0")) || span_eq(tag, SPAN("2026.8.1"))) {
		lint_find(l, n->start, "%.*s changes paths before it matches them", (int)tag.len, tag.p);
		return;
	}
	struct span first = span_cut(tag, '.', &rest);
	if (rest.p == NULL || !span_to_u64(first, 9999, &year) ||
		!span_to_u64(span_cut(rest, '.', &rest), 12, &month) || year < 2018)
		return;
	if (year * 12 + month + 12 < BASELINE_MONTHS)
		lint_find(l, n->start, "%.*s is no longer supported", (int)tag.len, tag.p);
}

static void update(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	const struct yaml_node *container = kube_connector(o);

	(void)c;
	if (container != NULL && !kube_has_config(container) && tree_get(container, "args") != NULL &&
		!kube_forbids_update(container))
		lint_find(l, container->start, "the connector updates itself: there is no --no-autoupdate");
}

static void after_run(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	static const char *const flags[] = {"--config", "--metrics", "--no-autoupdate", "--autoupdate-freq",
		"--loglevel", "--transport-loglevel", "--logfile", "--log-directory", "--origincert",
		"--pidfile", "--grace-period", "--retries", "--edge-ip-version", "--region", "--tag",
		"--protocol", NULL};
	bool run = false;

	(void)c;
	tree_each (item, tree_get(kube_connector(o), "args")) {
		struct span text = tree_text(item), value;
		if (run && lint_is_key(span_cut(text, '=', &value), flags))
			lint_find(l, item->start, "%.*s stands after run", (int)text.len, text.p);
		run = run || span_eq(text, SPAN("run"));
	}
}

/* --- Files that are mounted --- */

static void writable(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	tree_each (mount, tree_get(kube_connector(o), "volumeMounts")) {
		const struct yaml_node *volume = volume_of(o, tree_text(tree_get(mount, "name")));
		struct span name = tree_text(tree_path(volume, "configMap.name"));
		const struct kube_object *map = name.len > 0 ? kube_find(c, "ConfigMap", name, o->ns) : NULL;
		if (tree_get(volume, "secret") != NULL && !tree_bool(tree_get(mount, "readOnly"), false))
			lint_find(l, mount->start, "credentials are mounted writable");
		tree_each_pair (key, map != NULL ? tree_get(map->root, "data") : NULL)
			if (kube_is_secret(tree_text(key->next)))
				lint_find(l, mount->start, "credentials come from ConfigMap %.*s",
					(int)name.len, name.p);
	}
}

static void open_secret(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	const struct yaml_node *container = kube_connector(o), *at = NULL;

	(void)c;
	if (kube_is(o, "ConfigMap")) {
		tree_each_pair (key, tree_get(o->root, "data"))
			if (kube_is_secret(tree_text(key->next)))
				lint_find(l, key->start, "%.*s holds a secret", (int)tree_text(key).len,
					tree_text(key).p);
		return;
	}
	if (kube_flag(container, "--token", &at).p != NULL && at != NULL &&
		span_find(tree_text(at), '$') == tree_text(at).len)
		lint_find(l, at->start, "the token is an argument, which everybody sees who may list pods");
	const struct yaml_node *token = env_of(container, "TUNNEL_TOKEN");
	if (token != NULL)
		lint_find(l, token->start,
			"the token is a plain variable, which everybody sees who may list pods");
}

enum found { FOUND, NOT_FOUND, NOT_KNOWN };

/* Is the file below this mount? */
static enum found below(
	const struct cluster *c, const struct kube_object *o, const struct yaml_node *mount, struct span file)
{
	const struct yaml_node *volume = volume_of(o, tree_text(tree_get(mount, "name")));
	struct span at = tree_text(tree_get(mount, "mountPath")),
		    name = tree_text(tree_path(volume, "configMap.name"));

	while (at.len > 1 && at.p[at.len - 1] == '/')
		at.len--;
	if (tree_get(mount, "subPath") != NULL)
		return span_eq(at, file) ? FOUND : NOT_FOUND;
	if (!span_starts(file, at) || file.len <= at.len + 1 || file.p[at.len] != '/')
		return NOT_FOUND;
	struct span key = span_skip(file, at.len + 1);
	bool secret = tree_get(volume, "secret") != NULL;
	const struct yaml_node *items = tree_get(tree_get(volume, secret ? "secret" : "configMap"), "items");
	tree_each (item, items)
		if (span_eq(tree_text(tree_get(item, "path")), key))
			return FOUND;
	if (items != NULL)
		return NOT_FOUND;
	if (secret)
		name = tree_text(tree_path(volume, "secret.secretName"));
	const struct kube_object *source = kube_find(c, secret ? "Secret" : "ConfigMap", name, o->ns);
	if (source == NULL)
		return NOT_KNOWN;
	static const char *const maps[] = {"data", "binaryData", "stringData"};
	for (size_t i = 0; i < 3; i++)
		tree_each_pair (k, tree_get(source->root, maps[i]))
			if (span_eq(tree_text(k), key))
				return FOUND;
	return NOT_FOUND;
}

static bool is_missing(const struct cluster *c, const struct kube_object *o, struct span file)
{
	const struct yaml_node *mounts = tree_get(kube_connector(o), "volumeMounts");

	if (file.len == 0 || file.p[0] != '/' || tree_first(mounts, YAML_SEQUENCE) == NULL)
		return false;
	tree_each (mount, mounts)
		if (below(c, o, mount, file) != NOT_FOUND)
			return false;
	return true;
}

static void config_path(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	const struct yaml_node *at = NULL, *container = kube_connector(o);
	struct span file = kube_flag(container, "--config", &at);
	const struct view *v = container != NULL ? kube_config_of(c, o) : NULL;

	if (file.p != NULL && at != NULL && is_missing(c, o, file))
		lint_find(l, at->start, "%.*s is in no volume that is mounted", (int)file.len, file.p);
	const struct yaml_node *credentials = v != NULL ? tree_value(v->root, "credentials-file") : NULL;
	if (credentials != NULL && is_missing(c, o, tree_text(credentials)))
		lint_find(l, tree_get(container, "volumeMounts")->start,
			"credentials-file %.*s is in no volume that is mounted",
			(int)tree_text(credentials).len, tree_text(credentials).p);
}

/* As generators put it: "-" and letters with digits among them. */
static bool has_hash(struct span name)
{
	size_t dash = span_rfind(name, '-');
	bool digit = false;

	for (size_t i = dash; i < name.len; i++)
		digit = digit || (name.p[i] >= '0' && name.p[i] <= '9');
	return digit && name.len - dash >= 8;
}

static bool has_checksum(const struct kube_object *o)
{
	tree_each_pair (key, tree_path(template_of(o), "metadata.annotations"))
		if (kube_holds(tree_text(key), "checksum") || kube_holds(tree_text(key), "hash"))
			return true;
	return false;
}

static void not_rolled(struct lint *l, const struct cluster *c, const struct kube_object *o)
{
	(void)c;
	tree_each (mount, tree_get(kube_connector(o), "volumeMounts")) {
		const struct yaml_node *volume = volume_of(o, tree_text(tree_get(mount, "name")));
		struct span sub = tree_text(tree_get(mount, "subPath")),
			    name = tree_text(tree_path(volume, "configMap.name"));
		bool yaml = span_ends(sub, SPAN(".yaml")) || span_ends(sub, SPAN(".yml"));
		if (sub.len > 0 && (name.len > 0 || (volume == NULL && yaml)))
			lint_find(l, mount->start,
				"a file that is mounted by subPath never changes in a running pod");
		else if (name.len > 0 && !has_hash(name) && !has_checksum(o))
			lint_find(l, mount->start, "nothing restarts the pods when ConfigMap %.*s changes",
				(int)name.len, name.p);
	}
}

const struct kube_check kube_pod_checks[] = {
	{"IL701", update},
	{"IL702", probe_port},
	{"IL703", metrics_loopback},
	{"IL704", probe_path},
	{"IL705", probe_eager},
	{"IL706", replicas},
	{"IL707", image_unpinned},
	{"IL708", image_old},
	{"IL709", writable},
	{"IL710", open_secret},
	{"IL711", config_path},
	{"IL712", after_run},
	{"IL718", not_rolled},
	{0},
};
