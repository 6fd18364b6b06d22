/* Choosing the rule of a request. Rules are sorted into groups by hostname: one for each exact name (or punycode form), one
 * for each wildcard's suffix, and one for every host. A request belongs to a few groups, found by hashing; in each, one
 * pass over the path tries all its expressions. The lowest rule wins. Groups with the same expressions share one set, since
 * many hosts are often given the same few paths. */
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/conf/hostname.h"
#include "common/conf/ingress_private.h"

/* Expressions' automata grow with the paths that visitors send: bytes of all that a matcher keeps. */
#define SCANS_BYTES_MAX (8 * RX_SCAN_MAX)

struct paths {
	size_t number;
	struct rx_set *set;
	struct buf key; /* the texts of its members, to find it by while groups are made */
};

struct group {
	size_t *rules; /* those with a path, in order; the members of the set */
	size_t count;
	size_t first;    /* of all its rules */
	size_t pathless; /* the first without a path; what follows it is never reached. SIZE_MAX: none */
	const struct paths *paths; /* NULL when there are none */
};

struct ingress_index {
	struct map exact, suffixes; /* of struct group */
	struct group *every;        /* rules for every host; may be NULL */
	struct group **groups;
	size_t count;
	struct paths **paths;
	size_t paths_count;
	size_t longest_suffix;
};

struct ingress_matcher {
	const struct ingress *in;
	struct rx_scan **scans; /* by number of the paths; NULL until it is needed */
	size_t *queue;          /* numbers of the paths that have one, a ring with room for all */
	size_t oldest, queued;
	size_t bytes; /* that the scans keep */
};

/* --- Groups --- */

static struct group *new_group(struct ingress_index *x)
{
	struct group *g = mem_alloc(sizeof(*g));

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

static struct buf key_of(const struct group *g, const struct ingress *in)
{
	struct buf key = {0};

	for (size_t i = 0; i < g->count; i++) {
		struct span text = span_str(in->rules[g->rules[i]].path);
		buf_add(&key, &text.len, sizeof(text.len));
		buf_add_span(&key, text);
	}
	return key;
}

static struct paths *new_paths(
	struct ingress_index *x, const struct group *g, const struct ingress *in, struct buf key)
{
	struct paths *p = mem_alloc(sizeof(*p));
	const struct rx **members = mem_array(g->count, sizeof(struct rx *));

	for (size_t i = 0; i < g->count; i++)
		members[i] = in->paths[g->rules[i]];
	*p = (struct paths){.number = x->paths_count, .set = rx_set_new(members, g->count), .key = key};
	free(members);
	x->paths = mem_grow(x->paths, x->paths_count + 1, sizeof(struct paths *));
	x->paths[x->paths_count++] = p;
	return p;
}

static void find_paths(struct ingress_index *x, const struct ingress *in)
{
	struct map known = {0}; /* of struct paths */

	for (size_t i = 0; i < x->count; i++) {
		struct group *g = x->groups[i];
		if (g->count == 0)
			continue;
		struct buf key = key_of(g, in);
		struct paths *p = map_get(&known, buf_span(&key));
		if (p != NULL) {
			buf_free(&key);
		} else {
			p = new_paths(x, g, in, key);
			map_put(&known, buf_span(&p->key), p);
		}
		g->paths = p;
	}
	map_free(&known);
	for (size_t i = 0; i < x->paths_count; i++)
		buf_free(&x->paths[i]->key);
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
	find_paths(x, in);
	return x;
}

void ingress_index_free(struct ingress_index *x)
{
	if (x == NULL)
		return;
	for (size_t i = 0; i < x->count; i++) {
		free(x->groups[i]->rules);
		free(x->groups[i]);
	}
	for (size_t i = 0; i < x->paths_count; i++) {
		rx_set_free(x->paths[i]->set);
		free(x->paths[i]);
	}
	free(x->groups);
	free(x->paths);
	map_free(&x->exact);
	map_free(&x->suffixes);
	free(x);
}

/* --- Matching --- */

struct ingress_matcher *ingress_matcher_new(const struct ingress *in)
{
	struct ingress_matcher *m = mem_alloc(sizeof(*m));
	size_t count = in->index != NULL ? in->index->paths_count : 0;

	m->in = in;
	m->scans = mem_array(count, sizeof(struct rx_scan *));
	m->queue = mem_array(count, sizeof(m->queue[0]));
	return m;
}

void ingress_matcher_free(struct ingress_matcher *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; m->in->index != NULL && i < m->in->index->paths_count; i++)
		rx_scan_free(m->scans[i]);
	free(m->scans);
	free(m->queue);
	free(m);
}

/* The scan of the paths, made when it is first needed. */
static struct rx_scan *scan_of(struct ingress_matcher *m, const struct paths *p)
{
	if (m->scans[p->number] == NULL) {
		m->queue[(m->oldest + m->queued++) % m->in->index->paths_count] = p->number;
		m->scans[p->number] = rx_scan_new(p->set);
	}
	return m->scans[p->number];
}

static void drop_oldest(struct ingress_matcher *m)
{
	size_t number = m->queue[m->oldest];

	m->bytes -= rx_scan_kept(m->scans[number]);
	rx_scan_free(m->scans[number]);
	m->scans[number] = NULL;
	m->oldest = (m->oldest + 1) % m->in->index->paths_count;
	m->queued--;
}

/* The first member that matches. The oldest scans make room for what this one has grown by. */
static size_t scan_paths(struct ingress_matcher *m, const struct paths *p, struct span path)
{
	struct rx_scan *scan = scan_of(m, p);
	size_t before = rx_scan_kept(scan), member = rx_scan_first(scan, path);

	m->bytes += rx_scan_kept(scan) - before;
	while (m->bytes > SCANS_BYTES_MAX)
		drop_oldest(m);
	return member;
}

/* The better of best and the group's rule for the path. */
static size_t match_group(struct ingress_matcher *m, const struct group *g, struct span path, size_t best)
{
	if (g == NULL || g->first >= best)
		return best;
	size_t rule = g->pathless;
	if (g->paths != NULL) {
		size_t member = scan_paths(m, g->paths, path);
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

size_t ingress_matcher_bytes(const struct ingress_matcher *m)
{
	return m->bytes;
}
