/* Nodes of the tree: making, merging and measuring them. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/rx.h"
#include "common/conf/rx_tree.h"

struct rx_node *rx_node_new(struct rx_tree *t, enum rx_node_op op)
{
	struct rx_node *n = t->spare;

	if (n != NULL) {
		t->spare = n->next_spare;
		n->next_spare = NULL;
	} else {
		n = mem_alloc(sizeof(*n));
		if (t->made == t->all_cap) {
			t->all_cap = t->all_cap > 0 ? 2 * t->all_cap : 16;
			t->all = mem_grow(t->all, t->all_cap, sizeof(struct rx_node *));
		}
		t->all[t->made++] = n;
	}
	n->op = op;
	n->flags = t->flags;
	n->captures = false;
	n->min = n->max = 0;
	n->set.count = n->len = n->count = 0;
	return n;
}

/* The size stays: Go's parser too finds the old one when it meets the node again before it was measured. */
void rx_node_spare(struct rx_tree *t, struct rx_node *n)
{
	n->height = 0;
	n->next_spare = t->spare;
	t->spare = n;
}

void rx_node_add(struct rx_node *n, struct rx_node *sub)
{
	if (n->count == n->sub_cap) {
		n->sub_cap = n->sub_cap > 0 ? 2 * n->sub_cap : 2;
		n->sub = mem_grow(n->sub, n->sub_cap, sizeof(struct rx_node *));
	}
	n->sub[n->count++] = sub;
}

void rx_node_add_text(struct rx_node *n, const uint32_t *text, size_t len)
{
	while (n->text_cap - n->len < len) {
		n->text_cap = n->text_cap > 0 ? 2 * n->text_cap : 4;
		n->text = mem_grow(n->text, n->text_cap, sizeof(n->text[0]));
	}
	memcpy(n->text + n->len, text, len * sizeof(text[0]));
	n->len += len;
}

bool rx_node_is_class(const struct rx_node *n)
{
	return (n->op == RX_NODE_LITERAL && n->len == 1) || n->op == RX_NODE_CLASS ||
	       n->op == RX_NODE_ANY_NOT_NL || n->op == RX_NODE_ANY;
}

static bool matches_newline(const struct rx_node *n)
{
	if (n->op == RX_NODE_LITERAL)
		return n->text[0] == '\n';
	for (size_t i = 0; n->op == RX_NODE_CLASS && i < n->set.count; i++)
		if (n->set.at[i].lo <= '\n' && '\n' <= n->set.at[i].hi)
			return true;
	return n->op == RX_NODE_ANY;
}

static void add_literal(struct rx_class *set, const struct rx_node *literal)
{
	if ((literal->flags & RX_FOLD) != 0)
		rx_class_add_folded(set, literal->text[0], literal->text[0]);
	else
		rx_class_add(set, literal->text[0], literal->text[0]);
}

void rx_node_merge(struct rx_node *dst, const struct rx_node *src)
{
	if (dst->op == RX_NODE_ANY_NOT_NL && matches_newline(src))
		dst->op = RX_NODE_ANY;
	if (dst->op >= RX_NODE_ANY_NOT_NL)
		return;
	if (dst->op == RX_NODE_LITERAL) {
		if (src->text[0] == dst->text[0] && src->flags == dst->flags)
			return;
		dst->set.count = 0;
		add_literal(&dst->set, dst);
		dst->op = RX_NODE_CLASS;
	}
	if (src->op == RX_NODE_LITERAL)
		add_literal(&dst->set, src);
	else
		rx_class_add_ranges(&dst->set, rx_class_ranges(&src->set));
}

void rx_node_clean(struct rx_node *n)
{
	if (n->op != RX_NODE_CLASS)
		return;
	rx_class_clean(&n->set);
	const struct rx_range *r = n->set.at;
	if (n->set.count == 1 && r[0].lo == 0 && r[0].hi == RX_CODE_MAX)
		n->op = RX_NODE_ANY;
	if (n->set.count == 2 && r[0].lo == 0 && r[0].hi == '\n' - 1 && r[1].lo == '\n' + 1 &&
		r[1].hi == RX_CODE_MAX)
		n->op = RX_NODE_ANY_NOT_NL;
}

void rx_todo_push(struct rx_todo *todo, struct rx_node *node, int budget)
{
	if (todo->count == todo->cap) {
		todo->cap = todo->cap > 0 ? 2 * todo->cap : 16;
		todo->at = mem_grow(todo->at, todo->cap, sizeof(todo->at[0]));
	}
	todo->at[todo->count++] = (struct rx_visit){node, budget};
}

bool rx_todo_pop(struct rx_todo *todo, struct rx_visit *visit)
{
	if (todo->count == 0)
		return false;
	*visit = todo->at[--todo->count];
	return true;
}

/* Only called for counts of two and more, of which at most nine can nest: so no subtree is walked often. */
bool rx_node_repeats_ok(struct rx_tree *t, struct rx_node *n)
{
	struct rx_visit v;

	rx_todo_push(&t->todo, n, RX_REPEAT_MAX);
	while (rx_todo_pop(&t->todo, &v)) {
		if (v.node->op == RX_NODE_REPEAT) {
			int times = v.node->max < 0 ? v.node->min : v.node->max;
			if (v.node->max == 0)
				continue;
			if (times > v.budget) {
				t->todo.count = 0;
				return false;
			}
			if (times > 0)
				v.budget /= times;
		}
		for (size_t i = 0; i < v.node->count; i++)
			rx_todo_push(&t->todo, v.node->sub[i], v.budget);
	}
	return true;
}

static int64_t size_of_repeat(const struct rx_node *n)
{
	int64_t sub = n->sub[0]->size;

	if (n->max >= 0)
		return n->max * sub + n->max - n->min;
	return n->min == 0 ? 2 + sub : 1 + n->min * sub;
}

/* Of a node whose parts are measured. */
static void set_size(struct rx_node *n)
{
	int64_t size = 0;

	for (size_t i = 0; i < n->count; i++)
		size += n->sub[i]->size;
	if (n->op == RX_NODE_LITERAL)
		size = (int64_t)n->len;
	else if (n->op == RX_NODE_CAPTURE || n->op == RX_NODE_STAR)
		size += 2;
	else if (n->op == RX_NODE_PLUS || n->op == RX_NODE_QUEST)
		size += 1;
	else if (n->op == RX_NODE_ALTERNATE && n->count > 1)
		size += (int64_t)n->count - 1;
	else if (n->op == RX_NODE_REPEAT)
		size = size_of_repeat(n);
	n->size = size > 1 ? size : 1;
}

static void set_height(struct rx_node *n)
{
	int height = 1;

	for (size_t i = 0; i < n->count; i++)
		if (height < 1 + n->sub[i]->height)
			height = 1 + n->sub[i]->height;
	n->height = height;
}

static bool has_size(const struct rx_node *n)
{
	return n->size > 0;
}

static bool has_height(const struct rx_node *n)
{
	return n->height > 0;
}

/* Measure n anew, and before it those parts that were never measured. */
static void measure(struct rx_tree *t, struct rx_node *n, bool (*known)(const struct rx_node *),
	void (*set)(struct rx_node *))
{
	struct rx_visit v;

	rx_todo_push(&t->todo, n, 0);
	while (rx_todo_pop(&t->todo, &v)) {
		size_t before = t->todo.count;
		rx_todo_push(&t->todo, v.node, 0);
		for (size_t i = 0; i < v.node->count; i++)
			if (!known(v.node->sub[i]))
				rx_todo_push(&t->todo, v.node->sub[i], 0);
		if (t->todo.count == before + 1) {
			set(v.node);
			t->todo.count = before;
		}
	}
}

static void measure_stack(
	struct rx_tree *t, bool (*known)(const struct rx_node *), void (*set)(struct rx_node *))
{
	for (size_t i = 0; i < t->depth; i++)
		measure(t, t->stack[i], known, set);
}

/* Sizes are not tracked while the number of nodes times all counts together is within bounds. */
static bool size_is_small(struct rx_tree *t, const struct rx_node *n)
{
	if (t->repeats == 0)
		t->repeats = 1;
	if (n->op == RX_NODE_REPEAT) {
		int64_t times = n->max < 0 ? n->min : n->max;
		times = times > 1 ? times : 1;
		t->repeats = times > RX_SIZE_MAX / t->repeats ? RX_SIZE_MAX : t->repeats * times;
	}
	return (int64_t)t->made < RX_SIZE_MAX / t->repeats;
}

static void check_size(struct rx_tree *t, struct rx_node *n)
{
	if (!t->tracks_size) {
		if (size_is_small(t, n))
			return;
		t->tracks_size = true;
		measure_stack(t, has_size, set_size);
	}
	measure(t, n, has_size, set_size);
	if (n->size > RX_SIZE_MAX)
		t->fault = "expression too large";
}

static void check_height(struct rx_tree *t, struct rx_node *n)
{
	if (t->made < RX_HEIGHT_MAX)
		return;
	if (!t->tracks_height) {
		t->tracks_height = true;
		measure_stack(t, has_height, set_height);
	}
	measure(t, n, has_height, set_height);
	if (n->height > RX_HEIGHT_MAX && t->fault == NULL)
		t->fault = "expression nests too deeply";
}

void rx_node_check(struct rx_tree *t, struct rx_node *n)
{
	if (t->fault != NULL)
		return;
	if (t->runes > RX_RUNES_MAX)
		t->fault = "expression too large";
	check_size(t, n);
	check_height(t, n);
}
