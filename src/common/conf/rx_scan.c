/* Matching: states are made when a text first leads to them and kept for the next ones, up to a ceiling. Where keeping
 * does not pay, because each state is used but a few times before it has to go, the text is matched without. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/rx_private.h"

#define BUCKETS_LEAST 16 /* these two are powers of two */
#define BUCKETS_MOST 1024
#define MEM_FIRST 256      /* words of the first allocation */
#define STATES_LEAST 16    /* a cache that cannot hold so many is not used */
#define BYTES_PER_STATE 10 /* fewer bytes of text read for each state made: the cache does not pay */

/* A kept state is a record of words in mem, and goes by the index of its first one. That of a state that is final has
 * the sign bit set where a transition leads to it, so that one test finds both this and what is not known yet. */
#define FINAL 0x80000000u

/* The record: for each class the state that follows, 0: not known; for the end of the text one more than the best member
 * then, 0: not known; then these, and the instructions. */
enum field { BEST, BEFORE, COUNT, CHAIN, FIELDS };

struct rx_scan {
	const struct rx_set *set;
	struct rx_walk walk;
	struct rx_state from, to; /* room for two steps */
	uint32_t *mem;
	size_t used, cap, max; /* words */
	uint32_t *buckets;     /* a power of two of them, more for larger sets */
	uint32_t bucket_count;
	uint32_t start;   /* the state before any text; 0: not made */
	size_t states;    /* made since the last flush */
	size_t bytes;     /* read since then, those of the text at hand left out */
	const char *mark; /* where those of the text at hand begin */
};

static uint32_t *fields(const struct rx_scan *scan, uint32_t id)
{
	return scan->mem + id + scan->set->part.classes + 1;
}

static uint32_t *instructions(const struct rx_scan *scan, uint32_t id)
{
	return fields(scan, id) + FIELDS;
}

static size_t record_words(const struct rx_set *set, size_t instructions)
{
	return set->part.classes + 1 + FIELDS + instructions;
}

static void flush(struct rx_scan *scan)
{
	memset(scan->buckets, 0, scan->bucket_count * sizeof(scan->buckets[0]));
	scan->used = 1; /* 0 is no state */
	scan->start = 0;
	scan->states = scan->bytes = 0;
}

static uint32_t hash(const struct rx_scan *scan, const struct rx_state *s)
{
	uint32_t h = (uint32_t)s->best * 31 + s->before;

	for (size_t i = 0; i < s->count; i++)
		h = (h ^ s->at[i]) * 16777619u;
	return (h ^ h >> 15) & (scan->bucket_count - 1);
}

static uint32_t find(const struct rx_scan *scan, const struct rx_state *s, uint32_t bucket)
{
	for (uint32_t id = scan->buckets[bucket]; id != 0; id = fields(scan, id)[CHAIN]) {
		const uint32_t *f = fields(scan, id);
		if (f[BEST] == s->best && f[BEFORE] == s->before && f[COUNT] == s->count &&
			memcmp(f + FIELDS, s->at, s->count * sizeof(s->at[0])) == 0)
			return id;
	}
	return 0;
}

/* Room for a record; false when that passes the ceiling. */
static bool reserve(struct rx_scan *scan, size_t words)
{
	size_t cap = scan->cap > 0 ? scan->cap : MEM_FIRST;

	if (words > scan->max - scan->used)
		return false;
	while (cap < scan->used + words)
		cap *= 2;
	cap = cap < scan->max ? cap : scan->max;
	if (cap > scan->cap) {
		scan->mem = mem_grow(scan->mem, cap, sizeof(scan->mem[0]));
		scan->cap = cap;
	}
	return true;
}

static uint32_t mark_final(const struct rx_scan *scan, const struct rx_state *s, uint32_t id)
{
	return rx_is_final(scan->set, s) ? id | FINAL : id;
}

/* The kept state equal to s, made if there is none. 0 when there is no room. Sorts s. */
static uint32_t keep(struct rx_scan *scan, struct rx_state *s)
{
	size_t words = record_words(scan->set, s->count);

	rx_sort(s->at, s->count);
	uint32_t bucket = hash(scan, s), id = find(scan, s, bucket);
	if (id != 0)
		return mark_final(scan, s, id);
	if (!reserve(scan, words))
		return 0;
	id = (uint32_t)scan->used;
	scan->used += words;
	scan->states++;
	memset(scan->mem + id, 0, (scan->set->part.classes + 1) * sizeof(scan->mem[0]));
	uint32_t *f = fields(scan, id);
	f[BEST] = (uint32_t)s->best;
	f[BEFORE] = s->before;
	f[COUNT] = (uint32_t)s->count;
	f[CHAIN] = scan->buckets[bucket];
	memcpy(f + FIELDS, s->at, s->count * sizeof(s->at[0]));
	scan->buckets[bucket] = id;
	return mark_final(scan, s, id);
}

static void load(struct rx_scan *scan, uint32_t id, struct rx_state *s)
{
	const uint32_t *f = fields(scan, id);

	s->best = f[BEST];
	s->before = (enum rx_kind)f[BEFORE];
	s->count = f[COUNT];
	memcpy(s->at, instructions(scan, id), s->count * sizeof(s->at[0]));
}

/* Find the state that follows id over class, when at is reached in the text. 0: it is in scan->to, and is not worth
 * keeping. */
static uint32_t follow(struct rx_scan *scan, uint32_t id, uint32_t class, const char *at)
{
	load(scan, id, &scan->from);
	rx_step(&scan->walk, &scan->from, class, &scan->to);
	uint32_t next = keep(scan, &scan->to);
	if (next != 0) {
		scan->mem[id + class] = next;
		return next;
	}
	bool pays = scan->bytes + (size_t)(at - scan->mark) >= BYTES_PER_STATE * scan->states;
	flush(scan);
	scan->mark = at;
	return pays ? keep(scan, &scan->to) : 0;
}

/* The best member at the end of the text. */
static size_t finish(struct rx_scan *scan, uint32_t id)
{
	uint32_t *known = &scan->mem[id + scan->set->part.classes];

	if (*known == 0) {
		load(scan, id, &scan->from);
		rx_step(&scan->walk, &scan->from, scan->set->part.classes, &scan->to);
		*known = (uint32_t)scan->to.best + 1;
	}
	return *known - 1;
}

/* Match what is left of a text from scan->to on, step by step. */
static size_t simulate(struct rx_scan *scan, struct span text)
{
	struct rx_state held;
	size_t len;

	for (; text.len > 0 && !rx_is_final(scan->set, &scan->to); text = span_skip(text, len)) {
		held = scan->from;
		scan->from = scan->to;
		scan->to = held;
		rx_step(&scan->walk, &scan->from, rx_partition_next(&scan->set->part, text, &len), &scan->to);
	}
	if (rx_is_final(scan->set, &scan->to))
		return scan->to.best;
	rx_step(&scan->walk, &scan->to, scan->set->part.classes, &scan->from);
	return scan->from.best;
}

/* Match from the kept state id on. What was read of the text is taken off it, if it was read by means of the cache. */
static size_t run(struct rx_scan *scan, uint32_t id, struct span *text)
{
	const struct rx_partition *part = &scan->set->part;
	size_t len;

	for (; text->len > 0; *text = span_skip(*text, len)) {
		uint32_t class = rx_partition_next(part, *text, &len), next = scan->mem[id + class];
		if (next == 0 && (next = follow(scan, id, class, text->p)) == 0)
			return simulate(scan, span_skip(*text, len));
		if ((next & FINAL) != 0)
			return fields(scan, next & ~FINAL)[BEST];
		id = next;
	}
	return finish(scan, id);
}

/* The state before any text; 0 when there is no room even in an empty cache. */
static uint32_t start(struct rx_scan *scan)
{
	rx_start(scan->set, &scan->to);
	if (scan->start == 0 && scan->max > 0 && (scan->start = keep(scan, &scan->to)) == 0) {
		flush(scan);
		scan->start = keep(scan, &scan->to);
	}
	return scan->start;
}

size_t rx_scan_first(struct rx_scan *scan, struct span text)
{
	if (scan->set->members == 0)
		return 0;
	uint32_t id = start(scan);
	if (id == 0)
		return simulate(scan, text);
	scan->mark = text.p;
	size_t found = run(scan, id, &text);
	scan->bytes += (size_t)(text.p - scan->mark);
	return found;
}

struct rx_scan *rx_scan_new_sized(const struct rx_set *set, size_t max)
{
	struct rx_scan *scan = mem_alloc(sizeof(*scan));
	size_t words = max / sizeof(scan->mem[0]), room = set->count + 1;

	scan->set = set;
	scan->max = record_words(set, 0) * STATES_LEAST <= words ? words : 0;
	scan->from.at = mem_array(room, sizeof(uint32_t));
	scan->to.at = mem_array(room, sizeof(uint32_t));
	scan->bucket_count = BUCKETS_LEAST;
	while (scan->bucket_count < BUCKETS_MOST && scan->bucket_count < room)
		scan->bucket_count *= 2;
	scan->buckets = mem_array(scan->bucket_count, sizeof(scan->buckets[0]));
	rx_walk_init(&scan->walk, set);
	flush(scan);
	return scan;
}

struct rx_scan *rx_scan_new(const struct rx_set *set)
{
	return rx_scan_new_sized(set, RX_SCAN_MAX);
}

uint64_t rx_scan_visits(const struct rx_scan *scan)
{
	return scan->walk.visits;
}

size_t rx_scan_kept(const struct rx_scan *scan)
{
	return scan->cap * sizeof(scan->mem[0]);
}

void rx_scan_free(struct rx_scan *scan)
{
	if (scan == NULL)
		return;
	rx_walk_fini(&scan->walk);
	free(scan->from.at);
	free(scan->to.at);
	free(scan->buckets);
	free(scan->mem);
	free(scan);
}
