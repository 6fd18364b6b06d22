/* Comparing values by what they protect from. */
#include "hdrcheck/overwrite.h"
#include "common/proto/hsts.h"
#include "common/proto/sfield.h"

/* --- Content-Security-Policy --- */

static bool is_none(const struct csp_directive *d)
{
	return d->count == 0 || (d->count == 1 && csp_lists(d, "'none'"));
}

/* Is every source of one also one of other? Two policies seldom have the same nonce and mean the same by it. */
static bool within(const struct csp_directive *one, const struct csp_directive *other)
{
	for (size_t i = 0; !is_none(one) && i < one->count; i++) {
		bool found = csp_classify(one->values[i]) == CSP_NONCE && csp_lists_trusted(other);
		for (size_t k = 0; !found && k < other->count; k++)
			found = span_eq_nocase(one->values[i], other->values[k]);
		if (!found)
			return false;
	}
	return true;
}

/* That reports, or asks for nothing, limits nothing. */
static bool limits(const struct csp_directive *d)
{
	return csp_is_known_directive(d->name) && !span_starts(d->name, SPAN("report-"));
}

static bool csp_is_stronger(struct arena *a, struct span one, struct span other)
{
	struct csp_policy was, now;

	csp_parse(a, one, &was);
	csp_parse(a, other, &now);
	for (size_t i = 0; i < was.count; i++) {
		const struct csp_directive *d = &was.at[i];
		const struct csp_directive *then = csp_governing(&now, arena_copy(a, d->name).p);
		if (limits(d) && (then == NULL || !within(then, d)))
			return true;
	}
	return false;
}

/* --- Words that are stronger or weaker --- */

static const struct {
	const char *header;
	const char *words[8]; /* the strongest first; those that are not there protect from nothing */
} scales[] = {
	{"X-Frame-Options", {"deny", "sameorigin"}},
	{"X-Content-Type-Options", {"nosniff"}},
	{"X-XSS-Protection", {"0"}},
	{"Referrer-Policy", {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin",
				    "origin", "origin-when-cross-origin", "no-referrer-when-downgrade"}},
	{"Cross-Origin-Opener-Policy", {"same-origin", "noopener-allow-popups", "same-origin-allow-popups"}},
	{"Cross-Origin-Embedder-Policy", {"require-corp", "credentialless"}},
	{"Cross-Origin-Resource-Policy", {"same-origin", "same-site"}},
};
#define WORDS (sizeof(scales[0].words) / sizeof(scales[0].words[0]))

/* The place of the last known word of a list, from the strongest; WORDS when there is none. */
static size_t place_of(size_t scale, struct span value)
{
	size_t place = WORDS;
	struct span item;

	while (span_next_item(&value, &item)) {
		item = span_trim(span_cut(item, ';', &(struct span){0}));
		for (size_t i = 0; i < WORDS && scales[scale].words[i] != NULL; i++)
			if (span_eq_nocase(item, span_str(scales[scale].words[i])))
				place = i;
	}
	return place;
}

/* --- Others --- */

static bool hsts_is_stronger(struct span one, struct span other)
{
	struct hsts was, now;

	if (hsts_parse(one, &was) != HSTS_OK)
		return false;
	return hsts_parse(other, &now) != HSTS_OK || !hsts_at_least(&now, &was);
}

/* Is the feature closed to everybody? */
static bool is_closed(struct span policy, struct span feature)
{
	struct span key;
	struct sfield v;
	bool closed = false;

	while (sfield_dictionary_next(&policy, &key, &v) == SFIELD_NEXT)
		if (span_eq(key, feature))
			closed = v.kind == SFIELD_INNER_LIST && span_trim(v.text).len == 0;
	return closed;
}

#define FEATURES_MAX 64 /* that are compared: a header that closes more is no browser's */

static bool permissions_is_stronger(struct span one, struct span other)
{
	struct span rest = one, key;
	struct sfield v;

	for (size_t i = 0; i < FEATURES_MAX && sfield_dictionary_next(&rest, &key, &v) == SFIELD_NEXT; i++)
		if (is_closed(one, key) && !is_closed(other, key))
			return true;
	return false;
}

bool overwrite_is_stronger(struct arena *a, struct span header, struct span one, struct span other)
{
	if (span_eq_nocase(header, SPAN("strict-transport-security")))
		return hsts_is_stronger(one, other);
	if (span_eq_nocase(header, SPAN("content-security-policy")))
		return csp_is_stronger(a, one, other);
	if (span_eq_nocase(header, SPAN("permissions-policy")))
		return permissions_is_stronger(one, other);
	for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++)
		if (span_eq_nocase(header, span_str(scales[i].header)))
			return place_of(i, one) < place_of(i, other);
	return false;
}

/* --- Reporting --- */

struct finder {
	struct audit *au;
	const char *hop;
	struct overwrites *out;
};

static void on_overwritten(void *arg, const struct headerpolicy_overwrite *o)
{
	struct finder *f = arg;
	struct arena *a = &f->au->arena;
	struct overwrite one = {.header = arena_copy(a, o->name),
		.was = arena_copy(a, o->was),
		.now = arena_copy(a, o->now),
		.line = o->line};

	one.stronger = overwrite_is_stronger(a, one.header, one.was, one.now);
	f->out->at = arena_more(a, f->out->at, f->out->count, sizeof(one));
	f->out->at[f->out->count++] = one;
	struct finding *found = audit_report(f->au,
		one.stronger ? "overwrite-stronger" : "overwrite-different", one.header.p, one.was,
		"line %u of the policy puts \"%.*s\" in its place", one.line, (int)one.now.len, one.now.p);
	found->hop = f->hop;
}

void overwrites_find(struct audit *au, const struct headerpolicy *p, const struct response *r,
	const char *hop, struct overwrites *out)
{
	struct headerpolicy_subject subject = {r->url.host, r->url.path, r->status, {0}};
	struct headerpolicy_scratch scratch = {0};
	struct finder finder = {au, hop, out};
	struct headerpolicy_observer observer = {on_overwritten, &finder};
	struct fields then = {0};

	for (size_t i = 0; i < r->headers.count; i++)
		header_add(&then, r->headers.at[i].name, r->headers.at[i].value);
	headerpolicy_apply_observed(p, &subject, &then, &scratch, &observer);
	headerpolicy_scratch_free(&scratch);
	header_free(&then);
}
