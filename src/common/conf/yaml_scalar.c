/* Types and values of scalars. */
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/conf/yaml_scalar.h"

#define NUMBER_MAX ((size_t)1024) /* bytes; no longer text is taken for a number */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* --- Words --- */

static bool is_one_of(struct span text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (span_eq(text, span_str(*words)))
			return true;
	return false;
}

static const char *const null_words[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const true_words[] = {"true", "True", "TRUE", NULL};
static const char *const false_words[] = {"false", "False", "FALSE", NULL};
static const char *const yes_words[] = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", NULL};
static const char *const no_words[] = {"n", "N", "no", "No", "NO", "off", "Off", "OFF", NULL};
static const char *const nan_words[] = {".nan", ".NaN", ".NAN", NULL};
static const char *const inf_words[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL};
static const char *const minus_inf_words[] = {"-.inf", "-.Inf", "-.INF", NULL};

static bool take_word(struct span text, struct yaml_value *out)
{
	if (is_one_of(text, null_words)) {
		out->tag = YAML_TAG_NULL;
	} else if (is_one_of(text, true_words) || is_one_of(text, false_words)) {
		out->tag = YAML_TAG_BOOL;
		out->boolean = is_one_of(text, true_words);
	} else if (is_one_of(text, nan_words)) {
		out->tag = YAML_TAG_FLOAT;
		out->real = strtod("nan", NULL);
	} else if (is_one_of(text, inf_words) || is_one_of(text, minus_inf_words)) {
		out->tag = YAML_TAG_FLOAT;
		out->real = strtod(is_one_of(text, inf_words) ? "inf" : "-inf", NULL);
	} else if (span_eq(text, SPAN("<<"))) {
		out->tag = YAML_TAG_MERGE;
	} else {
		return false;
	}
	return true;
}

/* --- Numbers --- */

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c = span_lower(c);
	return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* Digits only, at least `least` of them; false also when 64 bits are too few. */
static bool take_digits(struct span s, unsigned base, size_t least, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len < least)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)digit_value(s.p[i]);
		if (digit >= base || n > (UINT64_MAX - digit) / base)
			return false;
		n = n * base + digit;
	}
	*out = n;
	return true;
}

static bool set_integer(bool sign, bool negative, uint64_t n, struct yaml_value *out)
{
	uint64_t most = (uint64_t)INT64_MAX + negative;

	/* Above the signed range numbers have no sign, not even "+". */
	if (n > most && sign)
		return false;
	out->tag = YAML_TAG_INT;
	out->is_signed = n <= most;
	out->natural = n;
	if (out->is_signed)
		out->integer = negative ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

/* strconv.ParseInt and ParseUint with base 0: 0x, 0b, 0o in either case; a leading zero is octal. */
static bool take_integer(struct span s, struct yaml_value *out)
{
	bool sign = s.len > 0 && (s.p[0] == '-' || s.p[0] == '+'), negative = sign && s.p[0] == '-';
	unsigned base = 10;
	size_t least = 1;
	uint64_t n;

	if (sign)
		s = span_skip(s, 1);
	if (s.len > 0 && s.p[0] == '0') {
		char c = '\0';
		if (s.len >= 3)
			c = span_lower(s.p[1]);
		base = c == 'b' ? 2 : c == 'x' ? 16 : 8;
		least = 0;
		s = span_skip(s, c == 'b' || c == 'o' || c == 'x' ? 2 : 1);
	}
	return take_digits(s, base, least, &n) && set_integer(sign, negative, n, out);
}

/* go-yaml takes the prefix off itself where the above fails: then a sign may follow it, "0b-1". */
static bool take_late_sign(struct span s, struct yaml_value *out)
{
	unsigned base = span_starts(s, SPAN("0b")) ? 2 : span_starts(s, SPAN("0o")) ? 8 : 0;
	uint64_t n;

	if (base == 0 || s.len < 4 || (s.p[2] != '-' && s.p[2] != '+'))
		return false;
	return take_digits(span_skip(s, 3), base, 1, &n) && set_integer(true, s.p[2] == '-', n, out);
}

static size_t skip_digits(struct span s, size_t i)
{
	while (i < s.len && is_digit(s.p[i]))
		i++;
	return i;
}

/* [-+]? (\.[0-9]+ | [0-9]+(\.[0-9]*)?) ([eE][-+]?[0-9]+)? */
static bool is_float_text(struct span s)
{
	size_t i = s.len > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
	size_t whole = skip_digits(s, i);
	size_t end = whole;

	if (end < s.len && s.p[end] == '.')
		end = skip_digits(s, end + 1);
	if (whole == i && end <= i + 1)
		return false;
	if (end < s.len && span_lower(s.p[end]) == 'e') {
		size_t digits = end + 1;
		if (digits < s.len && (s.p[digits] == '-' || s.p[digits] == '+'))
			digits++;
		end = skip_digits(s, digits);
		if (end == digits)
			return false;
	}
	return end == s.len;
}

/* Values past the range of a double are no numbers, as strconv.ParseFloat has it. s is NUL-terminated. */
static bool take_float(struct span s, struct yaml_value *out)
{
	if (!is_float_text(s))
		return false;
	out->real = strtod(s.p, NULL);
	out->tag = YAML_TAG_FLOAT;
	return out->real <= 1.7976931348623157e308 && out->real >= -1.7976931348623157e308;
}

static bool is_between_digits(struct span s, size_t i)
{
	return i > 0 && i + 1 < s.len && is_digit(s.p[i - 1]) && is_digit(s.p[i + 1]);
}

/* Underscores are left out; behind a leading point only those between digits. */
static bool take_number(struct span text, struct yaml_value *out)
{
	char plain[NUMBER_MAX + 1];
	size_t n = 0;

	if (text.len > NUMBER_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] != '_')
			plain[n++] = text.p[i];
		else if (text.p[0] == '.' && !is_between_digits(text, i))
			return false;
	}
	plain[n] = '\0';
	struct span s = span_of(plain, n);
	if (text.p[0] == '.')
		return take_float(s, out);
	return take_integer(s, out) || take_float(s, out) || take_late_sign(s, out);
}

/* --- Dates: Go's layouts "2006-1-2", "2006-1-2 15:4:5.999999999", "2006-1-2T15:4:5.999999999Z07:00" --- */

/* One or two digits, from least to most. */
static bool take_field(struct span *s, unsigned least, unsigned most, unsigned *out)
{
	size_t len = s->len > 1 && is_digit(s->p[0]) && is_digit(s->p[1]) ? 2 : 1;
	uint64_t n;

	if (s->len < len || !span_to_u64(span_of(s->p, len), most, &n) || n < least)
		return false;
	*out = (unsigned)n;
	*s = span_skip(*s, len);
	return true;
}

static bool take_char(struct span *s, char c)
{
	if (s->len == 0 || s->p[0] != c)
		return false;
	*s = span_skip(*s, 1);
	return true;
}

static unsigned days_in(uint64_t year, unsigned month)
{
	static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

/* 15:4:5.999999999 */
static bool take_clock(struct span *s)
{
	unsigned n;

	if (!take_field(s, 0, 23, &n) || !take_char(s, ':') || !take_field(s, 0, 59, &n) ||
		!take_char(s, ':') || !take_field(s, 0, 59, &n))
		return false;
	if (s->len >= 2 && (s->p[0] == '.' || s->p[0] == ',') && is_digit(s->p[1]))
		*s = span_skip(*s, skip_digits(*s, 1));
	return true;
}

/* Z, or an offset as in +07:00. */
static bool is_zone(struct span s)
{
	uint64_t n;

	if (span_eq(s, SPAN("Z")))
		return true;
	return s.len == 6 && (s.p[0] == '+' || s.p[0] == '-') && s.p[3] == ':' &&
	       span_to_u64(span_of(s.p + 1, 2), 24, &n) && span_to_u64(span_of(s.p + 4, 2), 60, &n);
}

static bool is_timestamp(struct span s)
{
	unsigned month, day;
	uint64_t year;

	if (s.len < 5 || s.p[4] != '-' || !span_to_u64(span_of(s.p, 4), 9999, &year))
		return false;
	s = span_skip(s, 5);
	if (!take_field(&s, 1, 12, &month) || !take_char(&s, '-') ||
		!take_field(&s, 1, days_in(year, month), &day))
		return false;
	if (s.len == 0)
		return true;
	if (take_char(&s, 'T') || take_char(&s, 't'))
		return take_clock(&s) && is_zone(s);
	if (!take_char(&s, ' '))
		return false;
	while (take_char(&s, ' ')) {
	}
	return take_clock(&s) && s.len == 0;
}

/* --- All together --- */

/* What the text looks like; try_date: whether it may be a date. */
static void take_text(struct span text, bool try_date, struct yaml_value *out)
{
	*out = (struct yaml_value){.tag = YAML_TAG_STR};
	/* The empty text is a word for null. */
	if (take_word(text, out))
		return;
	char c = text.p[0];
	if (!is_digit(c) && c != '+' && c != '-' && c != '.')
		return;
	if (try_date && is_timestamp(text))
		out->tag = YAML_TAG_TIMESTAMP;
	else if (!take_number(text, out))
		*out = (struct yaml_value){.tag = YAML_TAG_STR};
}

enum yaml_tag yaml_scalar_tag(struct span text)
{
	struct yaml_value v;

	take_text(text, true, &v);
	return v.tag;
}

int yaml_scalar_value(const struct yaml_node *n, struct yaml_value *out, struct err *err)
{
	*out = (struct yaml_value){.tag = n->tag};
	switch (n->tag) {
	case YAML_TAG_STR:
	case YAML_TAG_BINARY:
	case YAML_TAG_SEQ:
	case YAML_TAG_MAP:
	case YAML_TAG_OTHER: return 0;
	case YAML_TAG_MERGE: return 0;
	case YAML_TAG_NULL:
	case YAML_TAG_BOOL:
	case YAML_TAG_INT:
	case YAML_TAG_FLOAT:
	case YAML_TAG_TIMESTAMP: break;
	}
	take_text(n->text, n->tag == YAML_TAG_TIMESTAMP, out);
	if (n->tag == YAML_TAG_FLOAT && out->tag == YAML_TAG_INT && out->is_signed) {
		out->real = (double)out->integer;
		out->tag = YAML_TAG_FLOAT;
	}
	if (out->tag == n->tag)
		return 0;
	return err_set(err, "cannot decode %s `%.*s` as a %s", yaml_tag_name(out->tag),
		n->text.len < 40 ? (int)n->text.len : 40, n->text.p, yaml_tag_name(n->tag));
}

/* --- As typed fields take them --- */

bool yaml_is_text(const struct yaml_value *v)
{
	return v->tag == YAML_TAG_STR || v->tag == YAML_TAG_BINARY || v->tag == YAML_TAG_MERGE ||
	       v->tag == YAML_TAG_SEQ || v->tag == YAML_TAG_MAP || v->tag == YAML_TAG_OTHER;
}

bool yaml_as_bool(const struct yaml_node *n, const struct yaml_value *v, bool *out)
{
	if (v->tag == YAML_TAG_BOOL) {
		*out = v->boolean;
		return true;
	}
	*out = is_one_of(n->text, yes_words);
	return yaml_is_text(v) && (*out || is_one_of(n->text, no_words));
}

/* A conversion past the range gives the least value on the processors that cloudflared is used on. */
static int64_t cut_real(double real)
{
	return real >= -0x1p63 && real < 0x1p63 ? (int64_t)real : INT64_MIN;
}

bool yaml_as_int(const struct yaml_value *v, int64_t *out)
{
	*out = v->tag == YAML_TAG_FLOAT ? cut_real(v->real) : v->integer;
	return (v->tag == YAML_TAG_INT && v->is_signed) || (v->tag == YAML_TAG_FLOAT && v->real <= 0x1p63);
}

bool yaml_as_uint(const struct yaml_value *v, uint64_t *out)
{
	*out = v->natural;
	if (v->tag == YAML_TAG_INT)
		return !v->is_signed || v->integer >= 0;
	if (v->tag != YAML_TAG_FLOAT || !(v->real <= 0x1p64))
		return false;
	*out = v->real >= 0x1p63 && v->real < 0x1p64 ? (uint64_t)v->real : (uint64_t)cut_real(v->real);
	return true;
}

bool yaml_as_duration(const struct yaml_node *n, const struct yaml_value *v, int64_t *ns)
{
	return yaml_is_text(v) && duration_parse(n->text, ns) == DURATION_OK;
}

/* The bytes of !!binary; line breaks between the characters are fine. */
static char *binary_text(struct span text, size_t *len)
{
	char *plain = mem_alloc(text.len + 1), *out = mem_alloc(text.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] != '\n' && text.p[i] != '\r')
			plain[n++] = text.p[i];
	if (!base64_decode(span_of(plain, n), BASE64_PADDED, out, text.len, len)) {
		free(out);
		out = NULL;
	}
	free(plain);
	return out;
}

char *yaml_as_text(const struct yaml_node *n, const struct yaml_value *v, size_t *len)
{
	if (v->tag == YAML_TAG_BINARY)
		return binary_text(n->text, len);
	*len = n->text.len;
	return mem_spandup(n->text);
}
