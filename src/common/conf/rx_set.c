/* Several programs put together, and the characters sorted into the classes that they tell apart. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/conf/rx_private.h"

static bool ranges_eq(struct rx_ranges a, struct rx_ranges b)
{
	return a.count == b.count && (a.count == 0 || memcmp(a.at, b.at, a.count * sizeof(a.at[0])) == 0);
}

/* FNV-1a over the bounds. */
static uint32_t ranges_hash(struct rx_ranges r)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < r.count; i++) {
		h = (h ^ r.at[i].lo) * 16777619u;
		h = (h ^ r.at[i].hi) * 16777619u;
	}
	return h ^ h >> 15;
}

/* The slot of r, or the free one where it belongs. */
static uint32_t *sets_slot(struct rx_sets *s, struct rx_ranges r)
{
	size_t i = ranges_hash(r) & (s->slot_count - 1);

	while (s->slots[i] != 0 && !ranges_eq(s->at[s->slots[i] - 1], r))
		i = (i + 1) & (s->slot_count - 1);
	return &s->slots[i];
}

static void sets_grow(struct rx_sets *s)
{
	s->cap = s->cap > 0 ? 2 * s->cap : 8;
	s->at = mem_grow(s->at, s->cap, sizeof(s->at[0]));
	s->slot_count = 2 * s->cap;
	free(s->slots);
	s->slots = mem_array(s->slot_count, sizeof(s->slots[0]));
	for (size_t i = 0; i < s->count; i++)
		*sets_slot(s, s->at[i]) = (uint32_t)i + 1;
}

uint32_t rx_sets_intern(struct rx_sets *s, struct rx_ranges r, bool *is_new)
{
	if (s->count == s->cap)
		sets_grow(s);
	uint32_t *slot = sets_slot(s, r);
	*is_new = *slot == 0;
	if (*is_new) {
		s->at[s->count++] = r;
		*slot = (uint32_t)s->count;
	}
	return *slot - 1;
}

void rx_sets_free(struct rx_sets *s)
{
	free(s->at);
	free(s->slots);
	*s = (struct rx_sets){0};
}

/* Most states hold so few instructions that the call of qsort is what costs. */
#define FEW 16

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void rx_sort(uint32_t *at, size_t count)
{
	if (count > FEW) {
		qsort(at, count, sizeof(at[0]), by_value);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		uint32_t value = at[i];
		size_t k = i;
		for (; k > 0 && at[k - 1] > value; k--)
			at[k] = at[k - 1];
		at[k] = value;
	}
}

/* Intervals between neighbouring bounds of all sets. */
static void cut_intervals(struct rx_partition *p, const struct rx_sets *sets)
{
	size_t bounds = 1, kept = 1;

	for (size_t i = 0; i < sets->count; i++)
		bounds += 2 * sets->at[i].count;
	p->lo = mem_array(bounds, sizeof(p->lo[0]));
	bounds = 1; /* the first interval begins at 0 */
	for (size_t i = 0; i < sets->count; i++)
		for (size_t k = 0; k < sets->at[i].count; k++) {
			p->lo[bounds++] = sets->at[i].at[k].lo;
			p->lo[bounds++] = sets->at[i].at[k].hi + 1;
		}
	rx_sort(p->lo, bounds);
	for (size_t i = 1; i < bounds; i++)
		if (p->lo[i] != p->lo[kept - 1] && p->lo[i] <= RX_CODE_MAX)
			p->lo[kept++] = p->lo[i];
	p->count = kept;
}

static size_t find_interval(const struct rx_partition *p, uint32_t c)
{
	size_t lo = 0, hi = p->count; /* lo[lo] <= c, and c < lo[hi] */

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		if (p->lo[mid] <= c)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

uint32_t rx_partition_find(const struct rx_partition *p, uint32_t c)
{
	return p->class_of[find_interval(p, c)];
}

uint32_t rx_partition_decode(const struct rx_partition *p, struct span text, size_t *len)
{
	uint32_t c;

	*len = utf8_decode(text, &c);
	if (*len == 0) {
		*len = 1;
		c = 0xfffd;
	}
	return rx_partition_find(p, c);
}

/* Splitting classes by one set after the other. */
struct refiner {
	struct rx_partition *part;
	struct split {
		uint32_t size;     /* intervals in the class */
		uint32_t inside;   /* how many of them are in the set at hand */
		uint32_t moves_to; /* the class that those become; 0: not known */
	} * split;                 /* of each class */
	uint32_t *touched;         /* classes with intervals in the set at hand */
};

static size_t count_inside(const struct rx_partition *p, struct rx_ranges set)
{
	size_t n = 0;

	for (size_t i = 0; i < set.count; i++)
		n += find_interval(p, set.at[i].hi) - find_interval(p, set.at[i].lo) + 1;
	return n;
}

/* The classes that set takes intervals from, and how many. */
static size_t touch(struct refiner *r, struct rx_ranges set)
{
	const struct rx_partition *p = r->part;
	size_t count = 0;

	for (size_t i = 0; i < set.count; i++)
		for (size_t k = find_interval(p, set.at[i].lo); k < p->count && p->lo[k] <= set.at[i].hi; k++)
			if (r->split[p->class_of[k]].inside++ == 0)
				r->touched[count++] = p->class_of[k];
	return count;
}

static void move(struct refiner *r, struct rx_ranges set)
{
	struct rx_partition *p = r->part;

	for (size_t i = 0; i < set.count; i++)
		for (size_t k = find_interval(p, set.at[i].lo); k < p->count && p->lo[k] <= set.at[i].hi;
			k++) {
			struct split *from = &r->split[p->class_of[k]];
			if (from->inside == from->size)
				continue;
			if (from->moves_to == 0)
				from->moves_to = p->classes++;
			p->class_of[k] = from->moves_to;
			r->split[from->moves_to].size++;
		}
}

static void split_by(struct refiner *r, struct rx_ranges set)
{
	size_t count = touch(r, set);

	move(r, set);
	for (size_t i = 0; i < count; i++) {
		struct split *s = &r->split[r->touched[i]];
		if (s->moves_to != 0)
			s->size -= s->inside;
		s->inside = s->moves_to = 0;
	}
}

/* Split each class of which only a part is in set. The rest of all intervals splits them just so; the fewer are taken. */
static void refine(struct refiner *r, struct rx_ranges set)
{
	struct rx_class others = {0};

	if (count_inside(r->part, set) > r->part->count / 2) {
		rx_class_add_others(&others, set);
		set = rx_class_ranges(&others);
	}
	split_by(r, set);
	rx_class_free(&others);
}

static void make_partition(struct rx_partition *p, const struct rx_sets *sets)
{
	cut_intervals(p, sets);
	p->class_of = mem_array(p->count, sizeof(p->class_of[0]));
	p->classes = 1;
	struct refiner r = {.part = p};
	r.split = mem_array(p->count + 1, sizeof(r.split[0]));
	r.touched = mem_array(p->count, sizeof(r.touched[0]));
	r.split[0].size = (uint32_t)p->count;
	for (size_t i = 0; i < sets->count; i++)
		refine(&r, sets->at[i]);
	free(r.split);
	free(r.touched);

	p->sample = mem_array(p->classes, sizeof(p->sample[0]));
	for (size_t i = p->count; i > 0; i--)
		p->sample[p->class_of[i - 1]] = p->lo[i - 1];
	for (uint32_t c = 0, i = 0; c < 128; c++) {
		while (i + 1 < p->count && p->lo[i + 1] <= c)
			i++;
		p->ascii[c] = p->class_of[i];
	}
}

static const struct rx_range newline_ranges[] = {{'\n', '\n'}};
static const struct rx_ranges newline = {newline_ranges, 1};

/* Assertions tell characters apart too. */
static void intern_kinds(struct rx_set *set, unsigned asserts)
{
	bool is_new;

	if ((asserts & (RX_BEGIN_LINE | RX_END_LINE)) != 0)
		rx_sets_intern(&set->sets, newline, &is_new);
	if ((asserts & (RX_WORD_EDGE | RX_NO_WORD_EDGE)) != 0)
		rx_sets_intern(&set->sets, rx_word, &is_new);
}

static void find_kinds(struct rx_set *set, unsigned asserts)
{
	set->kind = mem_array(set->part.classes, sizeof(set->kind[0]));
	for (uint32_t i = 0; i < set->part.classes; i++) {
		uint32_t c = set->part.sample[i];
		if ((asserts & (RX_BEGIN_LINE | RX_END_LINE)) != 0 && rx_ranges_have(newline, c))
			set->kind[i] = RX_NEWLINE;
		if ((asserts & (RX_WORD_EDGE | RX_NO_WORD_EDGE)) != 0 && rx_ranges_have(rx_word, c))
			set->kind[i] = RX_WORD;
	}
}

struct rx_set *rx_set_new(const struct rx *const *members, size_t count)
{
	struct rx_set *set = mem_alloc(sizeof(*set));
	unsigned asserts = 0;

	set->members = set->first_free = count;
	for (size_t i = count; i-- > 0;) {
		asserts |= members[i]->asserts;
		set->first_free = members[i]->is_free ? i : set->first_free;
	}
	rx_merge(set, members, count);
	intern_kinds(set, asserts);
	make_partition(&set->part, &set->sets);
	find_kinds(set, asserts);
	return set;
}

void rx_set_free(struct rx_set *set)
{
	if (set == NULL)
		return;
	free(set->low);
	free(set->prog);
	free(set->kind);
	free(set->part.lo);
	free(set->part.class_of);
	free(set->part.sample);
	rx_sets_free(&set->sets);
	free(set);
}
