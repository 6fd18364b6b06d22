/* What cloudflared refuses. It stops at the first fault; here every rule is looked at. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/hostname.h"
#include "common/conf/yaml_scalar.h"
#include "ingress-lint/lint.h"

/* --- The file's own fault --- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The line of text, from 1; empty past the end. */
static struct span line_of(struct span text, unsigned number)
{
	struct span line = SPAN("");

	for (unsigned i = 0; i < number && text.p != NULL; i++)
		line = span_cut(text, '\n', &text);
	return line;
}

/* Does the line have a key with a plain value that begins with "*", and is no alias for it? *column of the star. */
static bool is_bare_star(struct span line, unsigned *column)
{
	static const char *const keys[] = {"hostname:", "path:"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct span key = span_str(keys[i]), at = line;
		while (at.len > 0 && (is_blank(at.p[0]) || at.p[0] == '-'))
			at = span_skip(at, 1);
		if (!span_starts(at, key))
			continue;
		struct span value = span_trim(span_skip(at, key.len));
		if (value.len == 0 || value.p[0] != '*')
			return false;
		*column = (unsigned)(value.p - line.p) + 1;
		return value.len == 1 || span_find(value, '.') < value.len ||
		       span_find(value, '/') < value.len;
	}
	return false;
}

/* Does the line have a path in double quotes with a backslash that YAML does not know? *column of the backslash. */
static bool is_bad_escape(struct span line, unsigned *column)
{
	struct span at = line;

	while (at.len > 0 && (is_blank(at.p[0]) || at.p[0] == '-'))
		at = span_skip(at, 1);
	if (!span_starts(at, SPAN("path:")))
		return false;
	at = span_trim(span_skip(at, 5));
	if (at.len == 0 || at.p[0] != '"')
		return false;
	for (size_t i = 1; i + 1 < at.len && at.p[i] != '"'; i++) {
		if (at.p[i] != '\\')
			continue;
		if (strchr("0abtnvfre\"\\N_LP xuU\t", at.p[++i]) == NULL) {
			*column = (unsigned)(at.p + i - line.p);
			return true;
		}
	}
	return false;
}

static bool is_tab_indented(struct span line, unsigned *column)
{
	for (size_t i = 0; i < line.len && is_blank(line.p[i]); i++)
		if (line.p[i] == '\t') {
			*column = (unsigned)i + 1;
			return true;
		}
	return false;
}

/* What people do wrong in a line, and the rule that says so. */
static const struct cause {
	bool (*is)(struct span line, unsigned *column);
	const char *id, *message;
} causes[] = {
	{is_tab_indented, "IL021", "a tab in the indentation; YAML takes spaces alone"},
	{is_bare_star, "IL014", "a plain \"*\" begins an alias: put the value in quotes"},
	{is_bad_escape, "IL016", "a backslash in double quotes that YAML does not know: use single quotes"},
};

/* The scanner gives up at the fault or a little after it. */
static const struct cause *cause_of(struct span text, unsigned line, struct yaml_mark *at)
{
	for (unsigned k = 0; k < 3 && k < line; k++)
		for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
			unsigned column = 0;
			if (!causes[i].is(line_of(text, line - k), &column))
				continue;
			*at = (struct yaml_mark){.line = line - k, .column = column};
			return &causes[i];
		}
	return NULL;
}

static void yaml_syntax(struct lint *l, const struct view *v)
{
	struct yaml_mark at = v->error.at;

	if (v->fault != INGRESS_YAML_SYNTAX)
		return;
	const struct cause *cause = v->tree == NULL ? cause_of(v->yaml, at.line, &at) : NULL;
	if (cause == NULL) {
		lint_find(l, at, "%s", v->error.err.text);
		return;
	}
	l->rule = rulebook_find(span_str(cause->id));
	lint_find(l, at, "%s", cause->message);
}

static const char *const durations[] = {
	"connectTimeout", "tlsTimeout", "tcpKeepAlive", "keepAliveTimeout", NULL};

/* The key in the tree whose value stands at the mark; "" when it is none. */
static struct span key_at(const struct view *v, struct yaml_mark at)
{
	const struct yaml_node *maps[4] = {v->global, tree_value(v->root, "warp-routing")};

	for (size_t i = 0; i <= v->count; i++) {
		maps[2] = i < v->count ? v->rules[i].options : v->root;
		for (size_t k = 0; k < 3; k++)
			tree_each_pair (key, maps[k])
				if (yaml_resolve(key->next)->start.offset == at.offset)
					return tree_text(key);
	}
	return SPAN("");
}

/* Of a kind of faults all that the decoder found, not the first alone. */
static void tell_all(struct lint *l, const struct view *v, enum ingress_fault fault)
{
	for (size_t i = 0; i < v->errors.count; i++) {
		const struct ingress_error *e = &v->errors.items[i];
		if (e->fault == fault)
			lint_find(l, e->at, "%s", e->err.text);
	}
}

static void wrong_type(struct lint *l, const struct view *v)
{
	for (size_t i = 0; i < v->errors.count; i++) {
		const struct ingress_error *e = &v->errors.items[i];
		if (e->fault == INGRESS_YAML_TYPE && !lint_is_key(key_at(v, e->at), durations))
			lint_find(l, e->at, "%s", e->err.text);
	}
}

/* All of them, whichever cloudflared names. */
static void check_durations(struct lint *l, const struct yaml_node *map)
{
	tree_each_pair (key, map) {
		const struct yaml_node *n = yaml_resolve(key->next);
		struct yaml_value value;
		int64_t ns;
		if (!lint_is_key(tree_text(key), durations) || tree_is_null(n) || n->kind != YAML_SCALAR ||
			yaml_scalar_value(n, &value, NULL) < 0 || yaml_as_duration(n, &value, &ns))
			continue;
		lint_find(l, n->start, "%.*s: \"%.*s\" is no duration; write it with a unit, as in 30s",
			(int)tree_text(key).len, tree_text(key).p, (int)n->text.len, n->text.p);
		if (value.tag == YAML_TAG_INT && n->plain && yaml_resolve(key->next) == key->next) {
			char *seconds = mem_printf("%.*ss", (int)n->text.len, n->text.p);
			lint_fix(l, n, seconds, LINT_QUOTES_SAME);
			free(seconds);
		}
	}
}

static void duration_without_unit(struct lint *l, const struct view *v)
{
	if (v->fault != INGRESS_YAML_TYPE)
		return;
	check_durations(l, v->global);
	check_durations(l, tree_value(v->root, "warp-routing"));
	for (size_t i = 0; i < v->count; i++)
		check_durations(l, v->rules[i].options);
	if (lint_is_key(key_at(v, v->error.at), durations))
		lint_find(l, v->error.at, "%s", v->error.err.text);
}

/* Faults that are told as they are. */
static void tell(struct lint *l, const struct view *v, enum ingress_fault fault)
{
	if (v->fault == fault)
		lint_find(l, v->error.at, "%s", v->error.err.text);
}

static void duplicate_key(struct lint *l, const struct view *v)
{
	tell_all(l, v, INGRESS_YAML_DUPLICATE_KEY);
}

static void no_rules(struct lint *l, const struct view *v)
{
	tell(l, v, INGRESS_NO_RULES);
	tell(l, v, INGRESS_NO_CONFIG_FILE);
}

static void setting_type(struct lint *l, const struct view *v)
{
	tell_all(l, v, INGRESS_SETTING_TYPE);
}

static void url_setting(struct lint *l, const struct view *v)
{
	tell(l, v, INGRESS_URL_SETTING);
}

/* --- Rule by rule --- */

static struct yaml_mark place(const struct view_rule *r, const struct yaml_node *value)
{
	return value != NULL ? value->start : r->node->start;
}

static bool is_catch_all(const struct view_rule *r)
{
	return view_is_any(r->host) && r->expr[0] == '\0';
}

static void missing_catch_all(struct lint *l, const struct view *v)
{
	if (v->count == 0 || is_catch_all(&v->rules[v->count - 1]))
		return;
	const struct view_rule *last = &v->rules[v->count - 1];
	lint_find(l, place(last, last->hostname),
		"the last rule must match everything; add one with http_status:404");
}

static void early_catch_all(struct lint *l, const struct view *v, const struct view_rule *r)
{
	if (r->number == v->count || !is_catch_all(r))
		return;
	tree_each_pair (key, r->node) {
		static const char *const meant[] = {"hostname", "path", NULL};
		struct span name = tree_text(key);
		const char *near = lint_is_key(name, lint_rule_keys) ? NULL : lint_nearest(name, meant);
		if (near == NULL && span_eq(name, SPAN("host")))
			near = "hostname";
		if (near == NULL)
			continue;
		lint_find(l, key->start,
			"rule %zu matches everything: \"%.*s\" is no key; \"%s\" was probably meant",
			r->number, (int)name.len, name.p, near);
		if (tree_key(r->node, near) == NULL)
			lint_fix(l, key, near, LINT_QUOTES_SAME);
		return;
	}
	lint_find(l, r->node->start, "rule %zu matches everything, so those after it never serve", r->number);
}

static void check_service(struct lint *l, const struct view_rule *r, enum ingress_fault fault)
{
	if (r->fault == fault)
		lint_find(l, place(r, r->service), "rule %zu: %s", r->number, r->fault_err.text);
}

static void service_address(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	check_service(l, r, INGRESS_SERVICE_ADDRESS);
	/* "127.0.0.1:8080" fails in parsing, and for the same reason. */
	if (r->fault == INGRESS_SERVICE_URL && strstr(r->text, "://") == NULL)
		check_service(l, r, INGRESS_SERVICE_URL);
}

static void service_path(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	check_service(l, r, INGRESS_SERVICE_PATH);
}

static void service_url(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (strstr(r->text, "://") != NULL)
		check_service(l, r, INGRESS_SERVICE_URL);
}

static void status_code(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	check_service(l, r, INGRESS_STATUS_CODE);
	if (r->fault == INGRESS_OK && r->target.kind == INGRESS_STATUS &&
		(r->target.status < 200 || r->target.status > 599))
		lint_find_as(l, RULEBOOK_WARNING, place(r, r->service), "rule %zu: %d is no status of HTTP",
			r->number, r->target.status);
}

static void hostname_port(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct span host;

	(void)v;
	if (hostname_split_port(span_str(r->host), &host))
		lint_find(l, place(r, r->hostname), "rule %zu: hostname \"%s\" has a port or is a URL",
			r->number, r->host);
}

static void hostname_wildcard(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (hostname_has_bad_wildcard(span_str(r->host)))
		lint_find(l, place(r, r->hostname),
			"rule %zu: \"*\" may only be the first label, as in *.example.com", r->number);
}

/* The construct, for people who know other dialects. */
static const char *construct_of(const char *expr)
{
	static const char *const known[][2] = {{"(?!", " (negative look-ahead does not exist in RE2)"},
		{"(?=", " (look-ahead does not exist in RE2)"},
		{"(?<!", " (look-behind does not exist in RE2)"},
		{"(?<=", " (look-behind does not exist in RE2)"},
		{"(?>", " (atomic groups do not exist in RE2)"}};

	if (expr[0] == '*')
		return " (this is an expression, no file pattern)";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strstr(expr, known[i][0]) != NULL)
			return known[i][1];
	for (const char *c = expr; c[0] != '\0'; c++)
		if (c[0] == '\\' && c[1] >= '1' && c[1] <= '9')
			return " (back references do not exist in RE2)";
	return "";
}

static void regex(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (r->expr[0] != '\0' && r->rx == NULL)
		lint_find(l, place(r, r->path), "rule %zu: path is no expression: %s%s", r->number,
			r->rx_err.text, construct_of(r->expr));
}

static void check_ip_rules(struct lint *l, const struct yaml_node *list, enum rulebook_severity severity)
{
	tree_each (item, list) {
		const struct yaml_node *prefix = tree_value(item, "prefix");
		if (tree_first(item, YAML_MAPPING) != NULL &&
			(prefix == NULL || !ingress_is_cidr(tree_text(prefix))))
			lint_find_as(l, severity, (prefix != NULL ? prefix : item)->start,
				"\"%.*s\" is no ADDRESS/BITS", (int)tree_text(prefix).len,
				tree_text(prefix).p);
		tree_each (port, tree_value(item, "ports")) {
			int64_t number = tree_int(port, 1);
			if (number < 1 || number > 65535)
				lint_find_as(l, severity, port->start, "port %lld is not between 1 and 65535",
					(long long)number);
		}
	}
}

static void ip_rules(struct lint *l, const struct view *v)
{
	check_ip_rules(l, tree_value(v->global, "ipRules"), RULEBOOK_WARNING);
	for (size_t i = 0; i < v->count; i++) {
		const struct view_rule *r = &v->rules[i];
		bool acts = r->fault == INGRESS_OK && r->target.kind == INGRESS_SOCKS_PROXY;
		check_ip_rules(
			l, tree_value(r->options, "ipRules"), acts ? RULEBOOK_ERROR : RULEBOOK_WARNING);
	}
}

static void check_access(struct lint *l, const struct yaml_node *access, enum rulebook_severity severity)
{
	if (access != NULL && tree_bool(tree_value(access, "required"), false) &&
		tree_text(tree_value(access, "teamName")).len == 0 &&
		tree_first(tree_value(access, "audTag"), YAML_SEQUENCE) != NULL)
		lint_find_as(l, severity, access->start, "access has audTag and no teamName");
}

static void access_team(struct lint *l, const struct view *v)
{
	check_access(l, tree_value(v->global, "access"), RULEBOOK_WARNING);
	for (size_t i = 0; i < v->count; i++)
		check_access(l, tree_value(v->rules[i].options, "access"), RULEBOOK_ERROR);
}

/* The last of the checks: what cloudflared refuses is an error here, whatever the others have seen. */
static void agree(struct lint *l, const struct view *v)
{
	static const char *const ids[] = {[INGRESS_NO_CONFIG_FILE] = "IL005",
		[INGRESS_YAML_SYNTAX] = "IL001",
		[INGRESS_YAML_TYPE] = "IL002",
		[INGRESS_YAML_DUPLICATE_KEY] = "IL004",
		[INGRESS_SETTING_TYPE] = "IL017",
		[INGRESS_NO_RULES] = "IL005",
		[INGRESS_SERVICE_ADDRESS] = "IL008",
		[INGRESS_SERVICE_PATH] = "IL009",
		[INGRESS_SERVICE_URL] = "IL010",
		[INGRESS_STATUS_CODE] = "IL011",
		[INGRESS_HOSTNAME_PORT] = "IL012",
		[INGRESS_HOSTNAME_WILDCARD] = "IL013",
		[INGRESS_LAST_RULE_NOT_CATCH_ALL] = "IL006",
		[INGRESS_EARLY_CATCH_ALL] = "IL007",
		[INGRESS_REGEX] = "IL015",
		[INGRESS_IP_RULE] = "IL019",
		[INGRESS_ACCESS_TEAM] = "IL020",
		[INGRESS_URL_SETTING] = "IL018"};

	for (size_t i = 0; i < l->count; i++)
		if (l->findings[i].severity == RULEBOOK_ERROR && l->findings[i].file == v->origin.file)
			return;
	if (v->fault == INGRESS_OK)
		return;
	l->rule = rulebook_find(span_str(ids[v->fault]));
	lint_find(l, v->error.at, "%s", v->error.err.text);
}

const struct lint_check checks_refused[] = {
	{"IL001", NULL, yaml_syntax},
	{"IL002", NULL, wrong_type},
	{"IL003", NULL, duration_without_unit},
	{"IL004", NULL, duplicate_key},
	{"IL005", NULL, no_rules},
	{"IL006", NULL, missing_catch_all},
	{"IL007", early_catch_all, NULL},
	{"IL008", service_address, NULL},
	{"IL009", service_path, NULL},
	{"IL010", service_url, NULL},
	{"IL011", status_code, NULL},
	{"IL012", hostname_port, NULL},
	{"IL013", hostname_wildcard, NULL},
	{"IL015", regex, NULL},
	{"IL017", NULL, setting_type},
	{"IL018", NULL, url_setting},
	{"IL019", NULL, ip_rules},
	{"IL020", NULL, access_team},
	{"IL001", NULL, agree},
	{0},
};
