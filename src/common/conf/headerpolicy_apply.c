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

/* Applying to one response. */
struct job {
	const struct headerpolicy_subject *subject;
	struct fields *headers;
	struct headerpolicy_scratch *scratch;
	const struct headerpolicy_observer *observer; /* NULL: none */
};

static int set(struct fields *headers, struct span name, struct span value)
{
	struct field *f = first_of(headers, name);

	if (f == NULL)
		return header_add(headers, name, value);
	f->value = value;
	drop(headers, name, 1);
	return 0;
}

static struct span value_of(const struct job *j, const struct op *op)
{
	return op->nonces > 0 && j->subject->nonce.p != NULL
		       ? headerpolicy_put_nonce(op->value, j->subject->nonce, &j->scratch->text)
		       : op->value;
}

/* Is text what the operation asks for, which is value? Without a nonce of this response's own, any will do. */
static bool is_asked_for(const struct job *j, const struct op *op, struct span value, struct span text)
{
	return op->nonces > 0 && j->subject->nonce.p == NULL ? headerpolicy_has_nonce(op->value, text)
							     : span_eq(value, text);
}

static int apply_set(const struct job *j, const struct op *op)
{
	struct field *f = first_of(j->headers, op->name);
	struct headerpolicy_overwrite o = {.name = op->name, .now = value_of(j, op), .line = op->line};

	if (f != NULL && is_asked_for(j, op, o.now, f->value)) {
		drop(j->headers, op->name, 1);
		return 0;
	}
	if (f != NULL && j->observer != NULL) {
		o.was = f->value;
		j->observer->overwritten(j->observer->arg, &o);
	}
	return set(j->headers, op->name, o.now);
}

static int append(const struct job *j, const struct op *op)
{
	struct span value = value_of(j, op);

	for (size_t i = 0; i < j->headers->count; i++)
		if (span_eq_nocase(j->headers->at[i].name, op->name) &&
			is_asked_for(j, op, value, j->headers->at[i].value))
			return 0;
	return header_add(j->headers, op->name, value);
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

static int apply(const struct job *j, const struct op *op)
{
	switch (op->kind) {
	case OP_LEAVE: return 0;
	case OP_REMOVE: drop(j->headers, op->name, 0); return 0;
	case OP_SET: return apply_set(j, op);
	case OP_SET_IF_ABSENT:
		return header_find(j->headers, op->name) != NULL
			       ? 0
			       : header_add(j->headers, op->name, value_of(j, op));
	case OP_STRENGTHEN:
		if (!span_eq_nocase(op->name, SPAN("content-security-policy")))
			return strengthen_hsts(j->headers, op, j->scratch);
		/* Policies intersect: one more only tightens (CSP3, 8.1). */
		return headerpolicy_csp_covered(j->headers, op->name, op->value) ? 0 : append(j, op);
	case OP_APPEND: return append(j, op);
	}
	return 0;
}

/* --- For whom --- */

/* What the policy says of this host alone: its name's section, or else the first pattern that fits. */
static const struct section *section_of(const struct headerpolicy *p, struct span host)
{
	char name[256];

	if (p->section_count == 0 || host.len > sizeof(name))
		return NULL;
	for (size_t i = 0; i < host.len; i++)
		name[i] = span_lower(host.p[i]);
	const struct section *s = map_get(&p->by_name, span_of(name, host.len));
	for (size_t i = 0; s == NULL && i < p->pattern_count; i++)
		if (glob(p->patterns[i]->host, host))
			s = p->patterns[i];
	return s;
}

/* without: what its rules are about is left out; NULL: nothing is. */
static int apply_rules(const struct job *j, const struct rules *rules, const struct section *without)
{
	struct span rest, content_type = header_value(j->headers, SPAN("content-type"));
	struct span type = span_trim(span_cut(content_type, ';', &rest));

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *r = &rules->at[i];
		if (!applies(r, j->subject, j->headers, content_type, type))
			continue;
		for (size_t k = 0; k < r->op_count; k++) {
			const struct op *op = &r->ops[k];
			if ((without != NULL && without->owns[op->number]) ||
				(op->nonces > 0 && j->subject->status == 304))
				continue;
			if (apply(j, op) < 0)
				return -1;
		}
	}
	return 0;
}

int headerpolicy_apply_observed(const struct headerpolicy *p, const struct headerpolicy_subject *s,
	struct fields *headers, struct headerpolicy_scratch *scratch,
	const struct headerpolicy_observer *observer)
{
	struct job job = {s, headers, scratch, observer};
	const struct section *section = section_of(p, s->host);

	if (s->status < 200)
		return 0;
	if (p->nonces > 0) {
		buf_clear(&scratch->text);
		buf_reserve(&scratch->text, p->nonce_bytes); /* once, so that values stay where they are */
	}
	if (apply_rules(&job, &p->rules, section) < 0)
		return -1;
	return section != NULL ? apply_rules(&job, &section->rules, NULL) : 0;
}

int headerpolicy_apply(const struct headerpolicy *p, const struct headerpolicy_subject *s,
	struct fields *headers, struct headerpolicy_scratch *scratch)
{
	return headerpolicy_apply_observed(p, s, headers, scratch, NULL);
}

void headerpolicy_scratch_free(struct headerpolicy_scratch *scratch)
{
	buf_free(&scratch->text);
}
