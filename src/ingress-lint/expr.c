/* Cutting path expressions into tokens. */
#include "ingress-lint/expr.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"

static bool has(const char *set, char c)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* Length of the class that s begins with, "]" included. "]" is a member when it is the first. */
static size_t class_len(struct span s)
{
	size_t i = 1;

	if (i < s.len && s.p[i] == '^')
		i++;
	if (i < s.len && s.p[i] == ']')
		i++;
	for (; i < s.len && s.p[i] != ']'; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (i + 1 < s.len && s.p[i] == '[' && s.p[i + 1] == ':') {
			struct span rest = span_skip(s, i + 2);
			size_t colon = span_find(rest, ':');
			if (colon + 1 < rest.len && rest.p[colon + 1] == ']')
				i += colon + 3;
		}
	}
	return i < s.len ? i + 1 : s.len;
}

/* Length of "{2,3}", 0 when the brace is a literal. */
static size_t braces_len(struct span s)
{
	size_t close = span_find(s, '}');

	if (close == s.len || close < 2 || s.p[1] == ',')
		return 0;
	for (size_t i = 1; i < close; i++)
		if (!has("0123456789,", s.p[i]))
			return 0;
	return close + 1;
}

static size_t escape_len(struct span s)
{
	if (s.len < 2)
		return s.len;
	if (s.p[1] == 'Q') {
		for (size_t i = 2; i + 1 < s.len; i++)
			if (s.p[i] == '\\' && s.p[i + 1] == 'E')
				return i + 2;
		return s.len;
	}
	if (has("xpP", s.p[1]) && s.len > 2 && s.p[2] == '{') {
		size_t close = span_find(s, '}');
		return close < s.len ? close + 1 : s.len;
	}
	if (s.p[1] == 'x')
		return s.len < 4 ? s.len : 4;
	return has("pP", s.p[1]) && s.len > 2 ? 3 : 2;
}

static enum expr_kind escape_kind(struct span s)
{
	if (s.len < 2)
		return EXPR_LITERAL;
	char c = s.p[1];
	if (c == 'A')
		return EXPR_BEGIN;
	if (c == 'z')
		return EXPR_END;
	if (has("bB", c))
		return EXPR_EDGE;
	return has("dDsSwWpPQC", c) ? EXPR_CLASS : EXPR_LITERAL;
}

/* Length of "(", "(?:", "(?P<name>" or "(?i)". */
static size_t open_len(struct span s)
{
	size_t i = 1;

	if (s.len < 2 || s.p[1] != '?')
		return 1;
	while (i < s.len && !has(":>)", s.p[i]))
		i++;
	return i < s.len ? i + 1 : s.len;
}

static struct expr_token token_of(struct span s)
{
	char c = s.p[0];
	uint32_t code;
	size_t len = 0;

	switch (c) {
	case '.': return (struct expr_token){EXPR_DOT, false, span_of(s.p, 1)};
	case '^': return (struct expr_token){EXPR_BEGIN, false, span_of(s.p, 1)};
	case '$': return (struct expr_token){EXPR_END, false, span_of(s.p, 1)};
	case '|': return (struct expr_token){EXPR_BAR, false, span_of(s.p, 1)};
	case ')': return (struct expr_token){EXPR_CLOSE, false, span_of(s.p, 1)};
	case '*':
	case '+':
	case '?': return (struct expr_token){EXPR_REPEAT, false, span_of(s.p, 1)};
	case '[': return (struct expr_token){EXPR_CLASS, false, span_of(s.p, class_len(s))};
	case '(':
		len = open_len(s);
		/* "(?i)" holds nothing. */
		return (struct expr_token){
			s.p[len - 1] == ')' && len > 1 ? EXPR_EDGE : EXPR_OPEN, false, span_of(s.p, len)};
	case '{': len = braces_len(s); break;
	case '\\': return (struct expr_token){escape_kind(s), true, span_of(s.p, escape_len(s))};
	default: break;
	}
	if (len > 0)
		return (struct expr_token){EXPR_REPEAT, false, span_of(s.p, len)};
	len = utf8_decode(s, &code);
	return (struct expr_token){EXPR_LITERAL, false, span_of(s.p, len > 0 ? len : 1)};
}

struct expr_token expr_next(struct span *rest)
{
	if (rest->len == 0)
		return (struct expr_token){EXPR_NONE, false, *rest};
	struct expr_token t = token_of(*rest);
	*rest = span_skip(*rest, t.text.len);
	return t;
}

bool expr_is_prefix(const char *expr, char **prefix)
{
	struct span rest = span_str(expr);
	struct expr_token t = expr_next(&rest);
	char *out = mem_alloc(rest.len + 1);
	size_t n = 0;

	*prefix = out;
	if (t.kind != EXPR_BEGIN)
		return false;
	while ((t = expr_next(&rest)).kind == EXPR_LITERAL &&
		!(t.escaped && has("xafnrtv01234567", t.text.p[1]))) {
		struct span bytes = t.escaped ? span_skip(t.text, 1) : t.text;
		memcpy(out + n, bytes.p, bytes.len);
		n += bytes.len;
	}
	return t.kind == EXPR_NONE && n > 0;
}
