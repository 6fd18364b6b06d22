/* The parsing algorithms of RFC 9651, 4.2. Each reads off the front of *rest and leaves it at the error. */
#include "common/proto/sfield.h"
#include "common/proto/header.h"

#define INTEGER_DIGITS 15 /* 4.2.4 */
#define DECIMAL_DIGITS 12
#define FRACTION_DIGITS 3

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	char l = span_lower(c);

	return l >= 'a' && l <= 'z';
}

static bool is_key_start(char c)
{
	return (c >= 'a' && c <= 'z') || c == '*';
}

static bool is_key_char(char c)
{
	return is_key_start(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}

static bool starts_with(struct span s, char c)
{
	return s.len > 0 && s.p[0] == c;
}

static void skip(struct span *s, size_t n)
{
	*s = span_skip(*s, n);
}

static void skip_spaces(struct span *s)
{
	while (starts_with(*s, ' '))
		skip(s, 1);
}

static bool take_key(struct span *rest, struct span *key)
{
	size_t len = 0;

	if (rest->len == 0 || !is_key_start(rest->p[0]))
		return false;
	while (len < rest->len && is_key_char(rest->p[len]))
		len++;
	*key = span_of(rest->p, len);
	skip(rest, len);
	return true;
}

/* --- Bare items (4.2.3.1) --- */

static size_t count_digits(struct span s)
{
	size_t n = 0;

	while (n < s.len && is_digit(s.p[n]))
		n++;
	return n;
}

static bool take_number(struct span *rest, struct sfield *out)
{
	size_t sign = starts_with(*rest, '-'), whole = count_digits(span_skip(*rest, sign)),
	       len = sign + whole;

	if (whole == 0 || whole > INTEGER_DIGITS)
		return false;
	out->kind = SFIELD_INTEGER;
	if (len < rest->len && rest->p[len] == '.') {
		size_t fraction = count_digits(span_skip(*rest, len + 1));
		if (whole > DECIMAL_DIGITS || fraction == 0 || fraction > FRACTION_DIGITS)
			return false;
		out->kind = SFIELD_DECIMAL;
		len += 1 + fraction;
	}
	out->text = span_of(rest->p, len);
	skip(rest, len);
	return true;
}

static bool take_string(struct span *rest, struct sfield *out)
{
	for (size_t i = 1; i < rest->len; i++) {
		unsigned char c = (unsigned char)rest->p[i];
		if (c == '"') {
			out->kind = SFIELD_STRING;
			out->text = span_of(rest->p + 1, i - 1);
			skip(rest, i + 1);
			return true;
		}
		if (c == '\\') {
			i++;
			if (i == rest->len || (rest->p[i] != '"' && rest->p[i] != '\\'))
				return false;
		} else if (c < 0x20 || c >= 0x7f) {
			return false;
		}
	}
	return false;
}

static bool take_token(struct span *rest, struct sfield *out)
{
	size_t len = 1;

	while (len < rest->len &&
		(header_is_token(span_of(rest->p + len, 1)) || rest->p[len] == ':' || rest->p[len] == '/'))
		len++;
	out->kind = SFIELD_TOKEN;
	out->text = span_of(rest->p, len);
	skip(rest, len);
	return true;
}

static bool take_bytes(struct span *rest, struct sfield *out)
{
	struct span inside = span_skip(*rest, 1);
	size_t end = span_find(inside, ':');

	if (end == inside.len)
		return false;
	for (size_t i = 0; i < end; i++) {
		char c = inside.p[i];
		if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '/' && c != '=')
			return false;
	}
	out->kind = SFIELD_BYTES;
	out->text = span_of(inside.p, end);
	skip(rest, end + 2);
	return true;
}

static bool take_boolean(struct span *rest, struct sfield *out)
{
	if (rest->len < 2 || (rest->p[1] != '0' && rest->p[1] != '1'))
		return false;
	out->kind = SFIELD_BOOLEAN;
	out->text = span_of(rest->p + 1, 1);
	skip(rest, 2);
	return true;
}

static bool take_date(struct span *rest, struct sfield *out)
{
	struct span number = span_skip(*rest, 1);

	if (!take_number(&number, out) || out->kind != SFIELD_INTEGER)
		return false;
	out->kind = SFIELD_DATE;
	*rest = number;
	return true;
}

static bool is_lower_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool take_display(struct span *rest, struct sfield *out)
{
	if (rest->len < 2 || rest->p[1] != '"')
		return false;
	for (size_t i = 2; i < rest->len; i++) {
		unsigned char c = (unsigned char)rest->p[i];
		if (c == '"') {
			out->kind = SFIELD_DISPLAY;
			out->text = span_of(rest->p + 2, i - 2);
			skip(rest, i + 1);
			return true;
		}
		if (c < 0x20 || c >= 0x7f)
			return false;
		if (c == '%') {
			if (rest->len - i < 3 || !is_lower_hex(rest->p[i + 1]) ||
				!is_lower_hex(rest->p[i + 2]))
				return false;
			i += 2;
		}
	}
	return false;
}

static bool take_bare(struct span *rest, struct sfield *out)
{
	char c = (char)(rest->len > 0 ? rest->p[0] : '\0');

	if (is_digit(c) || c == '-')
		return take_number(rest, out);
	if (is_alpha(c) || c == '*')
		return take_token(rest, out);
	switch (c) {
	case '"': return take_string(rest, out);
	case ':': return take_bytes(rest, out);
	case '?': return take_boolean(rest, out);
	case '@': return take_date(rest, out);
	case '%': return take_display(rest, out);
	default: return false;
	}
}

/* --- Parameters, items, inner lists --- */

static bool take_param(struct span *rest, struct span *key, struct sfield *out)
{
	*out = (struct sfield){.kind = SFIELD_BOOLEAN};
	skip(rest, 1);
	skip_spaces(rest);
	if (!take_key(rest, key))
		return false;
	if (!starts_with(*rest, '='))
		return true;
	skip(rest, 1);
	return take_bare(rest, out);
}

static bool take_params(struct span *rest, struct span *params)
{
	const char *from = rest->p;
	struct sfield value;
	struct span key;

	while (starts_with(*rest, ';'))
		if (!take_param(rest, &key, &value))
			return false;
	*params = span_of(from, (size_t)(rest->p - from));
	return true;
}

static bool take_item(struct span *rest, struct sfield *out)
{
	*out = (struct sfield){0};
	return take_bare(rest, out) && take_params(rest, &out->params);
}

static bool take_inner_list(struct span *rest, struct sfield *out)
{
	struct sfield item;

	skip(rest, 1);
	const char *from = rest->p;
	for (;;) {
		skip_spaces(rest);
		if (starts_with(*rest, ')'))
			break;
		if (!take_item(rest, &item) || !(starts_with(*rest, ' ') || starts_with(*rest, ')')))
			return false;
	}
	*out = (struct sfield){.kind = SFIELD_INNER_LIST, .text = span_of(from, (size_t)(rest->p - from))};
	skip(rest, 1);
	return take_params(rest, &out->params);
}

static bool take_member(struct span *rest, struct sfield *out)
{
	return starts_with(*rest, '(') ? take_inner_list(rest, out) : take_item(rest, out);
}

/* --- Fields --- */

bool sfield_item(struct span value, struct sfield *out)
{
	skip_spaces(&value);
	if (!take_item(&value, out))
		return false;
	skip_spaces(&value);
	return value.len == 0;
}

/* What stands behind a member: nothing, or a comma and another member. */
static bool take_separator(struct span *rest)
{
	while (rest->len > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		skip(rest, 1);
	if (rest->len == 0)
		return true;
	if (rest->p[0] != ',')
		return false;
	struct span comma = *rest;
	skip(rest, 1);
	while (rest->len > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		skip(rest, 1);
	if (rest->len > 0)
		return true;
	*rest = comma; /* a trailing comma */
	return false;
}

enum sfield_step sfield_list_next(struct span *rest, struct sfield *out)
{
	skip_spaces(rest);
	if (rest->len == 0)
		return SFIELD_END;
	return take_member(rest, out) && take_separator(rest) ? SFIELD_NEXT : SFIELD_BAD;
}

enum sfield_step sfield_dictionary_next(struct span *rest, struct span *key, struct sfield *out)
{
	skip_spaces(rest);
	if (rest->len == 0)
		return SFIELD_END;
	if (!take_key(rest, key))
		return SFIELD_BAD;
	*out = (struct sfield){.kind = SFIELD_BOOLEAN};
	bool good;
	if (starts_with(*rest, '=')) {
		skip(rest, 1);
		good = take_member(rest, out);
	} else {
		good = take_params(rest, &out->params);
	}
	return good && take_separator(rest) ? SFIELD_NEXT : SFIELD_BAD;
}

bool sfield_inner_next(struct span *rest, struct sfield *out)
{
	skip_spaces(rest);
	return rest->len > 0 && take_item(rest, out);
}

bool sfield_param_next(struct span *rest, struct span *key, struct sfield *out)
{
	return rest->len > 0 && take_param(rest, key, out);
}
