/* Settings at the top of the file, and keys that nobody knows. */
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/conf/uuid.h"
#include "common/proto/url.h"
#include "ingress-lint/lint.h"

#define NAMES_MAX 160

static const char *release_name(enum release release)
{
	switch (release) {
	case RELEASE_2023_7: return "2023.7.0";
	case RELEASE_2025: return "2025.5.0";
	case RELEASE_2026: return "2026.8.2";
	}
	abort();
}

/* --- Unknown keys --- */

/* All that may stand at the top: flags, and what is no flag. Ends with NULL. */
static void top_names(const char *names[NAMES_MAX])
{
	static const char *const others[] = {"tunnel", "ingress", "originRequest", "warp-routing"};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		names[n++] = others[i];
	for (size_t i = 0; settings_name(i) != NULL && n + 1 < NAMES_MAX; i++)
		names[n++] = settings_name(i);
	names[n] = NULL;
}

/* Does an anchor stand before the value? Then the key is there to be referred to. */
static bool is_anchored(const struct view *v, const struct yaml_node *n)
{
	struct span text = yaml_tree_text(v->tree);

	return n->start.offset < text.len && text.p[n->start.offset] == '&';
}

static bool is_elsewhere(struct span name)
{
	return lint_is_key(name, lint_origin_keys) || lint_is_key(name, lint_access_keys) ||
	       lint_is_key(name, lint_ip_keys) || lint_is_key(name, lint_rule_keys);
}

static void report_unknown(struct lint *l, const struct yaml_node *map, const struct yaml_node *key,
	const char *near, const char *place)
{
	struct span name = tree_text(key);

	lint_find(l, key->start, "\"%.*s\" is no key %s%s%s", (int)name.len, name.p, place,
		near != NULL ? "; probably meant: " : "", near != NULL ? near : "");
	if (near != NULL && tree_key(map, near) == NULL)
		lint_fix(l, key, near, LINT_QUOTES_SAME);
}

static bool is_flag(struct span name)
{
	for (size_t i = 0; settings_name(i) != NULL; i++)
		if (span_eq(name, span_str(settings_name(i))))
			return true;
	return false;
}

static void unknown_setting(struct lint *l, const struct view *v)
{
	const char *known[NAMES_MAX];

	top_names(known);
	tree_each_pair (key, v->root) {
		struct span name = tree_text(key);
		if (is_flag(name) && !settings_knows(v->release, name))
			lint_find(l, key->start, "%.*s is no setting of %s, and ignored", (int)name.len,
				name.p, release_name(v->release));
	}
	tree_each_pair (key, v->root) {
		struct span name = tree_text(key);
		if (lint_is_key(name, known) || span_starts(name, SPAN("x-")) || is_anchored(v, key->next) ||
			key->tag == YAML_TAG_MERGE || lint_is_key(name, lint_origin_keys) ||
			lint_is_key(name, lint_access_keys))
			continue;
		report_unknown(l, v->root, key, lint_nearest(name, known), "at the top, and ignored");
	}
}

static void check_keys(
	struct lint *l, const struct yaml_node *map, const char *const *known, const char *place)
{
	tree_each_pair (key, map) {
		struct span name = tree_text(key);
		if (key->tag == YAML_TAG_MERGE || lint_is_key(name, known) || is_elsewhere(name))
			continue;
		report_unknown(l, map, key, lint_nearest(name, known), place);
	}
}

static void check_options(struct lint *l, const struct yaml_node *options)
{
	check_keys(l, options, lint_origin_keys, "of originRequest");
	check_keys(l, tree_value(options, "access"), lint_access_keys, "of access");
	tree_each (item, tree_value(options, "ipRules"))
		check_keys(l, item, lint_ip_keys, "of ipRules");
}

/* Keys that some releases know, and this one reports. */
static void check_release(struct lint *l, const struct view *v)
{
	static const struct {
		const char *type;
		const char *const *keys;
	} types[] = {{"config.OriginRequestConfig", lint_origin_keys},
		{"config.AccessConfig", lint_access_keys}, {"config.WarpRoutingConfig", lint_warp_keys}};

	for (size_t i = 0; i < v->file.warning_count; i++) {
		const struct ingress_warning *w = &v->file.warnings[i];
		for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++)
			if (strcmp(w->type, types[k].type) == 0 &&
				lint_is_key(span_str(w->key), types[k].keys))
				lint_find(l, w->at, "%s is no key of %s, and ignored", w->key,
					release_name(v->release));
	}
}

static void unknown_key(struct lint *l, const struct view *v)
{
	static const char *const known[] = {
		"connectTimeout", "tcpKeepAlive", "maxActiveFlows", "enabled", NULL};

	check_release(l, v);
	check_options(l, v->global);
	const struct yaml_node *warp = tree_value(v->root, "warp-routing");
	tree_each_pair (key, warp) {
		struct span name = tree_text(key);
		if (!lint_is_key(name, known)) /* "enabled": IL504 */
			report_unknown(l, warp, key, lint_nearest(name, lint_warp_keys), "of warp-routing");
	}
	for (size_t i = 0; i < v->count; i++) {
		check_keys(l, v->rules[i].node, lint_rule_keys, "of a rule");
		check_options(l, v->rules[i].options);
	}
}

/* --- Settings that do nothing --- */

static void legacy(struct lint *l, const struct view *v)
{
	static const char *const keys[] = {"no-tls-verify", "origin-ca-pool", "origin-server-name",
		"http-host-header", "http2-origin", "no-chunked-encoding", "socks5", "bastion", "hello-world",
		"unix-socket", NULL};

	if (v->count == 0)
		return;
	tree_each_pair (key, v->root) {
		struct span name = tree_text(key);
		bool proxy = span_starts(name, SPAN("proxy-")) && !span_starts(name, SPAN("proxy-dns"));
		if ((proxy && !span_eq(name, SPAN("proxy-connection-timeout"))) || lint_is_key(name, keys))
			lint_find(l, key->start, "%.*s acts only on a tunnel without ingress rules",
				(int)name.len, name.p);
	}
}

static void removed(struct lint *l, const struct view *v)
{
	static const char *const keys[] = {"resolver", "api-key", "api-email", "api-ca-key",
		"proxy-connection-timeout", "compression-quality", NULL};

	tree_each_pair (key, v->root) {
		struct span name = tree_text(key);
		if (lint_is_key(name, keys) || span_starts(name, SPAN("proxy-dns")))
			lint_find(l, key->start, "%.*s is gone from current releases", (int)name.len, name.p);
		if (span_eq(name, SPAN("protocol")) && tree_text_is(key->next, "h2mux"))
			lint_find(l, key->next->start, "h2mux is gone from current releases");
	}
	const struct yaml_node *enabled = tree_key(tree_value(v->root, "warp-routing"), "enabled");
	if (enabled != NULL && v->release != RELEASE_2023_7)
		lint_find(l, enabled->start, "warp-routing.enabled has no effect since 2023.9.0%s",
			tree_bool(enabled->next, true) ? "" : ": private traffic is not kept out");
}

/* --- Values --- */

/* The value of a top-level setting; NULL when it is absent or null. */
static const struct yaml_node *setting(const struct view *v, const char *name)
{
	return tree_value(v->root, name);
}

static void metrics_exposed(struct lint *l, const struct view *v)
{
	const struct yaml_node *n = setting(v, "metrics");
	struct span text = tree_text(n);
	struct url_authority a;

	if (n == NULL || v->origin.in_manifest || l->in_container || url_parse_address(text, &a, NULL) < 0)
		return;
	if (a.host.len == 0 || span_eq(a.host, SPAN("0.0.0.0")) || span_eq(a.host, SPAN("::")))
		lint_find(l, n->start, "metrics, with /config and /debug/pprof, are open to the network");
}

static void metrics_address(struct lint *l, const struct view *v)
{
	const struct yaml_node *n = setting(v, "metrics");
	struct url_authority a;
	struct err err;

	if (n != NULL && n->kind == YAML_SCALAR && url_parse_address(tree_text(n), &a, &err) < 0)
		lint_find(l, n->start, "metrics: %s", err.text);
}

static bool is_unsafe_place(struct span path)
{
	static const char *const places[] = {"/tmp/", "/var/tmp/", "/dev/shm/", "/srv/www/", "/var/www/"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (span_starts(path, span_str(places[i])))
			return true;
	return false;
}

static void credentials_place(struct lint *l, const struct view *v)
{
	static const char *const keys[] = {"credentials-file", "origincert"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct yaml_node *n = setting(v, keys[i]);
		struct span path = tree_text(n);
		if (path.len == 0)
			continue;
		char *name = mem_spandup(path);
		if (path.p[0] != '/' && path.p[0] != '~')
			lint_find(l, n->start, "%s %s depends on the directory of the start", keys[i], name);
		else if (is_unsafe_place(path))
			lint_find(l, n->start, "%s lies where others may read or write: %s", keys[i], name);
		else if (l->looks_at_files && fsx_is_exposed(name))
			lint_find(l, n->start, "%s %s can be read by everybody here", keys[i], name);
		free(name);
	}
}

static bool holds(struct span text, const char *what)
{
	size_t len = strlen(what);

	for (size_t i = 0; i + len <= text.len; i++)
		if (memcmp(text.p + i, what, len) == 0)
			return true;
	return false;
}

/* A token is base64 of {"a":...; a credentials file has this key. */
static bool is_secret(struct span text)
{
	return span_starts(text, SPAN("eyJhIjoi")) || holds(text, "TunnelSecret");
}

static void secret_inline(struct lint *l, const struct view *v)
{
	tree_each_pair (key, v->root) {
		struct span name = tree_text(key);
		const struct yaml_node *value = yaml_resolve(key->next);
		bool named = span_eq(name, SPAN("token")) || span_eq(name, SPAN("credentials-contents"));
		if ((named && tree_text(value).len > 0 && !tree_is_null(value)) ||
			is_secret(tree_text(value)))
			lint_find(l, key->start, "%.*s holds a secret", (int)name.len, name.p);
	}
}

static void token_and_ingress(struct lint *l, const struct view *v)
{
	static const char *const keys[] = {"token", "token-file"};

	for (size_t i = 0; i < 2 && v->count > 0; i++)
		if (setting(v, keys[i]) != NULL)
			lint_find(l,
				tree_key(v->root, keys[i]) != NULL ? tree_key(v->root, keys[i])->start
								   : setting(v, keys[i])->start,
				"%s beside ingress rules: a tunnel run by token gets its rules from "
				"elsewhere",
				keys[i]);
}

static const char *const levels[] = {"debug", "info", "warn", "error", "fatal", NULL};
static const char *const protocols[] = {"auto", "quic", "http2", "h2mux", NULL}; /* h2mux: IL504 */
static const char *const ip_versions[] = {"auto", "4", "6", NULL};

static const struct {
	const char *key;
	const char *const *values;
} enums[] = {{"loglevel", levels}, {"transport-loglevel", levels}, {"protocol", protocols},
	{"edge-ip-version", ip_versions}};

static void check_tags(struct lint *l, const struct yaml_node *list)
{
	tree_each (item, list) {
		struct span text = tree_text(item);
		if (span_find(text, '=') == text.len)
			lint_find(l, item->start, "tag \"%.*s\" is no NAME=VALUE", (int)text.len, text.p);
	}
}

static void setting_value(struct lint *l, const struct view *v)
{
	for (size_t i = 0; i < sizeof(enums) / sizeof(enums[0]); i++) {
		const struct yaml_node *n = setting(v, enums[i].key);
		struct span text = tree_text(n);
		if (n == NULL || n->kind != YAML_SCALAR)
			continue;
		if (!lint_is_key(text, enums[i].values)) {
			const char *near = lint_nearest(text, enums[i].values);
			lint_find(l, n->start, "%s: \"%.*s\" is no value of it%s%s", enums[i].key,
				(int)text.len, text.p, near != NULL ? "; probably meant: " : "",
				near != NULL ? near : "");
		} else if (span_eq(text, SPAN("debug"))) {
			lint_find_as(l, RULEBOOK_INFO, n->start, "%s debug shows headers of requests",
				enums[i].key);
		}
	}
	check_tags(l, setting(v, "tag"));
}

static void tunnel_missing(struct lint *l, const struct view *v)
{
	const struct yaml_node *tunnel = setting(v, "tunnel");
	bool file = setting(v, "credentials-file") != NULL || setting(v, "credentials-contents") != NULL;
	bool token = setting(v, "token") != NULL || setting(v, "token-file") != NULL;
	struct uuid id;

	if (v->count == 0 || token)
		return;
	if (tunnel == NULL)
		lint_find(l, v->root->start, "no tunnel is named");
	else if (!file && uuid_parse(tree_text(tunnel), &id))
		lint_find(l, tunnel->start, "tunnel without credentials-file");
	else if (!file)
		lint_find(l, tunnel->start,
			"a tunnel's name and no credentials-file: the account must be asked for its id");
}

const struct lint_check checks_settings[] = {
	{"IL501", NULL, unknown_setting},
	{"IL502", NULL, unknown_key},
	{"IL503", NULL, legacy},
	{"IL504", NULL, removed},
	{"IL505", NULL, metrics_exposed},
	{"IL506", NULL, metrics_address},
	{"IL507", NULL, credentials_place},
	{"IL508", NULL, secret_inline},
	{"IL509", NULL, token_and_ingress},
	{"IL510", NULL, setting_value},
	{"IL511", NULL, tunnel_missing},
	{0},
};
