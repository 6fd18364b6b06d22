/* Findings for continuous integration: JUnit, as Jenkins and GitLab read it, and the commands of GitHub's runners. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "ingress-lint/report.h"

/* --- JUnit: a suite for each file, a case for each finding --- */

/* What XML 1.0 may hold, as text or in an attribute. */
static void add_xml(struct buf *out, const char *text)
{
	struct span rest = span_str(text);

	while (rest.len > 0) {
		uint32_t c = 0;
		size_t len = utf8_decode(rest, &c);
		bool allowed = len > 0 && (c >= 0x20 || c == '\t' || c == '\n') && c != 0xfffe && c != 0xffff;
		if (!allowed)
			buf_add_str(out, "\xef\xbf\xbd");
		else if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\n' || c == '\t')
			buf_addf(out, "&#%u;", (unsigned)c);
		else
			buf_add(out, rest.p, len);
		rest = span_skip(rest, len > 0 ? len : 1);
	}
}

static void add_attribute(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, " %s=\"", name);
	add_xml(out, value);
	buf_add_char(out, '"');
}

static void add_case(struct buf *out, const struct lint_finding *f)
{
	char *where = report_where(f), *name = mem_printf("%s %s", f->rule->id, where);

	buf_add_str(out, "    <testcase");
	add_attribute(out, "name", name);
	add_attribute(out, "classname", f->file);
	if (f->severity == RULEBOOK_INFO) {
		buf_add_str(out, "><system-out>");
		add_xml(out, f->message);
		buf_add_str(out, "</system-out></testcase>\n");
	} else {
		buf_add_str(out, "><failure");
		add_attribute(out, "type", rulebook_severity_name(f->severity));
		add_attribute(out, "message", f->message);
		buf_add_char(out, '>');
		add_xml(out, where);
		buf_add_str(out, ": ");
		add_xml(out, f->rule->fix);
		buf_add_str(out, "</failure></testcase>\n");
	}
	free(where);
	free(name);
}

static size_t count_failures(const struct input *in)
{
	return in->errors + in->warnings;
}

static void add_suite(struct buf *out, const struct input *in)
{
	bool unread = in->err.text[0] != '\0', clean = !unread && in->lint.count == 0;

	buf_add_str(out, "  <testsuite");
	add_attribute(out, "name", in->name);
	buf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%d\">\n",
		in->lint.count + (unread || clean ? 1 : 0), count_failures(in), unread ? 1 : 0);
	for (size_t i = 0; i < in->lint.count; i++)
		add_case(out, &in->lint.findings[i]);
	if (unread || clean) {
		buf_add_str(out, "    <testcase");
		add_attribute(out, "name", in->name);
		add_attribute(out, "classname", in->name);
		buf_add_char(out, '>');
		if (unread) {
			buf_add_str(out, "<error type=\"unreadable\"");
			add_attribute(out, "message", in->err.text);
			buf_add_str(out, "/>");
		}
		buf_add_str(out, "</testcase>\n");
	}
	buf_add_str(out, "  </testsuite>\n");
}

int report_junit(FILE *to, const struct report *r)
{
	struct buf out = {0};

	buf_add_str(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ingress-lint\">\n");
	for (size_t i = 0; i < r->count; i++)
		add_suite(&out, &r->inputs[i]);
	buf_add_str(&out, "</testsuites>\n");
	size_t written = fwrite(buf_span(&out).p, 1, buf_len(&out), to);
	bool whole = written == buf_len(&out);
	buf_free(&out);
	return whole ? 0 : -1;
}

/* --- GitHub --- */

/* What ends a command or a property of one is escaped with a percent sign. */
static void print_escaped(FILE *to, const char *text, const char *escaped)
{
	for (; *text != '\0'; text++) {
		if (strchr(escaped, *text) != NULL)
			fprintf(to, "%%%02X", (unsigned char)*text);
		else
			fputc(*text, to);
	}
}

int report_github(FILE *to, const struct report *r)
{
	static const char *const commands[] = {
		[RULEBOOK_INFO] = "notice", [RULEBOOK_WARNING] = "warning", [RULEBOOK_ERROR] = "error"};

	for (size_t i = 0; i < r->count; i++)
		for (size_t k = 0; k < r->inputs[i].lint.count; k++) {
			const struct lint_finding *f = &r->inputs[i].lint.findings[k];
			fprintf(to, "::%s file=", commands[f->severity]);
			print_escaped(to, f->file, "%\r\n:,");
			fprintf(to, ",line=%u,col=%u,title=%s %s::", f->line, f->column, f->rule->id,
				f->rule->name);
			print_escaped(to, f->message, "%\r\n");
			fputc('\n', to);
		}
	return ferror(to) != 0 ? -1 : 0;
}
