/* Proofs about rules. */
#include <stdlib.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "ingress-lint/proof.h"

#define TAKERS_MAX (RX_TERMS_MAX - 3)
/* Questions about rules that others compete with, and the states that one may take: what is left when they are used up is
 * not decided. */
#define HARD_QUESTIONS_MAX 20000
#define STATES_MAX ((size_t)5000)
#define UNDECIDED_MAX 100 /* questions that may take all their states; the others are not asked after that */

struct proof {
	const struct view *view; /* borrowed */
	struct proof_set ordinary, every;
	struct map names; /* hostnames in all their forms, and suffixes of wildcards */
	struct proof_rule *rules;
	size_t hard_questions, undecided;
};

/* --- Languages --- */

bool proof_set_init(struct proof_set *s, const char *expr)
{
	*s = (struct proof_set){.rx = rx_new(span_str(expr), RELEASE_2025, NULL, NULL)};
	if (s->rx == NULL)
		return false;
	const struct rx *member = s->rx;
	s->set = rx_set_new(&member, 1);
	return true;
}

void proof_set_fini(struct proof_set *s)
{
	rx_set_free(s->set);
	rx_free(s->rx);
	*s = (struct proof_set){0};
}

static enum rx_answer ask(struct proof *p, const struct rx_term *terms, size_t count, struct buf *path)
{
	if (p->undecided == UNDECIDED_MAX)
		return RX_UNDECIDED;
	enum rx_answer answer = rx_witness(terms, count, STATES_MAX, path);
	p->undecided += answer == RX_UNDECIDED;
	return answer;
}

static enum rx_answer ask_two(
	struct proof *p, const struct rx_set *a, const struct rx_set *b, bool without, struct buf *path)
{
	struct rx_term terms[3] = {{p->ordinary.set, false}};
	size_t count = 1;

	if (a != NULL)
		terms[count++] = (struct rx_term){a, false};
	if (b == NULL && without)
		return RX_NONE;
	if (b != NULL)
		terms[count++] = (struct rx_term){b, without};
	return ask(p, terms, count, path);
}

enum rx_answer proof_both(struct proof *p, const struct rx_set *a, const struct rx_set *b, struct buf *path)
{
	return ask_two(p, a, b, false, path);
}

enum rx_answer proof_only(struct proof *p, const struct rx_set *a, const struct rx_set *b, struct buf *path)
{
	return ask_two(p, a, b, true, path);
}

/* --- Hosts --- */

static void note_name(struct proof *p, const char *name)
{
	static char mark;

	map_put(&p->names, span_str(name), &mark);
	if (view_is_wildcard(name))
		map_put(&p->names, span_str(name + 1), &mark);
}

static bool is_named(const struct proof *p, struct span host)
{
	if (map_get(&p->names, host) != NULL)
		return true;
	for (size_t i = 0; i < host.len; i++)
		if (host.p[i] == '.' && map_get(&p->names, span_skip(host, i)) != NULL)
			return true;
	return false;
}

/* A name that no rule mentions, with the ending. For a wildcard its own ending does not count, nor do those it lies in. */
static char *fresh_host(const struct proof *p, const char *ending, bool any)
{
	for (unsigned i = 0;; i++) {
		char *host = i == 0 ? mem_printf("any%s", ending) : mem_printf("any%u%s", i, ending);
		if (any ? !is_named(p, span_str(host)) : map_get(&p->names, span_str(host)) == NULL)
			return host;
		free(host);
	}
}

static char *host_of(const struct proof *p, const struct view_rule *r)
{
	if (view_is_any(r->host))
		return fresh_host(p, ".example.net", true);
	if (view_is_wildcard(r->host))
		return fresh_host(p, r->host + 1, false);
	return mem_strdup(r->punycode != NULL ? r->punycode : r->host);
}

/* --- Paths --- */

size_t proof_match(struct proof *p, const char *host, struct span path)
{
	return ingress_match(p->view->matcher, span_str(host), path);
}

/* A question about one rule. */
struct question {
	struct proof *proof;
	size_t rule;
	const char *host;
	struct rx_term terms[RX_TERMS_MAX];
	size_t count;
	size_t takers[TAKERS_MAX];
	size_t taker_count;
};

/* Look for a path in all terms that reaches the rule; each rule that takes one joins the terms. */
static enum rx_answer pursue(struct question *q, struct buf *path)
{
	struct proof *p = q->proof;

	for (;; buf_clear(path)) {
		enum rx_answer answer = ask(p, q->terms, q->count, path);
		if (answer != RX_SOME)
			return answer;
		size_t serves = proof_match(p, q->host, buf_span(path));
		if (serves == q->rule)
			return RX_SOME;
		if (q->taker_count == TAKERS_MAX || p->hard_questions++ == HARD_QUESTIONS_MAX)
			return RX_UNDECIDED;
		const struct rx_set *set = p->view->rules[serves].set;
		q->takers[q->taker_count++] = serves;
		if (set == NULL) {
			buf_clear(path);
			return RX_NONE;
		}
		q->terms[q->count++] = (struct rx_term){set, true};
	}
}

static void question_init(
	struct question *q, struct proof *p, size_t rule, const char *host, const struct rx_set *within)
{
	const struct rx_set *own = p->view->rules[rule].set;

	*q = (struct question){
		.proof = p, .rule = rule, .host = host, .terms = {{within, false}}, .count = 1};
	if (own != NULL)
		q->terms[q->count++] = (struct rx_term){own, false};
}

enum rx_answer proof_reaches(
	struct proof *p, const struct view_rule *r, const struct rx_set *set, struct buf *path)
{
	return proof_takes(p, r, proof_of(p, r)->host, set, path);
}

enum rx_answer proof_takes(struct proof *p, const struct view_rule *r, const char *host,
	const struct rx_set *set, struct buf *path)
{
	struct question q;

	question_init(&q, p, r->number - 1, host, p->ordinary.set);
	q.terms[q.count++] = (struct rx_term){set, false};
	return pursue(&q, path);
}

static void conclude(
	struct proof_rule *out, const struct question *q, enum rx_answer answer, const struct buf *path)
{
	static const enum proof_reach reach[] = {PROOF_SERVES, PROOF_NEVER, PROOF_UNDECIDED};

	out->reach = reach[answer];
	if (answer == RX_SOME) {
		out->path = mem_spandup(buf_span(path));
		out->path_len = buf_len(path);
	}
	if (answer != RX_NONE)
		return;
	out->takers = mem_array(q->taker_count + 1, sizeof(out->takers[0]));
	memcpy(out->takers, q->takers, q->taker_count * sizeof(out->takers[0]));
	out->taker_count = q->taker_count;
}

static void prove(struct proof *p, size_t i)
{
	struct proof_rule *out = &p->rules[i];
	struct buf path = {0};
	struct question q;

	out->host = host_of(p, &p->view->rules[i]);
	question_init(&q, p, i, out->host, p->ordinary.set);
	enum rx_answer answer = pursue(&q, &path);
	out->is_strange = answer == RX_NONE && q.taker_count == 0;
	if (answer == RX_NONE) {
		/* All ordinary paths are taken; are there others? Rules taking everything end that, too. */
		question_init(&q, p, i, out->host, p->every.set);
		answer = pursue(&q, &path);
	}
	conclude(out, &q, answer, &path);
	buf_free(&path);
}

struct proof *proof_new(const struct view *v)
{
	struct proof *p = mem_alloc(sizeof(*p));

	p->view = v;
	p->rules = mem_array(v->count, sizeof(p->rules[0]));
	/* In the order of what people would rather see in a URL. */
	proof_set_init(&p->ordinary, "\\A/[^\\x00-\\x1f\\x7f?#%]*\\z");
	proof_set_init(&p->every, "\\A/");
	for (size_t i = 0; i < v->count; i++) {
		note_name(p, v->rules[i].host);
		if (v->rules[i].punycode != NULL)
			note_name(p, v->rules[i].punycode);
	}
	for (size_t i = 0; i < v->count; i++)
		prove(p, i);
	return p;
}

void proof_free(struct proof *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->view->count; i++) {
		free(p->rules[i].host);
		free(p->rules[i].path);
		free(p->rules[i].takers);
	}
	free(p->rules);
	map_free(&p->names);
	proof_set_fini(&p->ordinary);
	proof_set_fini(&p->every);
	free(p);
}

const struct proof_rule *proof_of(const struct proof *p, const struct view_rule *r)
{
	return &p->rules[r->number - 1];
}

/* --- URLs --- */

/* What may stand in a path as it is (RFC 3986, 3.3). */
static bool is_path_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~!$&'()*+,;=:@/", c) != NULL);
}

char *proof_url(const char *host, struct span path)
{
	struct buf url = {0};

	buf_addf(&url, "https://%s", host);
	for (size_t i = 0; i < path.len; i++) {
		unsigned char c = (unsigned char)path.p[i];
		if (is_path_byte(c))
			buf_add_char(&url, (char)c);
		else
			buf_addf(&url, "%%%02X", c);
	}
	char *text = mem_spandup(buf_span(&url));
	buf_free(&url);
	return text;
}

char *proof_witness(const struct proof *p, const struct view_rule *r)
{
	const struct proof_rule *known = proof_of(p, r);

	return known->path != NULL ? proof_url(known->host, span_of(known->path, known->path_len)) : NULL;
}
