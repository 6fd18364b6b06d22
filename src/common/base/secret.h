/* Bytes that must not leak: held in pages of their own, which are kept out of swap and core files where the system lets
 * us; compared in constant time, wiped when freed. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>

#include "common/base/span.h"

#define SECRET_HASH_LEN 32 /* SHA-256 */

struct secret {
	unsigned char *data; /* owned */
	size_t len;
};

/* Copy bytes in; what was held before is wiped. */
void secret_set(struct secret *s, const void *p, size_t len);
/* Wipe and free; harmless on an empty one. */
void secret_free(struct secret *s);
/* Wipe someone else's bytes. */
void secret_wipe(void *p, size_t len);

/* free and realloc that wipe what they give back, for libraries through which secrets pass and that let their allocator be
 * chosen. Blocks come from malloc. */
void secret_block_free(void *p);
void *secret_block_grow(void *p, size_t size);
/* Make the JSON library wipe whatever it frees: texts with secrets pass through it. Once, before its first use. */
void secret_guard_json(void);

/* SHA-256 of the bytes, for keeping and comparing without the secret itself. */
void secret_hash(struct span bytes, unsigned char out[SECRET_HASH_LEN]);
/* Equal? Takes the same time whatever differs. */
bool secret_equal(const unsigned char a[SECRET_HASH_LEN], const unsigned char b[SECRET_HASH_LEN]);

#endif
