/* Open addressing with linear probing, at most half full. */
#include <stdlib.h>

#include "common/base/map.h"
#include "common/base/mem.h"

#define MAP_FIRST 16 /* slots */

/* Multiplied into the upper half, which is folded back, as the lower bits choose the slot. The factor is 2^64 divided by the
 * golden ratio. */
static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static uint64_t map_hash(struct span key)
{
	uint64_t h = key.len, word = 0;

	for (; key.len >= sizeof(word); key = span_skip(key, sizeof(word))) {
		memcpy(&word, key.p, sizeof(word));
		h = mix(h, word);
	}
	word = 0;
	for (size_t i = 0; i < key.len; i++)
		word = word << 8 | (unsigned char)key.p[i];
	return mix(h, word);
}

/* The slot of the key, or the free one where it would go. */
static struct map_slot *map_slot(const struct map *m, struct span key)
{
	size_t i = (size_t)map_hash(key) & (m->cap - 1);

	while (m->slots[i].value != NULL && !span_eq(m->slots[i].key, key))
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

void *map_get(const struct map *m, struct span key)
{
	return m->count > 0 ? map_slot(m, key)->value : NULL;
}

static void map_grow(struct map *m)
{
	struct map bigger = {.cap = m->cap > 0 ? 2 * m->cap : MAP_FIRST, .count = m->count};

	bigger.slots = mem_array(bigger.cap, sizeof(*bigger.slots));
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value != NULL)
			*map_slot(&bigger, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = bigger;
}

void map_put(struct map *m, struct span key, void *value)
{
	if (2 * (m->count + 1) > m->cap)
		map_grow(m);
	struct map_slot *slot = map_slot(m, key);
	m->count += slot->value == NULL;
	*slot = (struct map_slot){key, value};
}

/* What was put behind it because its slot was taken moves up, so that no search ends too early. */
void map_remove(struct map *m, struct span key)
{
	if (map_get(m, key) == NULL)
		return;
	size_t mask = m->cap - 1, hole = (size_t)(map_slot(m, key) - m->slots);
	for (size_t i = (hole + 1) & mask; m->slots[i].value != NULL; i = (i + 1) & mask) {
		size_t home = (size_t)map_hash(m->slots[i].key) & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole] = (struct map_slot){0};
	m->count--;
}

void map_free(struct map *m)
{
	free(m->slots);
	*m = (struct map){0};
}
