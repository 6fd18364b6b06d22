/* The tree that all four readers walk, and what they have in common. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "wscat/conffile.h"

/* --- The tree --- */

static struct conf_node *add_node(struct conf_tree *t, struct conf_node *parent, size_t line)
{
	struct conf_node *n = mem_alloc(sizeof(*n));

	if ((t->count & (t->count - 1)) == 0) /* at powers of two */
		t->nodes = mem_grow(t->nodes, t->count > 0 ? 2 * t->count : 1, sizeof(void *));
	t->nodes[t->count++] = n;
	n->parent = parent;
	n->line = line;
	if (parent == NULL)
		return n;
	if (parent->last != NULL)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	return n;
}

void conf_free(struct conf_tree *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->nodes[i]);
	free(t->nodes);
	*t = (struct conf_tree){0};
}

static void add_word(struct conf_node *n, struct span word)
{
	if (n->count < CONFFILE_WORDS_MAX)
		n->words[n->count++] = word;
}

/* --- Words --- */

struct scanner {
	struct span text;
	size_t at, line;
	enum conf_syntax syntax;
};

static bool is_end(const struct scanner *s)
{
	return s->at >= s->text.len;
}

static char peek(const struct scanner *s)
{
	return (char)(is_end(s) ? '\0' : s->text.p[s->at]);
}

static char take(struct scanner *s)
{
	char c = peek(s);

	s->line += c == '\n';
	s->at++;
	return c;
}

static bool is_brace_syntax(const struct scanner *s)
{
	return s->syntax == CONF_SEMICOLONS || s->syntax == CONF_LINES;
}

static bool ends_word(const struct scanner *s, char c)
{
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0')
		return true;
	if (s->syntax == CONF_SEMICOLONS)
		return c == ';' || c == '{' || c == '}';
	return s->syntax == CONF_TAGS && c == '>';
}

static struct span quoted(struct scanner *s, char quote)
{
	take(s);
	size_t from = s->at;
	while (!is_end(s) && peek(s) != quote) {
		if (peek(s) == '\\')
			take(s);
		if (!is_end(s))
			take(s);
	}
	size_t to = s->at < s->text.len ? s->at : s->text.len;
	if (!is_end(s))
		take(s);
	return span_of(s->text.p + from, to - from);
}

static struct span bare(struct scanner *s)
{
	size_t from = s->at;

	/* "${name}" and "{name}" are parts of words, not blocks. */
	while (!is_end(s) && !ends_word(s, peek(s))) {
		if (peek(s) == '\\')
			take(s);
		if (s->syntax == CONF_SEMICOLONS && peek(s) == '$' && s->at + 1 < s->text.len &&
			s->text.p[s->at + 1] == '{')
			while (!is_end(s) && peek(s) != '}' && peek(s) != '\n')
				take(s);
		if (!is_end(s))
			take(s);
	}
	size_t to = s->at < s->text.len ? s->at : s->text.len;
	return span_of(s->text.p + from, to - from);
}

/* --- Structure --- */

static void skip_comment(struct scanner *s)
{
	while (!is_end(s) && peek(s) != '\n')
		take(s);
}

/* The tag "<A b" has been read into n: a closing one goes up, an opening one goes down. */
static struct conf_node *after_tag(struct conf_node *here, struct conf_node *n)
{
	if (n->count > 0 && n->words[0].len > 0 && n->words[0].p[0] == '/') {
		n->count = 0; /* says nothing */
		return here->parent != NULL ? here->parent : here;
	}
	return n;
}

static bool is_section_word(struct span w)
{
	static const char *const words[] = {"global", "defaults", "frontend", "backend", "listen",
		"resolvers", "peers", "userlist", "cache", "ring", "program", "mailers", "http-errors"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_eq(w, span_str(words[i])))
			return true;
	return false;
}

/* Read one directive below here; returns where the next one belongs. */
static struct conf_node *read_directive(struct scanner *s, struct conf_tree *t, struct conf_node *here)
{
	struct conf_node *n = add_node(t, here, s->line);
	bool is_tag = s->syntax == CONF_TAGS && peek(s) == '<';

	if (is_tag)
		take(s);
	while (!is_end(s)) {
		char c = peek(s);
		if (c == '\\' && s->at + 1 < s->text.len && s->text.p[s->at + 1] == '\n') {
			take(s);
			take(s);
		} else if (c == '\n' && s->syntax != CONF_SEMICOLONS) {
			break;
		} else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			take(s);
		} else if (c == '#' && s->syntax != CONF_TAGS) {
			skip_comment(s);
		} else if (c == ';' && s->syntax == CONF_SEMICOLONS) {
			take(s);
			return here;
		} else if (c == '{' && is_brace_syntax(s) &&
			   (s->syntax == CONF_SEMICOLONS || s->at + 1 >= s->text.len ||
				   s->text.p[s->at + 1] == '\n' || s->text.p[s->at + 1] == '\r' ||
				   s->text.p[s->at + 1] == ' ')) {
			take(s);
			return n;
		} else if (c == '}' && is_brace_syntax(s) &&
			   (s->syntax == CONF_SEMICOLONS || n->count == 0)) {
			return here;
		} else if (c == '>' && is_tag) {
			take(s);
			return after_tag(here, n);
		} else if (c == '"' || c == '\'' || (c == '`' && s->syntax == CONF_LINES)) {
			add_word(n, quoted(s, c));
		} else if (ends_word(s, c)) {
			take(s);
		} else {
			add_word(n, bare(s));
		}
	}
	return here;
}

void conf_parse(struct conf_tree *t, struct span text, enum conf_syntax syntax)
{
	struct scanner s = {.text = text, .line = 1, .syntax = syntax};

	*t = (struct conf_tree){0};
	t->root = add_node(t, NULL, 0);
	struct conf_node *here = t->root;
	while (!is_end(&s) && t->count < CONFFILE_NODES_MAX) {
		char c = peek(&s);
		if (c == '#') {
			skip_comment(&s);
		} else if (c == '}' && is_brace_syntax(&s)) {
			take(&s);
			here = here->parent != NULL ? here->parent : here;
		} else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';') {
			take(&s);
		} else {
			here = read_directive(&s, t, here);
			struct conf_node *n = t->nodes[t->count - 1];
			if (syntax == CONF_FLAT && is_section_word(conf_word(n, 0)) && n->parent != t->root) {
				/* A section begins: it and what follows belong to the root. */
				struct conf_node *copy = add_node(t, t->root, n->line);
				memcpy(copy->words, n->words, sizeof(n->words));
				copy->count = n->count;
				n->count = 0;
				here = copy;
			} else if (syntax == CONF_FLAT && here == t->root) {
				here = n;
			}
		}
	}
}

struct span conf_word(const struct conf_node *n, size_t i)
{
	return n != NULL && i < n->count ? n->words[i] : SPAN("");
}

bool conf_is(const struct conf_node *n, const char *name)
{
	return span_eq_nocase(conf_word(n, 0), span_str(name));
}

const struct conf_node *conf_child(const struct conf_node *block, const char *name)
{
	for (const struct conf_node *n = block != NULL ? block->first : NULL; n != NULL; n = n->next)
		if (conf_is(n, name))
			return n;
	return NULL;
}

const struct conf_node *conf_last_child(const struct conf_node *block, const char *name)
{
	const struct conf_node *found = NULL;

	for (const struct conf_node *n = block != NULL ? block->first : NULL; n != NULL; n = n->next)
		if (conf_is(n, name))
			found = n;
	return found;
}

/* --- What the readers share --- */

void conf_suspect(json_t *list, const struct conf_question *q, const struct conf_node *at, const char *id,
	double ms, bool weak, const char *fix, ...)
{
	json_t *s = json_object();
	char text[512];
	va_list ap;

	json_object_set_new(s, "id", json_string(id));
	if (at != NULL && at->line > 0) {
		bool is_known = q->lines != NULL && at->line <= q->lines->count;
		struct conf_origin from =
			is_known ? q->lines->at[at->line - 1] : (struct conf_origin){q->file, at->line};
		snprintf(text, sizeof(text), "%s:%zu", from.file, from.line);
		json_object_set_new(s, "where", json_string(text));
	}
	if (ms > 0)
		json_object_set_new(s, "ms", json_real(ms));
	if (weak)
		json_object_set_new(s, "weak", json_true());
	if (fix != NULL) {
		va_start(ap, fix);
		vsnprintf(text, sizeof(text), fix, ap);
		va_end(ap);
		json_object_set_new(s, "fix", json_string(text));
	}
	json_array_append_new(list, s);
}

void conf_suspect_line(json_t *list, const struct conf_question *q, const struct conf_node *at,
	const char *id, const char *before, const char *after)
{
	struct buf line = {0};
	bool whole = at->count < CONFFILE_WORDS_MAX;

	for (size_t i = 0; i < at->count; i++) {
		struct span w = at->words[i];
		whole = whole && w.len > 0 && memchr(w.p, ' ', w.len) == NULL &&
			memchr(w.p, '\t', w.len) == NULL;
		buf_addf(&line, "%s%.*s", i > 0 ? " " : "", (int)w.len, w.p);
	}
	conf_suspect(list, q, at, id, 0, false, whole ? "%s%.*s%s" : NULL, before, (int)buf_len(&line),
		buf_span(&line).p, after);
	buf_free(&line);
}

bool conf_is_next(const struct conf_question *q, struct span authority)
{
	struct span next = span_str(q->next);

	if (q->next == NULL)
		return true;
	/* Names for this machine are one; of two addresses the ports are what is compared. */
	struct span port = span_skip(next, span_rfind(next, ':'));
	size_t colon = span_rfind(authority, ':');
	return span_eq(port, colon < authority.len ? span_skip(authority, colon) : SPAN(":80"));
}

double conf_time(struct span text, double unit_ms)
{
	static const struct {
		struct span name;
		double ms;
	} units[] = {{{"ms", 2}, 1}, {{"us", 2}, 0.001}, {{"s", 1}, 1000}, {{"m", 1}, 60000},
		{{"h", 1}, 3600000}, {{"d", 1}, 86400000}};
	double total = 0;

	if (text.len == 0)
		return -1;
	while (text.len > 0) {
		double n = 0, unit = unit_ms;
		size_t digits = 0, i;
		while (digits < text.len && text.p[digits] >= '0' && text.p[digits] <= '9')
			n = n * 10 + (text.p[digits++] - '0');
		if (digits == 0)
			return -1;
		text = span_skip(text, digits);
		for (i = 0; text.len > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
			if (!span_starts(text, units[i].name))
				continue;
			unit = units[i].ms;
			text = span_skip(text, units[i].name.len);
			break;
		}
		if (text.len > 0 && i == sizeof(units) / sizeof(units[0]))
			return -1;
		total += n * unit;
	}
	return total;
}

bool conf_path_under(const char *path, struct span prefix)
{
	struct span p = span_str(path);

	if (!span_starts(p, prefix))
		return false;
	return prefix.len == 0 || prefix.p[prefix.len - 1] == '/' || p.len == prefix.len ||
	       p.p[prefix.len] == '/';
}

/* --- Which kind --- */

enum product conf_guess(struct span text)
{
	static const struct {
		enum product product;
		const char *word;
		int weight;
	} hints[] = {
		{PRODUCT_APACHE, "<Location", 3},
		{PRODUCT_APACHE, "ProxyPass", 3},
		{PRODUCT_APACHE, "LoadModule", 3},
		{PRODUCT_APACHE, "<VirtualHost", 3},
		{PRODUCT_APACHE, "RewriteRule", 3},
		{PRODUCT_NGINX, "proxy_pass", 3},
		{PRODUCT_NGINX, "server {", 2},
		{PRODUCT_NGINX, "location ", 1},
		{PRODUCT_NGINX, "server_name", 2},
		{PRODUCT_NGINX, "proxy_set_header", 3},
		{PRODUCT_NGINX, "listen ", 1},
		{PRODUCT_HAPROXY, "frontend ", 3},
		{PRODUCT_HAPROXY, "backend ", 2},
		{PRODUCT_HAPROXY, "defaults", 2},
		{PRODUCT_HAPROXY, "timeout client", 3},
		{PRODUCT_HAPROXY, "  bind ", 2},
		{PRODUCT_CADDY, "reverse_proxy", 4},
		{PRODUCT_CADDY, "handle", 2},
		{PRODUCT_CADDY, "auto_https", 3},
		{PRODUCT_CADDY, "file_server", 2},
	};
	int score[PRODUCT_APP] = {0};
	enum product best = PRODUCT_UNKNOWN;

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (memmem(text.p, text.len, hints[i].word, strlen(hints[i].word)) != NULL)
			score[hints[i].product] += hints[i].weight;
	for (enum product p = PRODUCT_APACHE; p < PRODUCT_APP; p++)
		if (score[p] > score[best])
			best = p;
	return best;
}

json_t *conf_read(struct span text, const struct conf_question *q, enum product *product)
{
	json_t *list = json_array();

	*product = conf_guess(text);
	switch (*product) {
	case PRODUCT_NGINX: conf_nginx(text, q, list); return list;
	case PRODUCT_APACHE: conf_apache(text, q, list); return list;
	case PRODUCT_HAPROXY: conf_haproxy(text, q, list); return list;
	case PRODUCT_CADDY: conf_caddy(text, q, list); return list;
	case PRODUCT_UNKNOWN:
	case PRODUCT_CLOUDFLARED:
	case PRODUCT_APP: break;
	}
	json_decref(list);
	return NULL;
}
