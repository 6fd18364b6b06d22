/* Findings about Set-Cookie, one line at a time, and about sessions that caches may keep. */
#include "common/proto/cookie.h"
#include "hdrcheck/audit.h"
#include "hdrcheck/text.h"

static const char *const session_words[] = {
	"sess", "login", "auth", "token", "jwt", "connect.sid", "remember"};

/* Does "sid" stand there as a word of its own: sid, JSID_1, my-sid? */
static bool has_sid(struct span name)
{
	for (size_t i = 0; i + 3 <= name.len; i++) {
		if (!span_eq_nocase(span_of(name.p + i, 3), SPAN("sid")))
			continue;
		bool starts = i == 0 || strchr("-_.", name.p[i - 1]) != NULL;
		bool ends = i + 3 == name.len || strchr("-_.", name.p[i + 3]) != NULL;
		if (starts && ends)
			return true;
	}
	return false;
}

static bool is_session(struct audit *au, struct span name)
{
	struct span lower = text_lower(&au->arena, name);

	for (size_t i = 0; i < sizeof(session_words) / sizeof(session_words[0]); i++)
		if (text_contains(lower, span_str(session_words[i])))
			return true;
	return has_sid(lower);
}

/* One that is being deleted protects nothing. */
static bool is_deletion(const struct cookie *c)
{
	if (c->has_max_age)
		return c->max_age <= 0;
	return text_contains(c->expires, SPAN("1970")) || text_contains(c->expires, SPAN("-70 "));
}

static void check_same_site(struct audit *au, const struct cookie *c)
{
	if (!c->has_same_site)
		audit_report(au, "cookie-samesite-missing", NULL, c->name, NULL);
	else if (span_eq_nocase(c->same_site, SPAN("none")) && !c->secure)
		audit_report(au, "cookie-none-insecure", NULL, c->name, NULL);
	else if (!span_eq_nocase(c->same_site, SPAN("none")) && !span_eq_nocase(c->same_site, SPAN("lax")) &&
		 !span_eq_nocase(c->same_site, SPAN("strict")))
		audit_report(au, "cookie-samesite-invalid", NULL, c->name, NULL);
}

static void check_domain(struct audit *au, const struct cookie *c, const struct response *r, bool session)
{
	if (c->domain.len == 0)
		return;
	bool own = span_eq_nocase(c->domain, r->url.host);
	if (!cookie_domain_covers(c->domain, r->url.host) || (!own && names_is_suffix(au->names, c->domain)))
		audit_report(au, "cookie-domain", NULL, c->name,
			"Domain=%.*s is not for %.*s: browsers refuse the cookie", (int)c->domain.len,
			c->domain.p, (int)r->url.host.len, r->url.host.p);
	else if (session)
		audit_report(au, "cookie-domain-wide", NULL, c->name, NULL);
}

static void check_cookie(struct audit *au, const struct cookie *c, const struct response *r, bool session)
{
	bool tls = url_is_tls(r->url.scheme);
	const char *lacks = cookie_prefix_fault(c, tls);

	if (lacks != NULL)
		audit_report(au, "cookie-prefix", NULL, c->name,
			"its prefix asks for %s: browsers refuse the cookie", lacks);
	if (!tls)
		audit_report(
			au, c->secure ? "cookie-secure-on-http" : "cookie-over-http", NULL, c->name, NULL);
	else if (!c->secure)
		audit_report(au, "cookie-insecure", NULL, c->name, NULL);
	if (c->partitioned && !c->secure)
		audit_report(au, "cookie-partitioned", NULL, c->name, NULL);
	if (session && !c->http_only)
		audit_report(au, "cookie-session-script", NULL, c->name, NULL);
	check_same_site(au, c);
	check_domain(au, c, r, session);
}

static bool may_be_cached(const struct response *r)
{
	struct span cache = SPAN("cache-control");

	if (header_has_token(&r->headers, cache, SPAN("no-store")) ||
		header_has_token(&r->headers, cache, SPAN("private")) ||
		header_has_token(&r->headers, cache, SPAN("no-cache")))
		return false;
	return header_has_token(&r->headers, cache, SPAN("public")) ||
	       text_contains(header_value(&r->headers, cache), SPAN("s-maxage"));
}

/* Was the same cookie, by name, domain and path, set by a line before this one? */
static bool is_repeated(const struct response *r, size_t line, const struct cookie *c)
{
	struct cookie other;

	for (size_t i = 0; i < line; i++)
		if (span_eq_nocase(r->headers.at[i].name, SPAN("set-cookie")) &&
			cookie_parse(r->headers.at[i].value, &other) == COOKIE_OK &&
			span_eq(other.name, c->name) && span_eq_nocase(other.domain, c->domain) &&
			span_eq(other.path, c->path))
			return true;
	return false;
}

void check_cookies(struct audit *au, const struct response *r)
{
	bool sessions = false;
	struct cookie c;

	for (size_t i = 0; i < r->headers.count; i++) {
		const struct field *f = &r->headers.at[i];
		if (!span_eq_nocase(f->name, SPAN("set-cookie")))
			continue;
		if (cookie_parse(f->value, &c) != COOKIE_OK) {
			audit_report(au, "cookie-malformed", NULL, c.name, NULL);
			continue;
		}
		if (is_repeated(r, i, &c))
			audit_report(au, "cookie-repeated", NULL, c.name, NULL);
		if (is_deletion(&c))
			continue;
		bool session = is_session(au, c.name);
		sessions = sessions || session;
		check_cookie(au, &c, r, session);
	}
	if (sessions && may_be_cached(r))
		audit_report(
			au, "cookie-cacheable", NULL, header_value(&r->headers, SPAN("cache-control")), NULL);
}
