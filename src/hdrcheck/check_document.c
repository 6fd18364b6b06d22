/* Findings about what else a document should carry: framing, types, referrers, permissions, hashes of scripts. */
#include "common/proto/sfield.h"
#include "hdrcheck/audit.h"
#include "hdrcheck/text.h"

/* --- X-Frame-Options (HTML, 7.8) --- */

/* Which of the words a value is: 0 to 2; -1 for none. */
static int frame_word(struct span value)
{
	static const char *const words[] = {"deny", "sameorigin", "allowall"};

	for (int i = 0; i < 3; i++)
		if (span_eq_nocase(value, span_str(words[i])))
			return i;
	return -1;
}

static const struct csp_directive *frame_ancestors(const struct audit *au)
{
	for (size_t i = 0; i < au->csp.count; i++) {
		const struct csp_directive *d = csp_find(&au->csp.at[i], "frame-ancestors");
		if (d != NULL && au->csp.at[i].from == CSP_HEADER)
			return d;
	}
	return NULL;
}

static void check_frame_agreement(
	struct audit *au, const struct csp_directive *d, int word, struct span value)
{
	bool none = d->count == 0 || csp_lists(d, "'none'"), self = d->count == 1 && csp_lists(d, "'self'");

	if ((word == 0 && !none) || (word == 1 && !self))
		audit_report(au, "xfo-csp-disagree", NULL, value, NULL);
}

static void check_frame_words(struct audit *au, struct span all)
{
	struct span rest = all, item;
	size_t count = 0;
	bool conflict = false, unknown = false, allow_from = false;
	int first = -1;

	while (text_piece(&rest, ',', &item)) {
		int word = frame_word(span_trim(item));
		conflict = conflict || (count > 0 && word != first);
		first = count == 0 ? word : first;
		unknown = unknown || word < 0;
		allow_from = allow_from || span_starts_nocase(span_trim(item), SPAN("allow-from"));
		count++;
	}
	if (allow_from)
		audit_report(au, "xfo-allow-from", NULL, all, NULL);
	else if (conflict)
		audit_report(au, "xfo-conflict", NULL, all, NULL);
	else if (unknown || first == 2)
		audit_report(au, "xfo-invalid", NULL, all, NULL);
	else if (count > 1)
		audit_report(au, "xfo-repeated", NULL, all, NULL);
}

static void check_framing(struct audit *au)
{
	struct span value = response_value(&au->arena, &au->r->headers, "x-frame-options");
	const struct csp_directive *d = frame_ancestors(au);

	if (value.p == NULL) {
		if (d == NULL)
			audit_report(au, "xfo-missing", NULL, value, NULL);
		return;
	}
	check_frame_words(au, value);
	if (d != NULL)
		check_frame_agreement(au, d, frame_word(value), value);
}

/* --- Referrer-Policy --- */

static const struct {
	const char *token, *finding; /* NULL: fine */
} referrer_tokens[] = {
	{"no-referrer", NULL},
	{"same-origin", NULL},
	{"strict-origin", NULL},
	{"strict-origin-when-cross-origin", NULL},
	{"origin", "referrer-downgrade"},
	{"origin-when-cross-origin", "referrer-downgrade"},
	{"no-referrer-when-downgrade", "referrer-unsafe"},
	{"unsafe-url", "referrer-unsafe"},
};

static void check_referrer(struct audit *au)
{
	struct span value = response_value(&au->arena, &au->r->headers, "referrer-policy"), rest = value,
		    item;
	const char *finding = "referrer-invalid";

	if (value.p == NULL)
		return;
	while (text_piece(&rest, ',', &item))
		for (size_t i = 0; i < sizeof(referrer_tokens) / sizeof(referrer_tokens[0]); i++)
			if (span_eq_nocase(span_trim(item), span_str(referrer_tokens[i].token)))
				finding = referrer_tokens[i].finding;
	if (finding != NULL)
		audit_report(au, finding, NULL, value, NULL);
}

/* --- Permissions-Policy --- */

static bool is_allowlist_item(const struct sfield *v)
{
	if (v->kind == SFIELD_TOKEN)
		return span_eq(v->text, SPAN("*")) || span_eq(v->text, SPAN("self")) ||
		       span_eq(v->text, SPAN("src"));
	return v->kind == SFIELD_STRING && text_contains(v->text, SPAN("://"));
}

static bool is_allowlist(const struct sfield *v)
{
	struct span rest = v->text;
	struct sfield item;

	if (v->kind != SFIELD_INNER_LIST)
		return is_allowlist_item(v);
	while (sfield_inner_next(&rest, &item))
		if (!is_allowlist_item(&item))
			return false;
	return true;
}

/* What was probably meant, from what stands at the error. */
static const char *permissions_hint(struct span value, struct span rest)
{
	bool after_space =
		rest.p > value.p && rest.p[-1] == ' ' && span_find(value, ',') >= (size_t)(rest.p - value.p);

	if (span_find(value, ';') < value.len || after_space)
		return "it looks like Feature-Policy: write geolocation=(), with \"=\" and commas";
	if (rest.len > 0 && rest.p[0] == '\'')
		return "no single quotes: origins stand in double ones, self in none";
	if (rest.len > 0 && rest.p[0] == ',')
		return "a comma at the end";
	if (rest.len > 0 && rest.p[0] >= 'A' && rest.p[0] <= 'Z')
		return "names are lower case";
	return "this is no member of a structured dictionary";
}

static void check_permissions(struct audit *au)
{
	struct span value = response_value(&au->arena, &au->r->headers, "permissions-policy"), rest = value,
		    key;
	struct sfield member;
	enum sfield_step step;

	while ((step = sfield_dictionary_next(&rest, &key, &member)) == SFIELD_NEXT)
		if (!is_allowlist(&member))
			audit_report(au, "permissions-value", NULL, key,
				"%.*s: the value is *, self, \"origin\" or a list of these", (int)key.len,
				key.p);
	if (step == SFIELD_BAD)
		audit_report(au, "permissions-syntax", NULL, value, "void as a whole: %s",
			permissions_hint(value, rest))
			->column = (size_t)(rest.p - value.p) + 1;
	if (header_count(&au->r->headers, SPAN("feature-policy")) > 0)
		audit_report(au, "permissions-feature-policy", NULL, (struct span){0}, NULL);
}

void check_document(struct audit *au)
{
	check_framing(au);
	check_referrer(au);
	check_permissions(au);
}

/* --- Scripts --- */

static bool has_known_hash(struct span integrity)
{
	struct span word;

	while (text_word(&integrity, &word))
		if (span_starts(word, SPAN("sha256-")) || span_starts(word, SPAN("sha384-")) ||
			span_starts(word, SPAN("sha512-")))
			return true;
	return false;
}

static bool is_foreign(struct audit *au, struct span src)
{
	struct url url;
	struct err err;
	struct span text = src;

	if (span_starts(src, SPAN("//")))
		text = span_str(arena_printf(&au->arena, "https:%.*s", (int)src.len, src.p));
	if (url_parse(text, &url, &err) < 0)
		return false;
	struct span one = names_registered(au->names, url.host),
		    own = names_registered(au->names, au->r->url.host);
	return !span_eq_nocase(url.host, au->r->url.host) && (one.len == 0 || !span_eq_nocase(one, own));
}

/* Then nothing of an HTTPS page is fetched over plain HTTP. */
static bool upgrades_requests(const struct csp_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].from != CSP_REPORT_ONLY &&
			csp_find(&list->at[i], "upgrade-insecure-requests") != NULL)
			return true;
	return false;
}

static void check_plain_urls(struct audit *au)
{
	static const char *const ids[] = {[HTML_UPGRADED] = "mixed-content-upgraded",
		[HTML_BLOCKED] = "mixed-content-blocked",
		[HTML_FORM] = "form-over-http"};

	for (enum html_use use = 0; use < HTML_USES; use++) {
		const struct html_plain *p = &au->html.plain[use];
		if (p->count > 0)
			audit_report(au, ids[use], "", p->first,
				"%zu over plain HTTP; the first, of <%s>: %.*s", p->count, p->element,
				(int)p->first.len, p->first.p);
	}
}

void check_scripts(struct audit *au)
{
	bool tls = url_is_tls(au->r->url.scheme) && !upgrades_requests(&au->csp);

	if (tls)
		check_plain_urls(au);
	for (size_t i = 0; i < au->html.count; i++) {
		const struct html_element *e = &au->html.at[i];
		if ((e->kind != HTML_SCRIPT && e->kind != HTML_LINK) || e->in_template)
			continue;
		struct span src = text_trim(e->src);
		if (e->integrity.len > 0 && !has_known_hash(e->integrity))
			audit_report(au, "sri-invalid", "", e->integrity, NULL);
		if (e->kind != HTML_SCRIPT || src.len == 0)
			continue;
		if (tls && span_starts_nocase(src, SPAN("http://")))
			audit_report(au, "script-over-http", "", src, NULL);
		if (e->integrity.len == 0 && is_foreign(au, src))
			audit_report(au, "sri-missing", "", src, NULL);
	}
}
