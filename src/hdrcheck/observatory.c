/* The Observatory's table of results, its score, and the tests that fit a screen. */
#include <stdlib.h>

#include "common/proto/sfield.h"
#include "hdrcheck/observatory.h"
#include "hdrcheck/text.h"

#define HSTS_SIX_MONTHS 15552000 /* seconds */
#define LONG_VALUE 1024          /* characters that are looked at: HSTS, X-Frame-Options */
#define SHORT_VALUE 256          /* of the others */

static const struct obs_result results[] = {
	{"csp-implemented-with-no-unsafe-default-src-none", 10, 10, true},
	{"csp-implemented-with-no-unsafe", 5, 5, true},
	{"csp-implemented-with-unsafe-inline-in-style-src-only", 0, 0, true},
	{"csp-implemented-but-duplicate-directives", 0, 0, true},
	{"csp-implemented-with-insecure-scheme-in-passive-content-only", -10, -10, true},
	{"csp-implemented-with-unsafe-eval", -10, -10, false},
	{"csp-implemented-with-unsafe-inline", -20, -20, false},
	{"csp-implemented-with-insecure-scheme", -20, -20, false},
	{"csp-header-invalid", -25, -25, false},
	{"csp-not-implemented", -25, -25, false},
	{"csp-not-implemented-but-reporting-enabled", -25, -25, false},
	{"cookies-secure-with-httponly-sessions-and-samesite", 5, 5, true},
	{"cookies-secure-with-httponly-sessions", 0, 0, true},
	{"cookies-not-found", 0, 0, true},
	{"cookies-without-secure-flag-but-protected-by-hsts", -5, -5, false},
	{"cookies-session-without-secure-flag-but-protected-by-hsts", -10, -10, false},
	{"cookies-without-secure-flag", -20, -20, false},
	{"cookies-samesite-flag-invalid", -20, -20, false},
	{"cookies-anticsrf-without-samesite-flag", -20, -20, false},
	{"cookies-session-without-httponly-flag", -30, -30, false},
	{"cookies-session-without-secure-flag", -40, -40, false},
	{"cross-origin-resource-sharing-not-implemented", 0, 0, true},
	{"cross-origin-resource-sharing-implemented-with-public-access", 0, 0, true},
	{"cross-origin-resource-sharing-implemented-with-restricted-access", 0, 0, true},
	{"cross-origin-resource-sharing-implemented-with-universal-access", -50, -50, false},
	{"redirection-to-https", 0, 0, true},
	{"redirection-not-needed-no-http", 0, 0, true},
	{"redirection-all-redirects-preloaded", 0, 0, true},
	{"redirection-off-host-from-http", -5, -5, false},
	{"redirection-not-to-https-on-initial-redirection", -10, -10, false},
	{"redirection-not-to-https", -20, -20, false},
	{"redirection-missing", -20, -20, false},
	{"redirection-invalid-cert", -20, -20, false},
	{"referrer-policy-private", 5, 5, true},
	{"referrer-policy-not-implemented", 0, 0, true},
	{"referrer-policy-unsafe", -5, -5, false},
	{"referrer-policy-header-invalid", -5, -5, false},
	{"hsts-preloaded", 5, 5, true},
	{"hsts-implemented-max-age-at-least-six-months", 0, 0, true},
	{"hsts-implemented-max-age-less-than-six-months", -10, -10, false},
	{"hsts-not-implemented", -20, -20, false},
	{"hsts-header-invalid", -20, -20, false},
	{"hsts-not-implemented-no-https", -20, -20, false},
	{"hsts-invalid-cert", -20, -20, false},
	{"sri-implemented-and-all-scripts-loaded-securely", 5, 5, true},
	{"sri-implemented-and-external-scripts-loaded-securely", 5, 5, true},
	{"sri-not-implemented-response-not-html", 0, 0, true},
	{"sri-not-implemented-but-no-scripts-loaded", 0, 0, true},
	{"sri-not-implemented-but-all-scripts-loaded-from-secure-origin", 0, 0, true},
	{"sri-not-implemented-but-external-scripts-loaded-securely", -5, -5, false},
	{"sri-implemented-but-external-scripts-not-loaded-securely", -20, -20, false},
	{"sri-not-implemented-and-external-scripts-not-loaded-securely", -50, -50, false},
	{"x-content-type-options-nosniff", 0, 0, true},
	{"x-content-type-options-not-implemented", -5, -5, false},
	{"x-content-type-options-header-invalid", -5, -5, false},
	{"x-frame-options-implemented-via-csp", 5, 5, true},
	{"x-frame-options-sameorigin-or-deny", 0, 5, true},
	{"x-frame-options-allow-from-origin", 0, 0, true},
	{"x-frame-options-not-implemented", -20, -20, false},
	{"x-frame-options-header-invalid", -20, -20, false},
	{"corp-implemented-with-same-origin", 10, 10, true},
	{"corp-implemented-with-same-site", 10, 10, true},
	{"corp-not-implemented", 0, 0, true},
	{"corp-implemented-with-cross-origin", 0, 0, true},
	{"corp-header-invalid", -5, -5, false},
	{"coop-implemented-with-same-origin", 10, 10, true},
	{"coop-implemented-with-same-origin-allow-popups", 10, 10, true},
	{"coop-implemented-with-noopener-allow-popups", 10, 10, true},
	{"coop-implemented-with-unsafe-none", 0, 0, true},
	{"coop-not-implemented", 0, 0, true},
	{"coop-header-invalid", -5, -5, false},
	{"coep-implemented-with-require-corp", 10, 10, true},
	{"coep-implemented-with-credentialless", 10, 10, true},
	{"coep-implemented-with-unsafe-none", 0, 0, true},
	{"coep-not-implemented", 0, 0, true},
	{"coep-header-invalid", -5, -5, false},
};

const struct obs_result *obs_result(const char *name)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (strcmp(results[i].name, name) == 0)
			return &results[i];
	abort(); /* a name that is misspelt here */
}

const char *observatory_test_name(enum obs_test test)
{
	static const char *const names[OBS_TESTS] = {
		[OBS_CSP] = "content-security-policy",
		[OBS_COOKIES] = "cookies",
		[OBS_CORS] = "cross-origin-resource-sharing",
		[OBS_REDIRECTION] = "redirection",
		[OBS_REFERRER] = "referrer-policy",
		[OBS_HSTS] = "strict-transport-security",
		[OBS_SRI] = "subresource-integrity",
		[OBS_XCTO] = "x-content-type-options",
		[OBS_XFO] = "x-frame-options",
		[OBS_CORP] = "cross-origin-resource-policy",
		[OBS_COEP] = "cross-origin-embedder-policy",
		[OBS_COOP] = "cross-origin-opener-policy",
	};

	return names[test];
}

bool observatory_is_html(const struct response *r)
{
	struct span type = response_type(r);

	return span_eq(type, SPAN("text/html")) || span_eq(type, SPAN("application/xhtml+xml"));
}

bool obs_sees(const struct obs_scan *s, const struct html_element *e)
{
	bool is_html = observatory_is_html(s->r);

	if (s->algorithm >= 6)
		return is_html || (e->kind == HTML_SCRIPT && response_type(s->r).len == 0);
	return is_html && !e->in_template && !(e->kind == HTML_META && e->in_noscript);
}

/* The first max characters of a header's joined value, lower case, without white space around. */
static struct span value_of(const struct obs_scan *s, const char *name, size_t max)
{
	struct span value = response_value(s->arena, &s->r->headers, name);

	return value.len > 0 ? text_lower(s->arena, text_trim(text_first(value, max))) : value;
}

/* --- Strict-Transport-Security --- */

/* As parseInt reads a number: false when it is none. */
static bool leading_number(struct span s, double *out)
{
	double n = 0;
	bool minus = false;
	size_t i = 0;

	s = text_trim(s);
	if (s.len > 0 && (s.p[0] == '-' || s.p[0] == '+'))
		minus = s.p[i++] == '-';
	size_t digits = i;
	for (; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		n = n * 10 + (s.p[i] - '0');
	*out = minus ? -n : n;
	return i > digits;
}

static const struct obs_result *hsts_header(const struct obs_scan *s)
{
	struct span raw = response_value(s->arena, &s->r->headers, "strict-transport-security"), part;
	struct span value = text_first(raw, LONG_VALUE);
	bool found = false, is_number = false;
	double age = 0;

	if (raw.p == NULL)
		return obs_result("hsts-not-implemented");
	if (span_find(value, ',') < value.len)
		return obs_result("hsts-header-invalid");
	while (text_piece(&value, ';', &part)) {
		part = text_trim(part);
		if (!span_starts_nocase(part, SPAN("max-age=")))
			continue;
		found = true;
		is_number = leading_number(span_skip(part, 8), &age);
	}
	if (!found)
		return obs_result("hsts-header-invalid");
	/* What is no number is not less than anything. */
	if (is_number && age < HSTS_SIX_MONTHS)
		return obs_result("hsts-implemented-max-age-less-than-six-months");
	return obs_result("hsts-implemented-max-age-at-least-six-months");
}

static const struct obs_result *obs_hsts(const struct obs_scan *s)
{
	if (s->r->https == HTTPS_NONE)
		return obs_result("hsts-not-implemented-no-https");
	if (names_is_preloaded(s->names, s->r->host))
		return obs_result("hsts-preloaded");
	if (s->r->https == HTTPS_INVALID)
		return obs_result("hsts-invalid-cert");
	return hsts_header(s);
}

/* --- Redirection --- */

static bool all_preloaded(const struct obs_scan *s)
{
	struct url url;
	struct err err;

	for (size_t i = 0; i < s->r->http_chain_count; i++)
		if (url_parse(s->r->http_chain[i].url, &url, &err) < 0 ||
			!names_is_preloaded(s->names, url.host))
			return false;
	return true;
}

static const struct obs_result *obs_redirection(const struct obs_scan *s)
{
	const struct response_step *chain = s->r->http_chain;
	size_t count = s->r->http_chain_count;
	struct url first, second;
	struct err err;

	if (!s->r->has_http_chain)
		return obs_result("redirection-not-needed-no-http");
	if (s->r->https == HTTPS_INVALID && span_starts_nocase(chain[count - 1].url, SPAN("https:")))
		return obs_result("redirection-invalid-cert");
	if (all_preloaded(s))
		return obs_result("redirection-all-redirects-preloaded");
	if (count == 1)
		return obs_result("redirection-missing");
	if (!span_starts_nocase(chain[count - 1].url, SPAN("https:")))
		return obs_result("redirection-not-to-https");
	if (span_starts_nocase(chain[1].url, SPAN("http:")))
		return obs_result("redirection-not-to-https-on-initial-redirection");
	if (span_starts_nocase(chain[0].url, SPAN("http:")) && url_parse(chain[0].url, &first, &err) == 0 &&
		url_parse(chain[1].url, &second, &err) == 0 && !span_eq_nocase(first.host, second.host))
		return obs_result("redirection-off-host-from-http");
	return obs_result("redirection-to-https");
}

/* --- Referrer-Policy --- */

static const struct {
	const char *token;
	bool is_private;
} referrer_tokens[] = {
	{"no-referrer", true},
	{"same-origin", true},
	{"strict-origin", true},
	{"strict-origin-when-cross-origin", true},
	{"no-referrer-when-downgrade", false},
	{"origin", false},
	{"origin-when-cross-origin", false},
	{"unsafe-url", false},
};

/* The last meta element of that name which says something, in what the algorithm's HTML parser sees. */
static struct span referrer_meta(const struct obs_scan *s)
{
	struct span last = {0};

	for (size_t i = 0; i < s->html->count; i++) {
		const struct html_element *e = &s->html->at[i];
		if (e->kind != HTML_META || !obs_sees(s, e))
			continue;
		if ((e->http_equiv.p == NULL || e->content.p == NULL) && e->content.len > 0 &&
			span_eq_nocase(text_trim(e->name), SPAN("referrer")))
			last = e->content;
	}
	return last;
}

static const struct obs_result *obs_referrer(const struct obs_scan *s)
{
	const struct obs_result *result = obs_result("referrer-policy-header-invalid");
	struct span header = response_value(s->arena, &s->r->headers, "referrer-policy");
	struct span values[] = {header, referrer_meta(s)}, token;

	if (values[0].p == NULL && values[1].p == NULL)
		return obs_result("referrer-policy-not-implemented");
	for (size_t v = 0; v < 2; v++)
		while (text_piece(&values[v], ',', &token))
			for (size_t i = 0; i < sizeof(referrer_tokens) / sizeof(referrer_tokens[0]); i++)
				if (span_eq_nocase(text_trim(token), span_str(referrer_tokens[i].token)))
					result = obs_result(referrer_tokens[i].is_private
								    ? "referrer-policy-private"
								    : "referrer-policy-unsafe");
	return result;
}

/* --- Tests of one word --- */

static const struct obs_result *obs_xcto(const struct obs_scan *s)
{
	struct span value = value_of(s, "x-content-type-options", SHORT_VALUE);

	if (response_value(s->arena, &s->r->headers, "x-content-type-options").len == 0)
		return obs_result("x-content-type-options-not-implemented");
	if (span_eq(value, SPAN("nosniff")))
		return obs_result("x-content-type-options-nosniff");
	return obs_result("x-content-type-options-header-invalid");
}

static const struct obs_result *obs_xfo(const struct obs_scan *s, const struct obs_csp *csp)
{
	struct span value = value_of(s, "x-frame-options", LONG_VALUE);

	if (csp->has_frame_ancestors)
		return obs_result("x-frame-options-implemented-via-csp");
	if (response_value(s->arena, &s->r->headers, "x-frame-options").len == 0)
		return obs_result("x-frame-options-not-implemented");
	if (span_eq(value, SPAN("deny")) || span_eq(value, SPAN("sameorigin")))
		return obs_result("x-frame-options-sameorigin-or-deny");
	if (span_starts(value, SPAN("allow-from")))
		return obs_result("x-frame-options-allow-from-origin");
	return obs_result("x-frame-options-header-invalid");
}

static const struct obs_result *obs_corp(const struct obs_scan *s)
{
	struct span value = value_of(s, "cross-origin-resource-policy", SHORT_VALUE);

	if (response_value(s->arena, &s->r->headers, "cross-origin-resource-policy").len == 0)
		return obs_result("corp-not-implemented");
	if (span_eq(value, SPAN("same-origin")))
		return obs_result("corp-implemented-with-same-origin");
	if (span_eq(value, SPAN("same-site")))
		return obs_result("corp-implemented-with-same-site");
	if (span_eq(value, SPAN("cross-origin")))
		return obs_result("corp-implemented-with-cross-origin");
	return obs_result("corp-header-invalid");
}

/* COOP and COEP: an item of RFC 9651 that is one of the tokens. */
static const struct obs_result *token_item(
	const struct obs_scan *s, const char *header, const char *test, const char *const *tokens)
{
	struct span value = response_value(s->arena, &s->r->headers, header);
	struct sfield item;

	if (value.len == 0)
		return obs_result(arena_printf(s->arena, "%s-not-implemented", test));
	if (sfield_item(value, &item) && item.kind == SFIELD_TOKEN)
		for (; *tokens != NULL; tokens++)
			if (span_eq(item.text, span_str(*tokens)))
				return obs_result(
					arena_printf(s->arena, "%s-implemented-with-%s", test, *tokens));
	return obs_result(arena_printf(s->arena, "%s-header-invalid", test));
}

static const struct obs_result *obs_coop(const struct obs_scan *s)
{
	static const char *const tokens[] = {
		"same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none", NULL};

	return token_item(s, "cross-origin-opener-policy", "coop", tokens);
}

static const struct obs_result *obs_coep(const struct obs_scan *s)
{
	static const char *const tokens[] = {"require-corp", "credentialless", "unsafe-none", NULL};

	return token_item(s, "cross-origin-embedder-policy", "coep", tokens);
}

static const struct obs_result *obs_cors(const struct obs_scan *s)
{
	const struct response *r = s->r;
	struct span origin = response_value(s->arena, &r->cors, "access-control-allow-origin");
	struct span with = response_value(s->arena, &r->cors, "access-control-allow-credentials");

	if (!r->has_cors || r->cors_status < 200 || r->cors_status > 299 || origin.len == 0)
		return obs_result("cross-origin-resource-sharing-not-implemented");
	origin = text_trim(text_first(origin, SHORT_VALUE));
	if (span_eq(origin, SPAN("*")))
		return obs_result("cross-origin-resource-sharing-implemented-with-public-access");
	if (span_eq(origin, r->cors_origin) && span_eq_nocase(text_trim(with), SPAN("true")))
		return obs_result("cross-origin-resource-sharing-implemented-with-universal-access");
	return obs_result("cross-origin-resource-sharing-implemented-with-restricted-access");
}

/* --- Score --- */

#define BONUS_FROM 90 /* with less than that, bonuses do not count */

static const struct {
	int from;
	const char *grade;
} grades[] = {
	{100, "A+"},
	{90, "A"},
	{85, "A-"},
	{80, "B+"},
	{70, "B"},
	{65, "B-"},
	{60, "C+"},
	{50, "C"},
	{45, "C-"},
	{40, "D+"},
	{30, "D"},
	{25, "D-"},
	{0, "F"},
};
#define GRADES (sizeof(grades) / sizeof(grades[0]))

int observatory_modifier(const struct observatory *o, enum obs_test test)
{
	return o->algorithm < 6 ? o->tests[test]->modifier : o->tests[test]->modifier_6;
}

static void score(struct observatory *o)
{
	int penalties = 0, bonuses = 0;

	for (enum obs_test t = 0; t < OBS_TESTS; t++) {
		int points = o->tests[t] != NULL ? observatory_modifier(o, t) : 0;
		penalties += points < 0 ? points : 0;
		bonuses += points > 0 ? points : 0;
	}
	o->score = 100 + penalties;
	if (o->score >= BONUS_FROM)
		o->score += bonuses;
	o->score = o->score > 0 ? o->score : 0;
	for (size_t i = 0; i < GRADES && o->grade == NULL; i++)
		if (o->score >= grades[i].from)
			o->grade = grades[i].grade;
}

int observatory_grade_at_least(const char *a, const char *b)
{
	size_t of_a = GRADES, of_b = GRADES;

	for (size_t i = 0; i < GRADES; i++) {
		of_a = strcmp(grades[i].grade, a) == 0 ? i : of_a;
		of_b = strcmp(grades[i].grade, b) == 0 ? i : of_b;
	}
	return of_b == GRADES ? -1 : of_a <= of_b;
}

void observatory_judge(const struct obs_scan *s, struct observatory *o)
{
	int status = s->r->status;

	*o = (struct observatory){.algorithm = s->algorithm};
	o->tests[OBS_CSP] = obs_csp(s, &o->csp);
	o->tests[OBS_HSTS] = obs_hsts(s);
	o->tests[OBS_COOKIES] = obs_cookies(s, o->tests[OBS_HSTS]->pass);
	o->tests[OBS_CORS] = obs_cors(s);
	o->tests[OBS_REDIRECTION] = obs_redirection(s);
	o->tests[OBS_REFERRER] = obs_referrer(s);
	o->tests[OBS_SRI] = obs_sri(s);
	o->tests[OBS_XCTO] = obs_xcto(s);
	o->tests[OBS_XFO] = obs_xfo(s, &o->csp);
	o->tests[OBS_CORP] = obs_corp(s);
	if (s->algorithm >= 6) {
		o->tests[OBS_COEP] = obs_coep(s);
		o->tests[OBS_COOP] = obs_coop(s);
	}
	score(o);
	o->scored = status >= 200 && (status < 400 || status == 401 || status == 403);
}
