/* A configuration file, in cloudflared's order: decode the whole, check the settings, then the rules one by one, each
 * whole; the first fault is the answer. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/hostname.h"
#include "common/conf/ingress_private.h"
#include "common/conf/servicetext.h"

/* A rule as it is written. */
struct draft {
	char *hostname, *path, *service;
	struct ingress_options own;
	struct yaml_mark at, hostname_at, path_at, service_at;
};

/* A file being read. */
struct reading {
	enum release release;
	struct ingress_file *file;
	struct ingress_error *error;
	struct ingress_errors *all; /* may be NULL */
	struct draft *drafts;
	size_t count;
	struct ingress_options global; /* only what is written */
	struct yaml_mark setting_at;   /* of the first setting with a wrong type */
	struct err setting_err;
	bool setting_wrong;
};

static void note(struct reading *r, enum ingress_fault fault, struct yaml_mark at, const struct err *err)
{
	struct ingress_errors *all = r->all;

	if (all == NULL || all->count == INGRESS_ERRORS_MAX)
		return;
	if ((all->count & (all->count - 1)) == 0)
		all->items = mem_grow(all->items, all->count > 0 ? 2 * all->count : 1, sizeof(*all->items));
	all->items[all->count++] = (struct ingress_error){fault, at, *err};
}

static enum ingress_fault fault(
	struct reading *r, enum ingress_fault kind, struct yaml_mark at, const char *message)
{
	r->error->fault = kind;
	r->error->at = at;
	err_set(&r->error->err, "%s", message);
	return kind;
}

/* --- Decoding --- */

#define DRAFT(name, member)                                                                                  \
	{                                                                                                    \
		name, yaml_decode_text, offsetof(struct draft, member), offsetof(struct draft, member##_at), \
			0                                                                                    \
	}

static const struct yaml_member draft_members[] = {
	DRAFT("hostname", hostname),
	DRAFT("path", path),
	DRAFT("service", service),
	{"originRequest", ingress_options_decode, offsetof(struct draft, own), YAML_NOWHERE, 0},
};

static bool decode_draft(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	static const struct yaml_struct type = {"config.UnvalidatedIngressRule", draft_members, 4, NULL};
	struct draft *draft = out;

	draft->at = n->start;
	return yaml_decode_struct(d, n, &type, out);
}

static bool decode_drafts(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	struct reading *r = out;
	void *drafts;
	bool good = yaml_decode_list(d, n, decode_draft, sizeof(struct draft), &drafts, &r->count);

	r->drafts = drafts;
	return good;
}

static bool decode_enabled(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	bool enabled;

	(void)out;
	return yaml_decode_bool(d, n, &enabled);
}

static const struct yaml_member warp_members[] = {
	{"connectTimeout", yaml_decode_duration, offsetof(struct ingress_warp, connect_timeout_ns),
		YAML_NOWHERE, 0},
	{"maxActiveFlows", yaml_decode_uint, offsetof(struct ingress_warp, max_active_flows), YAML_NOWHERE,
		RELEASE_SINCE_2025},
	{"enabled", decode_enabled, 0, YAML_NOWHERE, RELEASE_BIT(RELEASE_2023_7)},
	{"tcpKeepAlive", yaml_decode_duration, offsetof(struct ingress_warp, tcp_keep_alive_ns), YAML_NOWHERE,
		0},
};

static bool decode_warp(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	static const struct yaml_struct type = {"config.WarpRoutingConfig", warp_members, 4, NULL};
	struct reading *r = out;

	if (!yaml_decode_struct(d, n, &type, &r->file->warp))
		return false;
	r->file->warp.at = n->start;
	return true;
}

static bool decode_tunnel(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	struct reading *r = out;

	r->file->tunnel_at = n->start;
	return yaml_decode_text(d, n, &r->file->tunnel);
}

static const struct yaml_member file_members[] = {
	{"tunnel", decode_tunnel, 0, YAML_NOWHERE, 0},
	{"ingress", decode_drafts, 0, YAML_NOWHERE, 0},
	{"warp-routing", decode_warp, 0, YAML_NOWHERE, 0},
	{"originRequest", ingress_options_decode, offsetof(struct reading, global), YAML_NOWHERE, 0},
};

/* Any other key at the top may be a setting, and is accepted without a word when it is none. */
static void decode_setting(struct yaml_decode *d, struct span name, const struct yaml_node *value, void *out)
{
	struct reading *r = out;
	struct yaml_mark at;
	struct err err;
	size_t before = d->problem_count;

	yaml_decode_any(d, value);
	if (d->problem_count != before ||
		settings_add(&r->file->settings, r->release, name, value, &at, &err))
		return;
	note(r, INGRESS_SETTING_TYPE, at, &err);
	if (r->setting_wrong)
		return;
	r->setting_wrong = true;
	r->setting_at = at;
	r->setting_err = err;
}

static void keep_warnings(struct ingress_file *f, const struct yaml_decode *d)
{
	f->warnings = mem_array(d->unknown_count, sizeof(*f->warnings));
	for (; f->warning_count < d->unknown_count; f->warning_count++) {
		const struct yaml_unknown *u = &d->unknowns[f->warning_count];
		f->warnings[f->warning_count] = (struct ingress_warning){u->at, mem_strdup(u->name), u->type};
	}
}

static enum ingress_fault problem_fault(enum yaml_problem_kind kind)
{
	switch (kind) {
	case YAML_PROBLEM_TYPE: return INGRESS_YAML_TYPE;
	case YAML_PROBLEM_DUPLICATE: return INGRESS_YAML_DUPLICATE_KEY;
	case YAML_PROBLEM_ALIAS: return INGRESS_YAML_SYNTAX;
	}
	abort();
}

static enum ingress_fault decode_file(struct reading *r, const struct yaml_tree *tree)
{
	static const struct yaml_struct type = {"config.configFileSettings", file_members, 4, decode_setting};
	struct yaml_decode d = {.tree = tree, .edition = RELEASE_BIT(r->release)};
	enum ingress_fault result = INGRESS_OK;

	yaml_decode_struct(&d, yaml_tree_root(tree), &type, r);
	for (size_t i = 0; i < d.problem_count && i < YAML_PROBLEMS_MAX; i++)
		note(r, problem_fault(d.problems[i].kind), d.problems[i].at, &d.problems[i].err);
	if (d.problem_count > 0) {
		const struct yaml_problem *p = &d.problems[0];
		result = fault(r, problem_fault(p->kind), p->at, p->err.text);
	} else if (r->setting_wrong) {
		result = fault(r, INGRESS_SETTING_TYPE, r->setting_at, r->setting_err.text);
	} else {
		keep_warnings(r->file, &d);
	}
	yaml_decode_fini(&d);
	return result;
}

/* --- Checking rules --- */

bool ingress_is_cidr(struct span text)
{
	struct span length, address = span_cut(text, '/', &length);
	char plain[INET6_ADDRSTRLEN + 1];
	unsigned char bytes[16];
	uint64_t n;

	if (length.p == NULL || address.len >= sizeof(plain))
		return false;
	memcpy(plain, address.p, address.len);
	plain[address.len] = '\0';
	bool ipv6 = span_find(address, ':') < address.len;
	return inet_pton(ipv6 ? AF_INET6 : AF_INET, plain, bytes) == 1 &&
	       span_to_u64(length, ipv6 ? 128 : 32, &n);
}

static enum ingress_fault check_ip_rules(struct reading *r, const struct ingress_options *o)
{
	struct yaml_mark at = o->where[INGRESS_IP_RULES];

	for (size_t i = 0; i < o->ip_rule_count; i++) {
		const struct ingress_ip_rule *rule = &o->ip_rules[i];
		if (rule->prefix == NULL || rule->prefix[0] == '\0')
			return fault(r, INGRESS_IP_RULE, at, "ipRules: a rule has no prefix");
		if (!ingress_is_cidr(span_str(rule->prefix))) {
			fault(r, INGRESS_IP_RULE, at, "");
			err_set(&r->error->err, "ipRules: prefix \"%s\" is not ADDRESS/BITS", rule->prefix);
			return INGRESS_IP_RULE;
		}
		for (size_t j = 0; j < rule->port_count; j++)
			if (rule->ports[j] < 1 || rule->ports[j] > 65535)
				return fault(
					r, INGRESS_IP_RULE, at, "ipRules: a port is not between 1 and 65535");
	}
	return INGRESS_OK;
}

static enum ingress_fault check_access(struct reading *r, const struct ingress_options *o)
{
	const struct ingress_access *a = &o->access;

	if (a->required && (a->team_name == NULL || a->team_name[0] == '\0') && a->aud_count > 0)
		return fault(r, INGRESS_ACCESS_TEAM, o->where[INGRESS_ACCESS],
			"access: audTag needs a teamName too");
	return INGRESS_OK;
}

static enum ingress_fault check_hostname(struct reading *r, const struct draft *d, bool last)
{
	struct span host, name = span_str(d->hostname);
	struct yaml_mark at = d->hostname_at.line > 0 ? d->hostname_at : d->at;
	bool every_host = name.len == 0 || span_eq(name, SPAN("*"));
	bool catches_all = every_host && (d->path == NULL || d->path[0] == '\0');

	if (hostname_split_port(name, &host))
		return fault(r, INGRESS_HOSTNAME_PORT, at, "a hostname has no port");
	if (hostname_has_bad_wildcard(name))
		return fault(r, INGRESS_HOSTNAME_WILDCARD, at,
			"\"*\" may only be the first label of a hostname: *.example.com");
	if (last && !catches_all)
		return fault(r, INGRESS_LAST_RULE_NOT_CATCH_ALL, every_host ? d->path_at : at,
			"the last rule must match everything: add \"- service: http_status:404\" after it");
	if (!last && catches_all)
		return fault(r, INGRESS_EARLY_CATCH_ALL, d->at,
			"this rule matches everything, so those after it never serve; move it to the end");
	return INGRESS_OK;
}

static enum ingress_fault check_path(struct reading *r, const struct draft *d, struct rx **out)
{
	struct err why;
	size_t at;

	if (d->path == NULL || d->path[0] == '\0')
		return INGRESS_OK;
	*out = rx_new(span_str(d->path), r->release, &at, &why);
	if (*out != NULL)
		return INGRESS_OK;
	fault(r, INGRESS_REGEX, d->path_at, "");
	err_set(&r->error->err, "path is no regular expression (RE2 syntax), at character %zu: %s", at + 1,
		why.text);
	return INGRESS_REGEX;
}

/* --- Making rules --- */

static char *take_text(char **from)
{
	char *text = *from != NULL ? *from : mem_strdup("");

	*from = NULL;
	return text;
}

static enum ingress_fault check_rule(
	struct reading *r, struct draft *d, bool last, struct ingress_rule *rule, struct rx **path)
{
	struct span service = span_str(d->service);
	enum ingress_fault f;

	ingress_options_merge(&rule->options, &r->global, &d->own);
	f = servicetext_parse(
		service, rule->options.bastion_mode, r->release, &rule->service, &r->error->err);
	if (f != INGRESS_OK) {
		r->error->fault = f;
		r->error->at = d->service_at.line > 0 ? d->service_at : d->at;
		return f;
	}
	if (rule->service.kind == INGRESS_SOCKS_PROXY)
		f = check_ip_rules(r, &rule->options);
	if (f == INGRESS_OK)
		f = check_access(r, &rule->options);
	if (f == INGRESS_OK)
		f = check_hostname(r, d, last);
	if (f == INGRESS_OK)
		f = check_path(r, d, path);
	return f;
}

static enum ingress_fault make_rule(struct reading *r, struct ingress *in, size_t i)
{
	struct draft *d = &r->drafts[i];
	struct ingress_rule *rule = &in->rules[i];

	d->hostname = take_text(&d->hostname);
	d->service = take_text(&d->service);
	enum ingress_fault f = check_rule(r, d, i + 1 == r->count, rule, &in->paths[i]);
	rule->at = d->at;
	rule->hostname_at = d->hostname_at;
	rule->path_at = d->path_at;
	rule->service_at = d->service_at;
	rule->hostname = take_text(&d->hostname);
	rule->path = take_text(&d->path);
	if (strcmp(rule->hostname, "*") != 0)
		rule->punycode = hostname_punycode(span_str(rule->hostname));
	if (f != INGRESS_OK)
		err_wrap(&r->error->err, "rule %zu", i + 1);
	return f;
}

static enum ingress_fault make_ingress(struct reading *r)
{
	static const struct ingress_options none;
	enum ingress_fault f = INGRESS_OK;

	if (r->count == 0)
		return fault(r, INGRESS_NO_RULES, (struct yaml_mark){0},
			"there are no ingress rules; add \"ingress:\" with a list of them");
	struct ingress *in = mem_alloc(sizeof(*in));
	in->count = r->count;
	in->rules = mem_array(r->count, sizeof(*in->rules));
	in->paths = mem_array(r->count, sizeof(struct rx *));
	ingress_options_merge(&in->global, &none, &r->global);
	for (size_t i = 0; i < r->count && f == INGRESS_OK; i++)
		f = make_rule(r, in, i);
	if (f != INGRESS_OK) {
		ingress_free(in);
		return f;
	}
	in->index = ingress_index_new(in);
	r->file->ingress = in;
	return INGRESS_OK;
}

/* --- All together --- */

static void reading_free(struct reading *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct draft *d = &r->drafts[i];
		free(d->hostname);
		free(d->path);
		free(d->service);
		ingress_options_free(&d->own);
	}
	free(r->drafts);
	ingress_options_free(&r->global);
}

static enum ingress_fault refuse_yaml(struct reading *r, const struct yaml_error *why)
{
	enum ingress_fault kind = why->fault == YAML_EMPTY ? INGRESS_NO_CONFIG_FILE : INGRESS_YAML_SYNTAX;

	return fault(r, kind, why->at, why->err.text);
}

/* Messages quote the file: keep them one line, and harmless to a terminal. */
static void clean(struct err *err)
{
	for (char *c = err->text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

enum ingress_fault ingress_parse_as(struct span yaml, enum release release, struct ingress_file *out,
	struct ingress_error *error, struct ingress_errors *all)
{
	struct reading r = {.release = release, .file = out, .error = error, .all = all};
	struct yaml_error why;
	enum ingress_fault result;

	*out = (struct ingress_file){.warp = {.connect_timeout_ns = INGRESS_WARP_CONNECT_NS,
					     .tcp_keep_alive_ns = INGRESS_WARP_KEEP_ALIVE_NS}};
	*error = (struct ingress_error){.fault = INGRESS_OK};
	struct yaml_tree *tree = yaml_tree_parse(yaml, &why);
	result = tree == NULL ? refuse_yaml(&r, &why) : decode_file(&r, tree);
	if (result == INGRESS_OK)
		result = make_ingress(&r);
	if (result != INGRESS_OK && result != INGRESS_NO_RULES && result != INGRESS_NO_CONFIG_FILE)
		ingress_file_free(out);
	clean(&error->err);
	for (size_t i = 0; all != NULL && i < all->count; i++)
		clean(&all->items[i].err);
	reading_free(&r);
	yaml_tree_free(tree);
	return result;
}

enum ingress_fault ingress_parse(struct span yaml, struct ingress_file *out, struct ingress_error *error)
{
	return ingress_parse_as(yaml, RELEASE_2025, out, error, NULL);
}
