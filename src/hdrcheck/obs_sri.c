/* The Observatory's test of subresource integrity: where scripts come from and whether they carry a hash. */
#include "hdrcheck/observatory.h"
#include "hdrcheck/text.h"

/* From the best to the worst, in its order: the penalty of the fourth is smaller than that of the third. */
static const char *const order[] = {"sri-implemented-and-all-scripts-loaded-securely",
	"sri-implemented-and-external-scripts-loaded-securely",
	"sri-implemented-but-external-scripts-not-loaded-securely",
	"sri-not-implemented-but-external-scripts-loaded-securely",
	"sri-not-implemented-and-external-scripts-not-loaded-securely"};
enum { NOTHING = -1, ALL_SECURE, EXTERNAL_SECURE, HASH_BUT_INSECURE, SECURE_BUT_NO_HASH, NEITHER };

struct tally {
	size_t scripts;
	bool foreign;
	int worst;
};

static bool is_absolute(struct span src)
{
	return span_starts(src, SPAN("http://")) || span_starts(src, SPAN("https://"));
}

/* The host of an absolute or protocol-relative URL, however odd the rest of it. */
static struct span host_of(struct span src)
{
	struct span rest = span_skip(src, span_find(src, '/') + 2);
	size_t end = 0;

	while (end < rest.len && strchr("/?#\\", rest.p[end]) == NULL)
		end++;
	rest.len = end;
	size_t at = span_rfind(rest, '@');
	if (at < rest.len)
		rest = span_skip(rest, at + 1);
	if (rest.len > 0 && rest.p[0] == '[')
		return span_of(rest.p + 1, span_find(rest, ']') > 0 ? span_find(rest, ']') - 1 : 0);
	rest.len = span_find(rest, ':');
	return rest;
}

/* The scheme, "http:" or "https:", that a URL begins with; else an empty span. */
static struct span scheme_of(struct span url)
{
	size_t len = span_find(url, ':') + 1;
	struct span scheme = span_of(url.p, len <= url.len ? len : 0);

	return span_eq_nocase(scheme, SPAN("http:")) || span_eq_nocase(scheme, SPAN("https:")) ? scheme
											       : SPAN("");
}

/* scheme://rest, in which the slashes that stood there, however many, are two. */
static struct span absolute(struct arena *a, struct span scheme, struct span rest)
{
	while (rest.len > 0 && rest.p[0] == '/')
		rest = span_skip(rest, 1);
	scheme = text_lower(a, scheme);
	return span_str(arena_printf(a, "%.*s//%.*s", (int)scheme.len, scheme.p, (int)rest.len, rest.p));
}

static struct span slashes_turned(struct arena *a, struct span s)
{
	char *p = arena_alloc(a, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		p[i] = (char)(s.p[i] == '\\' ? '/' : s.p[i]);
	return span_of(p, s.len);
}

/* As a browser resolves it against a base, which is absolute or empty. A relative one keeps the path of the base, as that
 * makes no difference here. */
static struct span resolve(struct arena *a, struct span src, struct span base)
{
	struct span url = slashes_turned(a, text_trim(src)), scheme = scheme_of(url),
		    of_base = scheme_of(base);
	struct span rest = span_skip(url, scheme.len);

	if (scheme.len > 0 && ((rest.len > 0 && rest.p[0] == '/') || !span_eq_nocase(scheme, of_base)))
		return absolute(a, scheme, rest);
	if (of_base.len == 0)
		return url;
	if (span_starts(url, SPAN("//")))
		return absolute(a, of_base, url);
	return absolute(a, of_base, host_of(base));
}

static struct span absolute_base(const struct obs_scan *s)
{
	if (s->algorithm >= 6)
		return SPAN("");
	for (size_t i = 0; i < s->html->count; i++) {
		const struct html_element *e = &s->html->at[i];
		if (e->kind == HTML_BASE && e->href.p != NULL && !e->in_template) {
			struct span base = resolve(s->arena, e->href, SPAN(""));
			return is_absolute(base) ? base : SPAN("");
		}
	}
	return SPAN("");
}

static bool same_site(const struct obs_scan *s, struct span host)
{
	struct span one = text_lower(s->arena, names_registered(s->names, host));
	struct span own = text_lower(s->arena, names_registered(s->names, s->r->host));

	return span_eq(one, own);
}

static void count_script(
	const struct obs_scan *s, const struct html_element *e, struct span base, struct tally *t)
{
	struct span src = s->algorithm < 6 ? resolve(s->arena, e->src, base) : e->src;
	bool has_hash = e->integrity.len > 0, secure, foreign;

	if (e->src.len == 0)
		return;
	if (src.len > 2 && span_starts(src, SPAN("//")) && src.p[2] != '/') {
		foreign = true;
		secure = false;
	} else if (is_absolute(src)) {
		foreign = !same_site(s, host_of(src));
		secure = span_starts(src, SPAN("https:"));
	} else {
		foreign = false;
		secure = url_is_tls(s->r->url.scheme);
	}
	t->foreign = t->foreign || foreign;
	int result = NOTHING;
	if (!foreign)
		result = has_hash && secure && t->worst == NOTHING ? ALL_SECURE : NOTHING;
	else if (has_hash != secure)
		result = has_hash ? HASH_BUT_INSECURE : SECURE_BUT_NO_HASH;
	else
		result = has_hash ? NOTHING : NEITHER;
	t->worst = result > t->worst ? result : t->worst;
}

static bool counts_as_html(const struct obs_scan *s)
{
	return observatory_is_html(s->r) || (s->algorithm >= 6 && response_type(s->r).len == 0);
}

const struct obs_result *obs_sri(const struct obs_scan *s)
{
	struct span base = absolute_base(s);
	struct tally t = {.worst = NOTHING};

	if (!counts_as_html(s))
		return obs_result("sri-not-implemented-response-not-html");
	for (size_t i = 0; i < s->html->count; i++) {
		const struct html_element *e = &s->html->at[i];
		if (e->kind != HTML_SCRIPT || !obs_sees(s, e))
			continue;
		t.scripts++;
		count_script(s, e, base, &t);
	}
	if (t.scripts == 0)
		return obs_result("sri-not-implemented-but-no-scripts-loaded");
	if (t.worst != NOTHING)
		return obs_result(order[t.worst]);
	return obs_result(t.foreign ? "sri-implemented-and-external-scripts-loaded-securely"
				    : "sri-not-implemented-but-all-scripts-loaded-from-secure-origin");
}
