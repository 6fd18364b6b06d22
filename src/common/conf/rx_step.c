/* One step of the automaton: from a state over a character to the next state. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/rx_private.h"

void rx_walk_init(struct rx_walk *w, const struct rx_set *set)
{
	size_t count = set->count + 1;

	*w = (struct rx_walk){.set = set};
	w->seen = mem_array(count, sizeof(w->seen[0]));
	w->kept = mem_array(count, sizeof(w->kept[0]));
	w->stack = mem_array(count, sizeof(w->stack[0]));
}

void rx_walk_fini(struct rx_walk *w)
{
	free(w->seen);
	free(w->kept);
	free(w->stack);
	*w = (struct rx_walk){0};
}

static void next_round(struct rx_walk *w)
{
	if (++w->round > 0)
		return;
	size_t bytes = (w->set->count + 1) * sizeof(uint32_t);
	memset(w->seen, 0, bytes);
	memset(w->kept, 0, bytes);
	w->round = 1;
}

/* Which assertions hold between two neighbours. */
static unsigned asserts_between(enum rx_kind before, enum rx_kind after)
{
	unsigned held = (before == RX_WORD) != (after == RX_WORD) ? RX_WORD_EDGE : RX_NO_WORD_EDGE;

	if (before == RX_EDGE)
		held |= RX_BEGIN_TEXT | RX_BEGIN_LINE;
	if (before == RX_NEWLINE)
		held |= RX_BEGIN_LINE;
	if (after == RX_EDGE)
		held |= RX_END_TEXT | RX_END_LINE;
	if (after == RX_NEWLINE)
		held |= RX_END_LINE;
	return held;
}

/* What is the same for all that is visited in one step. */
struct pass {
	struct rx_walk *walk;
	unsigned held;       /* assertions */
	bool at_end;         /* no character follows */
	uint32_t sample;     /* stands for all characters of the class */
	struct rx_state *to; /* best is lowered as members are found */
};

/* Can it lead to a member that is better than the best? */
static bool matters(const struct pass *p, uint32_t pc)
{
	return p->walk->set->low[pc] < p->to->best;
}

/* Everything is put on the stack once at most. */
static size_t put(struct pass *p, size_t depth, uint32_t pc)
{
	struct rx_walk *w = p->walk;

	if (w->seen[pc] != w->round && matters(p, pc)) {
		w->seen[pc] = w->round;
		w->stack[depth++] = pc;
	}
	return depth;
}

static void cross(struct pass *p, const struct rx_inst *in)
{
	struct rx_walk *w = p->walk;

	if (p->at_end || w->kept[in->next] == w->round ||
		!rx_ranges_have(w->set->sets.at[in->arg], p->sample))
		return;
	w->kept[in->next] = w->round;
	p->to->at[p->to->count++] = in->next;
}

/* Follow pc up to the characters it asks for, and over those that are asked for rightly. */
static void visit(struct pass *p, uint32_t pc)
{
	size_t depth = put(p, 0, pc);

	while (depth > 0) {
		const struct rx_inst *in = &p->walk->set->prog[p->walk->stack[--depth]];
		p->walk->visits++;
		switch (in->op) {
		case RX_CHAR: cross(p, in); break;
		case RX_SPLIT: depth = put(p, put(p, depth, in->arg), in->next); break;
		case RX_ASSERT: depth = (in->arg & p->held) != 0 ? put(p, depth, in->next) : depth; break;
		case RX_MATCH: p->to->best = in->arg < p->to->best ? in->arg : p->to->best; break;
		case RX_JUMP: break;
		}
	}
}

/* Drop what belongs to members above best. */
static void prune(const struct pass *p)
{
	struct rx_state *to = p->to;
	size_t kept = 0;

	for (size_t i = 0; i < to->count; i++)
		if (matters(p, to->at[i]))
			to->at[kept++] = to->at[i];
	to->count = kept;
}

void rx_start(const struct rx_set *set, struct rx_state *to)
{
	to->count = 0;
	to->before = RX_EDGE;
	to->best = set->members;
}

/* Every member may begin to match at every place, so all beginnings belong to every state, unsaid. */
void rx_step(struct rx_walk *w, const struct rx_state *from, uint32_t class, struct rx_state *to)
{
	const struct rx_set *set = w->set;
	bool at_end = class == set->part.classes;
	enum rx_kind after = at_end ? RX_EDGE : (enum rx_kind)set->kind[class];
	struct pass p = {
		w, asserts_between(from->before, after), at_end, at_end ? 0 : set->part.sample[class], to};

	next_round(w);
	to->count = 0;
	to->before = after;
	to->best = from->best;
	for (size_t i = 0; i < from->count; i++)
		visit(&p, from->at[i]);
	for (size_t i = from->before == RX_EDGE ? RX_ANCHORED : RX_FREE; i < RX_ROOTS; i++)
		if (set->root[i] != RX_NOWHERE)
			visit(&p, set->root[i]);
	prune(&p);
}

bool rx_is_final(const struct rx_set *set, const struct rx_state *s)
{
	return s->best == 0 || (s->count == 0 && s->before != RX_EDGE && s->best <= set->first_free);
}
