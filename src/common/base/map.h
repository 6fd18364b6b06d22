/* A hash table from bytes to pointers: grows, never shrinks. Keys are borrowed. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "common/base/span.h"

struct map_slot {
	struct span key;
	void *value; /* NULL: the slot is free */
};

/* Zero-initialised is empty. */
struct map {
	struct map_slot *slots; /* owned; cap of them, a power of two */
	size_t count, cap;
};

/* What stands under the key, NULL when nothing does. */
void *map_get(const struct map *m, struct span key);
/* Put value, which is not NULL, under the key; what was there before is replaced. */
void map_put(struct map *m, struct span key, void *value);
/* Forget the key; harmless when it is not there. */
void map_remove(struct map *m, struct span key);
void map_free(struct map *m);

#endif
