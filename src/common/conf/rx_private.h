/* What an expression becomes: a program, then the automaton of a set of programs. An algebra over these automata stands
 * on the partition, rx_start, rx_step and rx_is_final. */
#ifndef CONF_RX_PRIVATE_H
#define CONF_RX_PRIVATE_H

#include "common/conf/rx.h"
#include "common/conf/rx_tree.h"

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
	bool is_free;        /* it may begin to match elsewhere than at the begin of the text */
	struct rx_sets sets; /* their ranges are ours */
	unsigned asserts;    /* all that occur */
};

/* Into an empty r. -1 when it takes more than RX_SIZE_MAX instructions. */
int rx_compile(struct rx *r, const struct rx_node *tree);

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
static inline uint32_t rx_partition_class(const struct rx_partition *p, uint32_t c)
{
	return c < 128 ? p->ascii[c] : rx_partition_find(p, c);
}

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

/* Members that may begin at the begin of the text alone, and the others. */
enum rx_root { RX_ANCHORED, RX_FREE, RX_ROOTS };
#define RX_NOWHERE UINT32_MAX

struct rx_set {
	size_t members;
	struct rx_inst *prog;
	size_t count;
	uint32_t *low;           /* of each instruction: the lowest member that it may lead to */
	uint32_t root[RX_ROOTS]; /* instructions to begin with; RX_NOWHERE without such members */
	struct rx_sets sets;
	struct rx_partition part;
	uint8_t *kind;     /* enum rx_kind of each class; OTHER where no assertion asks */
	size_t first_free; /* lowest member that is free */
};

/* Fill in prog, count, low, root and sets of an empty set. */
void rx_merge(struct rx_set *set, const struct rx *const *members, size_t count);

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
	uint64_t visits; /* of instructions so far */
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
/* Visits of instructions that matching has taken so far: at most one of each instruction for each character of a text and
 * two more, none where the cache knows the way. */
uint64_t rx_scan_visits(const struct rx_scan *scan);

#endif
