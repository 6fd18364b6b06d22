/* The parser's stack, and what becomes of it at a bar, a parenthesis, a repetition and the end of the text. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/rx_tree.h"

static bool is_open(const struct rx_node *n)
{
	return n->op >= RX_NODE_PAREN;
}

/* Join the two topmost nodes if both are literals of one kind: nothing can repeat the lower one alone any more. */
static bool join_literals(struct rx_tree *t)
{
	if (t->depth < 2)
		return false;
	struct rx_node *top = t->stack[t->depth - 1], *below = t->stack[t->depth - 2];
	if (top->op != RX_NODE_LITERAL || below->op != RX_NODE_LITERAL ||
		((top->flags ^ below->flags) & RX_FOLD) != 0)
		return false;
	rx_node_add_text(below, top->text, top->len);
	return true;
}

static void join_top(struct rx_tree *t)
{
	if (join_literals(t))
		rx_node_spare(t, t->stack[--t->depth]);
}

/* A set that is one character, or one and its other case, becomes a literal. */
static bool class_to_literal(struct rx_tree *t, struct rx_node *n)
{
	const struct rx_range *r = n->set.at;
	bool single = n->set.count == 1 && r[0].lo == r[0].hi;
	uint32_t other = 0;

	if (n->set.count == 2 && r[0].lo == r[0].hi && r[1].lo == r[1].hi)
		other = r[1].lo;
	else if (n->set.count == 1 && r[0].lo + 1 == r[0].hi)
		other = r[0].hi;
	bool pair = other != 0 && rx_fold_next(r[0].lo) == other && rx_fold_next(other) == r[0].lo;
	if (!single && !pair)
		return false;
	n->op = RX_NODE_LITERAL;
	n->flags = single ? t->flags & ~(unsigned)RX_FOLD : t->flags | RX_FOLD;
	n->len = 0;
	rx_node_add_text(n, &r[0].lo, 1);
	return true;
}

static void push(struct rx_tree *t, struct rx_node *n)
{
	t->runes += n->op == RX_NODE_LITERAL ? n->len : n->op == RX_NODE_CLASS ? 2 * n->set.count : 0;
	if (n->op == RX_NODE_CLASS && class_to_literal(t, n)) {
		if (join_literals(t)) { /* the node on top takes the new one's place */
			struct rx_node *top = t->stack[t->depth - 1];
			top->len = 0;
			rx_node_add_text(top, n->text, 1);
			top->flags = n->flags;
			return;
		}
	} else {
		join_top(t);
	}
	if (t->depth == t->stack_cap) {
		t->stack_cap = t->stack_cap > 0 ? 2 * t->stack_cap : 16;
		t->stack = mem_grow(t->stack, t->stack_cap, sizeof(struct rx_node *));
	}
	t->stack[t->depth++] = n;
	rx_node_check(t, n);
}

void rx_tree_push_literal(struct rx_tree *t, uint32_t c)
{
	struct rx_node *n = rx_node_new(t, RX_NODE_LITERAL);

	if ((t->flags & RX_FOLD) != 0)
		c = rx_fold_least(c);
	rx_node_add_text(n, &c, 1);
	push(t, n);
}

void rx_tree_push_any(struct rx_tree *t)
{
	push(t, rx_node_new(t, (t->flags & RX_DOT_ALL) != 0 ? RX_NODE_ANY : RX_NODE_ANY_NOT_NL));
}

void rx_tree_push_assert(struct rx_tree *t, enum rx_assert what)
{
	struct rx_node *n = rx_node_new(t, RX_NODE_ASSERT);

	n->min = (int)what;
	push(t, n);
}

void rx_tree_push_class(struct rx_tree *t, struct rx_class *set)
{
	struct rx_node *n = rx_node_new(t, RX_NODE_CLASS);

	rx_class_free(&n->set);
	n->set = *set;
	*set = (struct rx_class){0};
	push(t, n);
}

void rx_tree_open(struct rx_tree *t, bool captures)
{
	struct rx_node *n = rx_node_new(t, RX_NODE_PAREN);

	n->captures = captures;
	push(t, n);
}

/* Replace what lies above the last bar or parenthesis by one node. */
static void collapse_top(struct rx_tree *t, enum rx_node_op op)
{
	size_t from = t->depth;

	while (from > 0 && !is_open(t->stack[from - 1]))
		from--;
	size_t count = t->depth - from;
	t->depth = from;
	if (count == 0)
		push(t, rx_node_new(t, RX_NODE_EMPTY));
	else
		push(t, rx_tree_collapse(t, t->stack + from, count, op));
}

static void concat(struct rx_tree *t)
{
	join_top(t);
	collapse_top(t, RX_NODE_CONCAT);
}

/* With a bar below the topmost node, move the node below the bar: alternatives gather there. One that is a class
 * melts into another one. */
static bool tuck_under_bar(struct rx_tree *t)
{
	if (t->depth < 2 || t->stack[t->depth - 2]->op != RX_NODE_BAR)
		return false;
	struct rx_node *top = t->stack[t->depth - 1];
	struct rx_node *last = t->depth >= 3 ? t->stack[t->depth - 3] : NULL;
	if (last != NULL && rx_node_is_class(top) && rx_node_is_class(last)) {
		if (top->op > last->op) {
			t->stack[t->depth - 3] = top;
			top = last;
			last = t->stack[t->depth - 3];
		}
		rx_node_merge(last, top);
		rx_node_spare(t, top);
		t->depth--;
		return true;
	}
	if (last != NULL)
		rx_node_clean(last);
	t->stack[t->depth - 1] = t->stack[t->depth - 2];
	t->stack[t->depth - 2] = top;
	return true;
}

void rx_tree_bar(struct rx_tree *t)
{
	concat(t);
	if (!tuck_under_bar(t))
		push(t, rx_node_new(t, RX_NODE_BAR));
}

static void alternate(struct rx_tree *t)
{
	concat(t);
	if (tuck_under_bar(t))
		t->depth--;
	rx_node_clean(t->stack[t->depth - 1]);
	collapse_top(t, RX_NODE_ALTERNATE);
}

bool rx_tree_close(struct rx_tree *t)
{
	alternate(t);
	if (t->depth < 2)
		return false;
	struct rx_node *body = t->stack[t->depth - 1], *paren = t->stack[t->depth - 2];
	t->depth -= 2;
	t->flags = paren->flags;
	if (paren->captures) {
		paren->op = RX_NODE_CAPTURE;
		rx_node_add(paren, body);
		push(t, paren);
	} else {
		push(t, body);
	}
	return true;
}

enum rx_repeat rx_tree_repeat(struct rx_tree *t, enum rx_node_op op, int min, int max, bool lazy)
{
	if (t->depth == 0 || is_open(t->stack[t->depth - 1]))
		return RX_REPEAT_NOTHING;
	struct rx_node *n = rx_node_new(t, op);
	n->min = min;
	n->max = max;
	n->flags ^= lazy ? RX_LAZY : 0;
	rx_node_add(n, t->stack[t->depth - 1]);
	t->stack[t->depth - 1] = n;
	rx_node_check(t, n);
	bool counts = op == RX_NODE_REPEAT && (min >= 2 || max >= 2);
	return counts && t->fault == NULL && !rx_node_repeats_ok(t, n) ? RX_REPEAT_TOO_MANY : RX_REPEAT_OK;
}

struct rx_node *rx_tree_finish(struct rx_tree *t)
{
	alternate(t);
	return t->depth == 1 ? t->stack[0] : NULL;
}

void rx_tree_free(struct rx_tree *t)
{
	for (size_t i = 0; i < t->made; i++) {
		rx_class_free(&t->all[i]->set);
		free(t->all[i]->text);
		free(t->all[i]->sub);
		free(t->all[i]);
	}
	free(t->all);
	free(t->stack);
	free(t->todo.at);
	free(t->factoring.at);
	*t = (struct rx_tree){0};
}
