/* Which of the two a site file is for, where upgrades go, and the files that it includes. */
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "ingress-lint/expr.h"
#include "ingress-lint/proxy.h"
#include "ingress-lint/records.h"

#define SAMPLE_STATES ((size_t)2000)
#define PATTERN_MAX 2000 /* bytes of an expression that is looked into */

/* --- Expressions --- */

static char *sample_of(const struct rx_set *set)
{
	struct proof_set paths;
	struct buf path = {0};
	char *sample = NULL;

	if (proof_set_init(&paths, "^/[!-~]*$")) {
		const struct rx_term terms[] = {{set, false}, {paths.set, false}};
		if (rx_witness(terms, 2, SAMPLE_STATES, &path) == RX_SOME)
			sample = mem_spandup(buf_span(&path));
		proof_set_fini(&paths);
	}
	buf_free(&path);
	return sample;
}

bool proxy_expr_init(struct proxy_expr *e, struct span text, bool any_case)
{
	*e = (struct proxy_expr){.scan = NULL};
	if (text.len == 0 || text.len > PATTERN_MAX || memchr(text.p, '\0', text.len) != NULL)
		return false;
	char *expr = mem_printf(any_case ? "(?i)%.*s" : "%.*s", (int)text.len, text.p);
	if (proof_set_init(&e->set, expr)) {
		e->scan = rx_scan_new(e->set.set);
		e->sample = sample_of(e->set.set);
	}
	free(expr);
	if (e->sample != NULL)
		return true;
	proxy_expr_fini(e);
	return false;
}

bool proxy_expr_matches(struct proxy_expr *e, struct span path)
{
	return rx_scan_first(e->scan, path) == 0;
}

void proxy_expr_fini(struct proxy_expr *e)
{
	rx_scan_free(e->scan);
	proof_set_fini(&e->set);
	free(e->sample);
	*e = (struct proxy_expr){.scan = NULL};
}

/* --- Rules that expect upgrades --- */

/* The literal beginning of a rule's path; "/" for any. */
static char *literal_prefix(const char *text)
{
	struct span rest = span_str(text);
	struct buf prefix = {0};

	if (text[0] == '^')
		expr_next(&rest);
	for (struct expr_token t = expr_next(&rest); t.kind == EXPR_LITERAL; t = expr_next(&rest)) {
		struct span after = rest;
		if (expr_next(&after).kind == EXPR_REPEAT)
			break;
		buf_add_char(&prefix, t.text.p[t.text.len - 1]);
	}
	char *copy = buf_len(&prefix) > 0 ? mem_spandup(buf_span(&prefix)) : mem_strdup("/");
	buf_free(&prefix);
	return copy;
}

static void add_expected(struct proxy_chain *c, const struct view_rule *r)
{
	char *path = r->set != NULL ? sample_of(r->set) : mem_strdup("/");

	if (path == NULL)
		return;
	if ((c->expected_count & (c->expected_count - 1)) == 0)
		c->expected = mem_grow(c->expected, c->expected_count > 0 ? 2 * c->expected_count : 1,
			sizeof(c->expected[0]));
	c->expected[c->expected_count++] =
		(struct proxy_rule){path, r->expr[0] != '\0' ? literal_prefix(r->expr) : mem_strdup("/")};
}

static void find_expected(struct proxy_chain *c)
{
	for (size_t i = 0; i < c->from; i++)
		for (size_t k = 0; k < c->inputs[i].view_count; k++)
			for (size_t n = 0; n < c->inputs[i].views[k].count; n++) {
				const struct view_rule *r = &c->inputs[i].views[k].rules[n];
				if (r->fault == INGRESS_OK && records_is_websocket(r) &&
					c->expected_count < PROXY_ENTRIES_MAX)
					add_expected(c, r);
			}
}

bool proxy_expects(const struct proxy_chain *c, struct span path)
{
	if (path.len > 1 && path.p[path.len - 1] == '/')
		path.len--;
	for (size_t i = 0; i < c->expected_count; i++)
		if (path.len <= 1 || span_starts(span_str(c->expected[i].prefix), path) ||
			span_starts(span_str(c->expected[i].path), path))
			return true;
	return false;
}

/* --- Findings --- */

void proxy_find(struct proxy_chain *c, const char *id, struct proxy_word at, enum rulebook_severity severity,
	const char *fmt, ...)
{
	struct lint *l = &c->in->lint;
	struct view place = {.origin = {.file = at.file, .exact = true, .line = 1, .column = 1}};
	va_list args;
	char *message;

	va_start(args, fmt);
	int len = vasprintf(&message, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	l->rule = rulebook_find(span_str(id));
	l->view = &place;
	lint_find_as(l, severity, (struct yaml_mark){.line = at.line, .column = at.column}, "%s", message);
	l->view = NULL;
	free(message);
}

char *proxy_place(struct proxy_word of, struct proxy_word reported)
{
	return of.file == reported.file ? mem_printf("line %u", of.line)
					: mem_printf("%s:%u", of.file, of.line);
}

bool proxy_says(const struct proxy_chain *c, const char *what, struct span and)
{
	for (size_t i = c->from; i < c->count; i++) {
		struct span text = buf_span(&c->inputs[i].text), rest = text;
		const char *at;
		while (rest.len > 0 && (at = memmem(rest.p, rest.len, what, strlen(what))) != NULL) {
			rest = span_skip(text, (size_t)(at - text.p) + strlen(what));
			if (span_starts(span_trim(rest), and))
				return true;
		}
	}
	return false;
}

/* --- Included files --- */

/* The pattern as seen from the directory of the file that says it; a chain from standard input includes nothing. */
static char *locate(const char *from, struct span pattern)
{
	struct span name = span_str(from);
	size_t slash = span_rfind(name, '/');

	if (pattern.len == 0 || strcmp(from, "-") == 0)
		return NULL;
	if (pattern.p[0] == '/' || slash == name.len)
		return mem_spandup(pattern);
	return mem_printf("%.*s/%.*s", (int)slash, from, (int)pattern.len, pattern.p);
}

static void keep(struct input *in, char *text)
{
	in->decoded = mem_grow(in->decoded, in->decoded_count + 1, sizeof(in->decoded[0]));
	in->decoded[in->decoded_count++] = text;
}

static void include_file(
	struct proxy_chain *c, const char *name, unsigned depth, proxy_file_fn *fn, void *arg)
{
	struct buf text = {.max = PROXY_INCLUDED_MAX};
	struct err ignored;
	struct stat st;

	if (stat(name, &st) < 0 || !S_ISREG(st.st_mode) || c->files == PROXY_FILES_MAX ||
		fsx_read(name, &text, &ignored) < 0 || c->bytes + buf_len(&text) > PROXY_INCLUDED_MAX) {
		buf_free(&text);
		return;
	}
	c->files++;
	c->bytes += buf_len(&text);
	size_t len = buf_len(&text);
	char *own_name = mem_strdup(name), *own_text = mem_spandup(buf_span(&text));
	keep(c->in, own_name);
	keep(c->in, own_text);
	buf_free(&text);
	fn(arg, own_name, span_of(own_text, len), depth);
}

void proxy_include(
	struct proxy_chain *c, struct proxy_word pattern, unsigned depth, proxy_file_fn *fn, void *arg)
{
	char *place = depth < PROXY_DEPTH_MAX ? locate(pattern.file, pattern.text) : NULL;
	glob_t found;

	if (place != NULL && glob(place, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			include_file(c, found.gl_pathv[i], depth + 1, fn, arg);
		globfree(&found);
	}
	free(place);
}

/* --- All --- */

static void lint_file(struct proxy_chain *c)
{
	size_t known = proxy_lint_apache(c);

	if (known == 0)
		known = proxy_lint_nginx(c);
	if (known == 0)
		proxy_find(c, "IL804", (struct proxy_word){.file = c->in->name, .line = 1, .column = 1},
			RULEBOOK_INFO, "no ProxyPass of Apache, no proxy_pass of nginx: nothing was checked");
}

void proxy_lint(struct input *inputs, size_t from, size_t count)
{
	struct proxy_chain c = {.inputs = inputs, .from = from, .count = count};

	if (from < count)
		find_expected(&c);
	for (size_t i = from; i < count; i++) {
		c.in = &inputs[i];
		c.files = c.bytes = 0;
		if (inputs[i].err.text[0] == '\0')
			lint_file(&c);
	}
	for (size_t i = 0; i < c.expected_count; i++) {
		free(c.expected[i].path);
		free(c.expected[i].prefix);
	}
	free(c.expected);
}
