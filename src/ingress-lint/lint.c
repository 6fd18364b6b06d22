/* Keeping findings, and running the checks. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "ingress-lint/lint.h"
#include "ingress-lint/proof.h"

/* --- Findings --- */

static struct lint_finding *add_finding(struct lint *l)
{
	if (l->count == LINT_FINDINGS_MAX) {
		l->dropped++;
		return NULL;
	}
	if (l->count == l->cap) {
		l->cap = l->cap > 0 ? 2 * l->cap : 16;
		l->findings = mem_grow(l->findings, l->cap, sizeof(l->findings[0]));
	}
	l->findings[l->count] = (struct lint_finding){0};
	return &l->findings[l->count++];
}

static char *escaped(const char *text)
{
	struct buf out = {0};

	out_escape(span_str(text), &out);
	char *copy = mem_spandup(buf_span(&out));
	buf_free(&out);
	return copy;
}

__attribute__((format(printf, 4, 0))) static void find(
	struct lint *l, enum rulebook_severity severity, struct yaml_mark at, const char *fmt, va_list args)
{
	struct lint_finding *f = add_finding(l);
	char *message;

	if (f == NULL || vasprintf(&message, fmt, args) < 0)
		return;
	f->rule = l->rule;
	f->severity = severity;
	f->file = l->view->origin.file;
	f->message = escaped(message);
	view_place(l->view, at, &f->line, &f->column);
	free(message);
}

void lint_find(struct lint *l, struct yaml_mark at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	find(l, l->rule->severity, at, fmt, args);
	va_end(args);
}

void lint_find_as(struct lint *l, enum rulebook_severity severity, struct yaml_mark at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	find(l, severity, at, fmt, args);
	va_end(args);
}

void lint_witness(struct lint *l, char *url)
{
	if (l->count == 0 || l->dropped > 0) {
		free(url);
		return;
	}
	free(l->findings[l->count - 1].witness);
	l->findings[l->count - 1].witness = url;
}

/* The quote that the scalar stands in, 0 for none. False when it is not written just as it reads. */
static bool quote_of(const struct view *v, const struct yaml_node *node, char *quote)
{
	struct span written = span_skip(yaml_tree_text(v->tree), node->start.offset);

	written.len = node->end.offset - node->start.offset;
	*quote = (char)(node->plain || written.len == 0 ? '\0' : written.p[0]);
	if (*quote != '\0' && *quote != '"' && *quote != '\'')
		return false;
	return span_eq(*quote != '\0' ? span_of(written.p + 1, written.len - 2) : written, node->text);
}

/* Where a byte of a configuration's text stands in the document of a manifest: its line, less the indentation. */
static size_t offset_in_document(const struct view *v, struct yaml_mark at)
{
	const struct view_origin *o = &v->origin;
	struct span text = yaml_tree_text(v->tree), rest = o->document;
	size_t column = at.offset;

	while (column > 0 && text.p[column - 1] != '\n')
		column--;
	for (unsigned line = o->document_line; line < o->line + at.line - 1 && rest.p != NULL; line++)
		span_cut(rest, '\n', &rest);
	return rest.p != NULL ? (size_t)(rest.p - o->document.p) + o->column - 1 + at.offset - column
			      : SIZE_MAX;
}

/* The bytes of the file that the node is written in. False when they are not those of the text: it is folded, encoded, or not
 * UTF-8. */
static bool find_bytes(const struct view *v, const struct yaml_node *node, size_t *from, size_t *to)
{
	const struct view_origin *o = &v->origin;
	struct span text = yaml_tree_text(v->tree), own = span_skip(text, node->start.offset);

	own.len = node->end.offset - node->start.offset;
	if (!o->in_manifest) {
		*from = o->offset + node->start.offset;
		*to = *from + own.len;
		return o->offset + text.len == o->text.len;
	}
	size_t at = o->exact && node->start.line == node->end.line ? offset_in_document(v, node->start)
								   : SIZE_MAX;
	if (at >= o->document.len || own.len > o->document.len - at ||
		!span_eq(span_of(o->document.p + at, own.len), own))
		return false;
	*from = o->offset + at;
	*to = *from + own.len;
	return true;
}

void lint_fix(struct lint *l, const struct yaml_node *node, const char *value, enum lint_quotes quotes)
{
	size_t from, to;
	char quote, *text;

	if (l->count == 0 || l->dropped > 0 || node->kind != YAML_SCALAR ||
		!quote_of(l->view, node, &quote) || !find_bytes(l->view, node, &from, &to))
		return;
	if (quote == '\0' && quotes == LINT_QUOTES_SOME)
		quote = '"';
	if (quotes == LINT_QUOTES_NONE)
		quote = '\0';
	text = quote != '\0' ? mem_printf("%c%s%c", quote, value, quote) : mem_strdup(value);
	struct lint_edit *edit = &l->findings[l->count - 1].edit;
	free(edit->text);
	*edit = (struct lint_edit){from, to, text};
}

void lint_finding_free(struct lint_finding *f)
{
	free(f->message);
	free(f->witness);
	free(f->edit.text);
}

static int by_place(const void *a, const void *b)
{
	const struct lint_finding *x = a, *y = b;
	int order = strcmp(x->file, y->file);

	if (order == 0)
		order = (x->line > y->line) - (x->line < y->line);
	if (order == 0)
		order = (x->column > y->column) - (x->column < y->column);
	return order != 0 ? order : strcmp(x->rule->id, y->rule->id);
}

void lint_sort(struct lint *l)
{
	size_t kept = 0;

	if (l->count == 0)
		return;
	qsort(l->findings, l->count, sizeof(l->findings[0]), by_place);
	for (size_t i = 1; i < l->count; i++) {
		if (by_place(&l->findings[kept], &l->findings[i]) == 0)
			lint_finding_free(&l->findings[i]);
		else
			l->findings[++kept] = l->findings[i];
	}
	l->count = kept + 1;
}

void lint_fini(struct lint *l)
{
	for (size_t i = 0; i < l->count; i++)
		lint_finding_free(&l->findings[i]);
	free(l->findings);
}

/* --- Checks --- */

void lint_run(struct lint *l, const struct view *v, const struct lint_check *checks)
{
	l->view = v;
	for (; checks->id != NULL; checks++) {
		l->rule = rulebook_find(span_str(checks->id));
		if (checks->file != NULL)
			checks->file(l, l->view);
		for (size_t i = 0; checks->rule != NULL && i < l->view->count; i++)
			checks->rule(l, l->view, &l->view->rules[i]);
	}
}

void lint_view(struct lint *l, const struct view *v)
{
	lint_run(l, v, checks_refused);
	lint_run(l, v, checks_yaml);
	if (v->root == NULL)
		return;
	l->proof = v->matcher != NULL && v->fault == INGRESS_OK ? proof_new(v) : NULL;
	lint_run(l, v, checks_routing);
	lint_run(l, v, checks_path);
	lint_run(l, v, checks_overlap);
	lint_run(l, v, checks_service);
	lint_run(l, v, checks_origin);
	lint_run(l, v, checks_access);
	lint_run(l, v, checks_settings);
	proof_free(l->proof);
	l->proof = NULL;
}

/* --- Names --- */

const char *const lint_rule_keys[] = {"hostname", "path", "service", "originRequest", NULL};
const char *const lint_origin_keys[] = {"connectTimeout", "tlsTimeout", "tcpKeepAlive", "noHappyEyeballs",
	"keepAliveConnections", "keepAliveTimeout", "httpHostHeader", "originServerName", "matchSNItoHost",
	"caPool", "noTLSVerify", "disableChunkedEncoding", "bastionMode", "proxyAddress", "proxyPort",
	"proxyType", "ipRules", "http2Origin", "access", NULL};
const char *const lint_access_keys[] = {"required", "teamName", "audTag", "environment", NULL};
const char *const lint_ip_keys[] = {"prefix", "ports", "allow", NULL};
const char *const lint_warp_keys[] = {"connectTimeout", "tcpKeepAlive", "maxActiveFlows", NULL};

bool lint_is_key(struct span name, const char *const *keys)
{
	for (; *keys != NULL; keys++)
		if (span_eq(name, span_str(*keys)))
			return true;
	return false;
}

void lint_way(const struct view *v, const struct view_rule *r, struct buf *out)
{
	/* Of a value that is no scalar it is enough that both take it from the same place. */
	for (size_t i = 0; lint_origin_keys[i] != NULL; i++) {
		const struct yaml_node *value = view_option(v, r, lint_origin_keys[i]);
		bool is_scalar = value != NULL && value->kind == YAML_SCALAR;
		uintptr_t place = (uintptr_t)value;
		struct span text = is_scalar ? value->text : span_of((const char *)&place, sizeof(place));
		buf_add_char(out, is_scalar ? 's' : 'n');
		buf_add(out, &text.len, sizeof(text.len));
		buf_add_span(out, text);
	}
	if (r->fault == INGRESS_OK)
		buf_add_str(out, r->target.text);
	else
		buf_add(out, &r->number, sizeof(r->number));
}

bool lint_is_alike(const struct view *v, const struct view_rule *a, const struct view_rule *b)
{
	struct buf x = {0}, y = {0};

	if (a->fault != INGRESS_OK || b->fault != INGRESS_OK || strcmp(a->target.text, b->target.text) != 0)
		return false;
	lint_way(v, a, &x);
	lint_way(v, b, &y);
	bool alike = span_eq(buf_span(&x), buf_span(&y));
	buf_free(&x);
	buf_free(&y);
	return alike;
}

/* The same but for case, "-" and "_". */
static bool is_same_name(struct span a, struct span b)
{
	size_t i = 0, k = 0;

	while (i < a.len || k < b.len) {
		if (i < a.len && (a.p[i] == '-' || a.p[i] == '_'))
			i++;
		else if (k < b.len && (b.p[k] == '-' || b.p[k] == '_'))
			k++;
		else if (i == a.len || k == b.len || span_lower(a.p[i++]) != span_lower(b.p[k++]))
			return false;
	}
	return true;
}

const char *lint_nearest(struct span name, const char *const *candidates)
{
	const char *nearest = NULL;
	size_t least = 3;

	for (; *candidates != NULL; candidates++) {
		struct span candidate = span_str(*candidates);
		size_t d = is_same_name(name, candidate) ? 0 : span_distance(name, candidate);
		if (d < least && d < candidate.len / 2) {
			least = d;
			nearest = *candidates;
		}
	}
	return nearest;
}
