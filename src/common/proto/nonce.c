/* Random bytes in stock. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "common/proto/nonce.h"

void nonce_make(struct nonce_pool *pool, char out[NONCE_TEXT])
{
	out[0] = '\0';
	if (pool->left == 0 && RAND_bytes(pool->random, sizeof(pool->random)) == 1)
		pool->left = NONCE_POOL;
	if (pool->left == 0)
		return;
	unsigned char *random = pool->random + --pool->left * NONCE_BYTES;
	EVP_EncodeBlock((unsigned char *)out, random, NONCE_BYTES);
	OPENSSL_cleanse(random, NONCE_BYTES);
}
