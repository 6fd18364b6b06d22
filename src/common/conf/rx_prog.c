/* From the tree to a program: the nodes are walked in order, with a stack of our own, and each appends its part. An
 * instruction goes on to the one behind it unless it says otherwise. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/rx_private.h"

/* A node that is being walked. */
struct frame {
	const struct rx_node *node;
	size_t turn; /* how often it was looked at */
	uint32_t at; /* where its loop begins, or its last branch was placed */
	uint32_t
		pending; /* last of the instructions to be led to its end, each naming the one before; 0: none */
};

struct compiler {
	struct rx *rx;
	struct frame *frames;
	size_t depth, cap;
};

static uint32_t here(const struct compiler *c)
{
	return (uint32_t)c->rx->count;
}

static uint32_t emit(struct compiler *c, enum rx_op op, uint32_t next, uint32_t arg)
{
	struct rx *r = c->rx;

	if (r->count == r->cap) {
		r->cap = r->cap > 0 ? 2 * r->cap : 16;
		r->prog = mem_grow(r->prog, r->cap, sizeof(r->prog[0]));
	}
	r->prog[r->count] = (struct rx_inst){op, next, arg};
	return (uint32_t)r->count++;
}

static void emit_set(struct compiler *c, struct rx_ranges set)
{
	struct rx_sets *sets = &c->rx->sets;
	bool is_new;
	uint32_t i = rx_sets_intern(sets, set, &is_new);

	if (is_new) {
		struct rx_range *own = mem_array(set.count + 1, sizeof(*own));
		for (size_t k = 0; k < set.count; k++)
			own[k] = set.at[k];
		sets->at[i].at = own;
	}
	emit(c, RX_CHAR, here(c) + 1, i);
}

static void emit_text(struct compiler *c, const struct rx_node *n)
{
	struct rx_class set = {0};

	for (size_t i = 0; i < n->len; i++) {
		set.count = 0;
		if ((n->flags & RX_FOLD) != 0)
			rx_class_add_folded(&set, n->text[i], n->text[i]);
		else
			rx_class_add(&set, n->text[i], n->text[i]);
		rx_class_clean(&set);
		emit_set(c, rx_class_ranges(&set));
	}
	rx_class_free(&set);
}

static void emit_any(struct compiler *c, bool newline)
{
	static const struct rx_range any[] = {{0, RX_CODE_MAX}};
	static const struct rx_range but_newline[] = {{0, '\n' - 1}, {'\n' + 1, RX_CODE_MAX}};

	emit_set(c, newline ? (struct rx_ranges){any, 1} : (struct rx_ranges){but_newline, 2});
}

static void emit_assert(struct compiler *c, const struct rx_node *n)
{
	c->rx->asserts |= (unsigned)n->min;
	emit(c, RX_ASSERT, here(c) + 1, (uint32_t)n->min);
}

/* A branch or a jump whose arg or next is to be the end of the node. Instruction 0 is never pending: see rx_compile. */
static void emit_pending(struct compiler *c, struct frame *f, enum rx_op op)
{
	f->pending = emit(c, op, here(c) + 1, f->pending);
}

static void lead_to_here(struct compiler *c, struct frame *f)
{
	uint32_t end = here(c);

	for (uint32_t pc = f->pending, before; pc != 0; pc = before) {
		struct rx_inst *in = &c->rx->prog[pc];
		before = in->arg;
		in->arg = end;
		if (in->op == RX_JUMP)
			in->next = end;
	}
}

static void enter(struct compiler *c, const struct rx_node *n)
{
	if (c->depth == c->cap) {
		c->cap = c->cap > 0 ? 2 * c->cap : 32;
		c->frames = mem_grow(c->frames, c->cap, sizeof(c->frames[0]));
	}
	c->frames[c->depth++] = (struct frame){.node = n};
}

/* The steps of the nodes that have parts. Each looks at its frame once before every part, and once behind the last:
 * it returns the part to walk next, or NULL at the end. */

static const struct rx_node *step_concat(struct frame *f)
{
	return f->turn < f->node->count ? f->node->sub[f->turn] : NULL;
}

static const struct rx_node *step_alternate(struct compiler *c, struct frame *f)
{
	size_t count = f->node->count;

	if (f->turn > 0 && f->turn < count) {
		emit_pending(c, f, RX_JUMP);
		c->rx->prog[f->at].arg = here(c);
	}
	if (f->turn == count) {
		lead_to_here(c, f);
		return NULL;
	}
	if (f->turn + 1 < count)
		f->at = emit(c, RX_SPLIT, here(c) + 1, 0);
	return f->node->sub[f->turn];
}

static const struct rx_node *step_star(struct compiler *c, struct frame *f)
{
	if (f->turn == 0) {
		f->at = here(c);
		emit_pending(c, f, RX_SPLIT);
		return f->node->sub[0];
	}
	emit(c, RX_JUMP, f->at, 0);
	lead_to_here(c, f);
	return NULL;
}

static const struct rx_node *step_plus(struct compiler *c, struct frame *f)
{
	if (f->turn == 0) {
		f->at = here(c);
		return f->node->sub[0];
	}
	emit(c, RX_SPLIT, f->at, here(c) + 1);
	return NULL;
}

/* min copies, of which the last one loops without a max; then max - min that may be left out, each only with those
 * behind it. */
static const struct rx_node *step_counted(struct compiler *c, struct frame *f, size_t min, size_t max)
{
	if (f->turn < min) {
		f->at = here(c);
		return f->node->sub[0];
	}
	if (f->turn < max) {
		emit_pending(c, f, RX_SPLIT);
		return f->node->sub[0];
	}
	lead_to_here(c, f);
	return NULL;
}

static const struct rx_node *step_repeat(struct compiler *c, struct frame *f)
{
	const struct rx_node *n = f->node;

	if (n->max >= 0)
		return step_counted(c, f, (size_t)n->min, (size_t)n->max);
	if (n->min == 0)
		return step_star(c, f);
	if (f->turn == (size_t)n->min)
		emit(c, RX_SPLIT, f->at, here(c) + 1);
	return step_counted(c, f, (size_t)n->min, (size_t)n->min);
}

static const struct rx_node *step(struct compiler *c, struct frame *f)
{
	const struct rx_node *n = f->node;

	switch (n->op) {
	case RX_NODE_LITERAL: emit_text(c, n); return NULL;
	case RX_NODE_CLASS: emit_set(c, rx_class_ranges(&n->set)); return NULL;
	case RX_NODE_ANY_NOT_NL: emit_any(c, false); return NULL;
	case RX_NODE_ANY: emit_any(c, true); return NULL;
	case RX_NODE_ASSERT: emit_assert(c, n); return NULL;
	case RX_NODE_CAPTURE:
	case RX_NODE_CONCAT: return step_concat(f);
	case RX_NODE_ALTERNATE: return step_alternate(c, f);
	case RX_NODE_STAR: return step_star(c, f);
	case RX_NODE_PLUS: return step_plus(c, f);
	case RX_NODE_QUEST: return step_counted(c, f, 0, 1);
	case RX_NODE_REPEAT: return step_repeat(c, f);
	case RX_NODE_EMPTY:
	case RX_NODE_PAREN:
	case RX_NODE_BAR: return NULL;
	}
	abort();
}

/* Where a jump to pc ends up. Jumps never go round: a loop has a branch in it. */
static uint32_t landing(const struct rx *r, uint32_t pc)
{
	while (r->prog[pc].op == RX_JUMP)
		pc = r->prog[pc].next;
	return pc;
}

static void resolve_jumps(struct rx *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct rx_inst *in = &r->prog[i];
		if (in->op == RX_MATCH)
			continue;
		in->next = landing(r, in->next);
		if (in->op == RX_SPLIT)
			in->arg = landing(r, in->arg);
	}
}

/* Walking a program without regard to characters. */
struct reach {
	const struct rx *rx;
	uint32_t *stack;
	bool *seen;
	size_t depth;
};

static void push(struct reach *w, uint32_t pc)
{
	if (w->seen[pc])
		return;
	w->seen[pc] = true;
	w->stack[w->depth++] = pc;
}

static struct reach reach_init(const struct rx *r)
{
	return (struct reach){r, mem_array(r->count, sizeof(uint32_t)), mem_array(r->count, sizeof(bool)), 0};
}

static void reach_fini(struct reach *w)
{
	free(w->stack);
	free(w->seen);
}

/* Unless every way from the start asks for the begin of the text first. */
static bool is_free(const struct rx *r)
{
	struct reach w = reach_init(r);
	bool found = false;

	push(&w, r->start);
	while (w.depth > 0 && !found) {
		const struct rx_inst *in = &r->prog[w.stack[--w.depth]];
		found = in->op == RX_CHAR || in->op == RX_MATCH;
		if (in->op == RX_SPLIT)
			push(&w, in->arg);
		if (in->op == RX_SPLIT || (in->op == RX_ASSERT && in->arg != RX_BEGIN_TEXT))
			push(&w, in->next);
	}
	reach_fini(&w);
	return found;
}

/* Do all ways from pc to the end come by? */
static bool all_come_by(const struct rx *r, uint32_t pc, uint32_t by)
{
	struct reach w = reach_init(r);
	bool missed = false;

	w.seen[by] = true;
	push(&w, pc);
	while (w.depth > 0 && !missed) {
		const struct rx_inst *in = &r->prog[w.stack[--w.depth]];
		missed = in->op == RX_MATCH;
		if (in->op == RX_SPLIT)
			push(&w, in->arg);
		if (in->op != RX_MATCH)
			push(&w, in->next);
	}
	reach_fini(&w);
	return !missed;
}

#define SKIPS_MAX 16 /* of what is left out at the begin of an expression */

/* What may be missing at the begin of a free expression is of no weight: where ".*x" occurs x does, and the
 * other way. */
static void skip_optional(struct rx *r)
{
	for (int i = 0; i < SKIPS_MAX && r->is_free; i++) {
		const struct rx_inst *in = &r->prog[r->start];
		if (in->op != RX_SPLIT || !all_come_by(r, in->next, in->arg))
			return;
		r->start = in->arg;
		r->is_free = is_free(r);
	}
}

int rx_compile(struct rx *r, const struct rx_node *tree)
{
	struct compiler c = {.rx = r};

	emit(&c, RX_JUMP, 1, 0); /* resolved below; keeps 0 free to mean none */
	enter(&c, tree);
	while (c.depth > 0 && r->count <= (size_t)RX_SIZE_MAX) {
		struct frame *f = &c.frames[c.depth - 1];
		const struct rx_node *part = step(&c, f);
		f->turn++;
		if (part != NULL)
			enter(&c, part);
		else
			c.depth--;
	}
	emit(&c, RX_MATCH, 0, 0);
	free(c.frames);
	if (r->count > (size_t)RX_SIZE_MAX)
		return -1;
	resolve_jumps(r);
	r->start = landing(r, 0);
	r->is_free = is_free(r);
	skip_optional(r);
	return 0;
}

void rx_free(struct rx *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->sets.count; i++)
		free((void *)(uintptr_t)r->sets.at[i].at);
	rx_sets_free(&r->sets);
	free(r->prog);
	free(r);
}
