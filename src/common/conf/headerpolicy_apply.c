/* Applying a policy to a response: rules in order, each on what those before it left. */
#include <stdio.h>

#include "common/conf/headerpolicy_private.h"

/* --- When --- */

static bool glob(struct span pattern, struct span text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, from = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.len && span_lower(pattern.p[p]) == span_lower(text.p[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

static bool any_glob(const struct texts *list, struct span text)
{
	for (size_t i = 0; i < list->count; i++)
		if (glob(list->at[i], text))
			return true;
	return false;
}

/* type is without parameters; empty when there is no Content-Type. */
static bool any_type(const struct texts *list, struct span type)
{
	for (size_t i = 0; i < list->count; i++) {
		struct span t = list->at[i];
		bool kind = t.len > 0 && t.p[t.len - 1] == '/';
		if (type.len == 0 ? span_eq(t, SPAN("none"))
			: kind    ? span_starts_nocase(type, t)
				  : span_eq_nocase(type, t))
			return true;
	}
	return false;
}

static bool any_within(const struct texts *list, struct span text)
{
	if (text.len == 0)
		return true;
	for (size_t i = 0; i < list->count; i++)
		if (memmem(text.p, text.len, list->at[i].p, list->at[i].len) != NULL)
			return true;
	return false;
}

static bool any_header(const struct texts *list, const struct fields *headers)
{
	for (size_t i = 0; i < list->count; i++)
		if (header_find(headers, list->at[i]) != NULL)
			return true;
	return false;
}

static bool applies(const struct rule *r, const struct headerpolicy_subject *s, const struct fields *headers,
	struct span content_type, struct span type)
{
	if (r->types.count > 0 && !any_type(&r->types, type))
		return false;
	if (any_type(&r->except_types, type))
		return false;
	if (r->type_contains.count > 0 && !any_within(&r->type_contains, content_type))
		return false;
	if ((r->paths.count > 0 && !any_glob(&r->paths, s->path)) || any_glob(&r->except_paths, s->path))
		return false;
	if ((r->hosts.count > 0 && !any_glob(&r->hosts, s->host)) || any_glob(&r->except_hosts, s->host))
		return false;
	if (r->if_present.count > 0 && !any_header(&r->if_present, headers))
		return false;
	return !any_header(&r->unless, headers);
}

/* --- What --- */

/* Take every line of that name away, but for the first `keep` of them. */
static void drop(struct fields *headers, struct span name, size_t keep)
{
	size_t kept = 0;

	for (size_t i = 0; i < headers->count; i++) {
		bool named = span_eq_nocase(headers->at[i].name, name);
		if (named && keep == 0)
			continue;
		keep -= named;
		headers->at[kept++] = headers->at[i];
	}
	headers->count = kept;
}

static struct field *first_of(struct fields *headers, struct span name)
{
	for (size_t i = 0; i < headers->count; i++)
		if (span_eq_nocase(headers->at[i].name, name))
			return &headers->at[i];
	return NULL;
}

static int set(struct fields *headers, struct span name, struct span value)
{
	struct field *f = first_of(headers, name);

	if (f == NULL)
		return header_add(headers, name, value);
	f->value = value;
	drop(headers, name, 1);
	return 0;
}

static bool has_line(const struct fields *headers, struct span name, struct span value)
{
	for (size_t i = 0; i < headers->count; i++)
		if (span_eq_nocase(headers->at[i].name, name) && span_eq(headers->at[i].value, value))
			return true;
	return false;
}

static int append(struct fields *headers, const struct op *op)
{
	return has_line(headers, op->name, op->value) ? 0 : header_add(headers, op->name, op->value);
}

/* The longer life and every flag of the two. What is void, which more than one line is for some, counts for nothing. */
static int strengthen_hsts(struct fields *headers, const struct op *op, struct headerpolicy_scratch *scratch)
{
	struct field *f = first_of(headers, op->name);
	struct hsts now;

	if (f == NULL || hsts_parse(f->value, &now) != HSTS_OK)
		return set(headers, op->name, op->value);
	if (hsts_at_least(&now, &op->hsts)) {
		drop(headers, op->name, 1);
		return 0;
	}
	if (hsts_at_least(&op->hsts, &now))
		return set(headers, op->name, op->value);
	int64_t age = now.max_age > op->hsts.max_age ? now.max_age : op->hsts.max_age;
	int len = snprintf(scratch->hsts, sizeof(scratch->hsts), "max-age=%lld%s%s", (long long)age,
		now.subdomains || op->hsts.subdomains ? "; includeSubDomains" : "",
		now.preload || op->hsts.preload ? "; preload" : "");
	return set(headers, op->name, span_of(scratch->hsts, (size_t)len));
}

static int apply(const struct op *op, struct fields *headers, struct headerpolicy_scratch *scratch)
{
	switch (op->kind) {
	case OP_REMOVE: drop(headers, op->name, 0); return 0;
	case OP_SET: return set(headers, op->name, op->value);
	case OP_SET_IF_ABSENT:
		return header_find(headers, op->name) != NULL ? 0 : header_add(headers, op->name, op->value);
	case OP_STRENGTHEN:
		if (!span_eq_nocase(op->name, SPAN("content-security-policy")))
			return strengthen_hsts(headers, op, scratch);
		/* Policies intersect: one more only tightens (CSP3, 8.1). */
		return headerpolicy_csp_covered(headers, op->name, op->value) ? 0 : append(headers, op);
	case OP_APPEND: return append(headers, op);
	}
	return 0;
}

int headerpolicy_apply(const struct headerpolicy *p, const struct headerpolicy_subject *s,
	struct fields *headers, struct headerpolicy_scratch *scratch)
{
	struct span rest, content_type = header_value(headers, SPAN("content-type"));
	struct span type = span_trim(span_cut(content_type, ';', &rest));

	if (s->status < 200)
		return 0;
	for (size_t i = 0; i < p->count; i++) {
		const struct rule *r = &p->rules[i];
		if (!applies(r, s, headers, content_type, type))
			continue;
		for (size_t j = 0; j < r->op_count; j++)
			if (apply(&r->ops[j], headers, scratch) < 0)
				return -1;
	}
	return 0;
}
