/* Rules that meet without one holding the other, and paths that differ in nothing but case. */
#include <stdlib.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "ingress-lint/expr.h"
#include "ingress-lint/lint.h"
#include "ingress-lint/proof.h"

#define QUESTIONS_MAX 2000  /* of pairs that may meet, in a file */
#define GLANCES_MAX 2000000 /* of pairs that are looked at for that */
#define NAMED_MAX 3         /* earlier rules that a finding names */

/* --- Rules by host --- */

/* Those of one hostname, in order. */
struct group {
	size_t *rules;
	size_t count, cap;
};

struct groups {
	struct map by_host;
	struct group *at; /* as many as rules, so that they stay where they are */
	size_t count;
};

static const char *host_key(const struct view_rule *r)
{
	return view_is_any(r->host) ? "*" : r->host;
}

static void groups_init(struct groups *g, const struct view *v)
{
	*g = (struct groups){.at = mem_array(v->count + 1, sizeof(g->at[0]))};
	for (size_t i = 0; i < v->count; i++) {
		struct span key = span_str(host_key(&v->rules[i]));
		struct group *own = map_get(&g->by_host, key);
		if (own == NULL) {
			own = &g->at[g->count++];
			map_put(&g->by_host, key, own);
		}
		if (own->count == own->cap) {
			own->cap = own->cap > 0 ? 2 * own->cap : 4;
			own->rules = mem_grow(own->rules, own->cap, sizeof(own->rules[0]));
		}
		own->rules[own->count++] = i;
	}
}

static void groups_fini(struct groups *g)
{
	for (size_t i = 0; i < g->count; i++)
		free(g->at[i].rules);
	free(g->at);
	map_free(&g->by_host);
}

/* --- Paths that differ only in case --- */

static char *lower(const char *text)
{
	char *copy = mem_strdup(text);

	for (char *c = copy; *c != '\0'; c++)
		*c = span_lower(*c);
	return copy;
}

/* Would the two be the same if case did not count? Not every letter in an expression stands for itself. */
static bool is_same_but_for_case(struct proof *p, const struct view_rule *a, const struct view_rule *b)
{
	char *x = mem_printf("(?i:%s)", a->expr), *y = mem_printf("(?i:%s)", b->expr);
	struct proof_set s = {0}, t = {0};
	struct buf path = {0};

	bool same = proof_set_init(&s, x) && proof_set_init(&t, y) &&
		    proof_only(p, s.set, t.set, &path) == RX_NONE &&
		    proof_only(p, t.set, s.set, &path) == RX_NONE;
	buf_free(&path);
	proof_set_fini(&s);
	proof_set_fini(&t);
	free(x);
	free(y);
	return same;
}

static void report_twins(struct lint *l, const struct view_rule *a, const struct view_rule *b)
{
	struct buf path = {0};

	if (!is_same_but_for_case(l->proof, a, b))
		return;
	lint_find(l, b->path->start,
		"path %s differs only in case from rule %zu's %s; case counts, unless it is written (?i)",
		b->expr, a->number, a->expr);
	if (proof_only(l->proof, b->set, a->set, &path) == RX_SOME)
		lint_witness(l, proof_url(proof_of(l->proof, b)->host, buf_span(&path)));
	buf_free(&path);
}

static void twins(struct lint *l, const struct view *v)
{
	struct map seen = {0};
	char **keys = mem_array(v->count + 1, sizeof(char *));
	size_t questions = 0;

	for (size_t i = 0; i < v->count && l->proof != NULL && questions < QUESTIONS_MAX; i++) {
		const struct view_rule *r = &v->rules[i];
		if (r->set == NULL)
			continue;
		char *path = lower(r->expr);
		keys[i] = mem_printf("%s %s", host_key(r), path);
		free(path);
		const struct view_rule *other = map_get(&seen, span_str(keys[i]));
		if (other == NULL)
			map_put(&seen, span_str(keys[i]), (void *)(uintptr_t)r);
		else if (strcmp(other->expr, r->expr) != 0 && ++questions <= QUESTIONS_MAX)
			report_twins(l, other, r);
	}
	for (size_t i = 0; i < v->count; i++)
		free(keys[i]);
	free(keys);
	map_free(&seen);
}

/* --- Overlaps --- */

struct search {
	struct lint *lint;
	const struct view *view;
	char **prefixes; /* of each rule that is an anchored text: that text; else NULL */
	size_t *ways;    /* of each rule: a number that those have in common that serve in the same way */
	size_t questions, glances;
};

/* Asked of millions of pairs, so each rule is looked at once. */
static size_t *number_ways(const struct view *v)
{
	struct map known = {0};
	struct buf *keys = mem_array(v->count + 1, sizeof(keys[0]));
	size_t *ways = mem_array(v->count + 1, sizeof(ways[0]));

	for (size_t i = 0; i < v->count; i++) {
		lint_way(v, &v->rules[i], &keys[i]);
		const size_t *same = map_get(&known, buf_span(&keys[i]));
		ways[i] = same != NULL ? *same : i;
		if (same == NULL)
			map_put(&known, buf_span(&keys[i]), &ways[i]);
		else
			buf_free(&keys[i]);
	}
	for (size_t i = 0; i < v->count; i++)
		buf_free(&keys[i]);
	free(keys);
	map_free(&known);
	return ways;
}

/* The literal that the path begins with, when the expression begins with "^" and a literal; else NULL. To be freed. */
static char *prefix_of(const struct view_rule *r)
{
	struct span rest = span_str(r->expr);
	struct buf text = {0};

	if (r->rx == NULL || strchr(r->expr, '|') != NULL || expr_next(&rest).kind != EXPR_BEGIN)
		return NULL;
	for (struct expr_token t = expr_next(&rest); t.kind == EXPR_LITERAL; t = expr_next(&rest)) {
		struct span after = rest;
		if (expr_next(&after).kind == EXPR_REPEAT)
			break;
		buf_add_char(&text, t.text.p[t.text.len - 1]);
	}
	buf_add_char(&text, '\0');
	char *prefix = mem_strdup(buf_span(&text).p);
	buf_free(&text);
	return prefix;
}

/* Can no path begin with both? */
static bool part_ways(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return false;
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a != '\0' && *b != '\0';
}

/* Rules of which an overlap says nothing new: what is not anchored is told as such, a fixed answer in front and a path for
 * challenges are there to take their part. */
static bool takes_on_purpose(const struct view_rule *r)
{
	return r->target.kind == INGRESS_STATUS || strstr(r->expr, "well-known") != NULL;
}

static bool may_meet(const struct search *s, const struct view_rule *early, const struct view_rule *late)
{
	return s->ways[early->number - 1] != s->ways[late->number - 1] && early->fault == INGRESS_OK &&
	       early->set != NULL && early->expr[0] != '/' && !takes_on_purpose(early) &&
	       !part_ways(s->prefixes[early->number - 1], s->prefixes[late->number - 1]);
}

/* Does the early rule take a part of the later one's requests, and do both have others? That part is put into path. */
static bool meet(
	struct search *s, const struct view_rule *early, const struct view_rule *late, struct buf *path)
{
	struct proof *p = s->lint->proof;
	struct buf other = {0};

	s->questions++;
	bool both = proof_takes(p, early, proof_of(p, late)->host, late->set, path) == RX_SOME &&
		    proof_only(p, early->set, late->set, &other) == RX_SOME;
	buf_clear(&other);
	both = both && proof_only(p, late->set, early->set, &other) == RX_SOME;
	buf_free(&other);
	return both;
}

/* Earlier rules that meet with one. */
struct met {
	const struct view_rule *rules[NAMED_MAX];
	size_t count;
	struct buf path; /* of the first */
};

static void look_through(
	struct search *s, const struct group *g, const struct view_rule *late, struct met *met)
{
	for (size_t i = 0; g != NULL && i < g->count && g->rules[i] + 1 < late->number; i++) {
		const struct view_rule *early = &s->view->rules[g->rules[i]];
		struct buf path = {0};
		if (s->questions == QUESTIONS_MAX || ++s->glances > GLANCES_MAX)
			return;
		if (may_meet(s, early, late) && meet(s, early, late, &path)) {
			if (met->count < NAMED_MAX)
				met->rules[met->count] = early;
			if (met->count++ == 0)
				buf_add_span(&met->path, buf_span(&path));
		}
		buf_free(&path);
	}
}

/* The groups whose hosts hold all of the rule's. A rule for narrower hosts may come first, as a narrower path may. */
static void look_around(
	struct search *s, const struct groups *g, const struct view_rule *late, struct met *met)
{
	struct span host = span_str(host_key(late));

	look_through(s, map_get(&g->by_host, host), late, met);
	for (size_t i = 1; i < host.len && !view_is_any(late->host); i++) {
		if (host.p[i] != '.' || (i == 1 && host.p[0] == '*'))
			continue;
		char *wild = mem_printf("*%.*s", (int)(host.len - i), host.p + i);
		look_through(s, map_get(&g->by_host, span_str(wild)), late, met);
		free(wild);
	}
	if (!view_is_any(late->host))
		look_through(s, map_get(&g->by_host, SPAN("*")), late, met);
}

static void report_met(struct search *s, const struct view_rule *late, const struct met *met)
{
	struct buf names = {0};
	size_t named = met->count < NAMED_MAX ? met->count : NAMED_MAX;

	for (size_t i = 0; i < named; i++) {
		char *name = view_rule_name(met->rules[i]);
		buf_addf(&names, "%s%s", i > 0 ? ", " : "", name);
		free(name);
	}
	if (met->count > named)
		buf_addf(&names, " and %zu more", met->count - named);
	buf_add_char(&names, '\0');
	bool guards = view_is_protected(late) && !view_is_protected(met->rules[0]);
	lint_find_as(s->lint, guards ? RULEBOOK_WARNING : RULEBOOK_INFO, late->path->start,
		"rule %zu loses a part of its requests to %s, of which neither holds the other", late->number,
		buf_span(&names).p);
	lint_witness(s->lint, proof_url(proof_of(s->lint->proof, late)->host, buf_span(&met->path)));
	buf_free(&names);
}

static void overlaps(struct lint *l, const struct view *v)
{
	struct search s = {.lint = l, .view = v};
	struct groups g;

	if (l->proof == NULL)
		return;
	groups_init(&g, v);
	s.prefixes = mem_array(v->count + 1, sizeof(char *));
	for (size_t i = 0; i < v->count; i++)
		s.prefixes[i] = prefix_of(&v->rules[i]);
	s.ways = number_ways(v);
	for (size_t i = 0; i < v->count; i++) {
		const struct view_rule *late = &v->rules[i];
		struct met met = {.count = 0};
		if (late->set == NULL || late->expr[0] == '/' ||
			proof_of(l->proof, late)->reach != PROOF_SERVES)
			continue;
		look_around(&s, &g, late, &met);
		if (met.count > 0)
			report_met(&s, late, &met);
		buf_free(&met.path);
		if (s.questions == QUESTIONS_MAX || s.glances > GLANCES_MAX) {
			lint_find(l, late->node->start,
				"not decided which rules from here on meet with earlier ones");
			break;
		}
	}
	for (size_t i = 0; i < v->count; i++)
		free(s.prefixes[i]);
	free(s.prefixes);
	free(s.ways);
	groups_fini(&g);
}

const struct lint_check checks_overlap[] = {
	{"IL119", NULL, twins},
	{"IL120", NULL, overlaps},
	{0},
};
