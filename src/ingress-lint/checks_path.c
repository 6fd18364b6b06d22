/* Path expressions: what they say, and what their author meant. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/rx.h"
#include "ingress-lint/expr.h"
#include "ingress-lint/lint.h"
#include "ingress-lint/proof.h"

/* Could another rule get requests of this one's hosts? A last word for the rest is none. */
static bool has_sibling(const struct view *v, const struct view_rule *r)
{
	const struct view_rule *last = &v->rules[v->count - 1];
	bool has_word = last != r && view_is_any(last->host) && last->target.kind == INGRESS_STATUS;

	return names_overlap(&v->names, r->host, has_word ? 1 : 0);
}

/* Give the finding, if it was kept, the shortest path that the rule takes and the better expression would not. */
static void show_excess(struct lint *l, const struct view_rule *r, const char *better)
{
	struct proof_set other;
	struct buf path = {0};

	if (l->proof != NULL && l->dropped == 0 && proof_set_init(&other, better)) {
		if (proof_only(l->proof, r->set, other.set, &path) == RX_SOME)
			lint_witness(l, proof_url(proof_of(l->proof, r)->host, buf_span(&path)));
		proof_set_fini(&other);
	}
	buf_free(&path);
}

static void unanchored(struct lint *l, const struct view *v, const struct view_rule *r)
{
	if (r->rx == NULL || r->expr[0] != '/' || !has_sibling(v, r))
		return;
	char *better = mem_printf("^(?:%s)", r->expr);
	lint_find(l, r->path->start,
		"path %s is searched for anywhere in the path, not only at its beginning", r->expr);
	show_excess(l, r, better);
	free(better);
}

static void unescaped_dot(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct span rest = span_str(r->expr);
	enum expr_kind before = EXPR_LITERAL; /* a dot may be the first, as in ".css$" */

	(void)v;
	if (r->rx == NULL)
		return;
	for (struct expr_token t = expr_next(&rest); t.kind != EXPR_NONE; t = expr_next(&rest)) {
		struct span after = rest;
		struct expr_token next = expr_next(&after);
		if (t.kind == EXPR_DOT && before == EXPR_LITERAL && next.kind == EXPR_LITERAL) {
			size_t at = (size_t)(t.text.p - r->expr);
			char *better = mem_printf("%.*s\\%s", (int)at, r->expr, r->expr + at);
			lint_find(l, r->path->start, "path %s: the dot matches any character; write \\.",
				r->expr);
			show_excess(l, r, better);
			free(better);
			return;
		}
		before = t.kind;
	}
}

static bool is_letter_or_slash(struct expr_token t)
{
	char c = span_lower(t.text.p[0]);

	return t.kind == EXPR_LITERAL && !t.escaped && ((c >= 'a' && c <= 'z') || c == '/');
}

static void glob(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct span rest = span_str(r->expr);
	struct expr_token before = expr_next(&rest);

	(void)v;
	if (r->rx == NULL)
		return;
	for (struct expr_token t = expr_next(&rest); before.kind != EXPR_NONE; t = expr_next(&rest)) {
		if (t.kind == EXPR_REPEAT && t.text.p[0] == '*' && is_letter_or_slash(before)) {
			lint_find(l, r->path->start,
				"path %s: \"%.*s*\" repeats \"%.*s\", it is no file pattern", r->expr,
				(int)before.text.len, before.text.p, (int)before.text.len, before.text.p);
			return;
		}
		before = t;
	}
}

/* Alternatives at the top of an expression. */
struct branches {
	size_t count, begins, ends; /* how many carry each anchor */
};

static struct branches count_branches(const char *expr)
{
	struct span rest = span_str(expr);
	struct branches b = {.count = 1};
	enum expr_kind before = EXPR_BAR;
	size_t depth = 0;

	for (;;) {
		struct expr_token t = expr_next(&rest);
		bool ends_here = t.kind == EXPR_NONE || (t.kind == EXPR_BAR && depth == 0);
		if (depth == 0 && before == EXPR_BAR && t.kind == EXPR_BEGIN)
			b.begins++;
		if (ends_here && before == EXPR_END)
			b.ends++;
		if (t.kind == EXPR_NONE)
			return b;
		if (t.kind == EXPR_BAR && depth == 0)
			b.count++;
		if (t.kind == EXPR_OPEN)
			depth++;
		if (t.kind == EXPR_CLOSE && depth > 0)
			depth--;
		before = t.kind == EXPR_BAR && depth > 0 ? EXPR_OPEN : t.kind;
	}
}

static void alternation(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (r->rx == NULL)
		return;
	struct branches b = count_branches(r->expr);
	bool begins = b.begins > 0 && b.begins<b.count, ends = b.ends> 0 && b.ends < b.count;
	if (begins || ends)
		lint_find(l, r->path->start, "path %s: %s of its %zu alternatives %s \"%s\"; group them",
			r->expr, (begins ? b.begins : b.ends) == 1 ? "only one" : "only some", b.count,
			(begins ? b.begins : b.ends) == 1 ? "has" : "have", begins ? "^" : "$");
}

static bool is_name_byte(char c)
{
	char lower = span_lower(c);

	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

static void open_prefix(struct lint *l, const struct view *v, const struct view_rule *r)
{
	char *prefix = NULL;

	if (r->rx != NULL && expr_is_prefix(r->expr, &prefix) && is_name_byte(prefix[strlen(prefix) - 1]) &&
		has_sibling(v, r)) {
		char *better = mem_printf("%s(/|$)", r->expr);
		lint_find(l, r->path->start, "path %s goes on into other names", r->expr);
		show_excess(l, r, better);
		free(better);
	}
	free(prefix);
}

static void other_version(struct lint *l, const struct view *v, const struct view_rule *r)
{
	static const struct {
		enum release release;
		const char *message;
	} others[] = {{RELEASE_2023_7, "releases before the move to Go 1.22 refuse (?<name>...)"},
		{RELEASE_2025, "releases before 2026.5.0 refuse these names of properties"},
		{RELEASE_2026, "releases from 2026.5.0 on refuse names of properties with \"_\""}};

	if (r->rx == NULL)
		return;
	/* The newest that does not read it says most. */
	for (size_t i = sizeof(others) / sizeof(others[0]); i-- > 0;) {
		if (others[i].release == v->release)
			continue;
		struct rx *other = rx_new(span_str(r->expr), others[i].release, NULL, NULL);
		if (other != NULL) {
			rx_free(other);
			continue;
		}
		lint_find(l, r->path->start, "path %s: %s", r->expr, others[i].message);
		return;
	}
}

static void never_matches(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (r->rx == NULL || l->proof == NULL || !proof_of(l->proof, r)->is_strange)
		return;
	const struct proof_rule *known = proof_of(l->proof, r);
	if (known->reach == PROOF_NEVER && known->taker_count == 0) {
		lint_find(l, r->path->start, "path %s matches no path that a request can have (proven)",
			r->expr);
		return;
	}
	lint_find(l, r->path->start, "path %s matches only paths with escaped control characters, ?, # or %%",
		r->expr);
	lint_witness(l, proof_witness(l->proof, r));
}

const struct lint_check checks_path[] = {
	{"IL101", unanchored, NULL},
	{"IL102", unescaped_dot, NULL},
	{"IL103", glob, NULL},
	{"IL105", never_matches, NULL},
	{"IL111", alternation, NULL},
	{"IL112", open_prefix, NULL},
	{"IL113", other_version, NULL},
	{0},
};
