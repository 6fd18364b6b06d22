/* nginx: blocks with proxy_pass, and what they inherit. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "ingress-lint/proxy.h"

#define WORDS_MAX 16 /* of a statement; more are skipped */
#define DEPTH_MAX 64 /* of blocks */
#define NO_PARENT ((size_t)-1)

enum modifier {
	NO_LOCATION,
	PREFIX,
	PREFIX_FINAL, /* ^~: expressions are not asked */
	EXACT,        /* = */
	EXPRESSION,   /* ~ and ~* */
};

struct block {
	size_t parent;
	size_t server; /* the server that it is in, NO_PARENT for none */
	enum modifier modifier;
	struct proxy_word path;   /* of a location */
	struct proxy_expr expr;   /* of an EXPRESSION */
	struct proxy_word pass;   /* proxy_pass; line 0 when there is none */
	bool sets_headers;        /* then none are inherited */
	bool upgrade;             /* passes Upgrade on */
	struct span connection;   /* value of Connection; NULL pointer when it is not set */
	struct span http_version; /* NULL pointer when it is not set */
};

struct site {
	struct proxy_chain *chain;
	struct block *blocks;
	size_t count, cap;
	size_t stack[DEPTH_MAX], depth;
	struct span mapped; /* variable of a map of $http_upgrade */
	size_t known;
};

static bool is(struct span w, const char *name)
{
	return span_eq_nocase(w, span_str(name));
}

/* --- Reading --- */

/* "location [=|~|~*|^~] PATH"; named ones are reached from others alone. */
static void read_location(struct block *b, const struct proxy_word *w, size_t n)
{
	bool any_case = n > 2 && span_eq(w[1].text, SPAN("~*"));

	b->path = w[n - 1];
	b->modifier = PREFIX;
	if (n > 2 && span_eq(w[1].text, SPAN("=")))
		b->modifier = EXACT;
	else if (n > 2 && span_eq(w[1].text, SPAN("^~")))
		b->modifier = PREFIX_FINAL;
	else if (any_case || (n > 2 && span_eq(w[1].text, SPAN("~"))))
		b->modifier = proxy_expr_init(&b->expr, b->path.text, any_case) ? EXPRESSION : NO_LOCATION;
	if (b->path.text.len > 0 && b->path.text.p[0] == '@')
		b->modifier = NO_LOCATION;
}

static void open_block(struct site *s, const struct proxy_word *w, size_t n)
{
	size_t parent = s->depth > 0 ? s->stack[s->depth - 1] : NO_PARENT;

	if (s->count == s->cap) {
		s->cap = s->cap > 0 ? 2 * s->cap : 8;
		s->blocks = mem_grow(s->blocks, s->cap, sizeof(s->blocks[0]));
	}
	struct block *b = &s->blocks[s->count];
	*b = (struct block){
		.parent = parent, .server = parent != NO_PARENT ? s->blocks[parent].server : NO_PARENT};
	if (n > 0 && is(w[0].text, "server"))
		b->server = s->count;
	if (n > 1 && is(w[0].text, "location"))
		read_location(b, w, n);
	if (n > 2 && is(w[0].text, "map") && is(w[1].text, "$http_upgrade"))
		s->mapped = w[2].text;
	s->stack[s->depth++] = s->count++;
}

static void read_statement(struct site *s, const struct proxy_word *w, size_t n)
{
	if (n < 2 || s->depth == 0)
		return;
	struct block *b = &s->blocks[s->stack[s->depth - 1]];
	if (is(w[0].text, "proxy_pass")) {
		b->pass = w[1];
		s->known++;
	} else if (is(w[0].text, "proxy_http_version")) {
		b->http_version = w[1].text;
	} else if (is(w[0].text, "proxy_set_header") && n > 2) {
		b->sets_headers = true;
		if (is(w[1].text, "Upgrade"))
			b->upgrade = is(w[2].text, "$http_upgrade") || is(w[2].text, "websocket");
		if (is(w[1].text, "Connection"))
			b->connection = w[2].text;
	}
}

/* Where the reader stands. */
struct reader {
	const char *file;
	struct span text;
	size_t at;
	unsigned line;
	size_t line_start;
};

static void skip_blanks(struct reader *r)
{
	for (; r->at < r->text.len; r->at++) {
		char c = r->text.p[r->at];
		if (c == '#')
			r->at += span_find(span_skip(r->text, r->at), '\n');
		if (r->at == r->text.len)
			return;
		if (r->text.p[r->at] == '\n') {
			r->line++;
			r->line_start = r->at + 1;
		} else if (strchr(" \t\r", c) == NULL) {
			return;
		}
	}
}

/* A word, or one of ; { } as a word of its own with its sign in *sign. False at the end. */
static bool next_word(struct reader *r, struct proxy_word *out, char *sign)
{
	skip_blanks(r);
	*sign = '\0';
	if (r->at == r->text.len)
		return false;
	size_t from = r->at;
	char c = r->text.p[from];
	*out = (struct proxy_word){
		.file = r->file, .line = r->line, .column = (unsigned)(from - r->line_start) + 1};
	if (c == ';' || c == '{' || c == '}') {
		*sign = c;
		r->at++;
	} else if (c == '"' || c == '\'') {
		size_t end = from + 1 + span_find(span_skip(r->text, from + 1), c);
		out->text = span_of(r->text.p + from + 1, end - from - 1);
		r->at = end < r->text.len ? end + 1 : end;
	} else {
		while (r->at < r->text.len && strchr(" \t\r\n;", r->text.p[r->at]) == NULL &&
			r->text.p[r->at] != '\0' &&
			!(r->text.p[r->at] == '{' && r->text.p[r->at - 1] != '$' && r->at > from))
			r->at++;
		if (r->at == from)
			r->at++;
		out->text = span_of(r->text.p + from, r->at - from);
	}
	return true;
}

static void read_text(void *arg, const char *file, struct span text, unsigned depth)
{
	struct site *s = arg;
	struct reader r = {.file = file, .text = text, .line = 1};
	struct proxy_word words[WORDS_MAX], w;
	size_t n = 0;
	char sign;

	while (next_word(&r, &w, &sign) && s->count < PROXY_ENTRIES_MAX) {
		if (sign == '\0') {
			if (n < WORDS_MAX)
				words[n++] = w;
			continue;
		}
		if (sign == ';' && n > 1 && is(words[0].text, "include"))
			proxy_include(s->chain, words[1], depth, read_text, s);
		else if (sign == ';')
			read_statement(s, words, n);
		if (sign == '{' && s->depth == DEPTH_MAX)
			return;
		if (sign == '{')
			open_block(s, words, n);
		if (sign == '}' && s->depth > 0)
			s->depth--;
		n = 0;
	}
}

/* --- Checking --- */

/* The block whose headers are in effect, and the version of HTTP. */
static const struct block *headers_of(const struct site *s, const struct block *b)
{
	while (!b->sets_headers && b->parent != NO_PARENT)
		b = &s->blocks[b->parent];
	return b;
}

static bool speaks_1_1(const struct site *s, const struct block *b)
{
	while (b->http_version.p == NULL && b->parent != NO_PARENT)
		b = &s->blocks[b->parent];
	return is(b->http_version, "1.1");
}

/* A request that the location is meant for. */
static struct span sample_of(const struct block *b)
{
	return b->modifier == EXPRESSION ? span_str(b->expr.sample) : b->path.text;
}

/* Which location of the server serves the path: an exact one, else the longest prefix, unless an expression does and the
 * prefix does not forbid to ask. Locations inside of others count as if they stood beside them. */
static struct block *serves(const struct site *s, size_t server, struct span path)
{
	struct block *best = NULL, *expr = NULL;

	for (size_t i = 0; i < s->count; i++) {
		struct block *b = &s->blocks[i];
		if (b->server != server || b->modifier == NO_LOCATION)
			continue;
		if (b->modifier == EXACT && span_eq(path, b->path.text))
			return b;
		if (b->modifier == EXPRESSION && expr == NULL && proxy_expr_matches(&b->expr, path))
			expr = b;
		if ((b->modifier == PREFIX || b->modifier == PREFIX_FINAL) &&
			span_starts(path, b->path.text) &&
			(best == NULL || b->path.text.len > best->path.text.len))
			best = b;
	}
	return expr != NULL && (best == NULL || best->modifier != PREFIX_FINAL) ? expr : best;
}

static bool upgrades(const struct site *s, const struct block *b)
{
	return b->pass.line > 0 && headers_of(s, b)->upgrade;
}

/* A location that upgrades, and whose requests another one takes that does not. */
static void check_order(const struct site *s, const struct block *b)
{
	if (b->modifier == NO_LOCATION || !upgrades(s, b))
		return;
	struct block *other = serves(s, b->server, sample_of(b));
	if (other == NULL || other == b || upgrades(s, other))
		return;
	char *place = proxy_place(other->path, b->path);
	proxy_find(s->chain, "IL802", b->path, RULEBOOK_WARNING, "%s takes the requests to %.*s: %s", place,
		(int)sample_of(b).len, sample_of(b).p,
		other->modifier == EXPRESSION ? "an expression goes before a prefix without ^~"
					      : "it fits more exactly");
	free(place);
}

/* Does a rule expect upgrades on a path that the location serves? */
static bool expects(const struct site *s, const struct block *b)
{
	if (b->modifier == NO_LOCATION)
		return proxy_expects(s->chain, b->path.text);
	for (size_t i = 0; i < s->chain->expected_count; i++)
		if (serves(s, b->server, span_str(s->chain->expected[i].path)) == b)
			return true;
	return false;
}

/* Is the variable made from $http_upgrade by a map, here or in another of the files that were given? */
static bool is_mapped(const struct site *s, struct span variable)
{
	return span_eq(variable, s->mapped) || proxy_says(s->chain, "map $http_upgrade", variable);
}

static void check_block(const struct site *s, const struct block *b)
{
	const struct block *headers = headers_of(s, b);
	struct span path = b->path.text, connection = headers->connection;
	bool variable = connection.len > 0 && connection.p[0] == '$';

	if (!headers->upgrade) {
		bool expected = expects(s, b);
		proxy_find(s->chain, "IL801", b->pass, expected ? RULEBOOK_WARNING : RULEBOOK_INFO,
			"upgrades of requests to %.*s are not passed on%s", (int)path.len, path.p,
			expected ? ", and a rule of the configuration expects them" : "");
		return;
	}
	if (variable && !is(connection, "$http_connection") && !is_mapped(s, connection))
		proxy_find(s->chain, "IL803", b->pass, RULEBOOK_WARNING,
			"%.*s is no map of $http_upgrade in the files given", (int)connection.len,
			connection.p);
	else if (!variable && !is(connection, "upgrade"))
		proxy_find(s->chain, "IL803", b->pass, RULEBOOK_WARNING,
			"Upgrade is passed on, and Connection does not say so");
	if (!speaks_1_1(s, b))
		proxy_find(s->chain, "IL803", b->pass, RULEBOOK_WARNING,
			"Upgrade is passed on in HTTP/1.0: set proxy_http_version 1.1");
}

size_t proxy_lint_nginx(struct proxy_chain *c)
{
	struct site s = {.chain = c};
	size_t comparisons = 0;

	read_text(&s, c->in->name, buf_span(&c->in->text), 0);
	for (size_t i = 0; i < s.count && comparisons < PROXY_COMPARISONS_MAX; i++) {
		comparisons += s.blocks[i].pass.line > 0 ? s.count * (1 + c->expected_count) : 0;
		if (s.blocks[i].pass.line == 0 || comparisons >= PROXY_COMPARISONS_MAX)
			continue;
		check_block(&s, &s.blocks[i]);
		check_order(&s, &s.blocks[i]);
	}
	for (size_t i = 0; i < s.count; i++)
		proxy_expr_fini(&s.blocks[i].expr);
	free(s.blocks);
	return s.known;
}
