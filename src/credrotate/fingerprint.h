/* Secrets compared without being shown: the first 64 bits of HMAC-SHA256 under a key that each journal draws for itself, so
 * that a weak secret cannot be guessed from the fingerprint alone. */
#ifndef CREDROTATE_FINGERPRINT_H
#define CREDROTATE_FINGERPRINT_H

#include "common/base/span.h"

#define FINGERPRINT_KEY_LEN 32
#define FINGERPRINT_TEXT 17 /* hex digits and NUL */

struct fingerprint {
	char text[FINGERPRINT_TEXT]; /* "" is of nothing, and equals nothing */
};

/* 32 random bytes. */
void fingerprint_draw_key(unsigned char key[FINGERPRINT_KEY_LEN]);
struct fingerprint fingerprint_of(const unsigned char key[FINGERPRINT_KEY_LEN], struct span secret);
bool fingerprint_eq(const struct fingerprint *a, const struct fingerprint *b);
/* From text as it stands in a journal; of nothing when it is none. */
struct fingerprint fingerprint_parse(const char *text);

#endif
