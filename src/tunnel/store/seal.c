/* AES-256-GCM by OpenSSL. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/base64.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "tunnel/store/seal.h"

#define NONCE_LEN 12
#define TAG_LEN 16
#define FILE_MAX 256    /* bytes of a key's file */
#define SEALED_MAX 4096 /* bytes of what can be opened */

void seal_random(struct seal *s)
{
	unsigned char key[SEAL_KEY_LEN];

	if (RAND_bytes(key, sizeof(key)) != 1)
		abort();
	secret_set(&s->key, key, sizeof(key));
	secret_wipe(key, sizeof(key));
}

/* Bytes as they are, in hexadecimal or in base64; a line's end may follow the latter two. */
static bool seal_parse(struct span text, unsigned char key[SEAL_KEY_LEN])
{
	size_t len;

	if (text.len == SEAL_KEY_LEN) {
		memcpy(key, text.p, SEAL_KEY_LEN);
		return true;
	}
	while (text.len > 0 && (text.p[text.len - 1] == '\n' || text.p[text.len - 1] == '\r'))
		text.len--;
	if (text.len == (size_t)2 * SEAL_KEY_LEN) {
		for (size_t i = 0; i < SEAL_KEY_LEN; i++) {
			int high = span_hex_digit(text.p[2 * i]), low = span_hex_digit(text.p[2 * i + 1]);
			if (high < 0 || low < 0)
				return false;
			key[i] = (unsigned char)(high << 4 | low);
		}
		return true;
	}
	return base64_decode(text, BASE64_PADDED, key, SEAL_KEY_LEN, &len) && len == SEAL_KEY_LEN;
}

static int seal_make(struct seal *s, const char *path, struct err *err)
{
	seal_random(s);
	return fsx_write(path, span_of((const char *)s->key.data, s->key.len), 0600, err);
}

int seal_load(struct seal *s, const char *path, bool create, struct err *err)
{
	struct buf text = {.max = FILE_MAX};
	unsigned char key[SEAL_KEY_LEN];
	struct stat st;

	if (create && stat(path, &st) < 0 && errno == ENOENT)
		return seal_make(s, path, err);
	buf_reserve(&text, FILE_MAX);
	int rc = fsx_read(path, &text, err);
	if (rc == 0 && !seal_parse(buf_span(&text), key))
		rc = err_set(err, "%s: a key of %d bytes is expected, raw, in hexadecimal or in base64", path,
			SEAL_KEY_LEN);
	if (rc == 0)
		secret_set(&s->key, key, sizeof(key));
	secret_wipe(key, sizeof(key));
	buf_wipe(&text);
	return rc;
}

int seal_close(const struct seal *s, const struct uuid *id, struct span bytes, struct buf *out)
{
	unsigned char sealed[NONCE_LEN + SEALED_MAX + TAG_LEN];
	EVP_CIPHER_CTX *c = NULL;
	int len = 0, rc = -1;

	if (s->key.len != SEAL_KEY_LEN || bytes.len > SEALED_MAX)
		return -1;
	unsigned char *text = sealed + NONCE_LEN;
	if (RAND_bytes(sealed, NONCE_LEN) == 1 && (c = EVP_CIPHER_CTX_new()) != NULL &&
		EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, s->key.data, sealed) == 1 &&
		EVP_EncryptUpdate(c, NULL, &len, id->bytes, UUID_LEN) == 1 &&
		EVP_EncryptUpdate(c, text, &len, (const unsigned char *)bytes.p, (int)bytes.len) == 1 &&
		EVP_EncryptFinal_ex(c, text + len, &len) == 1 &&
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_LEN, text + bytes.len) == 1)
		rc = base64_encode(
			span_of((const char *)sealed, NONCE_LEN + bytes.len + TAG_LEN), BASE64_PADDED, out);
	EVP_CIPHER_CTX_free(c);
	return rc;
}

/* sealed is nonce, text, tag. */
static bool seal_decrypt(
	const struct seal *s, const struct uuid *id, unsigned char *sealed, size_t len, unsigned char *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char *text = sealed + NONCE_LEN;
	int n = 0;
	bool ok = c != NULL && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, s->key.data, sealed) == 1 &&
		  EVP_DecryptUpdate(c, NULL, &n, id->bytes, UUID_LEN) == 1 &&
		  EVP_DecryptUpdate(c, out, &n, text, (int)len) == 1 &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_LEN, text + len) == 1 &&
		  EVP_DecryptFinal_ex(c, out + n, &n) == 1;

	EVP_CIPHER_CTX_free(c);
	return ok;
}

int seal_open(const struct seal *s, const struct uuid *id, struct span text, struct secret *out)
{
	unsigned char sealed[NONCE_LEN + SEALED_MAX + TAG_LEN], plain[SEALED_MAX];
	size_t len;
	int rc = -1;

	if (s->key.len != SEAL_KEY_LEN || !base64_decode(text, BASE64_PADDED, sealed, sizeof(sealed), &len) ||
		len < NONCE_LEN + TAG_LEN)
		return -1;
	len -= NONCE_LEN + TAG_LEN;
	if (seal_decrypt(s, id, sealed, len, plain)) {
		secret_set(out, plain, len);
		rc = 0;
	}
	secret_wipe(plain, sizeof(plain));
	return rc;
}

void seal_free(struct seal *s)
{
	secret_free(&s->key);
}
