/* Choosing the rule of a request. Rules are sorted into groups by hostname: one for each exact name (or punycode form), one
 * for each wildcard's suffix, and one for every host. A request belongs to a few groups, found by hashing; in each, one
 * pass over the path tries all its expressions. The lowest rule wins. */
#include <stdlib.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/conf/hostname.h"
#include "common/conf/ingress_private.h"

/* Expressions' automata grow with the paths that visitors send, to RX_SCAN_MAX each, so only so many are kept. */
#define SCANS_MAX 32

struct group {
	size_t number;
	size_t *rules; /* those with a path, in order; the members of set */
	size_t count;
	size_t first;       /* of all its rules */
	size_t pathless;    /* the first without a path; what follows it is never reached. SIZE_MAX: none */
	struct rx_set *set; /* NULL when there are no paths */
};

struct ingress_index {
	struct map exact, suffixes; /* of struct group */
	struct group *every;        /* rules for every host; may be NULL */
	struct group **groups;
	size_t count;
	size_t longest_suffix;
};

struct ingress_matcher {
	const struct ingress *in;
	struct rx_scan **scans; /* by number of the group; NULL until it is needed */
	size_t kept[SCANS_MAX]; /* numbers of the groups that have one, as a ring */
	size_t next;
	bool full;
};

/* --- Groups --- */

static struct group *new_group(struct ingress_index *x)
{
	struct group *g = mem_alloc(sizeof(*g));

	g->number = x->count;
	g->first = g->pathless = SIZE_MAX;
	x->groups = mem_grow(x->groups, x->count + 1, sizeof(struct group *));
	x->groups[x->count++] = g;
	return g;
}

static struct group *group_of(struct ingress_index *x, struct map *map, struct span key)
{
	struct group *g = map_get(map, key);

	if (g == NULL) {
		g = new_group(x);
		map_put(map, key, g);
	}
	return g;
}

static void add_rule(struct group *g, const struct ingress *in, size_t rule)
{
	if (g->pathless != SIZE_MAX)
		return;
	if (g->first == SIZE_MAX)
		g->first = rule;
	if (in->paths[rule] == NULL) {
		g->pathless = rule;
		return;
	}
	/* Doubled whenever the count is a power of two. */
	if ((g->count & (g->count - 1)) == 0)
		g->rules = mem_grow(g->rules, g->count > 0 ? 2 * g->count : 1, sizeof(*g->rules));
	g->rules[g->count++] = rule;
}

static void add_name(struct ingress_index *x, const struct ingress *in, size_t rule, struct span name)
{
	add_rule(group_of(x, &x->exact, name), in, rule);
	if (!span_starts(name, SPAN("*.")))
		return;
	struct span suffix = span_skip(name, 1);
	if (suffix.len > x->longest_suffix)
		x->longest_suffix = suffix.len;
	add_rule(group_of(x, &x->suffixes, suffix), in, rule);
}

static void make_set(struct group *g, const struct ingress *in)
{
	if (g->count == 0)
		return;
	const struct rx **members = mem_array(g->count, sizeof(struct rx *));
	for (size_t i = 0; i < g->count; i++)
		members[i] = in->paths[g->rules[i]];
	g->set = rx_set_new(members, g->count);
	free(members);
}

struct ingress_index *ingress_index_new(const struct ingress *in)
{
	struct ingress_index *x = mem_alloc(sizeof(*x));

	for (size_t i = 0; i < in->count; i++) {
		struct span name = span_str(in->rules[i].hostname);
		if (name.len == 0 || span_eq(name, SPAN("*"))) {
			if (x->every == NULL)
				x->every = new_group(x);
			add_rule(x->every, in, i);
			continue;
		}
		add_name(x, in, i, name);
		if (in->rules[i].punycode != NULL)
			add_name(x, in, i, span_str(in->rules[i].punycode));
	}
	for (size_t i = 0; i < x->count; i++)
		make_set(x->groups[i], in);
	return x;
}

void ingress_index_free(struct ingress_index *x)
{
	if (x == NULL)
		return;
	for (size_t i = 0; i < x->count; i++) {
		rx_set_free(x->groups[i]->set);
		free(x->groups[i]->rules);
		free(x->groups[i]);
	}
	free(x->groups);
	map_free(&x->exact);
	map_free(&x->suffixes);
	free(x);
}

/* --- Matching --- */

struct ingress_matcher *ingress_matcher_new(const struct ingress *in)
{
	struct ingress_matcher *m = mem_alloc(sizeof(*m));

	m->in = in;
	m->scans = mem_array(in->index != NULL ? in->index->count : 0, sizeof(struct rx_scan *));
	return m;
}

void ingress_matcher_free(struct ingress_matcher *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; m->in->index != NULL && i < m->in->index->count; i++)
		rx_scan_free(m->scans[i]);
	free(m->scans);
	free(m);
}

/* The group's scan, made when it is first needed; the oldest makes room for it. */
static struct rx_scan *scan_of(struct ingress_matcher *m, const struct group *g)
{
	if (m->scans[g->number] != NULL)
		return m->scans[g->number];
	if (m->full) {
		rx_scan_free(m->scans[m->kept[m->next]]);
		m->scans[m->kept[m->next]] = NULL;
	}
	m->kept[m->next] = g->number;
	m->next = (m->next + 1) % SCANS_MAX;
	m->full = m->full || m->next == 0;
	m->scans[g->number] = rx_scan_new(g->set);
	return m->scans[g->number];
}

/* The better of best and the group's rule for the path. */
static size_t match_group(struct ingress_matcher *m, const struct group *g, struct span path, size_t best)
{
	if (g == NULL || g->first >= best)
		return best;
	size_t rule = g->pathless;
	if (g->set != NULL) {
		size_t member = rx_scan_first(scan_of(m, g), path);
		if (member < g->count)
			rule = g->rules[member];
	}
	return rule < best ? rule : best;
}

size_t ingress_match(struct ingress_matcher *m, struct span host, struct span path)
{
	const struct ingress_index *x = m->in->index;
	size_t best = m->in->count - 1;
	struct span name;

	if (x == NULL)
		return best;
	hostname_split_port(host, &name);
	best = match_group(m, map_get(&x->exact, name), path, best);
	/* Every dot may begin the suffix of a wildcard. */
	for (size_t i = name.len > x->longest_suffix ? name.len - x->longest_suffix : 0; i < name.len; i++)
		if (name.p[i] == '.')
			best = match_group(m, map_get(&x->suffixes, span_skip(name, i)), path, best);
	return match_group(m, x->every, path, best);
}
