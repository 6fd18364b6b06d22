/* Base64, strict in what it accepts. */
#include "common/base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encoded_len(size_t len, enum base64_padding padding)
{
	if (padding == BASE64_PADDED)
		return (len + 2) / 3 * 4;
	return len / 3 * 4 + (len % 3 > 0 ? len % 3 + 1 : 0);
}

int base64_encode(struct span bytes, enum base64_padding padding, struct buf *out)
{
	size_t total = base64_encoded_len(bytes.len, padding);
	char *at = buf_reserve(out, total);
	const unsigned char *p = (const unsigned char *)bytes.p;
	size_t left = bytes.len;

	if (at == NULL)
		return -1;
	char *end = at + total;
	for (; left >= 3; left -= 3, p += 3) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*at++ = alphabet[v >> 18];
		*at++ = alphabet[v >> 12 & 63];
		*at++ = alphabet[v >> 6 & 63];
		*at++ = alphabet[v & 63];
	}
	if (left > 0) {
		uint32_t v = (uint32_t)p[0] << 16 | (left > 1 ? (uint32_t)p[1] << 8 : 0);
		*at++ = alphabet[v >> 18];
		*at++ = alphabet[v >> 12 & 63];
		if (left > 1)
			*at++ = alphabet[v >> 6 & 63];
	}
	while (at < end)
		*at++ = '=';
	buf_commit(out, total);
	return 0;
}

/* Value of one character, or -1. */
static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

bool base64_decode(struct span text, enum base64_padding padding, void *out, size_t size, size_t *len)
{
	unsigned char *to = out;
	uint32_t bits = 0;
	unsigned held = 0; /* bits waiting in `bits` */

	if (padding == BASE64_PADDED) {
		if (text.len % 4 != 0)
			return false;
		for (int i = 0; i < 2 && text.len > 0 && text.p[text.len - 1] == '='; i++)
			text.len--;
	}
	if (text.len % 4 == 1 || text.len / 4 * 3 + (text.len % 4 > 0 ? text.len % 4 - 1 : 0) > size)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int v = base64_value(text.p[i]);
		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		held += 6;
		if (held >= 8) {
			held -= 8;
			*to++ = (unsigned char)(bits >> held);
			bits &= (1u << held) - 1;
		}
	}
	*len = (size_t)(to - (unsigned char *)out);
	return bits == 0;
}
