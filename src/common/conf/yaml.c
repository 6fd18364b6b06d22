/* libyaml's events to a tree, and what go-yaml, a port of libyaml that went its own way, refuses beyond it. */
#include <stdlib.h>
#include <yaml.h>

#include "common/base/buf.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/conf/yaml.h"
#include "common/conf/yaml_scalar.h"

/* cloudflared's reader takes the file in pieces of this size, and what stands in a piece that the first document does not
 * reach may be of any kind. */
#define YAML_PIECE 512
#define YAML_BLOCK ((size_t)64 * 1024) /* of the arena */
#define YAML_LOOKAHEAD 2               /* tokens that go-yaml scans past the one it looks at */

/* Memory that is freed at once. */
struct block {
	struct block *older;
	size_t used, size;
	_Alignas(16) char bytes[];
};

struct yaml_tree {
	struct block *newest;
	struct buf utf8; /* the whole text */
	struct yaml_node *root;
	size_t count;
};

/* A collection whose end is not there yet. */
struct frame {
	struct yaml_node *node, *last;
};

struct builder {
	struct yaml_tree *y;
	struct yaml_error *error;
	yaml_parser_t parser;
	size_t fed; /* bytes given to the parser */
	struct map anchors;
	struct frame *stack; /* YAML_DEPTH_MAX of them */
	size_t depth;
	/* A place in the text, both as libyaml and as we count. */
	size_t characters, bytes;
};

/* --- Memory --- */

static void *yaml_alloc(struct yaml_tree *y, size_t size)
{
	size = (size + 15) & ~(size_t)15;
	if (y->newest == NULL || y->newest->size - y->newest->used < size) {
		size_t room = size > YAML_BLOCK ? size : YAML_BLOCK;
		struct block *b = mem_alloc(sizeof(*b) + room);
		b->older = y->newest;
		b->size = room;
		y->newest = b;
	}
	void *p = y->newest->bytes + y->newest->used;
	y->newest->used += size;
	return p;
}

static struct span yaml_copy(struct yaml_tree *y, const void *p, size_t len)
{
	char *copy = yaml_alloc(y, len + 1);

	if (len > 0)
		memcpy(copy, p, len);
	return span_of(copy, len);
}

/* --- Encoding --- */

/* Append UTF-16 as UTF-8. False at a surrogate without its other half, or half a unit. */
static bool add_utf16(struct buf *out, struct span text, bool big)
{
	for (size_t i = 0; i < text.len; i += 2) {
		const unsigned char *p = (const unsigned char *)text.p + i;
		char bytes[4];
		if (text.len - i < 2)
			return false;
		uint32_t c = big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
		if (c >= 0xdc00 && c <= 0xdfff)
			return false;
		if (c >= 0xd800 && c <= 0xdbff) {
			if (text.len - i < 4)
				return false;
			uint32_t low = big ? (uint32_t)p[2] << 8 | p[3] : (uint32_t)p[3] << 8 | p[2];
			if (low < 0xdc00 || low > 0xdfff)
				return false;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 2;
		}
		buf_add(out, bytes, utf8_encode(c, bytes));
	}
	return true;
}

/* The byte order mark decides; UTF-8 is checked by libyaml as it reads. */
static int take_text(struct builder *b, struct span text)
{
	struct buf *out = &b->y->utf8;
	bool utf16 = span_starts(text, SPAN("\xff\xfe")) || span_starts(text, SPAN("\xfe\xff"));

	out->max = 2 * YAML_BYTES_MAX + 1;
	if (text.len > YAML_BYTES_MAX) {
		b->error->fault = YAML_LIMIT;
		return err_set(&b->error->err, "larger than %zu bytes", YAML_BYTES_MAX);
	}
	if (utf16 && !add_utf16(out, span_skip(text, 2), text.p[0] == '\xfe')) {
		b->error->fault = YAML_SYNTAX;
		b->error->at = (struct yaml_mark){1, 1, 0};
		return err_set(&b->error->err, "not valid UTF-16");
	}
	if (!utf16)
		buf_add_span(out, span_starts(text, SPAN("\xef\xbb\xbf")) ? span_skip(text, 3) : text);
	return 0;
}

static int feed(void *arg, unsigned char *to, size_t size, size_t *got)
{
	struct builder *b = arg;
	struct span rest = span_skip(buf_span(&b->y->utf8), b->fed);

	*got = size < YAML_PIECE ? size : YAML_PIECE;
	if (*got > rest.len)
		*got = rest.len;
	memcpy(to, rest.p, *got);
	b->fed += *got;
	return 1;
}

/* --- Places and faults --- */

/* Bytes before the character at index. Places are asked for nearly in order, so the way from the last one is short. */
static size_t byte_offset(struct builder *b, size_t index)
{
	struct span text = buf_span(&b->y->utf8);

	while (b->characters < index && b->bytes < text.len) {
		do
			b->bytes++;
		while (b->bytes < text.len && ((unsigned char)text.p[b->bytes] & 0xc0) == 0x80);
		b->characters++;
	}
	while (b->characters > index && b->bytes > 0) {
		do
			b->bytes--;
		while (b->bytes > 0 && ((unsigned char)text.p[b->bytes] & 0xc0) == 0x80);
		b->characters--;
	}
	return b->bytes;
}

static struct yaml_mark mark_of(struct builder *b, const yaml_mark_t *m)
{
	return (struct yaml_mark){(unsigned)m->line + 1, (unsigned)m->column + 1, byte_offset(b, m->index)};
}

/* The mark of a byte, for faults that come without one. */
static struct yaml_mark mark_at(struct span text, size_t offset)
{
	struct yaml_mark m = {1, 1, offset};

	for (size_t i = 0; i < offset && i < text.len; i++) {
		m.column += ((unsigned char)text.p[i] & 0xc0) != 0x80;
		if (text.p[i] == '\n' ||
			(text.p[i] == '\r' && !(i + 1 < text.len && text.p[i + 1] == '\n'))) {
			m.line++;
			m.column = 1;
		}
	}
	return m;
}

static int fail(struct builder *b, enum yaml_fault fault, struct yaml_mark at, const char *why)
{
	b->error->fault = fault;
	b->error->at = at;
	return err_set(&b->error->err, "%s", why);
}

static int fail_parser(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *why = p->problem != NULL ? p->problem : "no valid YAML";

	if (p->error == YAML_MEMORY_ERROR)
		return fail(b, YAML_LIMIT, mark_at(SPAN(""), 0), "too large");
	if (p->error == YAML_READER_ERROR)
		return fail(b, YAML_SYNTAX, mark_at(buf_span(&b->y->utf8), p->problem_offset), why);
	struct yaml_mark at = mark_of(b, &p->problem_mark);
	/* At the end libyaml counts one line more. */
	if (at.offset == buf_len(&b->y->utf8))
		at = mark_at(buf_span(&b->y->utf8), at.offset);
	return fail(b, YAML_SYNTAX, at, why);
}

/* --- Nodes --- */

/* NULL when there are too many. */
static struct yaml_node *add_node(struct builder *b, enum yaml_kind kind, const yaml_event_t *e)
{
	struct yaml_tree *y = b->y;
	struct yaml_mark start = mark_of(b, &e->start_mark);

	if (y->count >= YAML_NODES_MAX) {
		fail(b, YAML_LIMIT, start, "too many values");
		return NULL;
	}
	struct yaml_node *n = yaml_alloc(y, sizeof(*n));
	n->kind = kind;
	n->index = y->count++;
	n->start = start;
	n->end = mark_of(b, &e->end_mark);
	if (b->depth == 0) {
		y->root = n;
	} else {
		struct frame *f = &b->stack[b->depth - 1];
		if (f->last == NULL)
			f->node->first = n;
		else
			f->last->next = n;
		f->last = n;
		f->node->count++;
	}
	return n;
}

static void add_anchor(struct builder *b, const yaml_char_t *name, struct yaml_node *n)
{
	const char *text = (const char *)name;

	if (name != NULL)
		map_put(&b->anchors, yaml_copy(b->y, text, strlen(text)), n);
}

/* An explicit tag; "!" alone says nothing. */
static void set_tag(struct yaml_node *n, const yaml_char_t *tag)
{
	static const char prefix[] = "tag:yaml.org,2002:";
	const char *text = (const char *)tag;

	if (text == NULL || text[0] == '\0' || strcmp(text, "!") == 0)
		return;
	n->tag_explicit = true;
	n->tag = YAML_TAG_OTHER;
	if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return;
	for (enum yaml_tag t = YAML_TAG_NULL; t < YAML_TAG_OTHER; t++)
		if (strcmp(yaml_tag_name(t) + 2, text + sizeof(prefix) - 1) == 0)
			n->tag = t;
}

/* go-yaml has no \/ in double quotes. The text of the node begins with anchor and tag, which hold no quote. */
static int check_escapes(struct builder *b, const struct yaml_node *n)
{
	struct span text = buf_span(&b->y->utf8);
	struct span raw = span_of(text.p + n->start.offset, n->end.offset - n->start.offset);

	for (size_t i = span_find(raw, '"') + 1; i + 1 < raw.len; i++) {
		if (raw.p[i] != '\\')
			continue;
		if (raw.p[++i] == '/')
			return fail(b, YAML_SYNTAX, mark_at(text, n->start.offset + i - 1),
				"found unknown escape character");
	}
	return 0;
}

static int add_scalar(struct builder *b, const yaml_event_t *e)
{
	struct yaml_node *n = add_node(b, YAML_SCALAR, e);

	if (n == NULL)
		return -1;
	n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = yaml_copy(b->y, e->data.scalar.value, e->data.scalar.length);
	n->tag = n->plain ? yaml_scalar_tag(n->text) : YAML_TAG_STR;
	set_tag(n, e->data.scalar.tag);
	add_anchor(b, e->data.scalar.anchor, n);
	return e->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE ? check_escapes(b, n) : 0;
}

static int add_alias(struct builder *b, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct yaml_node *n = add_node(b, YAML_ALIAS, e);

	if (n == NULL)
		return -1;
	n->text = yaml_copy(b->y, name, strlen(name));
	n->target = map_get(&b->anchors, n->text);
	if (n->target != NULL)
		return 0;
	b->error->fault = YAML_SYNTAX;
	b->error->at = n->start;
	return err_set(&b->error->err, "unknown anchor '%s' referenced", name);
}

static int begin(struct builder *b, enum yaml_kind kind, const yaml_event_t *e)
{
	struct yaml_node *n = add_node(b, kind, e);
	bool map = kind == YAML_MAPPING;

	if (n == NULL)
		return -1;
	n->tag = map ? YAML_TAG_MAP : YAML_TAG_SEQ;
	set_tag(n, map ? e->data.mapping_start.tag : e->data.sequence_start.tag);
	add_anchor(b, map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor, n);
	if (b->depth == YAML_DEPTH_MAX)
		return fail(b, YAML_LIMIT, n->start, "nested too deeply");
	b->stack[b->depth++] = (struct frame){n, NULL};
	return 0;
}

/* The end of a block collection is known only when something else begins; its last child ends it. */
static int finish(struct builder *b, const yaml_event_t *e)
{
	struct frame *f = &b->stack[--b->depth];
	bool has_text = e->end_mark.index > e->start_mark.index;

	if (has_text)
		f->node->end = mark_of(b, &e->end_mark);
	else if (f->last != NULL)
		f->node->end = f->last->end;
	return 0;
}

/* --- Documents --- */

/* go-yaml has read on when it sees the end of the document: what it cannot scan there fails too. */
static int check_beyond(struct builder *b, const yaml_event_t *e)
{
	int tokens = YAML_LOOKAHEAD + (e->data.document_end.implicit ? 1 : 0);

	for (int i = 0; i < tokens; i++) {
		yaml_token_t token;
		if (!yaml_parser_scan(&b->parser, &token))
			return fail_parser(b);
		yaml_token_delete(&token);
	}
	return 0;
}

static int check_version(struct builder *b, const yaml_event_t *e)
{
	const yaml_version_directive_t *v = e->data.document_start.version_directive;

	if (v != NULL && (v->major != 1 || v->minor != 1))
		return fail(b, YAML_SYNTAX, mark_of(b, &e->start_mark), "found incompatible YAML document");
	return 0;
}

/* 1: go on, 0: the document is over, -1: it is refused. */
static int take_event(struct builder *b, const yaml_event_t *e)
{
	int rc = 0;

	switch (e->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT: return 1;
	case YAML_DOCUMENT_START_EVENT: rc = check_version(b, e); break;
	case YAML_SCALAR_EVENT: rc = add_scalar(b, e); break;
	case YAML_ALIAS_EVENT: rc = add_alias(b, e); break;
	case YAML_SEQUENCE_START_EVENT: rc = begin(b, YAML_SEQUENCE, e); break;
	case YAML_MAPPING_START_EVENT: rc = begin(b, YAML_MAPPING, e); break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: rc = finish(b, e); break;
	case YAML_DOCUMENT_END_EVENT: return check_beyond(b, e);
	case YAML_STREAM_END_EVENT: return fail(b, YAML_EMPTY, (struct yaml_mark){0}, "the file is empty");
	}
	return rc < 0 ? -1 : 1;
}

static int build(struct builder *b)
{
	int more = 1;

	while (more > 0) {
		yaml_event_t e;
		if (!yaml_parser_parse(&b->parser, &e))
			return fail_parser(b);
		more = take_event(b, &e);
		yaml_event_delete(&e);
	}
	return more;
}

struct yaml_tree *yaml_tree_parse(struct span text, struct yaml_error *error)
{
	struct builder b = {.y = mem_alloc(sizeof(*b.y)), .error = error};
	int rc = -1;

	*error = (struct yaml_error){.fault = YAML_OK};
	if (yaml_parser_initialize(&b.parser) == 0)
		abort();
	b.stack = mem_array(YAML_DEPTH_MAX, sizeof(*b.stack));
	if (take_text(&b, text) == 0) {
		yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
		yaml_parser_set_input(&b.parser, feed, &b);
		rc = build(&b);
	}
	yaml_parser_delete(&b.parser);
	map_free(&b.anchors);
	free(b.stack);
	if (rc == 0)
		return b.y;
	yaml_tree_free(b.y);
	return NULL;
}

void yaml_tree_free(struct yaml_tree *y)
{
	if (y == NULL)
		return;
	while (y->newest != NULL) {
		struct block *older = y->newest->older;
		free(y->newest);
		y->newest = older;
	}
	buf_free(&y->utf8);
	free(y);
}

const struct yaml_node *yaml_tree_root(const struct yaml_tree *y)
{
	return y->root;
}

struct span yaml_tree_text(const struct yaml_tree *y)
{
	return buf_span(&y->utf8);
}

size_t yaml_tree_count(const struct yaml_tree *y)
{
	return y->count;
}

const char *yaml_tag_name(enum yaml_tag tag)
{
	switch (tag) {
	case YAML_TAG_NULL: return "!!null";
	case YAML_TAG_BOOL: return "!!bool";
	case YAML_TAG_INT: return "!!int";
	case YAML_TAG_FLOAT: return "!!float";
	case YAML_TAG_STR: return "!!str";
	case YAML_TAG_TIMESTAMP: return "!!timestamp";
	case YAML_TAG_BINARY: return "!!binary";
	case YAML_TAG_MERGE: return "!!merge";
	case YAML_TAG_SEQ: return "!!seq";
	case YAML_TAG_MAP: return "!!map";
	case YAML_TAG_OTHER: return "a tag of its own";
	}
	abort();
}
