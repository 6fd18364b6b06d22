/* UUIDs (RFC 9562): tunnel ids and connector ids. */
#ifndef CONF_UUID_H
#define CONF_UUID_H

#include "common/base/span.h"

#define UUID_LEN ((size_t)16)
#define UUID_TEXT_LEN 36

struct uuid {
	unsigned char bytes[UUID_LEN]; /* in text order */
};

/* Parse "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"; also with "urn:uuid:" in front, in braces, or without hyphens, as
 * github.com/google/uuid does. */
bool uuid_parse(struct span text, struct uuid *out);
/* Lower-case text, NUL-terminated. */
void uuid_print(const struct uuid *u, char out[UUID_TEXT_LEN + 1]);
/* A random one (version 4). */
void uuid_random(struct uuid *out);
bool uuid_eq(const struct uuid *a, const struct uuid *b);

#endif
