/* Holding, hashing, comparing and wiping secrets. */
#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "common/base/secret.h"

void secret_set(struct secret *s, const void *p, size_t len)
{
	size_t room = len > 0 ? len : 1;

	secret_free(s);
	void *pages = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		abort(); /* as when other memory is short: see mem.h */
	/* Both are refused where limits are low, and the secret is held all the same. */
	mlock(pages, room);
	madvise(pages, room, MADV_DONTDUMP);
	s->data = pages;
	s->len = len;
	if (len > 0)
		memcpy(s->data, p, len);
}

void secret_free(struct secret *s)
{
	if (s->data != NULL) {
		OPENSSL_cleanse(s->data, s->len);
		munmap(s->data, s->len > 0 ? s->len : 1);
	}
	s->data = NULL;
	s->len = 0;
}

void secret_wipe(void *p, size_t len)
{
	if (len > 0)
		OPENSSL_cleanse(p, len);
}

void secret_block_free(void *p)
{
	if (p != NULL)
		OPENSSL_cleanse(p, malloc_usable_size(p));
	free(p);
}

void *secret_block_grow(void *p, size_t size)
{
	size_t held = p != NULL ? malloc_usable_size(p) : 0;

	if (held >= size && size > 0)
		return p;
	void *more = malloc(size > 0 ? size : 1);
	if (more == NULL)
		return NULL;
	if (held > 0)
		memcpy(more, p, held < size ? held : size);
	secret_block_free(p);
	return more;
}

void secret_guard_json(void)
{
	json_set_alloc_funcs(malloc, secret_block_free);
}

void secret_hash(struct span bytes, unsigned char out[SECRET_HASH_LEN])
{
	SHA256((const unsigned char *)bytes.p, bytes.len, out);
}

bool secret_equal(const unsigned char a[SECRET_HASH_LEN], const unsigned char b[SECRET_HASH_LEN])
{
	return CRYPTO_memcmp(a, b, SECRET_HASH_LEN) == 0;
}
