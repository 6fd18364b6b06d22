/* The tree of an expression, while it is being read. */
#ifndef CONF_RX_TREE_H
#define CONF_RX_TREE_H

#include "common/conf/rx_class.h"

/* The order of LITERAL to ANY is that of their generality. */
enum rx_node_op {
	RX_NODE_EMPTY,
	RX_NODE_LITERAL,    /* text, folded or not */
	RX_NODE_CLASS,      /* one character of set */
	RX_NODE_ANY_NOT_NL, /* one character, but a newline */
	RX_NODE_ANY,        /* one character */
	RX_NODE_ASSERT,     /* what must hold: enum rx_assert in min */
	RX_NODE_CAPTURE,
	RX_NODE_STAR,
	RX_NODE_PLUS,
	RX_NODE_QUEST,
	RX_NODE_REPEAT, /* min to max times; max -1: no limit */
	RX_NODE_CONCAT,
	RX_NODE_ALTERNATE,
	RX_NODE_PAREN, /* from here on only on the parser's stack */
	RX_NODE_BAR,
};

/* What must hold at a place between two characters. Bits. */
enum rx_assert {
	RX_BEGIN_TEXT = 1,
	RX_END_TEXT = 2,
	RX_BEGIN_LINE = 4,
	RX_END_LINE = 8,
	RX_WORD_EDGE = 16,
	RX_NO_WORD_EDGE = 32,
};

enum rx_flag {
	RX_FOLD = 1,      /* (?i) */
	RX_MULTILINE = 2, /* (?m) */
	RX_DOT_ALL = 4,   /* (?s) */
	RX_LAZY = 8,      /* (?U); of no consequence for what matches */
};

struct rx_node {
	enum rx_node_op op;
	unsigned flags; /* in force where it stood */
	bool captures;  /* of PAREN */
	int min, max;
	struct rx_class set; /* of CLASS */
	uint32_t *text;      /* of LITERAL */
	size_t len, text_cap;
	struct rx_node **sub;
	size_t count, sub_cap;
	struct rx_node *next_spare;
	int height;   /* levels; 0: not known */
	int64_t size; /* instructions; 0: not known */
};

/* Nodes yet to be visited: what recursion would keep on the stack. */
struct rx_todo {
	struct rx_visit {
		struct rx_node *node;
		int budget; /* of repetitions */
	} * at;
	size_t count, cap;
};

/* A stack of what was read: finished pieces, and the parentheses and bars still open. Go's limits depend on how its
 * parser makes, merges and reuses nodes, so nodes come and go here the same way. */
struct rx_tree {
	unsigned flags; /* in force: enum rx_flag */
	struct rx_node **stack;
	size_t depth, stack_cap;
	struct rx_node **all; /* every node ever made: the owner */
	size_t made, all_cap;
	struct rx_node *spare;
	struct rx_todo todo, factoring;
	size_t runes;    /* in all classes and literals pushed */
	int64_t repeats; /* product of all counts seen */
	bool tracks_size, tracks_height;
	const char *fault; /* the limit that was passed, as Go's reason; NULL while none was */
};

/* What the parser calls. */
void rx_tree_push_literal(struct rx_tree *t, uint32_t c);
void rx_tree_push_any(struct rx_tree *t);
void rx_tree_push_assert(struct rx_tree *t, enum rx_assert what);
void rx_tree_push_class(struct rx_tree *t, struct rx_class *set); /* clean; taken over */
void rx_tree_open(struct rx_tree *t, bool captures);
void rx_tree_bar(struct rx_tree *t);
/* False when no parenthesis is open. Restores the flags from before it. */
bool rx_tree_close(struct rx_tree *t);
/* The topmost node becomes its repetition. */
enum rx_repeat { RX_REPEAT_OK, RX_REPEAT_NOTHING, RX_REPEAT_TOO_MANY };
enum rx_repeat rx_tree_repeat(struct rx_tree *t, enum rx_node_op op, int min, int max, bool lazy);
/* The tree of the whole text; NULL when a parenthesis is still open. */
struct rx_node *rx_tree_finish(struct rx_tree *t);
void rx_tree_free(struct rx_tree *t);

/* Single nodes: rx_node.c. */
struct rx_node *rx_node_new(struct rx_tree *t, enum rx_node_op op);
/* Set a node aside for the next rx_node_new. */
void rx_node_spare(struct rx_tree *t, struct rx_node *n);
void rx_node_add(struct rx_node *n, struct rx_node *sub);
void rx_node_add_text(struct rx_node *n, const uint32_t *text, size_t len);
/* Is it one character out of a set? */
bool rx_node_is_class(const struct rx_node *n);
/* Let dst match what src matches too. Both are classes; dst is at least as general. */
void rx_node_merge(struct rx_node *dst, const struct rx_node *src);
/* Sort the set of a class, and give it its simplest form. Other nodes stay as they are. */
void rx_node_clean(struct rx_node *n);
/* Do the counts of n and those nested in it multiply to RX_REPEAT_MAX at most? */
bool rx_node_repeats_ok(struct rx_tree *t, struct rx_node *n);
/* Hold n against the limits; sets t->fault. */
void rx_node_check(struct rx_tree *t, struct rx_node *n);
void rx_todo_push(struct rx_todo *todo, struct rx_node *node, int budget);
bool rx_todo_pop(struct rx_todo *todo, struct rx_visit *visit);

/* rx_factor.c: one node for all of sub: their CONCAT or ALTERNATE. Beginnings that alternatives share are put in front. */
struct rx_node *rx_tree_collapse(struct rx_tree *t, struct rx_node **sub, size_t count, enum rx_node_op op);

#endif
