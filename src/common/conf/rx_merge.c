/* The programs of several members become one, in which what they begin with alike is there once: ten thousand paths below
 * "/" take one step over the slash together, not ten thousand. A program is cut wherever nothing leads over the cut but
 * from its one side to its other; the pieces are the branches of a tree, in which equal ones share their place. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/rx_private.h"

#define NONE UINT32_MAX

/* A piece in its place. While the tree grows, where its instructions lead to is counted from the piece's first one, and
 * `count` stands for what follows. */
struct place {
	uint32_t parent;
	uint32_t at, count;         /* its instructions */
	uint32_t entry;             /* the one to begin with, of these */
	uint32_t low;               /* lowest member that comes by */
	uint32_t first, last, next; /* children, and the next child of the parent; NONE */
};

struct merger {
	struct rx_set *set;
	size_t cap; /* of set->prog */
	struct place *places;
	uint32_t count, place_cap;
	uint32_t *slots; /* places by parent and instructions: index, or NONE; a power of two of them */
	size_t slot_count;
};

/* Both roots, in the order of enum rx_root, have no instructions. */
static void add_place(struct merger *m, struct place p)
{
	if (m->count == m->place_cap) {
		m->place_cap = m->place_cap > 0 ? 2 * m->place_cap : 16;
		m->places = mem_grow(m->places, m->place_cap, sizeof(m->places[0]));
	}
	p.first = p.last = p.next = NONE;
	m->places[m->count++] = p;
}

static void emit(struct merger *m, struct rx_inst in)
{
	struct rx_set *set = m->set;

	if (set->count == m->cap) {
		m->cap = m->cap > 0 ? 2 * m->cap : 64;
		set->prog = mem_grow(set->prog, m->cap, sizeof(set->prog[0]));
	}
	set->prog[set->count++] = in;
}

/* --- Cutting --- */

/* The highest and the lowest place that an instruction leads to. A jump in a finished program is not reached. */
static uint32_t leads_to(const struct rx_inst *in, uint32_t none, bool lowest)
{
	if (in->op == RX_MATCH || in->op == RX_JUMP)
		return none;
	if (in->op != RX_SPLIT)
		return in->next;
	return (in->arg < in->next) == lowest ? in->arg : in->next;
}

/* For each place of the program the lowest that it and those behind it lead to. */
static uint32_t *find_lowest(const struct rx *r)
{
	uint32_t *lowest = mem_array(r->count + 1, sizeof(lowest[0]));

	lowest[r->count] = NONE;
	for (size_t i = r->count; i-- > 0;) {
		uint32_t own = leads_to(&r->prog[i], NONE, true);
		lowest[i] = own < lowest[i + 1] ? own : lowest[i + 1];
	}
	return lowest;
}

/* Where the piece that begins at from ends. */
static uint32_t find_cut(const struct rx *r, const uint32_t *lowest, uint32_t from)
{
	uint32_t highest = from;

	for (uint32_t i = from; i < r->count; i++) {
		uint32_t own = leads_to(&r->prog[i], 0, false);
		highest = own > highest ? own : highest;
		if (highest <= i + 1 && i + 1 < r->count && lowest[i + 1] >= i + 1 &&
			r->prog[i + 1].op != RX_JUMP)
			return i + 1;
	}
	return (uint32_t)r->count;
}

/* --- The tree --- */

static struct rx_inst relative(struct rx_inst in, uint32_t from)
{
	if (in.op == RX_MATCH || in.op == RX_JUMP)
		return (struct rx_inst){in.op, 0, in.op == RX_MATCH ? in.arg : 0};
	in.next -= from;
	in.arg -= in.op == RX_SPLIT ? from : 0;
	return in;
}

static uint32_t hash(uint32_t parent, uint32_t entry, const struct rx_inst *piece, uint32_t count)
{
	uint32_t h = (2166136261u ^ parent) * 16777619u ^ entry;

	for (uint32_t i = 0; i < count; i++) {
		h = (h ^ piece[i].op) * 16777619u;
		h = (h ^ piece[i].next) * 16777619u;
		h = (h ^ piece[i].arg) * 16777619u;
	}
	return h ^ h >> 15;
}

static bool is_same(const struct merger *m, const struct place *p, uint32_t parent, uint32_t entry,
	const struct rx_inst *piece, uint32_t count)
{
	const struct rx_inst *own = m->set->prog + p->at;

	if (p->parent != parent || p->entry != entry || p->count != count)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (own[i].op != piece[i].op || own[i].next != piece[i].next || own[i].arg != piece[i].arg)
			return false;
	return true;
}

static void grow_slots(struct merger *m)
{
	m->slot_count = m->slot_count > 0 ? 2 * m->slot_count : 64;
	free(m->slots);
	m->slots = mem_array(m->slot_count, sizeof(m->slots[0]));
	memset(m->slots, 0xff, m->slot_count * sizeof(m->slots[0]));
	for (uint32_t i = RX_ROOTS; i < m->count; i++) {
		const struct place *p = &m->places[i];
		size_t k = hash(p->parent, p->entry, m->set->prog + p->at, p->count) & (m->slot_count - 1);
		while (m->slots[k] != NONE)
			k = (k + 1) & (m->slot_count - 1);
		m->slots[k] = i;
	}
}

/* The place below parent of a piece whose instructions are relative already; a new one unless it is there. */
static uint32_t descend(struct merger *m, uint32_t parent, uint32_t member, uint32_t entry,
	const struct rx_inst *piece, uint32_t count)
{
	if (2 * (size_t)m->count >= m->slot_count)
		grow_slots(m);
	size_t k = hash(parent, entry, piece, count) & (m->slot_count - 1);
	for (; m->slots[k] != NONE; k = (k + 1) & (m->slot_count - 1))
		if (is_same(m, &m->places[m->slots[k]], parent, entry, piece, count))
			return m->slots[k];
	uint32_t new = m->count;
	m->slots[k] = new;
	add_place(m, (struct place){parent, (uint32_t)m->set->count, count, entry, member, NONE, NONE, NONE});
	for (uint32_t i = 0; i < count; i++)
		emit(m, piece[i]);
	struct place *p = &m->places[parent];
	if (p->first == NONE)
		p->first = new;
	else
		m->places[p->last].next = new;
	p->last = new;
	return new;
}

/* The member's program with the sets of characters by their numbers in the whole, and its number. */
static void translate(struct merger *m, struct rx *to, const struct rx *r, uint32_t member)
{
	bool is_new;

	*to = *r;
	to->prog = mem_array(r->count, sizeof(to->prog[0]));
	for (size_t i = 0; i < r->count; i++) {
		to->prog[i] = r->prog[i];
		if (r->prog[i].op == RX_CHAR)
			to->prog[i].arg = rx_sets_intern(&m->set->sets, r->sets.at[r->prog[i].arg], &is_new);
		else if (r->prog[i].op == RX_MATCH)
			to->prog[i].arg = member;
	}
}

static void add_member(struct merger *m, const struct rx *own, uint32_t member)
{
	struct rx r;

	translate(m, &r, own, member);
	uint32_t *lowest = find_lowest(&r), from = r.start, place = r.is_free ? RX_FREE : RX_ANCHORED;
	if (lowest[from] < from) /* something leads to before the start */
		from = 1;
	for (uint32_t to; from < r.count; from = to) {
		to = find_cut(&r, lowest, from);
		uint32_t entry = r.start > from && r.start < to ? r.start - from : 0;
		for (uint32_t i = from; i < to; i++)
			r.prog[i] = relative(r.prog[i], from);
		place = descend(m, place, member, entry, r.prog + from, to - from);
	}
	free(lowest);
	free(r.prog);
}

/* --- The whole --- */

static uint32_t entry_of(const struct place *p)
{
	return p->at + p->entry;
}

/* Branches to all children of a place, in the order of their lowest members; NONE without children. */
static uint32_t fan(struct merger *m, const struct place *p)
{
	uint32_t child = p->first;

	if (child == NONE)
		return NONE;
	if (m->places[child].next == NONE)
		return entry_of(&m->places[child]);
	uint32_t begin = (uint32_t)m->set->count;
	for (; m->places[m->places[child].next].next != NONE; child = m->places[child].next)
		emit(m, (struct rx_inst){RX_SPLIT, entry_of(&m->places[child]), (uint32_t)m->set->count + 1});
	emit(m, (struct rx_inst){
			RX_SPLIT, entry_of(&m->places[child]), entry_of(&m->places[m->places[child].next])});
	return begin;
}

static void lead(struct rx_inst *in, const struct place *p, uint32_t exit)
{
	if (in->op == RX_MATCH || in->op == RX_JUMP)
		return;
	in->next = in->next == p->count ? exit : p->at + in->next;
	if (in->op == RX_SPLIT)
		in->arg = in->arg == p->count ? exit : p->at + in->arg;
}

/* The lowest member of each instruction: of a branch to children that of the first. */
static void find_low(struct merger *m, size_t pieces)
{
	struct rx_set *set = m->set;

	set->low = mem_array(set->count + 1, sizeof(set->low[0]));
	for (uint32_t i = RX_ROOTS; i < m->count; i++)
		for (uint32_t k = 0; k < m->places[i].count; k++)
			set->low[m->places[i].at + k] = m->places[i].low;
	for (size_t i = pieces; i < set->count; i++)
		set->low[i] = set->low[set->prog[i].next];
}

void rx_merge(struct rx_set *set, const struct rx *const *members, size_t count)
{
	struct merger m = {.set = set};

	for (uint32_t i = 0; i < RX_ROOTS; i++)
		add_place(&m, (struct place){.parent = NONE});
	for (size_t i = 0; i < count; i++)
		add_member(&m, members[i], (uint32_t)i);
	size_t pieces = set->count;
	for (uint32_t i = 0; i < m.count; i++) {
		const struct place *p = &m.places[i];
		uint32_t exit = fan(&m, p);
		if (i < RX_ROOTS)
			set->root[i] = exit;
		for (uint32_t k = 0; k < p->count; k++)
			lead(&set->prog[p->at + k], p, exit);
	}
	find_low(&m, pieces);
	free(m.places);
	free(m.slots);
}
