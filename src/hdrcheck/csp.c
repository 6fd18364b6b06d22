/* Parsing of policies, and what a source expression is. */
#include "hdrcheck/csp.h"
#include "common/base/map.h"
#include "hdrcheck/text.h"

/* --- Policies --- */

static bool is_ascii_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* Take the next run of bytes that are not ASCII white space: U+00A0 does not count. */
static bool take_word(struct span *rest, struct span *word)
{
	size_t len = 0;

	while (rest->len > 0 && is_ascii_space(rest->p[0]))
		*rest = span_skip(*rest, 1);
	while (len < rest->len && !is_ascii_space(rest->p[len]))
		len++;
	*word = span_of(rest->p, len);
	*rest = span_skip(*rest, len);
	return len > 0;
}

static bool has_non_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return true;
	return false;
}

const struct csp_directive *csp_find(const struct csp_policy *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (span_eq(p->at[i].name, span_str(name)))
			return &p->at[i];
	return NULL;
}

void csp_parse(struct arena *a, struct span text, struct csp_policy *out)
{
	struct span rest = text, piece, word;
	struct map seen = {0};

	*out = (struct csp_policy){.text = text, .non_ascii = has_non_ascii(text)};
	while (text_piece(&rest, ';', &piece)) {
		if (!take_word(&piece, &word))
			continue;
		struct csp_directive d = {.name = text_lower(a, word)};
		if (map_get(&seen, d.name) != NULL) {
			out->repeated = d.name;
			continue;
		}
		map_put(&seen, d.name, out);
		while (take_word(&piece, &word)) {
			d.values = arena_more(a, d.values, d.count, sizeof(*d.values));
			d.values[d.count++] = word;
		}
		out->at = arena_more(a, out->at, out->count, sizeof(d));
		out->at[out->count++] = d;
	}
	map_free(&seen);
}

static void add(struct arena *a, struct csp_list *list, enum csp_from from, struct span text, bool late)
{
	if (text_trim(text).len == 0)
		return;
	list->at = arena_more(a, list->at, list->count, sizeof(*list->at));
	struct csp_policy *p = &list->at[list->count++];
	csp_parse(a, text_trim(text), p);
	p->from = from;
	p->late = late;
}

static void add_header(struct arena *a, struct csp_list *list, enum csp_from from,
	const struct fields *headers, struct span name)
{
	for (size_t i = 0; i < headers->count; i++) {
		struct span rest = headers->at[i].value, item;
		if (!span_eq_nocase(headers->at[i].name, name))
			continue;
		while (text_piece(&rest, ',', &item))
			add(a, list, from, item, false);
	}
}

void csp_collect(struct arena *a, const struct response *r, const struct html *html, struct csp_list *out)
{
	bool script_before = false;

	*out = (struct csp_list){0};
	add_header(a, out, CSP_HEADER, &r->headers, SPAN("content-security-policy"));
	for (size_t i = 0; i < html->count; i++) {
		const struct html_element *e = &html->at[i];
		script_before = script_before || e->kind == HTML_SCRIPT;
		if (e->kind == HTML_META && !e->in_noscript && !e->in_template && e->content.len > 0 &&
			span_eq_nocase(text_trim(e->http_equiv), SPAN("content-security-policy")))
			add(a, out, CSP_META, e->content, script_before || !e->in_head);
	}
	add_header(a, out, CSP_REPORT_ONLY, &r->headers, SPAN("content-security-policy-report-only"));
}

/* --- Directives --- */

static const struct {
	const char *name;
	const char *fallback; /* the next that is asked; NULL: none */
} directives[] = {
	{"default-src", NULL},
	{"script-src", "default-src"},
	{"script-src-elem", "script-src"},
	{"script-src-attr", "script-src"},
	{"style-src", "default-src"},
	{"style-src-elem", "style-src"},
	{"style-src-attr", "style-src"},
	{"child-src", "default-src"},
	{"worker-src", "child-src"}, /* then script-src: see csp_governing */
	{"frame-src", "child-src"},
	{"fenced-frame-src", "frame-src"},
	{"connect-src", "default-src"},
	{"font-src", "default-src"},
	{"img-src", "default-src"},
	{"manifest-src", "default-src"},
	{"media-src", "default-src"},
	{"object-src", "default-src"},
	{"prefetch-src", "default-src"},
	{"base-uri", NULL},
	{"form-action", NULL},
	{"frame-ancestors", NULL},
	{"navigate-to", NULL},
	{"sandbox", NULL},
	{"report-uri", NULL},
	{"report-to", NULL},
	{"require-trusted-types-for", NULL},
	{"trusted-types", NULL},
	{"upgrade-insecure-requests", NULL},
	{"webrtc", NULL},
	{"block-all-mixed-content", NULL},
	{"plugin-types", NULL},
	{"referrer", NULL},
	{"reflected-xss", NULL},
	{"require-sri-for", NULL},
	{"disown-opener", NULL},
};
#define DIRECTIVES (sizeof(directives) / sizeof(directives[0]))

bool csp_is_known_directive(struct span name)
{
	for (size_t i = 0; i < DIRECTIVES; i++)
		if (span_eq(name, span_str(directives[i].name)))
			return true;
	return false;
}

static const char *fallback_of(const char *name)
{
	for (size_t i = 0; i < DIRECTIVES; i++)
		if (strcmp(directives[i].name, name) == 0)
			return directives[i].fallback;
	return NULL;
}

const struct csp_directive *csp_governing(const struct csp_policy *p, const char *name)
{
	bool worker = strcmp(name, "worker-src") == 0;

	for (; name != NULL; name = fallback_of(name)) {
		const struct csp_directive *d = csp_find(p, name);
		if (d == NULL && worker && strcmp(name, "child-src") == 0)
			d = csp_find(p, "script-src");
		if (d != NULL)
			return d;
	}
	return NULL;
}

/* --- Source expressions (CSP3, 2.3.1) --- */

static const char *const keywords[] = {"'none'", "'self'", "'unsafe-inline'", "'unsafe-eval'",
	"'strict-dynamic'", "'unsafe-hashes'", "'report-sample'", "'wasm-unsafe-eval'",
	"'inline-speculation-rules'", "'unsafe-allow-redirects'", "'trusted-types-eval'", "'report-sha256'",
	"'report-sha384'", "'report-sha512'", "'unsafe-webtransport-hashes'", "'allow-duplicates'",
	"'script'", "'block'", "'allow'"};

static bool is_alnum(char c)
{
	char l = span_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9');
}

/* base64-value: at least one character, "=" twice at most at the end. */
static bool is_base64(struct span s)
{
	size_t i = 0;

	while (i < s.len && (is_alnum(s.p[i]) || strchr("+/-_", s.p[i]) != NULL) && s.p[i] != '\0')
		i++;
	return i > 0 &&
	       (i == s.len || (s.p[i] == '=' && (i + 1 == s.len || (i + 2 == s.len && s.p[i + 1] == '='))));
}

static bool is_quoted(struct span s, struct span prefix)
{
	return s.len > prefix.len + 1 && span_starts_nocase(s, prefix) && s.p[s.len - 1] == '\'' &&
	       is_base64(span_of(s.p + prefix.len, s.len - prefix.len - 1));
}

static bool is_scheme(struct span s)
{
	if (s.len == 0 || !is_alnum(s.p[0]) || (s.p[0] >= '0' && s.p[0] <= '9'))
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '+' && s.p[i] != '-' && s.p[i] != '.')
			return false;
	return true;
}

static bool is_host(struct span s)
{
	if (span_eq(s, SPAN("*")))
		return true;
	if (span_starts(s, SPAN("*.")))
		s = span_skip(s, 2);
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' &&
			(s.p[i] != '.' || i == 0 || s.p[i - 1] == '.'))
			return false;
	return s.len > 0;
}

static bool is_port(struct span s)
{
	uint64_t n;

	return span_eq(s, SPAN("*")) || span_to_u64(s, 65535, &n);
}

static bool is_host_source(struct span s)
{
	static const struct span separator = {"://", 3};
	size_t at = text_find(s, separator);
	struct span port;

	if (at < s.len) {
		if (!is_scheme(span_of(s.p, at)))
			return false;
		s = span_skip(s, at + separator.len);
	}
	s.len = span_find(s, '/'); /* a path is anything */
	struct span host = span_cut(s, ':', &port);
	return is_host(host) && (port.p == NULL || is_port(port));
}

bool csp_is_keyword(struct span value, const char *keyword)
{
	return span_eq_nocase(value, span_str(keyword));
}

enum csp_source csp_classify(struct span value)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (csp_is_keyword(value, keywords[i]))
			return CSP_KEYWORD;
	if (is_quoted(value, SPAN("'nonce-")))
		return CSP_NONCE;
	if (is_quoted(value, SPAN("'sha256-")) || is_quoted(value, SPAN("'sha384-")) ||
		is_quoted(value, SPAN("'sha512-")))
		return CSP_HASH;
	if (value.len > 1 && value.p[value.len - 1] == ':' && is_scheme(span_of(value.p, value.len - 1)))
		return CSP_SCHEME;
	return is_host_source(value) ? CSP_HOST : CSP_BAD;
}

bool csp_lists(const struct csp_directive *d, const char *keyword)
{
	for (size_t i = 0; d != NULL && i < d->count; i++)
		if (csp_is_keyword(d->values[i], keyword))
			return true;
	return false;
}

bool csp_lists_trusted(const struct csp_directive *d)
{
	for (size_t i = 0; d != NULL && i < d->count; i++) {
		enum csp_source kind = csp_classify(d->values[i]);
		if (kind == CSP_NONCE || kind == CSP_HASH)
			return true;
	}
	return false;
}
