/* What the parts of rx share. The last section is what an algebra over these automata stands on. */
#ifndef CONF_RX_PRIVATE_H
#define CONF_RX_PRIVATE_H

#include "common/conf/rx.h"

/* --- Sets of code points: rx_class.c, tables in rx_unicode.c --- */

#define RX_CODE_MAX 0x10ffffu

struct rx_range {
	uint32_t lo, hi; /* both included */
};

/* Borrowed ranges; ascending, and neither overlapping nor touching. */
struct rx_ranges {
	const struct rx_range *at;
	size_t count;
};

/* Ranges being collected. In any order until rx_class_clean. */
struct rx_class {
	struct rx_range *at;
	size_t count, cap;
};

/* Tables end with a NULL name. */
struct rx_named {
	const char *name;
	struct rx_ranges set;
};

/* From lo to hi each code point c is followed by c + delta in its orbit of simple case folding. With delta 0 neighbours
 * follow each other: lo and lo + 1, lo + 2 and lo + 3. */
struct rx_fold {
	uint32_t lo, hi;
	int32_t delta;
};

extern const struct rx_ranges rx_word;        /* as \w */
extern const struct rx_named rx_categories[]; /* of two letters; those of one are their unions */
extern const struct rx_named rx_scripts[];
extern const struct rx_fold rx_folds[];
extern const size_t rx_fold_count;

/* The next of c's orbit, in ascending order and round; c itself when nothing else folds to it. */
uint32_t rx_fold_next(uint32_t c);
/* The lowest of c's orbit. */
uint32_t rx_fold_least(uint32_t c);

bool rx_ranges_have(struct rx_ranges r, uint32_t c);

void rx_class_add(struct rx_class *c, uint32_t lo, uint32_t hi);
void rx_class_add_ranges(struct rx_class *c, struct rx_ranges r);
/* Add the range and all that folds to a member of it. */
void rx_class_add_folded(struct rx_class *c, uint32_t lo, uint32_t hi);
void rx_class_clean(struct rx_class *c);
void rx_class_fold(struct rx_class *c);   /* leaves it clean */
void rx_class_negate(struct rx_class *c); /* of a clean one */
void rx_class_free(struct rx_class *c);
static inline struct rx_ranges rx_class_ranges(const struct rx_class *c)
{
	return (struct rx_ranges){c->at, c->count};
}

/* Add the set of a name: "d", "s" or "w" after a backslash; "alpha" between [: and :]; "Lu" or "Greek" between \p{
 * and }. False when there is none. */
bool rx_class_add_perl(struct rx_class *c, char name);
bool rx_class_add_posix(struct rx_class *c, struct span name);
bool rx_class_add_unicode(struct rx_class *c, struct span name);

/* --- The tree: rx_tree.c, rx_factor.c --- */

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

/* --- rx_tree.c: what the parser calls */
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

/* --- rx_node.c */
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

/* --- rx_factor.c */
/* One node for all of sub: their CONCAT or ALTERNATE. Beginnings that alternatives share are put in front. */
struct rx_node *rx_tree_collapse(struct rx_tree *t, struct rx_node **sub, size_t count, enum rx_node_op op);

/* --- The text: rx_parse.c, rx_escape.c --- */

struct rx_parser {
	struct span text; /* whole */
	struct span in;   /* what is left of it */
	enum rx_compat compat;
	struct rx_tree tree;
	size_t *at;
	struct err *err;
};

static inline const char *rx_end(struct span s)
{
	return s.p + s.len;
}

static inline void rx_skip(struct rx_parser *p, size_t n)
{
	p->in = span_skip(p->in, n);
}

static inline bool rx_next_is(const struct rx_parser *p, char c)
{
	return p->in.len > 0 && p->in.p[0] == c;
}

/* Refuse the part of the text between from and to. Returns -1. */
int rx_refuse(struct rx_parser *p, const char *reason, const char *from, const char *to);
/* Take the next character off s; U+FFFD at the end. -1 when it is not UTF-8. */
int rx_take(struct rx_parser *p, struct span *s, uint32_t *c);
/* The three below take one thing off p->in: an escape that stands for a character, one that may stand for a set, and
 * a bracketed class. The second: 0 when it is no set, 1 when it was added to c (clean if c was empty). */
int rx_parse_escape(struct rx_parser *p, uint32_t *c);
int rx_parse_set_escape(struct rx_parser *p, struct rx_class *c);
int rx_parse_class(struct rx_parser *p);

/* --- The program: rx_prog.c --- */

enum rx_op {
	RX_CHAR,   /* one character of set arg, then next */
	RX_SPLIT,  /* next or arg */
	RX_ASSERT, /* if arg holds, next */
	RX_JUMP,   /* next; nothing leads to one in a finished program */
	RX_MATCH,  /* member arg */
};

struct rx_inst {
	enum rx_op op;
	uint32_t next, arg;
};

/* Distinct sets, each once. */
struct rx_sets {
	struct rx_ranges *at;
	size_t count, cap;
	uint32_t *slots; /* index + 1, by hash; a power of two of them */
	size_t slot_count;
};

/* The index of the set equal to r; if it is new, r itself is kept, so its ranges must last. */
uint32_t rx_sets_intern(struct rx_sets *s, struct rx_ranges r, bool *is_new);
void rx_sets_free(struct rx_sets *s);
void rx_sort(uint32_t *at, size_t count); /* ascending */

struct rx {
	struct rx_inst *prog;
	size_t count, cap;
	uint32_t start;      /* the first instruction */
	struct rx_sets sets; /* their ranges are ours */
	unsigned asserts;    /* all that occur */
};

/* Into an empty r. -1 when it takes more than RX_SIZE_MAX instructions. */
int rx_compile(struct rx *r, const struct rx_node *tree);

/* --- The automaton of a set: rx_set.c, rx_step.c --- */

/* Code points that no member tells apart are one class; classes are numbered from 0. */
struct rx_partition {
	uint32_t *lo;       /* first code point of each interval, ascending */
	uint32_t *class_of; /* of each interval */
	size_t count;
	uint32_t ascii[128]; /* class of each */
	uint32_t *sample;    /* a code point of each class */
	uint32_t classes;
};

uint32_t rx_partition_find(const struct rx_partition *p, uint32_t c);
uint32_t rx_partition_decode(const struct rx_partition *p, struct span text, size_t *len);
/* Class of the character that text, which is not empty, begins with; its length in *len. */
static inline uint32_t rx_partition_next(const struct rx_partition *p, struct span text, size_t *len)
{
	unsigned char c = (unsigned char)text.p[0];

	*len = 1;
	return c < 128 ? p->ascii[c] : rx_partition_decode(p, text, len);
}

/* What an assertion asks about a neighbour. */
enum rx_kind {
	RX_OTHER,
	RX_WORD,
	RX_NEWLINE,
	RX_EDGE, /* none: begin or end of the text */
};

struct rx_set {
	size_t members;
	struct rx_inst *prog;
	uint32_t *base;  /* where the instructions of each member begin; base[members]: the length of prog */
	uint32_t *start; /* the first instruction of each member */
	struct rx_sets sets;
	struct rx_partition part;
	uint8_t *kind;     /* enum rx_kind of each class; OTHER where no assertion asks */
	size_t first_free; /* lowest member that may begin to match elsewhere than at the begin of the text */
};

void rx_set_find_free(struct rx_set *set);

/* A state: what has been reached after some characters, before the next one is known. */
struct rx_state {
	uint32_t *at; /* instructions */
	size_t count;
	enum rx_kind before;
	size_t best; /* lowest member found so far; set->members: none */
};

/* Memory of rx_step: marks of what was visited. */
struct rx_walk {
	const struct rx_set *set;
	uint32_t *seen, *kept, *stack;
	uint32_t round;
};

void rx_walk_init(struct rx_walk *w, const struct rx_set *set);
void rx_walk_fini(struct rx_walk *w);
/* to->at has room for every instruction of the set, in the two below. */
void rx_start(const struct rx_set *set, struct rx_state *to);
/* The state after from and a character of class, or after the end of the text when class is part.classes: then only
 * best counts. Instructions come in no order. A member is accepted once best says so. */
void rx_step(struct rx_walk *w, const struct rx_state *from, uint32_t class, struct rx_state *to);
/* Can nothing that follows change best? */
bool rx_is_final(const struct rx_set *set, const struct rx_state *s);

/* As rx_scan_new with another ceiling for the cache; 0 makes it simulate without one. */
struct rx_scan *rx_scan_new_sized(const struct rx_set *set, size_t max);
/* Bytes that the cache takes now. */
size_t rx_scan_kept(const struct rx_scan *scan);

#endif
