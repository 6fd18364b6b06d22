/* csp_evaluator's checks, in its order. */
#include "hdrcheck/evaluator.h"
#include "common/base/map.h"
#include "hdrcheck/bypass.h"
#include "hdrcheck/text.h"

/* --- Its view of a policy --- */

struct view {
	struct csp_directive *at;
	size_t count;
};

struct eval {
	struct arena *arena;
	const struct bypass_list *bypass;
	struct eval_list *out;
	size_t policy;
	bool meta;
	struct view parsed;
	struct view effective; /* without what nonces, hashes and 'strict-dynamic' make browsers ignore */
};

static const char *const keywords[] = {"'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "'wasm-eval'",
	"'wasm-unsafe-eval'", "'strict-dynamic'", "'unsafe-hashed-attributes'", "'unsafe-hashes'",
	"'report-sample'", "'block'", "'allow'", "'inline-speculation-rules'", NULL};

static const char *const directives[] = {"child-src", "connect-src", "default-src", "font-src", "frame-src",
	"img-src", "manifest-src", "media-src", "object-src", "prefetch-src", "script-src", "style-src",
	"worker-src", "script-src-attr", "script-src-elem", "style-src-attr", "style-src-elem", "base-uri",
	"plugin-types", "sandbox", "disown-opener", "form-action", "frame-ancestors", "navigate-to",
	"report-to", "report-uri", "block-all-mixed-content", "upgrade-insecure-requests", "reflected-xss",
	"referrer", "require-sri-for", "trusted-types", "require-trusted-types-for", "webrtc", NULL};

static bool is_in(struct span s, const char *const *list)
{
	for (; *list != NULL; list++)
		if (span_eq(s, span_str(*list)))
			return true;
	return false;
}

static bool is_scheme(struct span s)
{
	return csp_classify(s) == CSP_SCHEME;
}

static bool lists(const struct csp_directive *d, const char *value)
{
	for (size_t i = 0; d != NULL && i < d->count; i++)
		if (span_eq(d->values[i], span_str(value)))
			return true;
	return false;
}

/* Each value once. */
static void normalise_values(struct arena *a, struct span rest, struct csp_directive *d)
{
	struct map seen = {0};
	struct span word;

	while (text_word(&rest, &word)) {
		struct span lower = text_lower(a, word);
		struct span value = is_in(lower, keywords) || is_scheme(word) ? lower : word;
		if (map_get(&seen, value) != NULL)
			continue;
		map_put(&seen, value, d);
		d->values = arena_more(a, d->values, d->count, sizeof(value));
		d->values[d->count++] = value;
	}
	map_free(&seen);
}

static struct csp_directive *find(const struct view *v, const char *name)
{
	for (size_t i = 0; i < v->count; i++)
		if (span_eq(v->at[i].name, span_str(name)))
			return &v->at[i];
	return NULL;
}

static void normalise(struct arena *a, struct span text, struct view *out)
{
	struct span piece, word;
	struct map seen = {0};

	*out = (struct view){0};
	while (text_piece(&text, ';', &piece)) {
		struct csp_directive d = {0};
		if (!text_word(&piece, &word))
			continue;
		d.name = text_lower(a, word);
		if (map_get(&seen, d.name) != NULL)
			continue;
		map_put(&seen, d.name, out);
		normalise_values(a, piece, &d);
		out->at = arena_more(a, out->at, out->count, sizeof(d));
		out->at[out->count++] = d;
	}
	map_free(&seen);
}

/* The name it would look under: not the standard's fallback. */
static const char *effective_name(const struct view *v, const char *name)
{
	if (find(v, name) != NULL)
		return name;
	if (strncmp(name, "script-src-", 11) == 0 && find(v, "script-src") != NULL)
		return "script-src";
	size_t len = strlen(name);
	bool fetch =
		(len > 4 && strcmp(name + len - 4, "-src") == 0) || strncmp(name, "script-src-", 11) == 0;
	return fetch ? "default-src" : name;
}

static struct csp_directive *effective(const struct view *v, const char *name)
{
	return find(v, effective_name(v, name));
}

/* --- Nonces and hashes, in its strict sense --- */

static bool is_base64_quoted(struct span s, struct span prefix)
{
	return span_starts(s, prefix) && (csp_classify(s) == CSP_NONCE || csp_classify(s) == CSP_HASH);
}

static bool is_nonce(struct span s)
{
	return is_base64_quoted(s, SPAN("'nonce-"));
}

static bool is_hash(struct span s)
{
	return is_base64_quoted(s, SPAN("'sha256-")) || is_base64_quoted(s, SPAN("'sha384-")) ||
	       is_base64_quoted(s, SPAN("'sha512-"));
}

static bool any(const struct csp_directive *d, bool (*is)(struct span))
{
	for (size_t i = 0; d != NULL && i < d->count; i++)
		if (is(d->values[i]))
			return true;
	return false;
}

/* --- Findings --- */

static void report(
	struct eval *e, const char *type, const char *severity, const char *directive, struct span value)
{
	struct eval_list *out = e->out;

	out->at = arena_more(e->arena, out->at, out->count, sizeof(*out->at));
	out->at[out->count++] =
		(struct eval_finding){e->policy, e->meta, type, severity, span_str(directive), value};
}

static const struct span whole = {NULL, 0};

static void drop(struct csp_directive *d, struct span value)
{
	for (size_t i = 0; i < d->count; i++)
		if (span_eq(d->values[i], value)) {
			memmove(&d->values[i], &d->values[i + 1], (d->count - i - 1) * sizeof(value));
			d->count--;
			return;
		}
}

static const char *const script_directives[] = {"script-src", "script-src-attr", "script-src-elem"};
#define SCRIPT_DIRECTIVES 3

/* Make e->effective, reporting what is taken out: once for each kind of script that a directive governs. */
static void check_ignored(struct eval *e)
{
	for (size_t i = 0; i < SCRIPT_DIRECTIVES; i++) {
		const char *name = effective_name(&e->effective, script_directives[i]);
		struct csp_directive *d = find(&e->effective, name);
		const struct csp_directive *p = find(&e->parsed, name);
		if (d == NULL || p == NULL)
			continue;
		if ((any(d, is_nonce) || any(d, is_hash)) && lists(p, "'unsafe-inline'")) {
			drop(d, SPAN("'unsafe-inline'"));
			report(e, "IGNORED", "NONE", name, SPAN("'unsafe-inline'"));
		}
		for (size_t v = 0; lists(p, "'strict-dynamic'") && v < p->count; v++) {
			struct span value = p->values[v];
			if (value.p[0] == '\'' && !span_eq(value, SPAN("'self'")) &&
				!span_eq(value, SPAN("'unsafe-inline'")))
				continue;
			drop(d, value);
			report(e, "IGNORED", "NONE", name, value);
		}
	}
}

static bool is_unquoted(struct span s)
{
	return s.p[0] != '\'';
}

static bool is_old_fallback(struct span s)
{
	return span_eq(s, SPAN("http:")) || span_eq(s, SPAN("https:")) || span_eq(s, SPAN("*")) ||
	       span_find(s, '.') < s.len;
}

static void check_strict(struct eval *e)
{
	const char *name = effective_name(&e->parsed, "script-src");
	const struct csp_directive *d = find(&e->parsed, name);
	bool trusted = any(d, is_nonce) || any(d, is_hash), dynamic = lists(d, "'strict-dynamic'");

	if (any(d, is_unquoted) && !dynamic)
		report(e, "STRICT_DYNAMIC", "STRICT_CSP", name, whole);
	if (dynamic && !trusted)
		report(e, "STRICT_DYNAMIC_NOT_STANDALONE", "INFO", name, whole);
	if (trusted && !lists(d, "'unsafe-inline'"))
		report(e, "UNSAFE_INLINE_FALLBACK", "STRICT_CSP", name, whole);
	if (dynamic && !any(d, is_old_fallback))
		report(e, "ALLOWLIST_FALLBACK", "STRICT_CSP", name, whole);
	if (!lists(find(&e->parsed, "require-trusted-types-for"), "'script'"))
		report(e, "REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS", "INFO", "require-trusted-types-for", whole);
}

/* Call check once for each directive that governs one of the names. */
static void each_effective(struct eval *e, const char *const *names, size_t count,
	void (*check)(struct eval *e, const char *name, const struct csp_directive *d))
{
	const char *done[8];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const char *name = effective_name(&e->effective, names[i]);
		const struct csp_directive *d = find(&e->effective, name);
		bool again = false;
		for (size_t j = 0; j < n; j++)
			again = again || strcmp(done[j], name) == 0;
		done[n++] = name;
		if (!again && d != NULL)
			check(e, name, d);
	}
}

static void check_inline(struct eval *e, const char *name, const struct csp_directive *d)
{
	if (lists(d, "'unsafe-inline'"))
		report(e, "SCRIPT_UNSAFE_INLINE", "HIGH", name, SPAN("'unsafe-inline'"));
	if (lists(d, "'unsafe-hashes'"))
		report(e, "SCRIPT_UNSAFE_HASHES", "MEDIUM_MAYBE", name, SPAN("'unsafe-hashes'"));
}

static void check_eval(struct eval *e, const char *name, const struct csp_directive *d)
{
	if (lists(d, "'unsafe-eval'"))
		report(e, "SCRIPT_UNSAFE_EVAL", "MEDIUM_MAYBE", name, SPAN("'unsafe-eval'"));
}

static void check_schemes(struct eval *e, const char *name, const struct csp_directive *d)
{
	static const char *const plain[] = {"data:", "http:", "https:", NULL};

	for (size_t i = 0; i < d->count; i++)
		if (is_in(d->values[i], plain))
			report(e, "PLAIN_URL_SCHEMES", "HIGH", name, d->values[i]);
}

static void check_wildcards(struct eval *e, const char *name, const struct csp_directive *d)
{
	for (size_t i = 0; i < d->count; i++)
		if (span_eq(bypass_without_scheme(d->values[i]), SPAN("*")))
			report(e, "PLAIN_WILDCARD", "HIGH", name, d->values[i]);
}

static void check_missing(struct eval *e)
{
	const struct view *v = &e->effective;
	const struct csp_directive *object = find(v, "object-src"), *script = effective(v, "script-src");

	object = object != NULL ? object : find(v, "default-src");
	if (object == NULL || object->count == 0)
		report(e, "MISSING_DIRECTIVES", "HIGH", "object-src", whole);
	if (find(v, "script-src") == NULL && find(v, "default-src") == NULL)
		report(e, "MISSING_DIRECTIVES", "HIGH", "script-src", whole);
	if (find(v, "base-uri") == NULL &&
		(any(script, is_nonce) || (any(script, is_hash) && lists(script, "'strict-dynamic'"))))
		report(e, "MISSING_DIRECTIVES", "HIGH", "base-uri", whole);
}

static void check_script_hosts(struct eval *e, const char *name, const struct csp_directive *d)
{
	bool eval = lists(d, "'unsafe-eval'");

	if (lists(d, "'none'"))
		return;
	for (size_t i = 0; i < d->count; i++) {
		struct span v = d->values[i];
		bool self = span_eq(v, SPAN("'self'"));
		if (!self && (v.p[0] == '\'' || is_scheme(v) || span_find(v, '.') == v.len))
			continue;
		bool hit = !self && bypass_script(e->bypass, v, eval) != NULL;
		report(e, "SCRIPT_ALLOWLIST_BYPASS", hit ? "HIGH" : "MEDIUM_MAYBE", name, v);
	}
}

static void check_objects(struct eval *e)
{
	const char *name = effective_name(&e->effective, "object-src");
	const struct csp_directive *d = find(&e->effective, name),
				   *types = find(&e->effective, "plugin-types");

	if (d == NULL || lists(d, "'none'") ||
		(types != NULL && !lists(types, "application/x-shockwave-flash")))
		return;
	for (size_t i = 0; i < d->count; i++) {
		if (bypass_find(e->bypass->flash, d->values[i]) != NULL)
			report(e, "OBJECT_ALLOWLIST_BYPASS", "HIGH", name, d->values[i]);
		else if (strcmp(name, "object-src") == 0)
			report(e, "OBJECT_ALLOWLIST_BYPASS", "MEDIUM_MAYBE", name, d->values[i]);
	}
}

/* --- Checks of every value --- */

/* A name that the URL standard takes for an IPv4 address: its last label is a number. */
static bool is_ipv4(struct span host)
{
	uint64_t n;

	if (host.len > 0 && host.p[host.len - 1] == '.')
		host.len--;
	size_t dot = span_rfind(host, '.');
	struct span last = dot < host.len ? span_skip(host, dot + 1) : host;
	if (!span_starts_nocase(last, SPAN("0x")))
		return span_to_u64(last, UINT64_MAX, &n);
	for (size_t i = 2; i < last.len; i++)
		if (strchr("0123456789abcdefABCDEF", last.p[i]) == NULL)
			return false;
	return true;
}

static void check_address(struct eval *e, const char *name, struct span v)
{
	struct span path, host = bypass_host(v, &path);

	if (is_ipv4(host) || (host.len > 1 && host.p[0] == '[' && host.p[host.len - 1] == ']'))
		report(e, "IP_SOURCE", "INFO", name, v);
}

static void check_nonce(struct eval *e, const char *name, struct span v)
{
	if (v.len < 9 || !span_starts(v, SPAN("'nonce-")) || v.p[v.len - 1] != '\'')
		return;
	if (text_length(v) < 8 + 8)
		report(e, "NONCE_LENGTH", "MEDIUM", name, v);
	if (!is_nonce(v))
		report(e, "NONCE_CHARSET", "INFO", name, v);
}

static void check_http(struct eval *e, const char *name, struct span v)
{
	if (span_starts(v, SPAN("http://")))
		report(e, "SRC_HTTP", "MEDIUM", name, v);
}

static void check_semicolon(struct eval *e, const char *name, struct span v)
{
	if (is_in(v, directives))
		report(e, "MISSING_SEMICOLON", "SYNTAX", name, v);
}

static bool is_bare_keyword(struct span v)
{
	for (const char *const *k = keywords; *k != NULL; k++)
		if (span_eq(v, span_of(*k + 1, strlen(*k) - 2)))
			return true;
	return span_starts(v, SPAN("nonce-")) || span_starts(v, SPAN("sha256-")) ||
	       span_starts(v, SPAN("sha384-")) || span_starts(v, SPAN("sha512-"));
}

static void check_keyword(struct eval *e, const char *name, struct span v)
{
	bool good = v.p[0] != '\'' || is_in(v, keywords) || is_hash(v) || is_nonce(v);

	if (v.p[0] == '\'' && strcmp(name, "require-trusted-types-for") == 0)
		good = span_eq(v, SPAN("'script'"));
	else if (v.p[0] == '\'' && strcmp(name, "trusted-types") == 0)
		good = span_eq(v, SPAN("'allow-duplicates'")) || span_eq(v, SPAN("'none'"));
	if (!good || is_bare_keyword(v))
		report(e, "INVALID_KEYWORD", "SYNTAX", name, v);
}

static void each_value(struct eval *e, void (*check)(struct eval *e, const char *name, struct span value))
{
	for (size_t i = 0; i < e->effective.count; i++) {
		const struct csp_directive *d = &e->effective.at[i];
		for (size_t v = 0; v < d->count; v++)
			check(e, d->name.p, d->values[v]);
	}
}

static void check_names(struct eval *e)
{
	static const char *const deprecated[] = {
		"reflected-xss", "referrer", "disown-opener", "prefetch-src"};

	for (size_t i = 0; i < sizeof(deprecated) / sizeof(deprecated[0]); i++)
		if (find(&e->effective, deprecated[i]) != NULL)
			report(e, "DEPRECATED_DIRECTIVE", "INFO", deprecated[i], whole);
	for (size_t i = 0; i < e->effective.count; i++)
		if (!is_in(e->effective.at[i].name, directives))
			report(e, "UNKNOWN_DIRECTIVE", "SYNTAX", e->effective.at[i].name.p, whole);
}

static void check_reporting(struct eval *e)
{
	const struct csp_directive *uri = find(&e->parsed, "report-uri"), *to = find(&e->parsed, "report-to");

	if (uri != NULL && uri->count > 0)
		return;
	if (to != NULL && to->count > 0)
		report(e, "REPORT_TO_ONLY", "INFO", "report-to", whole);
	else
		report(e, "REPORTING_DESTINATION_MISSING", "INFO", "report-uri", whole);
}

static void judge(struct eval *e)
{
	static const char *const risky[] = {
		"script-src", "script-src-attr", "script-src-elem", "object-src", "base-uri"};
	static const char *const scripts[] = {"script-src", "script-src-elem"};

	check_ignored(e);
	check_strict(e);
	each_effective(e, script_directives, SCRIPT_DIRECTIVES, check_inline);
	each_effective(e, script_directives, SCRIPT_DIRECTIVES, check_eval);
	each_effective(e, risky, 5, check_schemes);
	each_effective(e, risky, 5, check_wildcards);
	check_missing(e);
	each_effective(e, scripts, 2, check_script_hosts);
	check_objects(e);
	each_value(e, check_address);
	each_value(e, check_nonce);
	each_value(e, check_http);
	check_names(e);
	each_value(e, check_semicolon);
	each_value(e, check_keyword);
	check_reporting(e);
}

void evaluator_judge(struct arena *a, const struct csp_list *policies, const struct bypass_list *bypass,
	struct eval_list *out)
{
	*out = (struct eval_list){0};
	for (size_t i = 0; i < policies->count; i++) {
		const struct csp_policy *p = &policies->at[i];
		struct eval e = {
			.arena = a, .bypass = bypass, .out = out, .policy = i, .meta = p->from == CSP_META};
		if (p->from == CSP_REPORT_ONLY)
			continue;
		normalise(a, p->text, &e.parsed);
		normalise(a, p->text, &e.effective);
		judge(&e);
	}
}
