/* White space, words and lengths. */
#include "hdrcheck/text.h"
#include "common/base/utf8.h"

static bool is_space(uint32_t c)
{
	return (c >= 0x09 && c <= 0x0d) || c == ' ' || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	       c == 0x3000 || c == 0xfeff;
}

/* Bytes of the white space that s begins with; 0 when it does not. */
static size_t space_at(struct span s)
{
	uint32_t c;
	size_t n = utf8_decode(s, &c);

	return n > 0 && is_space(c) ? n : 0;
}

/* Bytes of the character that s, which is not empty, ends with. */
static size_t last_character(struct span s)
{
	size_t n = 1;

	while (n < s.len && n < 4 && ((unsigned char)s.p[s.len - n] & 0xc0) == 0x80)
		n++;
	return n;
}

struct span text_trim(struct span s)
{
	for (size_t n = space_at(s); n > 0; n = space_at(s))
		s = span_skip(s, n);
	while (s.len > 0) {
		size_t n = last_character(s);
		if (space_at(span_of(s.p + s.len - n, n)) != n)
			break;
		s.len -= n;
	}
	return s;
}

bool text_word(struct span *rest, struct span *word)
{
	size_t len = 0;

	*rest = text_trim(*rest);
	while (len < rest->len && space_at(span_skip(*rest, len)) == 0)
		len++;
	*word = span_of(rest->p, len);
	*rest = span_skip(*rest, len);
	return len > 0;
}

bool text_piece(struct span *rest, char sep, struct span *piece)
{
	if (rest->p == NULL)
		return false;
	*piece = span_cut(*rest, sep, rest);
	return true;
}

struct span text_lower(struct arena *a, struct span s)
{
	char *p = arena_alloc(a, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		p[i] = span_lower(s.p[i]);
	return span_of(p, s.len);
}

struct span text_first(struct span s, size_t max)
{
	size_t len = 0;

	for (size_t n = 0; n < max && len < s.len; n++)
		do
			len++;
		while (len < s.len && ((unsigned char)s.p[len] & 0xc0) == 0x80);
	return span_of(s.p, len);
}

size_t text_length(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80 ? 1 + ((unsigned char)s.p[i] >= 0xf0) : 0;
	return n;
}

size_t text_find(struct span s, struct span needle)
{
	const char *at = s.len >= needle.len ? memmem(s.p, s.len, needle.p, needle.len) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.len;
}

bool text_contains(struct span s, struct span needle)
{
	return text_find(s, needle) < s.len;
}
