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

/* Applying to one response. */
struct job {
	const struct headerpolicy_subject *subject;
	struct fields *headers;
	uint64_t marks; /* of the names in headers, and maybe of some that are gone */
	struct headerpolicy_scratch *scratch;
	const struct headerpolicy_observer *observer; /* NULL: none */
};

static bool any_header(const struct job *j, const struct texts *list)
{
	for (size_t i = 0; i < list->count; i++)
		if ((j->marks & headerpolicy_mark(list->at[i])) != 0 &&
			header_find(j->headers, list->at[i]) != NULL)
			return true;
	return false;
}

static bool applies(const struct job *j, const struct rule *r, struct span content_type, struct span type)
{
	const struct headerpolicy_subject *s = j->subject;

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
	if (r->if_present.count > 0 && !any_header(j, &r->if_present))
		return false;
	return !any_header(j, &r->unless);
}

/* --- What --- */

/* The first field of the operation's name from index on; SIZE_MAX when there is none. */
static size_t find(const struct job *j, const struct op *op, size_t index)
{
	if ((j->marks & op->mark) == 0)
		return SIZE_MAX;
	for (size_t i = index; i < j->headers->count; i++)
		if (span_eq_nocase(j->headers->at[i].name, op->name))
			return i;
	return SIZE_MAX;
}

/* Take every line of that name away that stands at index or behind. */
static void drop(const struct job *j, const struct op *op, size_t index)
{
	struct fields *headers = j->headers;
	size_t kept = find(j, op, index);

	if (kept == SIZE_MAX)
		return;
	for (size_t i = kept + 1; i < headers->count; i++)
		if (!span_eq_nocase(headers->at[i].name, op->name))
			headers->at[kept++] = headers->at[i];
	headers->count = kept;
}

static int add(struct job *j, const struct op *op, struct span value)
{
	j->marks |= op->mark;
	return header_add(j->headers, op->name, value);
}

/* One line of that value; at is where the first of the name stands, or SIZE_MAX. */
static int put(struct job *j, const struct op *op, size_t at, struct span value)
{
	if (at == SIZE_MAX)
		return add(j, op, value);
	j->headers->at[at].value = value;
	drop(j, op, at + 1);
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

static int set(struct job *j, const struct op *op)
{
	size_t at = find(j, op, 0);
	struct headerpolicy_overwrite o = {.name = op->name, .now = value_of(j, op), .line = op->line};

	if (at != SIZE_MAX)
		o.was = j->headers->at[at].value;
	if (at != SIZE_MAX && is_asked_for(j, op, o.now, o.was))
		o.now = o.was;
	else if (at != SIZE_MAX && j->observer != NULL)
		j->observer->overwritten(j->observer->arg, &o);
	return put(j, op, at, o.now);
}

static int append(struct job *j, const struct op *op)
{
	struct span value = value_of(j, op);

	for (size_t at = find(j, op, 0); at != SIZE_MAX; at = find(j, op, at + 1))
		if (is_asked_for(j, op, value, j->headers->at[at].value))
			return 0;
	return add(j, op, value);
}

/* The longer life and every flag of the two. What is void, which more than one line is for some, counts for nothing. */
static int strengthen_hsts(struct job *j, const struct op *op)
{
	char *text = j->scratch->hsts;
	size_t at = find(j, op, 0);
	struct hsts now;

	if (at == SIZE_MAX || hsts_parse(j->headers->at[at].value, &now) != HSTS_OK)
		return put(j, op, at, op->value);
	if (hsts_at_least(&now, &op->hsts))
		return put(j, op, at, j->headers->at[at].value);
	if (hsts_at_least(&op->hsts, &now))
		return put(j, op, at, op->value);
	int64_t age = now.max_age > op->hsts.max_age ? now.max_age : op->hsts.max_age;
	int len = snprintf(text, sizeof(j->scratch->hsts), "max-age=%lld%s%s", (long long)age,
		now.subdomains || op->hsts.subdomains ? "; includeSubDomains" : "",
		now.preload || op->hsts.preload ? "; preload" : "");
	return put(j, op, at, span_of(text, (size_t)len));
}

static int apply(struct job *j, const struct op *op)
{
	switch (op->kind) {
	case OP_LEAVE: return 0;
	case OP_REMOVE: drop(j, op, 0); return 0;
	case OP_SET: return set(j, op);
	case OP_SET_IF_ABSENT: return find(j, op, 0) != SIZE_MAX ? 0 : add(j, op, value_of(j, op));
	case OP_STRENGTHEN:
		if (!span_eq_nocase(op->name, SPAN("content-security-policy")))
			return strengthen_hsts(j, op);
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
static int apply_rules(struct job *j, const struct rules *rules, const struct section *without)
{
	struct span rest, content_type = header_value(j->headers, SPAN("content-type"));
	struct span type = span_trim(span_cut(content_type, ';', &rest));

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *r = &rules->at[i];
		if (!applies(j, r, content_type, type))
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
	struct job job = {.subject = s, .headers = headers, .scratch = scratch, .observer = observer};
	const struct section *section = section_of(p, s->host);

	if (s->status < 200)
		return 0;
	if (p->nonces > 0) {
		buf_clear(&scratch->text);
		buf_reserve(&scratch->text, p->nonce_bytes); /* once, so that values stay where they are */
	}
	for (size_t i = 0; i < headers->count; i++)
		job.marks |= headerpolicy_mark(headers->at[i].name);
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
