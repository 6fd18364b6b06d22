/* Memory for many small things that live and die together. Zero-initialised is empty. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "common/base/span.h"

struct arena {
	struct arena_block *blocks; /* owned */
};

/* Zeroed, and aligned for anything. Valid until arena_free. */
void *arena_alloc(struct arena *a, size_t size);
/* A copy of the span, with a NUL behind it that does not count. */
struct span arena_copy(struct arena *a, struct span s);
/* printf into the arena. */
const char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for one more item in an array of count that began as NULL and came from here: the array, which may have moved. */
void *arena_more(struct arena *a, void *items, size_t count, size_t size);
void arena_free(struct arena *a);

#endif
