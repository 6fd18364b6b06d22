/* Reading an expression from left to right; rx_tree.c puts together what is found. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/utf8.h"
#include "common/conf/rx_parse.h"
#include "common/conf/rx_private.h"

#define COUNT_MAX 100000000 /* counts are not read further than this */

int rx_refuse(struct rx_parser *p, const char *reason, const char *from, const char *to)
{
	struct buf part = {.max = ERR_MAX};

	*p->at = (size_t)(from - p->text.p);
	out_escape(span_of(from, (size_t)(to - from)), &part);
	err_set(p->err, "%s: `%.*s`", reason, (int)buf_len(&part), buf_span(&part).p);
	buf_free(&part);
	return -1;
}

static int refuse_whole(struct rx_parser *p, const char *reason)
{
	return rx_refuse(p, reason, p->text.p, rx_end(p->text));
}

int rx_take(struct rx_parser *p, struct span *s, uint32_t *c)
{
	*c = 0xfffd;
	if (s->len == 0)
		return 0;
	size_t len = utf8_decode(*s, c);
	if (len == 0)
		return rx_refuse(p, "invalid UTF-8", s->p, rx_end(*s));
	*s = span_skip(*s, len);
	return 0;
}

/* A decimal number without leading zeros. False when there is none. */
static bool take_count(struct span *s, int *n)
{
	if (s->len == 0 || s->p[0] < '0' || s->p[0] > '9')
		return false;
	if (s->len >= 2 && s->p[0] == '0' && s->p[1] >= '0' && s->p[1] <= '9')
		return false;
	for (*n = 0; s->len > 0 && s->p[0] >= '0' && s->p[0] <= '9'; *s = span_skip(*s, 1))
		*n = *n < COUNT_MAX ? *n * 10 + (s->p[0] - '0') : COUNT_MAX;
	return true;
}

/* {2}, {2,} or {2,5}. False when it is not of this form: then the brace stands for itself. */
static bool take_counts(struct span *s, int *min, int *max)
{
	struct span t = span_skip(*s, 1);

	if (!take_count(&t, min) || t.len == 0)
		return false;
	*max = *min;
	if (t.p[0] == ',') {
		t = span_skip(t, 1);
		if (t.len > 0 && t.p[0] == '}')
			*max = -1;
		else if (!take_count(&t, max))
			return false;
	}
	if (t.len == 0 || t.p[0] != '}')
		return false;
	*s = span_skip(t, 1);
	return true;
}

/* What is left begins behind the operator, which begins at op_at. *last is where the operator before began, if it
 * directly precedes this one. */
static int repeat(
	struct rx_parser *p, enum rx_node_op op, int min, int max, const char *op_at, const char **last)
{
	bool lazy = rx_next_is(p, '?');

	if (lazy)
		rx_skip(p, 1);
	if (*last != NULL)
		return rx_refuse(p, "invalid nested repetition operator", *last, p->in.p);
	*last = op_at;
	switch (rx_tree_repeat(&p->tree, op, min, max, lazy)) {
	case RX_REPEAT_OK: return 0;
	case RX_REPEAT_NOTHING:
		return rx_refuse(p, "missing argument to repetition operator", op_at, p->in.p);
	case RX_REPEAT_TOO_MANY: return rx_refuse(p, "invalid repeat count", op_at, p->in.p);
	}
	abort();
}

static int parse_operator(struct rx_parser *p, enum rx_node_op op, const char **last)
{
	const char *at = p->in.p;

	rx_skip(p, 1);
	return repeat(p, op, 0, 0, at, last);
}

static int parse_counts(struct rx_parser *p, const char **last)
{
	const char *at = p->in.p;
	int min, max;

	if (!take_counts(&p->in, &min, &max)) {
		rx_tree_push_literal(&p->tree, '{');
		rx_skip(p, 1);
		*last = NULL;
		return 0;
	}
	if (min > RX_REPEAT_MAX || max > RX_REPEAT_MAX || (max >= 0 && min > max))
		return rx_refuse(p, "invalid repeat count", at, p->in.p);
	return repeat(p, RX_NODE_REPEAT, min, max, at, last);
}

static bool is_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = span_lower(s.p[i]);
		if (c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9'))
			return false;
	}
	return s.len > 0;
}

static int check_utf8(struct rx_parser *p, struct span s)
{
	uint32_t c;

	while (s.len > 0)
		if (rx_take(p, &s, &c) < 0)
			return -1;
	return 0;
}

/* (?P<name> or (?<name>, of which head bytes precede the name. */
static int parse_named_group(struct rx_parser *p, size_t head)
{
	size_t end = span_find(p->in, '>');
	struct span name = span_of(p->in.p + head, end - head);

	if (end == p->in.len && check_utf8(p, p->in) < 0)
		return -1;
	if (end == p->in.len)
		return rx_refuse(p, "invalid named capture", p->in.p, rx_end(p->in));
	if (check_utf8(p, name) < 0)
		return -1;
	if (!is_name(name))
		return rx_refuse(p, "invalid named capture", p->in.p, rx_end(name) + 1);
	rx_tree_open(&p->tree, true);
	rx_skip(p, end + 1);
	return 0;
}

static unsigned flag_of(uint32_t c)
{
	switch (c) {
	case 'i': return RX_FOLD;
	case 'm': return RX_MULTILINE;
	case 's': return RX_DOT_ALL;
	case 'U': return RX_LAZY;
	default: return 0;
	}
}

/* (?flags) or (?flags:, where flags behind a minus are switched off. */
static int parse_flags(struct rx_parser *p)
{
	const char *from = p->in.p;
	unsigned flags = p->tree.flags, flag;
	bool off = false, any = true; /* any: was there one since the minus? */
	uint32_t c;

	rx_skip(p, 2);
	while (p->in.len > 0) {
		if (rx_take(p, &p->in, &c) < 0)
			return -1;
		if ((flag = flag_of(c)) != 0) {
			flags = off ? flags & ~flag : flags | flag;
			any = true;
		} else if (c == '-' && !off) {
			off = true;
			any = false;
		} else if ((c == ':' || c == ')') && any) {
			if (c == ':')
				rx_tree_open(&p->tree, false);
			p->tree.flags = flags;
			return 0;
		} else {
			break;
		}
	}
	return rx_refuse(p, "invalid or unsupported Perl syntax", from, p->in.p);
}

static int parse_paren(struct rx_parser *p)
{
	if (span_starts(p->in, SPAN("(?P<")) && p->in.len > 4)
		return parse_named_group(p, 4);
	if (span_starts(p->in, SPAN("(?<")) && p->in.len > 3 && p->release != RELEASE_2023_7)
		return parse_named_group(p, 3);
	if (span_starts(p->in, SPAN("(?")))
		return parse_flags(p);
	rx_tree_open(&p->tree, true);
	rx_skip(p, 1);
	return 0;
}

/* \Q...\E, or up to the end of the text. */
static int parse_quoted(struct rx_parser *p)
{
	struct span quoted = span_skip(p->in, 2);
	const char *end = quoted.len > 0 ? memmem(quoted.p, quoted.len, "\\E", 2) : NULL;
	uint32_t c;

	if (end != NULL)
		quoted.len = (size_t)(end - quoted.p);
	rx_skip(p, 2 + quoted.len + (end != NULL ? 2 : 0));
	while (quoted.len > 0) {
		if (rx_take(p, &quoted, &c) < 0)
			return -1;
		rx_tree_push_literal(&p->tree, c);
	}
	return 0;
}

static int parse_backslash(struct rx_parser *p)
{
	enum rx_assert what = 0;
	struct rx_class set = {0};
	uint32_t c;

	switch (p->in.len >= 2 ? p->in.p[1] : 0) {
	case 'A': what = RX_BEGIN_TEXT; break;
	case 'z': what = RX_END_TEXT; break;
	case 'b': what = RX_WORD_EDGE; break;
	case 'B': what = RX_NO_WORD_EDGE; break;
	case 'Q': return parse_quoted(p);
	default: break;
	}
	if (what != 0) {
		rx_tree_push_assert(&p->tree, what);
		rx_skip(p, 2);
		return 0;
	}
	int is_set = rx_parse_set_escape(p, &set);
	if (is_set > 0)
		rx_tree_push_class(&p->tree, &set);
	rx_class_free(&set);
	if (is_set != 0)
		return is_set < 0 ? -1 : 0;
	if (rx_parse_escape(p, &c) < 0)
		return -1;
	rx_tree_push_literal(&p->tree, c);
	return 0;
}

static int parse_literal(struct rx_parser *p)
{
	uint32_t c;

	if (rx_take(p, &p->in, &c) < 0)
		return -1;
	rx_tree_push_literal(&p->tree, c);
	return 0;
}

static int parse_close(struct rx_parser *p)
{
	if (!rx_tree_close(&p->tree))
		return refuse_whole(p, "unexpected )");
	rx_skip(p, 1);
	return 0;
}

/* One character of the text that needs no more than that. */
static int parse_single(struct rx_parser *p, char c)
{
	bool lines = (p->tree.flags & RX_MULTILINE) != 0;

	switch (c) {
	case '|': rx_tree_bar(&p->tree); break;
	case '^': rx_tree_push_assert(&p->tree, lines ? RX_BEGIN_LINE : RX_BEGIN_TEXT); break;
	case '$': rx_tree_push_assert(&p->tree, lines ? RX_END_LINE : RX_END_TEXT); break;
	default: rx_tree_push_any(&p->tree); break;
	}
	rx_skip(p, 1);
	return 0;
}

static int parse_piece(struct rx_parser *p, const char **last)
{
	char c = p->in.p[0];

	switch (c) {
	case '*': return parse_operator(p, RX_NODE_STAR, last);
	case '+': return parse_operator(p, RX_NODE_PLUS, last);
	case '?': return parse_operator(p, RX_NODE_QUEST, last);
	case '{': return parse_counts(p, last);
	default: *last = NULL;
	}
	switch (c) {
	case '(': return parse_paren(p);
	case ')': return parse_close(p);
	case '[': return rx_parse_class(p);
	case '\\': return parse_backslash(p);
	case '|':
	case '^':
	case '$':
	case '.': return parse_single(p, c);
	default: return parse_literal(p);
	}
}

static struct rx_node *parse(struct rx_parser *p)
{
	const char *last = NULL; /* where a repetition began, if it was the last piece */

	while (p->in.len > 0) {
		int rc = parse_piece(p, &last);
		if (p->tree.fault != NULL)
			refuse_whole(p, p->tree.fault);
		if (rc < 0 || p->tree.fault != NULL)
			return NULL;
	}
	struct rx_node *tree = rx_tree_finish(&p->tree);
	if (p->tree.fault != NULL)
		refuse_whole(p, p->tree.fault);
	else if (tree == NULL)
		refuse_whole(p, "missing closing )");
	return p->tree.fault == NULL ? tree : NULL;
}

static void parser_fini(struct rx_parser *p)
{
	for (size_t i = 0; i < p->property_count; i++)
		rx_class_free(&p->properties[i].set);
	free(p->properties);
	rx_tree_free(&p->tree);
}

struct rx *rx_new(struct span text, enum release release, size_t *at, struct err *err)
{
	size_t ignored = 0;
	struct rx_parser p = {
		.text = text, .in = text, .release = release, .at = at != NULL ? at : &ignored, .err = err};
	struct rx *r = NULL;
	const struct rx_node *tree = parse(&p);

	if (tree != NULL) {
		r = mem_alloc(sizeof(*r));
		if (rx_compile(r, tree) < 0) {
			refuse_whole(&p, "expression too large");
			rx_free(r);
			r = NULL;
		}
	}
	parser_fini(&p);
	return r;
}
