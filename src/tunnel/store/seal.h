/* Secrets in the store are encrypted: AES-256-GCM (NIST SP 800-38D), a random nonce, bound to the tunnel's id. */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/conf/uuid.h"

#define SEAL_KEY_LEN 32 /* bytes */

struct seal {
	struct secret key; /* empty: nothing can be sealed or opened */
};

/* The key from a file of SEAL_KEY_LEN bytes, or as many in hexadecimal or base64. create: made, 0600, when it is not
 * there. */
int seal_load(struct seal *s, const char *path, bool create, struct err *err);
/* A random one. */
void seal_random(struct seal *s);
/* Append base64 of nonce, bytes encrypted, tag. -1 without a key or when out is full. */
int seal_close(const struct seal *s, const struct uuid *id, struct span bytes, struct buf *out);
/* Back. -1 when it was made with another key or for another id, or altered. */
int seal_open(const struct seal *s, const struct uuid *id, struct span text, struct secret *out);
void seal_free(struct seal *s);

#endif
