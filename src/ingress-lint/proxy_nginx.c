/* nginx: blocks with proxy_pass, and what they inherit. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "ingress-lint/proxy.h"

#define WORDS_MAX 16 /* of a statement; more are skipped */
#define DEPTH_MAX 64 /* of blocks */
#define NO_PARENT ((size_t)-1)

struct block {
	size_t parent;
	struct span path;         /* of a location */
	struct proxy_word pass;   /* proxy_pass; line 0 when there is none */
	bool sets_headers;        /* then none are inherited */
	bool upgrade;             /* passes Upgrade on */
	struct span connection;   /* value of Connection; NULL pointer when it is not set */
	struct span http_version; /* NULL pointer when it is not set */
};

struct site {
	struct lint *lint;
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

static void open_block(struct site *s, const struct proxy_word *w, size_t n)
{
	if (s->count == s->cap) {
		s->cap = s->cap > 0 ? 2 * s->cap : 8;
		s->blocks = mem_grow(s->blocks, s->cap, sizeof(s->blocks[0]));
	}
	s->blocks[s->count] = (struct block){.parent = s->depth > 0 ? s->stack[s->depth - 1] : NO_PARENT};
	if (n > 1 && is(w[0].text, "location"))
		s->blocks[s->count].path = w[n - 1].text;
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
	*out = (struct proxy_word){.line = r->line, .column = (unsigned)(from - r->line_start) + 1};
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

static void read_site(struct site *s, struct span text)
{
	struct reader r = {.text = text, .line = 1};
	struct proxy_word words[WORDS_MAX], w;
	size_t n = 0;
	char sign;

	while (next_word(&r, &w, &sign) && s->count < PROXY_ENTRIES_MAX) {
		if (sign == '\0') {
			if (n < WORDS_MAX)
				words[n++] = w;
			continue;
		}
		if (sign == ';')
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

static void check_block(
	const struct site *s, const struct block *b, const struct input *configs, size_t count)
{
	const struct block *headers = headers_of(s, b);
	struct span path = b->path, connection = headers->connection;
	bool variable = connection.len > 0 && connection.p[0] == '$';

	if (!headers->upgrade) {
		bool expected = proxy_expects(configs, count, path);
		proxy_find(s->lint, "IL801", b->pass, expected ? RULEBOOK_WARNING : RULEBOOK_INFO,
			"upgrades of requests to %.*s are not passed on%s", (int)path.len, path.p,
			expected ? ", and a rule of the configuration expects them" : "");
		return;
	}
	if (variable && !is(connection, "$http_connection") && !span_eq(connection, s->mapped))
		proxy_find(s->lint, "IL803", b->pass, RULEBOOK_WARNING,
			"%.*s is no map of $http_upgrade in this file", (int)connection.len, connection.p);
	else if (!variable && !is(connection, "upgrade"))
		proxy_find(s->lint, "IL803", b->pass, RULEBOOK_WARNING,
			"Upgrade is passed on, and Connection does not say so");
	if (!speaks_1_1(s, b))
		proxy_find(s->lint, "IL803", b->pass, RULEBOOK_WARNING,
			"Upgrade is passed on in HTTP/1.0: set proxy_http_version 1.1");
}

size_t proxy_lint_nginx(struct lint *l, struct span text, const struct input *configs, size_t count)
{
	struct site s = {.lint = l};

	read_site(&s, text);
	for (size_t i = 0; i < s.count; i++)
		if (s.blocks[i].pass.line > 0)
			check_block(&s, &s.blocks[i], configs, count);
	free(s.blocks);
	return s.known;
}
