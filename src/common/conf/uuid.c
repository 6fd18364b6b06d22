/* UUID text and random UUIDs. */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/conf/uuid.h"

bool uuid_parse(struct span text, struct uuid *out)
{
	bool hyphens = true;
	size_t n = 0;

	if (text.len == UUID_TEXT_LEN + 9 && span_starts_nocase(text, SPAN("urn:uuid:")))
		text = span_skip(text, 9);
	else if (text.len == UUID_TEXT_LEN + 2 && text.p[0] == '{' && text.p[text.len - 1] == '}')
		text = span_of(text.p + 1, UUID_TEXT_LEN);
	else if (text.len == 2 * UUID_LEN)
		hyphens = false;
	if (hyphens && text.len != UUID_TEXT_LEN)
		return false;
	for (size_t i = 0; i < text.len;) {
		if (hyphens && (i == 8 || i == 13 || i == 18 || i == 23)) {
			if (text.p[i++] != '-')
				return false;
			continue;
		}
		int high = span_hex_digit(text.p[i]), low = span_hex_digit(text.p[i + 1]);
		if (high < 0 || low < 0)
			return false;
		out->bytes[n++] = (unsigned char)(high << 4 | low);
		i += 2;
	}
	return true;
}

void uuid_print(const struct uuid *u, char out[UUID_TEXT_LEN + 1])
{
	char *p = out;

	for (size_t i = 0; i < UUID_LEN; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += snprintf(p, 3, "%02x", u->bytes[i]);
	}
}

void uuid_random(struct uuid *out)
{
	/* Without randomness nothing here is safe. */
	if (RAND_bytes(out->bytes, UUID_LEN) != 1)
		abort();
	out->bytes[6] = (unsigned char)((out->bytes[6] & 0x0f) | 0x40);
	out->bytes[8] = (unsigned char)((out->bytes[8] & 0x3f) | 0x80);
}

bool uuid_eq(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, UUID_LEN) == 0;
}
