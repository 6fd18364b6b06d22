/* Sets of code points. The tables are in rx_unicode.c. */
#ifndef CONF_RX_CLASS_H
#define CONF_RX_CLASS_H

#include "common/base/span.h"
#include "common/conf/release.h"

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
void rx_class_fold(struct rx_class *c);                           /* leaves it clean */
void rx_class_negate(struct rx_class *c);                         /* of a clean one */
void rx_class_add_others(struct rx_class *c, struct rx_ranges r); /* all that is not in r */
void rx_class_free(struct rx_class *c);
static inline struct rx_ranges rx_class_ranges(const struct rx_class *c)
{
	return (struct rx_ranges){c->at, c->count};
}

/* Add the set of a name: "d", "s" or "w" after a backslash; "alpha" between [: and :]; "Lu" or "Greek" between \p{
 * and }. False when there is none. */
bool rx_class_add_perl(struct rx_class *c, char name);
bool rx_class_add_posix(struct rx_class *c, struct span name);
bool rx_class_add_unicode(struct rx_class *c, enum release release, struct span name);

#endif
