/* Go's duration syntax. */
#include <stdio.h>

#include "common/base/duration.h"

struct unit {
	struct span name;
	uint64_t ns;
};

/* Two spellings of micro: U+00B5 and U+03BC. */
static const struct unit units[] = {
	{{"ns", 2}, 1},
	{{"us", 2}, 1000},
	{{"\xc2\xb5s", 3}, 1000},
	{{"\xce\xbcs", 3}, 1000},
	{{"ms", 2}, 1000000},
	{{"s", 1}, UINT64_C(1000000000)},
	{{"m", 1}, UINT64_C(60000000000)},
	{{"h", 1}, UINT64_C(3600000000000)},
};

#define DURATION_LIMIT ((uint64_t)1 << 63) /* magnitude of the most negative one */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Take the digits before the point. False when they pass 2^63. */
static bool take_whole(struct span *s, uint64_t *out)
{
	uint64_t n = 0;

	for (; s->len > 0 && is_digit(s->p[0]); *s = span_skip(*s, 1)) {
		if (n > DURATION_LIMIT / 10)
			return false;
		n = n * 10 + (uint64_t)(s->p[0] - '0');
		if (n > DURATION_LIMIT)
			return false;
	}
	*out = n;
	return true;
}

/* Take the digits after the point: value / scale. Digits past the precision of 63 bits are dropped, as Go does. */
static void take_fraction(struct span *s, uint64_t *value, double *scale)
{
	bool full = false;

	*value = 0;
	*scale = 1;
	for (; s->len > 0 && is_digit(s->p[0]); *s = span_skip(*s, 1)) {
		uint64_t next = *value * 10 + (uint64_t)(s->p[0] - '0');
		full = full || *value > (DURATION_LIMIT - 1) / 10 || next > DURATION_LIMIT;
		if (full)
			continue;
		*value = next;
		*scale *= 10;
	}
}

static enum duration_parse take_unit(struct span *s, uint64_t *ns)
{
	size_t len = 0;

	while (len < s->len && s->p[len] != '.' && !is_digit(s->p[len]))
		len++;
	if (len == 0)
		return DURATION_NO_UNIT;
	struct span name = span_of(s->p, len);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (span_eq(name, units[i].name)) {
			*ns = units[i].ns;
			*s = span_skip(*s, len);
			return DURATION_OK;
		}
	}
	return DURATION_UNKNOWN_UNIT;
}

/* One number with its unit. */
static enum duration_parse take_term(struct span *s, uint64_t *total)
{
	uint64_t whole, fraction = 0, unit;
	double scale = 1;
	size_t before = s->len;

	if (!is_digit(s->p[0]) && s->p[0] != '.')
		return DURATION_SYNTAX;
	if (!take_whole(s, &whole))
		return DURATION_SYNTAX;
	bool digits = s->len < before;
	if (s->len > 0 && s->p[0] == '.') {
		*s = span_skip(*s, 1);
		before = s->len;
		take_fraction(s, &fraction, &scale);
		digits = digits || s->len < before;
	}
	if (!digits)
		return DURATION_SYNTAX;
	enum duration_parse result = take_unit(s, &unit);
	if (result != DURATION_OK)
		return result;
	if (whole > DURATION_LIMIT / unit)
		return DURATION_SYNTAX;
	whole *= unit;
	if (fraction > 0)
		whole += (uint64_t)((double)fraction * ((double)unit / scale));
	if (whole > DURATION_LIMIT - *total)
		return DURATION_SYNTAX;
	*total += whole;
	return DURATION_OK;
}

enum duration_parse duration_parse(struct span text, int64_t *ns)
{
	bool negative = text.len > 0 && text.p[0] == '-';
	uint64_t total = 0;

	if (text.len > 0 && (text.p[0] == '-' || text.p[0] == '+'))
		text = span_skip(text, 1);
	if (span_eq(text, SPAN("0"))) {
		*ns = 0;
		return DURATION_OK;
	}
	if (text.len == 0)
		return DURATION_SYNTAX;
	while (text.len > 0) {
		enum duration_parse result = take_term(&text, &total);
		if (result != DURATION_OK)
			return result;
	}
	if (total == DURATION_LIMIT) {
		*ns = INT64_MIN;
		return negative ? DURATION_OK : DURATION_SYNTAX;
	}
	*ns = negative ? -(int64_t)total : (int64_t)total;
	return DURATION_OK;
}

/* n / unit with its unit's name, without trailing zeros. */
static int print_fraction(char *out, size_t size, uint64_t n, uint64_t unit, const char *name)
{
	char digits[16] = "";
	size_t len = 0;

	for (uint64_t rest = n % unit, place = unit / 10; rest > 0; place /= 10) {
		digits[len++] = (char)('0' + rest / place);
		rest %= place;
	}
	return snprintf(
		out, size, "%llu%s%s%s", (unsigned long long)(n / unit), len > 0 ? "." : "", digits, name);
}

void duration_print(int64_t ns, char out[DURATION_TEXT_MAX])
{
	uint64_t n = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns, minutes = n / (60 * DURATION_S);
	int len = ns < 0 ? snprintf(out, DURATION_TEXT_MAX, "-") : 0;
	char *to = out + len;
	size_t room = DURATION_TEXT_MAX - (size_t)len;

	if (n == 0) {
		snprintf(to, room, "0s");
	} else if (n < 1000) {
		print_fraction(to, room, n, 1, "ns");
	} else if (n < 1000000) {
		print_fraction(to, room, n, 1000, "\xc2\xb5s");
	} else if (n < 1000000000) {
		print_fraction(to, room, n, 1000000, "ms");
	} else {
		if (minutes >= 60)
			len = snprintf(to, room, "%lluh%llum", (unsigned long long)(minutes / 60),
				(unsigned long long)(minutes % 60));
		else
			len = minutes > 0 ? snprintf(to, room, "%llum", (unsigned long long)minutes) : 0;
		print_fraction(to + len, room - (size_t)len, n % (60 * DURATION_S), DURATION_S, "s");
	}
}
