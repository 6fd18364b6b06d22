/* The Observatory's test of Content-Security-Policy: its own way to merge several policies, flaws included, and the verdict
 * on what comes out. How browsers combine policies is another matter (csp.h). */
#include <stdlib.h>

#include "common/base/map.h"
#include "common/base/utf8.h"
#include "hdrcheck/observatory.h"
#include "hdrcheck/text.h"

#define SHORTEST_POLICY 6 /* characters */

/* --- Merged policies --- */

struct source {
	struct span text; /* lower case */
	size_t policy;    /* that it came from */
	bool keep;
};

struct directive {
	struct span name; /* lower case */
	struct source *at;
	size_t count;
	size_t seen_in; /* policy, counted from 1 */
};

struct merged {
	struct directive *at;
	size_t count;
	struct map index; /* name -> one more than its place; freed by merge */
	bool duplicates;  /* report-uri or report-to stood twice in one policy */
};

static struct directive *find(const struct merged *m, struct span name)
{
	for (size_t i = 0; i < m->count; i++)
		if (span_eq(m->at[i].name, name))
			return &m->at[i];
	return NULL;
}

static void add(struct arena *a, struct directive *d, struct span text, size_t policy, bool keep)
{
	d->at = arena_more(a, d->at, d->count, sizeof(*d->at));
	d->at[d->count++] = (struct source){text, policy, keep};
}

/* --- Order: ECMA-402's collation of the root locale, by the first character that differs --- */

static int rank(unsigned char c)
{
	static const char order[] = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";
	const char *at = c != '\0' ? strchr(order, c) : NULL;

	return at != NULL ? (int)(at - order) : 128 + c;
}

static int compare(struct span a, struct span b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++)
		if (a.p[i] != b.p[i])
			return rank((unsigned char)a.p[i]) - rank((unsigned char)b.p[i]);
	return (a.len > b.len) - (a.len < b.len);
}

/* Stable: equal sources stay in the order they came in. */
static void merge_halves(struct source *at, size_t half, size_t count, struct source *spare)
{
	size_t i = 0, j = half, n = 0;

	while (i < half && j < count)
		spare[n++] = compare(at[i].text, at[j].text) <= 0 ? at[i++] : at[j++];
	while (i < half)
		spare[n++] = at[i++];
	while (j < count)
		spare[n++] = at[j++];
	memcpy(at, spare, count * sizeof(*at));
}

static void sort(struct arena *a, struct source *at, size_t count)
{
	struct source *spare = arena_alloc(a, count * sizeof(*at));

	for (size_t width = 1; width < count; width *= 2)
		for (size_t i = 0; i + width < count; i += 2 * width)
			merge_halves(at + i, width, count - i < 2 * width ? count - i : 2 * width, spare);
}

/* --- Does a source of one policy cover that of another? --- */

static int hex(char c)
{
	const char *digits = "0123456789abcdef", *at = c != '\0' ? strchr(digits, span_lower(c)) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* decodeURIComponent; false where that throws. */
static bool decode(struct arena *a, struct span s, struct span *out)
{
	char *p = arena_alloc(a, s.len + 1);
	size_t len = 0;
	uint32_t c;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] != '%') {
			p[len++] = s.p[i];
			continue;
		}
		int high = i + 2 < s.len ? hex(s.p[i + 1]) : -1, low = high >= 0 ? hex(s.p[i + 2]) : -1;
		if (low < 0)
			return false;
		p[len++] = (char)(high << 4 | low);
		i += 2;
	}
	*out = span_of(p, len);
	for (struct span rest = *out; rest.len > 0;) {
		size_t n = utf8_decode(rest, &c);
		if (n == 0)
			return false;
		rest = span_skip(rest, n);
	}
	return true;
}

static size_t pieces(struct span s)
{
	size_t n = 1;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == '/';
	return n;
}

enum match { MATCH_NO, MATCH_YES, MATCH_ERROR };

static enum match path_match(struct arena *a, struct span one, struct span other)
{
	bool exact = one.len == 0 || one.p[one.len - 1] != '/';
	size_t count = pieces(one);

	if (one.len == 0 || (span_eq(one, SPAN("/")) && other.len == 0))
		return MATCH_YES;
	if (count > pieces(other) || (exact && count != pieces(other)))
		return MATCH_NO;
	for (size_t i = exact ? count : count - 1; i > 0; i--) {
		struct span x, y;
		if (!decode(a, span_cut(one, '/', &one), &x) || !decode(a, span_cut(other, '/', &other), &y))
			return MATCH_ERROR;
		if (!span_eq(x, y))
			return MATCH_NO;
	}
	return MATCH_YES;
}

/* Neighbours decide who stays; what does not is taken out. */
static bool prune(struct arena *a, struct directive *d)
{
	size_t kept = 0;

	for (size_t i = 1; i < d->count; i++) {
		const struct source *prev = &d->at[i - 1];
		struct source *s = &d->at[i];
		if (s->policy == prev->policy) {
			s->keep = s->keep && !span_starts(s->text, prev->text);
			continue;
		}
		enum match match = path_match(a, prev->text, s->text);
		if (match == MATCH_ERROR)
			return false;
		s->keep = s->keep || match == MATCH_YES;
	}
	for (size_t i = 0; i < d->count; i++)
		if (d->at[i].keep)
			d->at[kept++] = d->at[i];
	d->count = kept;
	return true;
}

static struct directive *directive_of(struct arena *a, struct merged *m, struct span name)
{
	size_t place = (size_t)(uintptr_t)map_get(&m->index, name);

	if (place > 0)
		return &m->at[place - 1];
	m->at = arena_more(a, m->at, m->count, sizeof(*m->at));
	m->at[m->count++] = (struct directive){.name = name};
	map_put(&m->index, name, (void *)(uintptr_t)m->count);
	return &m->at[m->count - 1];
}

static bool merge_directive(struct arena *a, struct merged *m, struct span text, size_t policy, bool several)
{
	struct span word, name;

	if (!text_word(&text, &word))
		return true;
	name = text_lower(a, word);
	struct directive *d = directive_of(a, m, name);
	if (d->seen_in == policy + 1) {
		if (!span_eq(name, SPAN("report-uri")) && !span_eq(name, SPAN("report-to")))
			return false;
		m->duplicates = true;
	}
	d->seen_in = policy + 1;
	if (policy == 0)
		*d = (struct directive){.name = name, .seen_in = 1};
	size_t before = d->count;
	while (text_word(&text, &word))
		add(a, d, text_lower(a, word), policy, policy == 0);
	if (d->count == before && span_ends(name, SPAN("-src")))
		add(a, d, SPAN("'none'"), policy, policy == 0);
	sort(a, d->at, d->count);
	if (!prune(a, d))
		return false;
	for (size_t i = 0; policy == 0 && several && i < d->count; i++)
		d->at[i].keep = false;
	return true;
}

static struct span without_line_ends(struct arena *a, struct span s)
{
	char *p = arena_alloc(a, s.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != '\r' && s.p[i] != '\n')
			p[len++] = s.p[i];
	return text_trim(span_of(p, len));
}

struct policies {
	struct span *at;
	size_t count;
};

static bool merge_policy(struct arena *a, struct merged *m, const struct policies *list, size_t index)
{
	struct span rest = without_line_ends(a, list->at[index]), text;

	while (text_piece(&rest, ';', &text))
		if (!merge_directive(a, m, text, index, list->count > 1))
			return false;
	return true;
}

/* False: the list is invalid. */
static bool merge(struct arena *a, const struct policies *list, struct merged *out)
{
	bool good = true;

	*out = (struct merged){0};
	for (size_t i = 0; i < list->count; i++)
		if (text_length(without_line_ends(a, list->at[i])) < SHORTEST_POLICY)
			return false;
	for (size_t i = 0; good && i < list->count; i++)
		good = merge_policy(a, out, list, i);
	map_free(&out->index);
	for (size_t i = 0; i < out->count; i++)
		if (out->at[i].count == 0)
			add(a, &out->at[i], SPAN("'none'"), 0, true);
	return good;
}

/* --- Where policies come from --- */

static void push(struct arena *a, struct policies *list, struct span policy)
{
	list->at = arena_more(a, list->at, list->count, sizeof(*list->at));
	list->at[list->count++] = policy;
}

static struct policies header_policies(const struct obs_scan *s)
{
	struct span value = response_value(s->arena, &s->r->headers, "content-security-policy"), item;
	struct policies list = {0};

	if (value.p == NULL)
		return list;
	if (s->algorithm < 6) {
		push(s->arena, &list, value);
		return list;
	}
	while (text_piece(&value, ',', &item))
		push(s->arena, &list, item);
	return list;
}

static struct policies meta_policies(const struct obs_scan *s)
{
	struct policies list = {0};

	for (size_t i = 0; i < s->html->count; i++) {
		const struct html_element *e = &s->html->at[i];
		if (e->kind != HTML_META || !obs_sees(s, e))
			continue;
		if (e->content.len > 0 &&
			span_eq_nocase(text_trim(e->http_equiv), SPAN("content-security-policy")))
			push(s->arena, &list, e->content);
	}
	return list;
}

/* --- The verdict --- */

static const char *const broad[] = {
	"ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*", "https://*.*", NULL};

static bool is_one_of(struct span s, const char *const *list)
{
	for (; *list != NULL; list++)
		if (span_eq(s, span_str(*list)))
			return true;
	return false;
}

static bool is_broad(struct span s)
{
	return is_one_of(s, broad);
}

static bool is_broad_or_inline(struct span s)
{
	return is_broad(s) || span_eq(s, SPAN("'unsafe-inline'")) || span_eq(s, SPAN("data:"));
}

static bool is_insecure(struct span s)
{
	return span_starts(s, SPAN("http:")) || span_starts(s, SPAN("ftp:"));
}

static bool is_nonce_or_hash(struct span s)
{
	return span_starts(s, SPAN("'nonce-")) || span_starts(s, SPAN("'sha256-")) ||
	       span_starts(s, SPAN("'sha384-")) || span_starts(s, SPAN("'sha512-"));
}

static bool is_eval(struct span s)
{
	return span_eq(s, SPAN("'unsafe-eval'"));
}

static bool is_strict_dynamic(struct span s)
{
	return span_eq(s, SPAN("'strict-dynamic'"));
}

static bool is_inline(struct span s)
{
	return span_eq(s, SPAN("'unsafe-inline'"));
}

/* What 'strict-dynamic' makes browsers ignore, roughly. */
static bool is_ignored(struct span s)
{
	for (const char *const *b = broad; *b != NULL; b++)
		if (span_starts(s, span_str(*b)))
			return true;
	return is_inline(s) || span_eq(s, SPAN("'self'"));
}

static bool any(const struct directive *d, bool (*is)(struct span))
{
	for (size_t i = 0; d != NULL && i < d->count; i++)
		if (is(d->at[i].text))
			return true;
	return false;
}

static void drop(struct directive *d, bool (*is)(struct span))
{
	size_t kept = 0;

	for (size_t i = 0; i < d->count; i++)
		if (!is(d->at[i].text))
			d->at[kept++] = d->at[i];
	d->count = kept;
}

/* The directive, else default-src, else what is given for "anything". */
static struct directive *with_fallback(const struct merged *m, struct span name, struct directive *anything)
{
	struct directive *d = find(m, name);

	d = d != NULL ? d : find(m, SPAN("default-src"));
	return d != NULL ? d : anything;
}

static bool is_passive(struct span name)
{
	return span_eq(name, SPAN("img-src")) || span_eq(name, SPAN("media-src"));
}

static bool insecure_active(const struct merged *m, const struct directive *script)
{
	for (size_t i = 0; i < m->count; i++)
		if (!is_passive(m->at[i].name) && !span_eq(m->at[i].name, SPAN("script-src")) &&
			any(&m->at[i], is_insecure))
			return true;
	return any(script, is_insecure);
}

static bool is_none_alone(const struct directive *d)
{
	if (d == NULL || d->count == 0)
		return false;
	for (size_t i = 0; i < d->count; i++)
		if (!span_eq(d->at[i].text, SPAN("'none'")))
			return false;
	return true;
}

/* The result of the flags: the first that holds, in the order of the Observatory. */
static const char *result_of(const struct obs_csp *f, bool dynamic_alone)
{
	if (dynamic_alone)
		return "csp-header-invalid";
	if (f->unsafe_inline)
		return "csp-implemented-with-unsafe-inline";
	if (f->insecure_scheme_active)
		return "csp-implemented-with-insecure-scheme";
	if (f->unsafe_eval)
		return "csp-implemented-with-unsafe-eval";
	if (f->insecure_scheme_passive)
		return "csp-implemented-with-insecure-scheme-in-passive-content-only";
	if (f->unsafe_inline_style)
		return "csp-implemented-with-unsafe-inline-in-style-src-only";
	if (f->default_none)
		return "csp-implemented-with-no-unsafe-default-src-none";
	return "csp-implemented-with-no-unsafe";
}

static const struct obs_result *verdict(
	const struct obs_scan *s, struct merged *m, const struct merged *header, struct obs_csp *out)
{
	struct source star[3] = {{SPAN("*"), 0, true}, {SPAN("*"), 0, true}, {SPAN("*"), 0, true}};
	struct directive any_script = {.at = &star[0], .count = 1}, any_style = {.at = &star[1], .count = 1},
			 any_object = {.at = &star[2], .count = 1};
	struct directive *script = with_fallback(m, SPAN("script-src"), &any_script),
			 *style = with_fallback(m, SPAN("style-src"), &any_style),
			 *object = with_fallback(m, SPAN("object-src"), &any_object);
	const struct directive *base = find(m, SPAN("base-uri")), *form = find(m, SPAN("form-action")),
			       *ancestors = find(header, SPAN("frame-ancestors"));
	bool is_https = url_is_tls(s->r->url.scheme);

	if (any(script, is_nonce_or_hash))
		drop(script, is_inline);
	if (any(style, is_nonce_or_hash))
		drop(style, is_inline);
	bool dynamic = any(script, is_strict_dynamic), trusted = any(script, is_nonce_or_hash);
	if (dynamic && trusted)
		drop(script, is_ignored);
	out->judged = true;
	out->strict_dynamic = dynamic && trusted;
	out->unsafe_inline = any(script, is_broad_or_inline) || any(object, is_broad);
	out->insecure_scheme_active = is_https && insecure_active(m, script);
	out->unsafe_eval = any(script, is_eval) || any(style, is_eval);
	out->insecure_scheme_passive =
		is_https && (any(with_fallback(m, SPAN("img-src"), NULL), is_insecure) ||
				    any(with_fallback(m, SPAN("media-src"), NULL), is_insecure));
	out->unsafe_inline_style = any(style, is_broad_or_inline);
	out->default_none = is_none_alone(find(m, SPAN("default-src")));
	out->anti_clickjacking = ancestors != NULL && !any(ancestors, is_broad);
	out->insecure_base_uri = base == NULL || any(base, is_broad_or_inline);
	out->insecure_form_action = form == NULL || any(form, is_broad);
	out->unsafe_objects = any(object, is_broad);
	const struct obs_result *result = obs_result(result_of(out, dynamic && !trusted));
	return result->pass && m->duplicates ? obs_result("csp-implemented-but-duplicate-directives")
					     : result;
}

static bool is_meta_directive(struct span name)
{
	return !span_eq(name, SPAN("frame-ancestors")) && !span_eq(name, SPAN("report-uri")) &&
	       !span_eq(name, SPAN("sandbox"));
}

/* How much a list of policies says on its own; nothing when it is invalid. */
static size_t weight(
	struct arena *a, const struct policies *list, bool (*counts)(struct span), struct merged *out)
{
	size_t n = 0;

	if (!merge(a, list, out)) {
		*out = (struct merged){0};
		return 0;
	}
	for (size_t i = 0; i < out->count; i++)
		n += counts == NULL || counts(out->at[i].name);
	return n;
}

const struct obs_result *obs_csp(const struct obs_scan *s, struct obs_csp *out)
{
	struct policies header = header_policies(s), meta = meta_policies(s), all = {0};
	struct merged merged, of_header, of_meta;

	*out = (struct obs_csp){0};
	for (size_t i = 0; i < header.count; i++)
		push(s->arena, &all, header.at[i]);
	for (size_t i = 0; i < meta.count; i++)
		push(s->arena, &all, meta.at[i]);
	if (!merge(s->arena, &all, &merged))
		return obs_result("csp-header-invalid");
	out->has_frame_ancestors = find(&merged, SPAN("frame-ancestors")) != NULL;
	if (weight(s->arena, &header, NULL, &of_header) +
			weight(s->arena, &meta, is_meta_directive, &of_meta) ==
		0) {
		struct span report_only =
			response_value(s->arena, &s->r->headers, "content-security-policy-report-only");
		out->has_frame_ancestors = false;
		return obs_result(report_only.len > 0 ? "csp-not-implemented-but-reporting-enabled"
						      : "csp-not-implemented");
	}
	return verdict(s, &merged, &of_header, out);
}
