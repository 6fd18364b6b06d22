/* Alternatives: what neighbours begin with in common is taken out in front of them, single characters become one class.
 * It changes no match. It is done because it decides how deep Go's tree is, hence what Go refuses as too deep. */
#include "common/conf/rx_tree.h"

/* The literal that n begins with; NULL when it begins otherwise. */
static struct rx_node *leading_text(struct rx_node *n)
{
	if (n->op == RX_NODE_CONCAT && n->count > 0)
		n = n->sub[0];
	return n->op == RX_NODE_LITERAL ? n : NULL;
}

/* How many of the first len characters of a does b begin with too? */
static size_t common_text(const struct rx_node *a, size_t len, const struct rx_node *b)
{
	size_t same = 0;

	if (a == NULL || b == NULL || ((a->flags ^ b->flags) & RX_FOLD) != 0)
		return 0;
	while (same < len && same < b->len && a->text[same] == b->text[same])
		same++;
	return same;
}

/* Drop the first part of a concatenation; what is left of it. */
static struct rx_node *drop_first(struct rx_tree *t, struct rx_node *n)
{
	n->count--;
	memmove(n->sub, n->sub + 1, n->count * sizeof(struct rx_node *));
	if (n->count > 1)
		return n;
	struct rx_node *rest = n->sub[0];
	rx_node_spare(t, n);
	return rest;
}

static struct rx_node *drop_text(struct rx_tree *t, struct rx_node *n, size_t len)
{
	struct rx_node *literal = leading_text(n);

	literal->len -= len;
	memmove(literal->text, literal->text + len, literal->len * sizeof(literal->text[0]));
	if (literal->len > 0)
		return n;
	literal->op = RX_NODE_EMPTY;
	if (literal == n)
		return n;
	rx_node_spare(t, literal);
	return drop_first(t, n);
}

/* A node for the alternatives of sub, to be factored later. */
static struct rx_node *alternatives(struct rx_tree *t, struct rx_node **sub, size_t count, enum rx_node_op op)
{
	struct rx_node *n = rx_node_new(t, op);

	for (size_t i = 0; i < count; i++) {
		if (sub[i]->op != op) {
			rx_node_add(n, sub[i]);
			continue;
		}
		for (size_t k = 0; k < sub[i]->count; k++)
			rx_node_add(n, sub[i]->sub[k]);
		rx_node_spare(t, sub[i]);
	}
	if (op == RX_NODE_ALTERNATE)
		rx_todo_push(&t->factoring, n, 0);
	return n;
}

static struct rx_node *prefixed(
	struct rx_tree *t, struct rx_node *prefix, struct rx_node **rest, size_t count)
{
	struct rx_node *suffix = alternatives(t, rest, count, RX_NODE_ALTERNATE);
	struct rx_node *n = rx_node_new(t, RX_NODE_CONCAT);

	rx_node_add(n, prefix);
	rx_node_add(n, suffix);
	return n;
}

/* Neighbours that begin with the same text. */
static void factor_text(struct rx_tree *t, struct rx_node *n)
{
	size_t out = 0;

	for (size_t from = 0, to; from < n->count; from = to) {
		const struct rx_node *text = leading_text(n->sub[from]);
		size_t len = text != NULL ? text->len : 0, same;
		for (to = from + 1; to < n->count; to++, len = same)
			if ((same = common_text(text, len, leading_text(n->sub[to]))) == 0)
				break;
		if (to == from + 1) {
			n->sub[out++] = n->sub[from];
			continue;
		}
		struct rx_node *prefix = rx_node_new(t, RX_NODE_LITERAL);
		prefix->flags = text->flags & RX_FOLD;
		rx_node_add_text(prefix, text->text, len);
		for (size_t i = from; i < to; i++) {
			n->sub[i] = drop_text(t, n->sub[i], len);
			rx_node_check(t, n->sub[i]);
		}
		n->sub[out++] = prefixed(t, prefix, n->sub + from, to - from);
	}
	n->count = out;
}

/* The first piece of n; NULL when that is empty. */
static struct rx_node *leading_piece(struct rx_node *n)
{
	if (n->op == RX_NODE_CONCAT && n->count > 0)
		n = n->sub[0];
	return n->op == RX_NODE_EMPTY ? NULL : n;
}

static bool same_class(const struct rx_node *a, const struct rx_node *b)
{
	if (a->op != b->op || !rx_node_is_class(a) || !rx_node_is_class(b))
		return false;
	if (a->op == RX_NODE_LITERAL)
		return ((a->flags ^ b->flags) & RX_FOLD) == 0 && a->text[0] == b->text[0];
	if (a->op != RX_NODE_CLASS)
		return true;
	return ((a->flags ^ b->flags) & RX_FOLD) == 0 && a->set.count == b->set.count &&
	       (a->set.count == 0 || memcmp(a->set.at, b->set.at, a->set.count * sizeof(a->set.at[0])) == 0);
}

/* Other pieces lead to distinct paths, which must stay so: only classes and a fixed number of them may be shared. */
static bool same_piece(const struct rx_node *a, const struct rx_node *b)
{
	if (a == NULL || b == NULL)
		return false;
	if (a->op != RX_NODE_REPEAT || b->op != RX_NODE_REPEAT)
		return same_class(a, b);
	return a->min == a->max && a->min == b->min && a->max == b->max &&
	       ((a->flags ^ b->flags) & RX_LAZY) == 0 && same_class(a->sub[0], b->sub[0]);
}

/* keep: the piece lives on as the common beginning. */
static struct rx_node *drop_piece(struct rx_tree *t, struct rx_node *n, bool keep)
{
	if (n->op == RX_NODE_CONCAT && n->count > 0) {
		if (!keep)
			rx_node_spare(t, n->sub[0]);
		return drop_first(t, n);
	}
	if (!keep)
		rx_node_spare(t, n);
	return rx_node_new(t, RX_NODE_EMPTY);
}

/* Neighbours that begin with the same class. */
static void factor_pieces(struct rx_tree *t, struct rx_node *n)
{
	size_t out = 0;

	for (size_t from = 0, to; from < n->count; from = to) {
		struct rx_node *first = leading_piece(n->sub[from]);
		for (to = from + 1; to < n->count && same_piece(first, leading_piece(n->sub[to]));)
			to++;
		if (to == from + 1) {
			n->sub[out++] = n->sub[from];
			continue;
		}
		for (size_t i = from; i < to; i++) {
			n->sub[i] = drop_piece(t, n->sub[i], i == from);
			rx_node_check(t, n->sub[i]);
		}
		n->sub[out++] = prefixed(t, first, n->sub + from, to - from);
	}
	n->count = out;
}

/* The first of the most general ones. */
static size_t most_general(struct rx_node *const *sub, size_t from, size_t to)
{
	size_t best = from;

	for (size_t i = from + 1; i < to; i++)
		if (sub[best]->op < sub[i]->op ||
			(sub[best]->op == sub[i]->op && sub[best]->set.count < sub[i]->set.count))
			best = i;
	return best;
}

/* Neighbours of one character each become one class. */
static void join_classes(struct rx_tree *t, struct rx_node *n)
{
	size_t out = 0;

	for (size_t from = 0, to; from < n->count; from = to) {
		for (to = from; to < n->count && rx_node_is_class(n->sub[to]);)
			to++;
		if (to <= from + 1) {
			n->sub[out++] = n->sub[from];
			to = from + 1;
			continue;
		}
		size_t best = most_general(n->sub, from, to);
		struct rx_node *all = n->sub[best];
		n->sub[best] = n->sub[from];
		for (size_t i = from + 1; i < to; i++) {
			rx_node_merge(all, n->sub[i]);
			rx_node_spare(t, n->sub[i]);
		}
		rx_node_clean(all);
		n->sub[out++] = all;
	}
	n->count = out;
}

static void join_empty(struct rx_node *n)
{
	size_t out = 0;

	for (size_t i = 0; i < n->count; i++)
		if (i + 1 == n->count || n->sub[i]->op != RX_NODE_EMPTY || n->sub[i + 1]->op != RX_NODE_EMPTY)
			n->sub[out++] = n->sub[i];
	n->count = out;
}

/* One alternative alone takes the place of its node. */
static void become_only(struct rx_tree *t, struct rx_node *n)
{
	struct rx_node *only = n->sub[0], held = *n;

	*n = *only;
	*only = held;
	rx_node_spare(t, only);
}

struct rx_node *rx_tree_collapse(struct rx_tree *t, struct rx_node **sub, size_t count, enum rx_node_op op)
{
	struct rx_visit v;

	if (count == 1)
		return sub[0];
	struct rx_node *n = alternatives(t, sub, count, op);
	while (rx_todo_pop(&t->factoring, &v)) {
		factor_text(t, v.node);
		factor_pieces(t, v.node);
		join_classes(t, v.node);
		join_empty(v.node);
		if (v.node->count == 1)
			become_only(t, v.node);
	}
	return n;
}
