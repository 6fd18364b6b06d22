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

/* Value of one character, or -1. The table goes from '+' to 'z'. */
static int base64_value(char c)
{
	static const signed char values[] = {62, -1, -1, -1, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1,
		-1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
		20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1, -1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36,
		37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51};
	unsigned i = (unsigned)(unsigned char)c - '+';

	return i < sizeof(values) ? values[i] : -1;
}

/* The last two or three characters, one or two bytes. The bits after these must be zero. */
static bool base64_decode_rest(struct span text, unsigned char *to)
{
	int a = base64_value(text.p[0]), b = base64_value(text.p[1]);
	int c = text.len > 2 ? base64_value(text.p[2]) : 0;

	if ((a | b | c) < 0 || (text.len > 2 ? c & 3 : b & 15) != 0)
		return false;
	to[0] = (unsigned char)(a << 2 | b >> 4);
	if (text.len > 2)
		to[1] = (unsigned char)(b << 4 | c >> 2);
	return true;
}

bool base64_decode(struct span text, enum base64_padding padding, void *out, size_t size, size_t *len)
{
	unsigned char *to = out;

	if (padding == BASE64_PADDED) {
		if (text.len % 4 != 0)
			return false;
		for (int i = 0; i < 2 && text.len > 0 && text.p[text.len - 1] == '='; i++)
			text.len--;
	}
	size_t rest = text.len % 4;
	*len = text.len / 4 * 3 + (rest > 0 ? rest - 1 : 0);
	if (rest == 1 || *len > size)
		return false;
	for (; text.len >= 4; text = span_skip(text, 4), to += 3) {
		int a = base64_value(text.p[0]), b = base64_value(text.p[1]);
		int c = base64_value(text.p[2]), d = base64_value(text.p[3]);
		if ((a | b | c | d) < 0)
			return false;
		to[0] = (unsigned char)(a << 2 | b >> 4);
		to[1] = (unsigned char)(b << 4 | c >> 2);
		to[2] = (unsigned char)(c << 6 | d);
	}
	return rest == 0 || base64_decode_rest(text, to);
}
