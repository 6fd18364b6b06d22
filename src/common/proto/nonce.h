/* Nonces of a Content-Security-Policy (CSP3, 7.1): random bytes are taken from the library many at a time, as one call for each
 * would cost more than the rest of a policy. */
#ifndef PROTO_NONCE_H
#define PROTO_NONCE_H

#include <stddef.h>

#define NONCE_BYTES 18                       /* 144 bits: base64 without padding */
#define NONCE_TEXT (NONCE_BYTES / 3 * 4 + 1) /* NUL included */
#define NONCE_POOL 64                        /* nonces of one call */

/* Zero-initialised is empty. */
struct nonce_pool {
	unsigned char random[NONCE_BYTES * NONCE_POOL];
	size_t left; /* nonces; those that were given out are wiped */
};

/* Another one. Without random bytes it is empty, which is no nonce and lets nothing run. */
void nonce_make(struct nonce_pool *pool, char out[NONCE_TEXT]);

#endif
