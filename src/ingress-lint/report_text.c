/* Findings for people. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/utf8.h"
#include "ingress-lint/report.h"

#define LINE_SHOWN 200 /* bytes of a source line */

static const char *color_of(const struct report *r, enum rulebook_severity severity)
{
	static const char *const colors[] = {[RULEBOOK_INFO] = "\033[36m",
		[RULEBOOK_WARNING] = "\033[33m",
		[RULEBOOK_ERROR] = "\033[1;31m"};

	return r->color ? colors[severity] : "";
}

/* The source line, and a caret under the place. */
static void show_line(FILE *to, const struct input *in, const struct lint_finding *f)
{
	struct span line = input_line(in, f->line);
	struct buf shown = {0}, caret = {0};
	unsigned column = 1;

	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	for (size_t i = 0; i < line.len && i < LINE_SHOWN; column++) {
		uint32_t c;
		size_t len = utf8_decode(span_skip(line, i), &c);
		len = len > 0 ? len : 1;
		if (column < f->column)
			buf_add_char(&caret, line.p[i] == '\t' ? '\t' : ' ');
		if (line.p[i] == '\t')
			buf_add_char(&shown, '\t');
		else
			out_escape(span_of(line.p + i, len), &shown);
		i += len;
	}
	fprintf(to, "  %.*s\n  %.*s^\n", (int)buf_len(&shown), buf_span(&shown).p, (int)buf_len(&caret),
		buf_span(&caret).p);
	buf_free(&shown);
	buf_free(&caret);
}

static void print_finding(
	FILE *to, const struct report *r, const struct input *in, const struct lint_finding *f)
{
	fprintf(to, "%s:%u:%u: %s%s%s: %s [%s]\n", f->file, f->line, f->column, color_of(r, f->severity),
		rulebook_severity_name(f->severity), r->color ? "\033[0m" : "", f->message, f->rule->id);
	if (r->carets && f->file == in->name)
		show_line(to, in, f);
	fprintf(to, "  fix: %s\n", f->rule->fix);
	if (f->witness != NULL)
		fprintf(to, "  try: %s\n", f->witness);
}

int report_text(FILE *to, const struct report *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct input *in = &r->inputs[i];
		for (size_t k = 0; k < in->lint.count; k++)
			if (!r->quiet || in->lint.findings[k].severity > RULEBOOK_INFO)
				print_finding(to, r, in, &in->lint.findings[k]);
		if (in->lint.dropped > 0)
			fprintf(to, "%s: %zu findings more\n", in->name, in->lint.dropped);
	}
	return ferror(to) != 0 ? -1 : 0;
}

char *report_where(const struct lint_finding *f)
{
	return mem_printf("%s:%u:%u", f->file, f->line, f->column);
}
