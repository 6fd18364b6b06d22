/* Rows of headers, hop by hop. */
#include "hdrcheck/hops.h"

/* Of no interest here: they are never the same twice, or belong to one connection. */
static const char *const volatile_names[] = {"date", "age", "expires", "last-modified", "etag",
	"content-length", "connection", "keep-alive", "transfer-encoding", "x-request-id", "cf-ray",
	"accept-ranges", "alt-svc"};

bool hops_is_volatile(struct span name)
{
	for (size_t i = 0; i < sizeof(volatile_names) / sizeof(volatile_names[0]); i++)
		if (span_eq_nocase(name, span_str(volatile_names[i])))
			return true;
	return false;
}

/* A cookie's value is a secret, and another one each time. */
static struct span shown_value(const struct field *f)
{
	if (!span_eq_nocase(f->name, SPAN("set-cookie")))
		return f->value;
	return span_of(f->value.p, span_find(f->value, '='));
}

static struct span joined(struct arena *a, const struct fields *headers, struct span name)
{
	struct span out = {0};

	for (size_t i = 0; i < headers->count; i++) {
		struct span v = shown_value(&headers->at[i]);
		if (!span_eq_nocase(headers->at[i].name, name))
			continue;
		if (out.p == NULL)
			out = arena_copy(a, v);
		else
			out = span_str(arena_printf(a, "%.*s + %.*s", (int)out.len, out.p, (int)v.len, v.p));
	}
	return out;
}

static bool has_row(const struct hops *h, struct span name)
{
	for (size_t i = 0; i < h->row_count; i++)
		if (span_eq_nocase(h->rows[i].name, name))
			return true;
	return false;
}

static void add_rows(struct arena *a, struct hops *h, const struct response *r)
{
	for (size_t i = 0; i < r->headers.count; i++) {
		struct span name = r->headers.at[i].name;
		if (hops_is_volatile(name) || has_row(h, name))
			continue;
		h->rows = arena_more(a, h->rows, h->row_count, sizeof(*h->rows));
		h->rows[h->row_count++] = (struct hop_row){.name = name};
	}
}

/* Is every line of the one among those of the other? */
static bool lines_within(const struct fields *one, const struct fields *other, struct span name)
{
	for (size_t i = 0; i < one->count; i++) {
		bool found = false;
		if (!span_eq_nocase(one->at[i].name, name))
			continue;
		for (size_t j = 0; j < other->count; j++)
			found = found ||
				(span_eq_nocase(other->at[j].name, name) &&
					span_eq(shown_value(&other->at[j]), shown_value(&one->at[i])));
		if (!found)
			return false;
	}
	return true;
}

static bool same_spelling(const struct fields *one, const struct fields *other, struct span name)
{
	const struct field *a = header_find(one, name), *b = header_find(other, name);

	return a == NULL || b == NULL || span_eq(a->name, b->name);
}

/* Lines that say again what one before them said; of cookies, those that set one again. */
static size_t count_repeats(const struct fields *fields, struct span name)
{
	size_t n = 0;

	for (size_t i = 0; i < fields->count; i++) {
		bool again = false;
		if (!span_eq_nocase(fields->at[i].name, name))
			continue;
		for (size_t j = 0; j < i && !again; j++)
			again = span_eq_nocase(fields->at[j].name, name) &&
				span_eq(shown_value(&fields->at[j]), shown_value(&fields->at[i]));
		n += again;
	}
	return n;
}

/* A hop may well set cookies of its own beside those of the application: each has its line. */
static enum hop_change more_of(const struct fields *outer, const struct fields *inner, struct span name)
{
	if (header_count(outer, name) == 1)
		return HOP_ADDED;
	if (!span_eq_nocase(name, SPAN("set-cookie")))
		return HOP_DOUBLED;
	return count_repeats(outer, name) > count_repeats(inner, name) ? HOP_DOUBLED : HOP_ADDED;
}

/* What the outer hop does to the header. */
static enum hop_change change_of(const struct fields *outer, const struct fields *inner, struct span name)
{
	size_t now = header_count(outer, name), before = header_count(inner, name);

	if (now == 0 && before == 0)
		return HOP_SAME;
	if (now == 0)
		return HOP_REMOVED;
	if (now > before)
		return more_of(outer, inner, name);
	if (now < before)
		return lines_within(outer, inner, name) ? HOP_FEWER : HOP_CHANGED;
	if (!lines_within(outer, inner, name) || !lines_within(inner, outer, name))
		return HOP_CHANGED;
	return same_spelling(outer, inner, name) ? HOP_SAME : HOP_RECASED;
}

void hops_compare(struct arena *a, struct hops *h)
{
	for (size_t i = 0; i < h->count; i++)
		add_rows(a, h, h->at[i].r);
	for (size_t i = 0; i < h->count; i++)
		h->at[i].product =
			i + 1 < h->count ? product_of(h->at[i].r, h->at[i + 1].r) : PRODUCT_UNKNOWN;
	for (size_t row = 0; row < h->row_count; row++) {
		struct hop_row *r = &h->rows[row];
		for (size_t i = 0; i < h->count; i++) {
			const struct fields *here = &h->at[i].r->headers;
			r->values[i] = joined(a, here, r->name);
			r->lines[i] = header_count(here, r->name);
			if (i + 1 < h->count)
				r->change[i] = change_of(here, &h->at[i + 1].r->headers, r->name);
			r->look[i] = product_look(a, h->at[i].product, r->change[i], r->name);
		}
	}
}

const char *hop_change_name(enum hop_change change)
{
	switch (change) {
	case HOP_SAME: return "same";
	case HOP_ADDED: return "added";
	case HOP_REMOVED: return "removed";
	case HOP_CHANGED: return "changed";
	case HOP_DOUBLED: return "doubled";
	case HOP_FEWER: return "fewer";
	case HOP_RECASED: return "recased";
	}
	return "";
}

const char *hops_origin(const struct hops *h, struct span header)
{
	for (size_t row = 0; row < h->row_count; row++) {
		const struct hop_row *r = &h->rows[row];
		if (!span_eq_nocase(r->name, header))
			continue;
		for (size_t i = 0; i < h->count; i++)
			if (i + 1 == h->count || (r->change[i] != HOP_SAME && r->change[i] != HOP_RECASED))
				return h->at[i].name;
	}
	return NULL;
}
