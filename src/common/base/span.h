/* A view of someone else's bytes: pointer and length, never owned, not NUL-terminated. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *p;
	size_t len;
};

/* A span over a string literal. */
#define SPAN(lit) ((struct span){(lit), sizeof(lit) - 1})

static inline struct span span_of(const char *p, size_t len)
{
	return (struct span){p, len};
}

/* The span of a C string; NULL gives the empty span. */
static inline struct span span_str(const char *s)
{
	return (struct span){s, s != NULL ? strlen(s) : 0};
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Drop the first n bytes; n must not exceed the length. */
static inline struct span span_skip(struct span s, size_t n)
{
	return (struct span){s.p + n, s.len - n};
}

/* Lower-case an ASCII byte; every other byte is returned as it is, whatever the locale. */
static inline char span_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Value of a hexadecimal digit; -1 for any other byte. */
static inline int span_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = span_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Do the first len bytes differ in no more than ASCII case? */
bool span_same_nocase(const char *a, const char *b, size_t len);

/* Equal but for ASCII case. Most comparisons of names end at the length: no call for these. */
static inline bool span_eq_nocase(struct span a, struct span b)
{
	return a.len == b.len && span_same_nocase(a.p, b.p, a.len);
}

/* Does s begin with prefix? The second ignores ASCII case. */
static inline bool span_starts(struct span s, struct span prefix)
{
	return s.len >= prefix.len && span_eq((struct span){s.p, prefix.len}, prefix);
}

static inline bool span_starts_nocase(struct span s, struct span prefix)
{
	return s.len >= prefix.len && span_same_nocase(s.p, prefix.p, prefix.len);
}

bool span_ends(struct span s, struct span suffix);

/* Index of the first c, or s.len when there is none. */
size_t span_find(struct span s, char c);
/* Index of the last c, or s.len when there is none. */
size_t span_rfind(struct span s, char c);

/* Strip spaces and tabs (RFC 9110 OWS) at both ends. */
struct span span_trim(struct span s);

/* Cut s at the first sep: the part before is returned, *rest is what follows. Without sep all of s is returned
 * and *rest is empty with a NULL pointer. */
struct span span_cut(struct span s, char sep, struct span *rest);

/* Next element of a comma-separated list (RFC 9110, 5.6.1), trimmed; empty elements are skipped.
 * Takes it off *list; false at the end. Quoted strings are not looked into. */
bool span_next_item(struct span *list, struct span *item);

/* Edits that make one text the other: bytes put in, taken out or changed (Levenshtein). For suggestions: SIZE_MAX when b
 * is longer than SPAN_DISTANCE_MAX. */
#define SPAN_DISTANCE_MAX 48
size_t span_distance(struct span a, struct span b);

/* Decimal digits only, the whole span, no sign, not empty, at most max. False when it is anything else. */
bool span_to_u64(struct span s, uint64_t max, uint64_t *out);

#endif
