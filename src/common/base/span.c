/* Comparing, splitting and reading numbers from borrowed bytes. */
#include "common/base/span.h"

#define EACH(byte) ((byte)*UINT64_C(0x0101010101010101))

/* Eight bytes, ASCII letters among them in lower case: a carry into the top bit of each shows what is between A and Z. */
static uint64_t eight_lower(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	uint64_t low = x & EACH(0x7f);
	uint64_t from_a = low + EACH(0x80 - 'A'), above_z = low + EACH(0x7f - 'Z');
	return x | ((~x & (from_a ^ above_z) & EACH(0x80)) >> 2);
}

bool span_same_nocase(const char *a, const char *b, size_t len)
{
	if (len < 8) {
		for (size_t i = 0; i < len; i++)
			if (span_lower(a[i]) != span_lower(b[i]))
				return false;
		return true;
	}
	for (size_t i = 0; i + 8 < len; i += 8)
		if (eight_lower(a + i) != eight_lower(b + i))
			return false;
	return eight_lower(a + len - 8) == eight_lower(b + len - 8); /* maybe some of them again */
}

bool span_ends(struct span s, struct span suffix)
{
	return s.len >= suffix.len && span_eq(span_skip(s, s.len - suffix.len), suffix);
}

size_t span_find(struct span s, char c)
{
	const char *at = s.len > 0 ? memchr(s.p, c, s.len) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.len;
}

size_t span_rfind(struct span s, char c)
{
	for (size_t i = s.len; i > 0; i--)
		if (s.p[i - 1] == c)
			return i - 1;
	return s.len;
}

struct span span_trim(struct span s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_skip(s, 1);
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

struct span span_cut(struct span s, char sep, struct span *rest)
{
	size_t at = span_find(s, sep);

	*rest = at < s.len ? span_skip(s, at + 1) : (struct span){NULL, 0};
	return span_of(s.p, at);
}

bool span_next_item(struct span *list, struct span *item)
{
	while (list->len > 0) {
		*item = span_trim(span_cut(*list, ',', list));
		if (item->len > 0)
			return true;
	}
	return false;
}

size_t span_distance(struct span a, struct span b)
{
	size_t row[SPAN_DISTANCE_MAX + 1]; /* from the part of a looked at so far to each beginning of b */

	if (b.len > SPAN_DISTANCE_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 0; i < a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < b.len; j++) {
			size_t change = diagonal + (a.p[i] != b.p[j]);
			size_t step = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
			diagonal = row[j + 1];
			row[j + 1] = change < step ? change : step;
		}
	}
	return row[b.len];
}

bool span_to_u64(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(s.p[i] - '0');
		if (n > (max - digit) / 10 || digit > max)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}
