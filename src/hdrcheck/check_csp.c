/* Findings about Content-Security-Policy: of each policy on its own, and of what all of them together allow. A weakness
 * counts only when every enforced policy has it. */
#include "common/proto/sfield.h"
#include "hdrcheck/audit.h"
#include "hdrcheck/bypass.h"
#include "hdrcheck/text.h"

#define SIZE_MAX_COMMON ((size_t)8 << 10) /* bytes that common proxies hold a header to */
#define CSP_REPORTS "Content-Security-Policy-Report-Only"
#define NONCE_LENGTH 22 /* 128 bits in base64 */

/* --- One policy --- */

static const char *const deprecated[] = {"block-all-mixed-content", "plugin-types", "referrer",
	"reflected-xss", "require-sri-for", "navigate-to", "prefetch-src", "disown-opener"};
static const char *const not_in_meta[] = {"frame-ancestors", "report-uri", "sandbox"};

static bool is_in(struct span s, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_eq(s, span_str(list[i])))
			return true;
	return false;
}
#define IS_IN(s, list) is_in(s, list, sizeof(list) / sizeof((list)[0]))

/* Are the values of this directive source expressions? */
static bool has_sources(struct span name)
{
	return span_ends(name, SPAN("-src")) || span_starts(name, SPAN("script-src-")) ||
	       span_starts(name, SPAN("style-src-")) || span_eq(name, SPAN("base-uri")) ||
	       span_eq(name, SPAN("form-action")) || span_eq(name, SPAN("frame-ancestors"));
}

static bool looks_like_bare_keyword(struct span v)
{
	static const char *const bare[] = {"self", "none", "unsafe-inline", "unsafe-eval", "strict-dynamic",
		"unsafe-hashes", "report-sample", "wasm-unsafe-eval"};

	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
		if (span_eq_nocase(v, span_str(bare[i])))
			return true;
	return span_starts_nocase(v, SPAN("nonce-")) || span_starts_nocase(v, SPAN("sha256-")) ||
	       span_starts_nocase(v, SPAN("sha384-")) || span_starts_nocase(v, SPAN("sha512-"));
}

static bool looks_like_template(struct span v)
{
	return text_contains(v, SPAN("{{")) || text_contains(v, SPAN("${")) || text_contains(v, SPAN("<%")) ||
	       text_contains(v, SPAN("$")) || text_contains(v, SPAN("%NONCE"));
}

static void check_value(struct audit *au, const struct csp_directive *d, struct span v)
{
	enum csp_source kind = csp_classify(v);

	if (csp_is_known_directive(v))
		audit_report(au, "csp-missing-semicolon", NULL, v, "\"%.*s\" stands among the values of %.*s",
			(int)v.len, v.p, (int)d->name.len, d->name.p);
	else if (looks_like_bare_keyword(v))
		audit_report(au, "csp-keyword-quotes", NULL, v,
			"without single quotes, %.*s is the name of a host", (int)v.len, v.p);
	else if (span_starts_nocase(v, SPAN("'nonce-")) && kind != CSP_NONCE && looks_like_template(v))
		audit_report(au, "csp-nonce-template", NULL, v, NULL);
	else if (kind == CSP_BAD)
		audit_report(au, "csp-syntax", NULL, v, "%.*s: %.*s is no source and matches nothing",
			(int)d->name.len, d->name.p, (int)v.len, v.p);
	else if (kind == CSP_NONCE && v.len < NONCE_LENGTH + 8)
		audit_report(au, "csp-nonce-short", NULL, v, NULL);
	else if (csp_is_keyword(v, "'none'") && d->count > 1)
		audit_report(au, "csp-none-ignored", NULL, d->name, NULL);
}

static void check_directive(struct audit *au, const struct csp_policy *p, const struct csp_directive *d)
{
	if (IS_IN(d->name, deprecated))
		audit_report(au, "csp-deprecated-directive", NULL, d->name, NULL);
	else if (!csp_is_known_directive(d->name))
		audit_report(au, "csp-unknown-directive", NULL, d->name, "no browser knows \"%.*s\"",
			(int)d->name.len, d->name.p);
	if (p->from == CSP_META && IS_IN(d->name, not_in_meta))
		audit_report(au, "csp-meta-ignored-directive", NULL, d->name, NULL);
	for (size_t i = 0; has_sources(d->name) && i < d->count; i++)
		check_value(au, d, d->values[i]);
}

/* Is the endpoint declared by Reporting-Endpoints or Report-To? */
static bool is_declared(struct audit *au, struct span name)
{
	struct span rest = response_value(&au->arena, &au->r->headers, "reporting-endpoints"), key;
	struct span old = response_value(&au->arena, &au->r->headers, "report-to");
	struct sfield member;

	while (sfield_dictionary_next(&rest, &key, &member) == SFIELD_NEXT)
		if (span_eq(key, name))
			return true;
	return text_contains(old, span_str(arena_printf(&au->arena, "\"%.*s\"", (int)name.len, name.p)));
}

static void check_reporting(struct audit *au, const struct csp_policy *p)
{
	const struct csp_directive *to = csp_find(p, "report-to"), *uri = csp_find(p, "report-uri");

	if (p->from == CSP_META)
		return;
	if (to != NULL && to->count > 0 && !is_declared(au, to->values[0]))
		audit_report(au, "csp-report-endpoint", NULL, to->values[0], NULL);
	if ((to == NULL || to->count == 0) && (uri == NULL || uri->count == 0))
		audit_report(au, "csp-no-report", NULL, (struct span){0}, NULL);
}

static void check_policy(struct audit *au, const struct csp_policy *p)
{
	if (p->non_ascii)
		audit_report(au, "csp-non-ascii", NULL, p->text, NULL);
	if (p->repeated.len > 0)
		audit_report(au, "csp-duplicate-directive", NULL, p->repeated,
			"%.*s stands there twice: the first counts", (int)p->repeated.len, p->repeated.p);
	if (p->text.len > SIZE_MAX_COMMON)
		audit_report(au, "csp-size", NULL, (struct span){0}, "%zu bytes", p->text.len);
	if (p->late && p->from == CSP_META)
		audit_report(au, "csp-meta-late", NULL, p->text, NULL);
	for (size_t i = 0; i < p->count; i++)
		check_directive(au, p, &p->at[i]);
	check_reporting(au, p);
}

/* --- Policies together: all that are enforced, or what one that reports would do --- */

static bool is_enforced(const struct csp_policy *p)
{
	return p->from != CSP_REPORT_ONLY;
}

/* Does each policy that governs `name` let it pass? False also when none governs it. */
static bool all_allow(
	const struct csp_list *list, const char *name, bool (*allows)(const struct csp_directive *d))
{
	size_t governed = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct csp_directive *d = csp_governing(&list->at[i], name);
		if (d == NULL)
			continue;
		governed++;
		if (!allows(d))
			return false;
	}
	return governed > 0;
}

static bool is_governed(const struct csp_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (csp_governing(&list->at[i], name) != NULL)
			return true;
	return false;
}

/* A meta element cannot say this. */
static bool has_frame_ancestors(const struct csp_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].from != CSP_META && csp_find(&list->at[i], "frame-ancestors") != NULL)
			return true;
	return false;
}

static bool allows_inline(const struct csp_directive *d)
{
	return csp_lists(d, "'unsafe-inline'") && !csp_lists_trusted(d) && !csp_lists(d, "'strict-dynamic'");
}

static bool allows_eval(const struct csp_directive *d)
{
	return csp_lists(d, "'unsafe-eval'");
}

/* With 'strict-dynamic', hosts and schemes do not count. */
static bool is_list_of_hosts(const struct csp_directive *d)
{
	return !csp_lists(d, "'strict-dynamic'");
}

static bool is_broad(struct span v)
{
	static const char *const schemes[] = {"http:", "https:", "data:", "ftp:"};
	struct span path;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (span_eq_nocase(v, span_str(schemes[i])))
			return true;
	return csp_classify(v) == CSP_HOST && span_eq(bypass_host(v, &path), SPAN("*"));
}

static bool any_value(const struct csp_directive *d, bool (*is)(struct span))
{
	for (size_t i = 0; i < d->count; i++)
		if (is(d->values[i]))
			return true;
	return false;
}

static bool allows_broad(const struct csp_directive *d)
{
	return is_list_of_hosts(d) && any_value(d, is_broad);
}

static bool is_blob(struct span v)
{
	return span_eq_nocase(v, SPAN("blob:"));
}

static bool allows_blob(const struct csp_directive *d)
{
	return is_list_of_hosts(d) && any_value(d, is_blob);
}

/* The first source that a list of hosts which defeat policies knows; a NULL pointer: none. */
static struct span bypass_of(const struct audit *au, const struct csp_directive *d)
{
	bool eval = csp_lists(d, "'unsafe-eval'");

	for (size_t i = 0; is_list_of_hosts(d) && i < d->count; i++)
		if (csp_classify(d->values[i]) == CSP_HOST &&
			span_find(d->values[i], '.') < d->values[i].len &&
			bypass_script(names_bypass(au->names), d->values[i], eval) != NULL)
			return d->values[i];
	return (struct span){0};
}

static bool is_host_or_scheme(struct span v)
{
	return csp_classify(v) == CSP_HOST || csp_classify(v) == CSP_SCHEME;
}

static bool allows_any_host(const struct csp_directive *d)
{
	return is_list_of_hosts(d) && any_value(d, is_host_or_scheme);
}

static bool is_http(struct span v)
{
	return span_starts_nocase(v, SPAN("http:"));
}

static const struct {
	const char *id, *directive;
	bool (*allows)(const struct csp_directive *d);
} weaknesses[] = {
	{"csp-script-unsafe-inline", "script-src", allows_inline},
	{"csp-script-broad", "script-src", allows_broad},
	{"csp-script-blob", "script-src", allows_blob},
	{"csp-script-unsafe-eval", "script-src", allows_eval},
	{"csp-style-unsafe-inline", "style-src", allows_inline},
	{"csp-object", "object-src", allows_broad},
};

/* A weakness of all the policies of a list: a finding of its own, or what would become of one that reports. */
struct judged {
	const struct csp_list *list;
	const char *header; /* NULL: the rule's */
	bool reports;       /* beside policies that are enforced */
};

static void report_weakness(struct audit *au, const struct judged *j, const char *id)
{
	if (j->reports)
		audit_report(au, "csp-report-only-weak", NULL, (struct span){0},
			"if it were enforced, %s: %s", id, rule_find(id)->why);
	else
		audit_report(au, id, j->header, (struct span){0}, NULL);
}

/* Every policy that governs scripts has to let such a host pass. */
static bool check_bypass(struct audit *au, const struct judged *j)
{
	struct span source = {0};

	for (size_t i = 0; i < j->list->count; i++) {
		const struct csp_directive *d = csp_governing(&j->list->at[i], "script-src");
		if (d != NULL && (source = bypass_of(au, d)).p == NULL)
			return false;
	}
	if (source.p == NULL)
		return false;
	if (j->reports)
		report_weakness(au, j, "csp-script-bypass-host");
	else
		audit_report(au, "csp-script-bypass-host", j->header, source,
			"%.*s serves scripts or JSONP of anybody's choice, by the list of %s",
			(int)source.len, source.p, names_bypass(au->names)->origin);
	return true;
}

static void check_weaknesses(struct audit *au, const struct judged *j)
{
	bool found = check_bypass(au, j);

	for (size_t i = 0; i < sizeof(weaknesses) / sizeof(weaknesses[0]); i++) {
		if (!all_allow(j->list, weaknesses[i].directive, weaknesses[i].allows))
			continue;
		report_weakness(au, j, weaknesses[i].id);
		found = found || strcmp(weaknesses[i].directive, "script-src") == 0;
	}
	if (!found && all_allow(j->list, "script-src", allows_any_host))
		report_weakness(au, j, "csp-script-host-list");
}

static void check_missing(struct audit *au, const struct judged *j)
{
	static const struct {
		const char *id, *directive;
	} wanted[] = {
		{"csp-no-script-control", "script-src"},
		{"csp-object", "object-src"},
		{"csp-base-uri", "base-uri"},
		{"csp-form-action", "form-action"},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!is_governed(j->list, wanted[i].directive))
			report_weakness(au, j, wanted[i].id);
	if (!has_frame_ancestors(j->list))
		report_weakness(au, j, "csp-frame-ancestors");
}

/* Of csp_collect's order: those that only report come last. */
static struct csp_list part_of(const struct csp_list *all, bool enforced)
{
	size_t n = 0;

	while (n < all->count && is_enforced(&all->at[n]))
		n++;
	if (enforced || n == all->count)
		return (struct csp_list){all->at, enforced ? n : 0};
	return (struct csp_list){all->at + n, all->count - n};
}

static bool script_has_nonce(const struct html *html, struct span nonce)
{
	for (size_t i = 0; i < html->count; i++)
		if (html->at[i].nonce.p != NULL && span_eq(html->at[i].nonce, nonce))
			return true;
	return false;
}

static bool is_cacheable(const struct audit *au)
{
	const struct fields *h = &au->r->headers;
	uint64_t age;

	return header_has_token(h, SPAN("cache-control"), SPAN("public")) ||
	       text_contains(header_value(h, SPAN("cache-control")), SPAN("s-maxage")) ||
	       (span_to_u64(header_value(h, SPAN("age")), INT64_MAX, &age) && age > 0);
}

static bool has_scripts(const struct html *html)
{
	for (size_t i = 0; i < html->count; i++)
		if (html->at[i].kind == HTML_SCRIPT)
			return true;
	return false;
}

static void check_nonces(struct audit *au, const struct csp_policy *p)
{
	const struct csp_directive *d = csp_governing(p, "script-src");

	for (size_t i = 0; d != NULL && i < d->count; i++) {
		struct span v = d->values[i];
		if (csp_classify(v) != CSP_NONCE)
			continue;
		if (text_contains(response_value(&au->arena, &au->r->again, "content-security-policy"), v))
			audit_report(au, "csp-static-nonce", NULL, v, NULL);
		if (is_cacheable(au))
			audit_report(au, "csp-nonce-cacheable", NULL, v, NULL);
		if (has_scripts(&au->html) && !script_has_nonce(&au->html, span_of(v.p + 7, v.len - 8)))
			audit_report(au, "csp-nonce-mismatch", NULL, v, NULL);
	}
}

static void check_http_sources(struct audit *au, const struct csp_policy *p)
{
	for (size_t i = 0; url_is_tls(au->r->url.scheme) && i < p->count; i++)
		if (any_value(&p->at[i], is_http))
			audit_report(au, "csp-http-source", NULL, p->at[i].name, NULL);
}

static bool is_websocket(struct span v)
{
	return span_starts_nocase(v, SPAN("ws:")) || span_starts_nocase(v, SPAN("wss:")) ||
	       span_eq(v, SPAN("*"));
}

static void check_connect(struct audit *au, const struct csp_policy *p)
{
	const struct csp_directive *d = csp_governing(p, "connect-src");

	if (d != NULL && !any_value(d, is_websocket))
		audit_report(au, "csp-ws", NULL, d->name, NULL);
}

static void check_dynamic(struct audit *au, const struct csp_policy *p)
{
	const struct csp_directive *d = csp_governing(p, "script-src");

	if (csp_lists(d, "'strict-dynamic'") && !csp_lists_trusted(d))
		audit_report(au, "csp-strict-dynamic-alone", NULL, d->name, NULL);
}

void check_csp(struct audit *au)
{
	struct csp_list enforced = part_of(&au->csp, true), reporting = part_of(&au->csp, false);
	const struct judged policy = {&enforced, NULL, false},
			    report = {&reporting, CSP_REPORTS, enforced.count > 0};

	for (size_t i = 0; i < au->csp.count; i++) {
		const struct csp_policy *p = &au->csp.at[i];
		check_policy(au, p);
		check_nonces(au, p);
		check_http_sources(au, p);
		check_dynamic(au, p);
		check_connect(au, p);
	}
	if (enforced.count == 0)
		audit_report(au, reporting.count > 0 ? "csp-report-only" : "csp-missing",
			reporting.count > 0 ? CSP_REPORTS : NULL, (struct span){0}, NULL);
	for (int i = 0; i < 2; i++) {
		const struct judged *j = i == 0 ? &policy : &report;
		if (j->list->count == 0)
			continue;
		check_weaknesses(au, j);
		check_missing(au, j);
	}
}
