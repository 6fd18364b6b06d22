/* Escapes, and classes in brackets. */
#include "common/base/mem.h"
#include "common/conf/rx_parse.h"

/* The digits behind \x{, and the closing brace. False when it is not such. */
static int parse_long_hex(struct rx_parser *p, uint32_t *code, bool *ok)
{
	uint32_t c;

	*code = 0;
	*ok = false;
	for (size_t digits = 0; p->in.len > 0; digits++) {
		if (rx_take(p, &p->in, &c) < 0)
			return -1;
		if (c == '}') {
			*ok = digits > 0;
			return 0;
		}
		int v = c < 0x80 ? span_hex_digit((char)c) : -1;
		if (v < 0 || (*code = *code * 16 + (uint32_t)v) > RX_CODE_MAX)
			return 0;
	}
	return 0;
}

/* What follows \x. */
static int parse_hex(struct rx_parser *p, uint32_t *code, bool *ok)
{
	uint32_t c, d;

	*ok = false;
	if (p->in.len == 0)
		return 0;
	if (rx_take(p, &p->in, &c) < 0)
		return -1;
	if (c == '{')
		return parse_long_hex(p, code, ok);
	if (rx_take(p, &p->in, &d) < 0)
		return -1;
	int high = c < 0x80 ? span_hex_digit((char)c) : -1, low = d < 0x80 ? span_hex_digit((char)d) : -1;
	*ok = high >= 0 && low >= 0;
	*code = *ok ? (uint32_t)(high * 16 + low) : 0;
	return 0;
}

static bool next_is_octal(const struct rx_parser *p)
{
	return p->in.len > 0 && p->in.p[0] >= '0' && p->in.p[0] <= '7';
}

/* Up to three octal digits, the first of which was taken. One alone is a back reference, unless it is 0. */
static bool parse_octal(struct rx_parser *p, uint32_t first, uint32_t *code)
{
	if (first != '0' && !next_is_octal(p))
		return false;
	*code = first - '0';
	for (int i = 1; i < 3 && next_is_octal(p); i++, rx_skip(p, 1))
		*code = *code * 8 + (uint32_t)(p->in.p[0] - '0');
	return true;
}

/* \a \f \n \r \t \v, and what is neither letter nor digit and stands for itself. */
static bool plain_escape(uint32_t c, uint32_t *code)
{
	static const char letters[] = "afnrtv", codes[] = "\a\f\n\r\t\v";
	const char *at = c > 0 && c < 0x80 ? strchr(letters, (int)c) : NULL;
	uint32_t lower = c | 0x20;

	*code = at != NULL ? (uint32_t)codes[at - letters] : c;
	return at != NULL || (c < 0x80 && !(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z'));
}

int rx_parse_escape(struct rx_parser *p, uint32_t *code)
{
	const char *from = p->in.p;
	uint32_t c;
	bool ok;

	rx_skip(p, 1);
	if (p->in.len == 0)
		return rx_refuse(p, "trailing backslash at end of expression", p->in.p, p->in.p);
	if (rx_take(p, &p->in, &c) < 0)
		return -1;
	if (c >= '0' && c <= '7')
		ok = parse_octal(p, c, code);
	else if (c != 'x')
		ok = plain_escape(c, code);
	else if (parse_hex(p, code, &ok) < 0)
		return -1;
	return ok ? 0 : rx_refuse(p, "invalid escape sequence", from, p->in.p);
}

static bool folds(const struct rx_parser *p)
{
	return (p->tree.flags & RX_FOLD) != 0;
}

static void finish_set(struct rx_class *set, bool fold)
{
	if (fold)
		rx_class_fold(set);
	else
		rx_class_clean(set);
}

static void add_set(struct rx_class *c, const struct rx_class *set, bool negate)
{
	if (negate)
		rx_class_add_others(c, rx_class_ranges(set));
	else
		rx_class_add_ranges(c, rx_class_ranges(set));
}

/* As a backslash or brackets name it, of few ranges. */
static void add_small_set(struct rx_parser *p, struct rx_class *c, struct rx_class *set, bool negate)
{
	finish_set(set, folds(p));
	add_set(c, set, negate);
	rx_class_free(set);
}

/* The set of a property; NULL when there is none of that name. It has up to some hundreds of ranges. */
static const struct rx_class *find_property(struct rx_parser *p, struct span name)
{
	struct rx_class set = {0};

	for (size_t i = 0; i < p->property_count; i++)
		if (p->properties[i].folded == folds(p) && span_eq(p->properties[i].name, name))
			return &p->properties[i].set;
	if (!rx_class_add_unicode(&set, p->release, name))
		return NULL;
	finish_set(&set, folds(p));
	if (p->property_count == p->property_cap) {
		p->property_cap = p->property_cap > 0 ? 2 * p->property_cap : 4;
		p->properties = mem_grow(p->properties, p->property_cap, sizeof(p->properties[0]));
	}
	p->properties[p->property_count++] = (struct rx_property){name, folds(p), set};
	return &p->properties[p->property_count - 1].set;
}

/* The name behind \p, in braces unless it is a single character; s moves behind it. */
static int take_property(struct rx_parser *p, struct span *s, struct span *name)
{
	struct span whole = *s, rest = span_skip(*s, 2);
	uint32_t c;

	if (rx_take(p, &rest, &c) < 0)
		return -1;
	*name = span_of(whole.p + 2, (size_t)(rest.p - whole.p) - 2);
	*s = rest;
	if (c != '{')
		return 0;
	size_t end = span_find(whole, '}');
	*name = end < whole.len ? span_of(whole.p + 3, end - 3) : whole;
	for (rest = *name; rest.len > 0;)
		if (rx_take(p, &rest, &c) < 0)
			return -1;
	if (end == whole.len)
		return rx_refuse(p, "invalid character class range", whole.p, rx_end(whole));
	*s = span_skip(whole, end + 1);
	return 0;
}

static int parse_property(struct rx_parser *p, struct rx_class *c)
{
	const char *from = p->in.p;
	bool negate = from[1] == 'P';
	struct span name;

	if (take_property(p, &p->in, &name) < 0)
		return -1;
	if (name.len > 0 && name.p[0] == '^') {
		negate = !negate;
		name = span_skip(name, 1);
	}
	const struct rx_class *set = find_property(p, name);
	if (set == NULL)
		return rx_refuse(p, "invalid character class range", from, p->in.p);
	add_set(c, set, negate);
	return 1;
}

int rx_parse_set_escape(struct rx_parser *p, struct rx_class *c)
{
	struct rx_class set = {0};

	if (p->in.len < 2 || p->in.p[0] != '\\')
		return 0;
	char letter = p->in.p[1], name = span_lower(letter);
	if (name == 'p')
		return parse_property(p, c);
	if (!rx_class_add_perl(&set, name))
		return 0;
	add_small_set(p, c, &set, letter != name);
	rx_skip(p, 2);
	return 1;
}

/* [:alpha:] or [:^alpha:]. 0 when it is not of this form. */
static int parse_posix(struct rx_parser *p, struct rx_class *c)
{
	struct rx_class set = {0};

	if (p->in.len <= 2 || !span_starts(p->in, SPAN("[:")))
		return 0;
	const char *end = memmem(p->in.p + 2, p->in.len - 2, ":]", 2);
	if (end == NULL)
		return 0;
	struct span name = span_of(p->in.p + 2, (size_t)(end - p->in.p) - 2);
	bool negate = name.len > 0 && name.p[0] == '^';
	if (!rx_class_add_posix(&set, negate ? span_skip(name, 1) : name))
		return rx_refuse(p, "invalid character class range", p->in.p, end + 2);
	add_small_set(p, c, &set, negate);
	rx_skip(p, name.len + 4);
	return 1;
}

static int parse_class_char(struct rx_parser *p, struct span whole, uint32_t *c)
{
	if (p->in.len == 0)
		return rx_refuse(p, "missing closing ]", whole.p, rx_end(whole));
	return p->in.p[0] == '\\' ? rx_parse_escape(p, c) : rx_take(p, &p->in, c);
}

/* One character, or two with a minus between. A minus before the closing bracket is a character. */
static int parse_range(struct rx_parser *p, struct span whole, struct rx_class *c)
{
	const char *from = p->in.p;
	uint32_t lo = 0, hi;

	if (parse_class_char(p, whole, &lo) < 0)
		return -1;
	hi = lo;
	if (p->in.len >= 2 && p->in.p[0] == '-' && p->in.p[1] != ']') {
		rx_skip(p, 1);
		if (parse_class_char(p, whole, &hi) < 0)
			return -1;
		if (hi < lo)
			return rx_refuse(p, "invalid character class range", from, p->in.p);
	}
	if (folds(p))
		rx_class_add_folded(c, lo, hi);
	else
		rx_class_add(c, lo, hi);
	return 0;
}

static int parse_class_item(struct rx_parser *p, struct span whole, struct rx_class *c)
{
	int found = parse_posix(p, c);

	if (found == 0)
		found = rx_parse_set_escape(p, c);
	if (found != 0)
		return found < 0 ? -1 : 0;
	return parse_range(p, whole, c);
}

int rx_parse_class(struct rx_parser *p)
{
	struct span whole = p->in;
	struct rx_class set = {0};

	rx_skip(p, 1);
	bool negate = rx_next_is(p, '^');
	if (negate)
		rx_skip(p, 1);
	/* A closing bracket in the first place is a character. */
	for (bool first = true; first || !rx_next_is(p, ']'); first = false)
		if (parse_class_item(p, whole, &set) < 0) {
			rx_class_free(&set);
			return -1;
		}
	rx_skip(p, 1);
	rx_class_clean(&set);
	if (negate)
		rx_class_negate(&set);
	rx_tree_push_class(&p->tree, &set);
	return 0;
}
