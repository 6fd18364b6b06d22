/* HMAC-SHA256, cut short. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "credrotate/fingerprint.h"

void fingerprint_draw_key(unsigned char key[FINGERPRINT_KEY_LEN])
{
	/* Never short for so few bytes (getrandom(2)). */
	if (getrandom(key, FINGERPRINT_KEY_LEN, 0) != FINGERPRINT_KEY_LEN)
		abort();
}

struct fingerprint fingerprint_of(const unsigned char key[FINGERPRINT_KEY_LEN], struct span secret)
{
	struct fingerprint out = {""};
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (HMAC(EVP_sha256(), key, FINGERPRINT_KEY_LEN, (const unsigned char *)secret.p, secret.len, mac,
		    &len) == NULL)
		abort();
	for (size_t i = 0; i < (FINGERPRINT_TEXT - 1) / 2; i++)
		snprintf(out.text + 2 * i, 3, "%02x", mac[i]);
	return out;
}

bool fingerprint_eq(const struct fingerprint *a, const struct fingerprint *b)
{
	return a->text[0] != '\0' && strcmp(a->text, b->text) == 0;
}

struct fingerprint fingerprint_parse(const char *text)
{
	struct fingerprint out = {""};

	if (text == NULL || strlen(text) != FINGERPRINT_TEXT - 1)
		return out;
	for (const char *c = text; *c != '\0'; c++)
		if (span_hex_digit(*c) < 0)
			return out;
	memcpy(out.text, text, FINGERPRINT_TEXT);
	return out;
}
