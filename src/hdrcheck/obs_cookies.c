/* The Observatory's test of cookies: what its jar keeps (tough-cookie, RFC 6265 with prefixes), and the worst of it. */
#include "common/proto/cookie.h"
#include "hdrcheck/observatory.h"
#include "hdrcheck/text.h"

struct kept {
	struct cookie c;
	struct span domain, path;
};

struct jar {
	struct kept *at;
	size_t count;
};

static const char *const same_site_words[] = {"lax", "strict", "none"};

static bool is_same_site(struct span value)
{
	for (size_t i = 0; i < sizeof(same_site_words) / sizeof(same_site_words[0]); i++)
		if (span_eq_nocase(value, span_str(same_site_words[i])))
			return true;
	return false;
}

/* The path of the request up to its last slash (RFC 6265, 5.1.4). */
static struct span default_path(const struct response *r)
{
	size_t slash = span_rfind(r->url.path, '/');

	return slash == 0 || slash == r->url.path.len ? SPAN("/") : span_of(r->url.path.p, slash);
}

static bool jar_takes(const struct obs_scan *s, const struct kept *k, bool host_only)
{
	struct span host = s->r->url.host;

	if (k->c.name.len == 0 || !k->c.has_equals)
		return false;
	if (!host_only) {
		if (names_is_suffix(s->names, k->domain) || !cookie_domain_covers(k->domain, host))
			return false;
	}
	if (span_starts(k->c.name, SPAN("__Secure-")))
		return k->c.secure;
	if (span_starts(k->c.name, SPAN("__Host-")))
		return k->c.secure && host_only && span_eq(k->path, SPAN("/"));
	return true;
}

static void jar_put(const struct obs_scan *s, struct jar *jar, struct span line)
{
	struct kept k = {0};

	if (cookie_parse(line, &k.c) != COOKIE_OK)
		return;
	bool host_only = k.c.domain.len == 0;
	k.domain = text_lower(s->arena, host_only ? s->r->url.host : k.c.domain);
	k.path = k.c.path.len > 0 && k.c.path.p[0] == '/' ? k.c.path : default_path(s->r);
	if (!jar_takes(s, &k, host_only))
		return;
	for (size_t i = 0; i < jar->count; i++)
		if (span_eq(jar->at[i].c.name, k.c.name) && span_eq(jar->at[i].domain, k.domain) &&
			span_eq(jar->at[i].path, k.path)) {
			jar->at[i] = k;
			return;
		}
	jar->at = arena_more(s->arena, jar->at, jar->count, sizeof(k));
	jar->at[jar->count++] = k;
}

/* Does a line have a SameSite that is no word for it, wherever it stands? */
static bool has_bad_same_site(struct span line)
{
	struct span part, value, rest;

	while (text_piece(&line, ';', &part)) {
		struct span key = span_cut(text_trim(part), '=', &rest);
		if (!span_eq_nocase(text_trim(key), SPAN("samesite")))
			continue;
		value = span_cut(rest, '=', &rest);
		if (!is_same_site(text_trim(value)))
			return true;
	}
	return false;
}

/* From the least to the worst. */
static const char *const order[] = {"cookies-without-secure-flag-but-protected-by-hsts",
	"cookies-without-secure-flag", "cookies-session-without-secure-flag-but-protected-by-hsts",
	"cookies-samesite-flag-invalid", "cookies-anticsrf-without-samesite-flag",
	"cookies-session-without-httponly-flag", "cookies-session-without-secure-flag"};
enum {
	NOTHING = -1,
	INSECURE_HSTS,
	INSECURE,
	SESSION_HSTS,
	SAMESITE,
	ANTICSRF,
	SESSION_HTTPONLY,
	SESSION_INSECURE
};

static int max_of(int a, int b)
{
	return a > b ? a : b;
}

static int judge_cookie(struct arena *a, const struct cookie *c, bool hsts)
{
	struct span name = text_lower(a, c->name);
	bool session = text_contains(name, SPAN("login")) || text_contains(name, SPAN("sess"));
	bool has_same_site = is_same_site(c->same_site);
	int worst = NOTHING;

	if (!c->secure && span_eq_nocase(c->same_site, SPAN("none")))
		worst = max_of(worst, SAMESITE);
	if (!c->secure)
		worst = max_of(worst, hsts ? INSECURE_HSTS : INSECURE);
	if (text_contains(name, SPAN("csrf")) && !has_same_site)
		worst = max_of(worst, ANTICSRF);
	if (session && !c->secure)
		worst = max_of(worst, hsts ? SESSION_HSTS : SESSION_INSECURE);
	if (session && !c->http_only)
		worst = max_of(worst, SESSION_HTTPONLY);
	return worst;
}

const struct obs_result *obs_cookies(const struct obs_scan *s, bool hsts_passes)
{
	struct jar jar = {0};
	int worst = NOTHING;
	size_t counted = 0, with_same_site = 0;

	for (size_t i = 0; i < s->r->headers.count; i++) {
		const struct field *f = &s->r->headers.at[i];
		if (!span_eq_nocase(f->name, SPAN("set-cookie")))
			continue;
		jar_put(s, &jar, f->value);
		if (has_bad_same_site(f->value))
			worst = SAMESITE;
	}
	for (size_t i = 0; i < jar.count; i++) {
		const struct cookie *c = &jar.at[i].c;
		if (span_eq(c->name, SPAN("heroku-session-affinity")))
			continue;
		counted++;
		with_same_site += is_same_site(c->same_site);
		worst = max_of(worst, judge_cookie(s->arena, c, hsts_passes));
	}
	if (counted == 0)
		return obs_result("cookies-not-found");
	if (worst != NOTHING)
		return obs_result(order[worst]);
	return obs_result(with_same_site == counted ? "cookies-secure-with-httponly-sessions-and-samesite"
						    : "cookies-secure-with-httponly-sessions");
}
