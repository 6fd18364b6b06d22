/* SARIF 2.1.0, JUnit's XML, and the workflow commands of GitHub. */
#include <string.h>

#include "common/base/out.h"
#include "common/base/version.h"
#include "hdrcheck/show.h"

/* --- SARIF --- */

static const char *sarif_level(enum severity severity)
{
	return severity == SEVERITY_INFO ? "note" : severity_name(severity);
}

static json_t *sarif_result(const char *id, const char *level, const char *message, const char *url)
{
	return json_pack("{s:s, s:s, s:{s:o}, s:[{s:{s:{s:o}}}]}", "ruleId", id, "level", level, "message",
		"text", show_json_text(span_str(message)), "locations", "physicalLocation",
		"artifactLocation", "uri", show_json_text(span_str(url)));
}

json_t *show_sarif_results(const struct show_target *t)
{
	json_t *out = json_array();

	if (t->error != NULL)
		json_array_append_new(out, sarif_result("not-judged", "error", t->error, t->url));
	for (size_t i = 0; t->error == NULL && i < t->audit->count; i++) {
		const struct finding *f = &t->audit->findings[i];
		json_array_append_new(out, sarif_result(f->rule->id, sarif_level(f->rule->severity),
						   f->message, f->url != NULL ? f->url : t->url));
	}
	return out;
}

json_t *show_sarif(json_t *results)
{
	json_t *list = json_array();

	json_array_append_new(list, json_pack("{s:s, s:{s:s}}", "id", "not-judged", "shortDescription",
					    "text", "The target could not be fetched or read."));
	for (size_t i = 0; i < rules_count; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:{s:s}, s:{s:s}}", "id", rules[i].id, "shortDescription",
				      "text", rules[i].why, "defaultConfiguration", "level",
				      sarif_level(rules[i].severity)));
	return json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:o}}, s:o}]}", "$schema",
		"https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs", "tool", "driver",
		"name", "hdrcheck", "version", VERSION, "rules", list, "results", results);
}

/* --- JUnit --- */

static void add_xml(struct buf *to, const char *text)
{
	struct buf clean = {0};

	out_escape(span_str(text), &clean);
	struct span s = buf_span(&clean);
	for (size_t i = 0; i < s.len; i++) {
		switch (s.p[i]) {
		case '&': buf_add_str(to, "&amp;"); break;
		case '<': buf_add_str(to, "&lt;"); break;
		case '>': buf_add_str(to, "&gt;"); break;
		case '"': buf_add_str(to, "&quot;"); break;
		default: buf_add_char(to, s.p[i]); break;
		}
	}
	buf_free(&clean);
}

static void add_case(struct buf *to, const char *name, const char *failure)
{
	buf_add_str(to, "    <testcase name=\"");
	add_xml(to, name);
	if (failure == NULL) {
		buf_add_str(to, "\"/>\n");
		return;
	}
	buf_add_str(to, "\"><failure message=\"");
	add_xml(to, failure);
	buf_add_str(to, "\"/></testcase>\n");
}

static bool is_failure(const struct finding *f)
{
	return f->rule->severity > SEVERITY_INFO;
}

void show_junit_suite(struct buf *to, const struct show_target *t)
{
	size_t cases = 0, failures = 0;
	struct buf list = {0};

	if (t->error != NULL) {
		add_case(&list, "not-judged", t->error);
		cases = failures = 1;
	}
	for (size_t i = 0; t->error == NULL && i < rules_count; i++) {
		const char *failure = NULL;
		for (size_t j = 0; j < t->audit->count; j++)
			if (t->audit->findings[j].rule == &rules[i] && is_failure(&t->audit->findings[j]))
				failure = t->audit->findings[j].message;
		add_case(&list, rules[i].id, failure);
		cases++;
		failures += failure != NULL;
	}
	buf_add_str(to, "  <testsuite name=\"");
	add_xml(to, t->url);
	buf_addf(to, "\" tests=\"%zu\" failures=\"%zu\">\n", cases, failures);
	buf_add_span(to, buf_span(&list));
	buf_add_str(to, "  </testsuite>\n");
	buf_free(&list);
}

/* --- GitHub --- */

/* Workflow commands end at a line's end; "%" escapes. */
static void add_command_text(struct buf *to, const char *text)
{
	struct buf clean = {0};

	out_escape(span_str(text), &clean);
	struct span s = buf_span(&clean);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '%')
			buf_add_str(to, "%25");
		else
			buf_add_char(to, s.p[i]);
	}
	buf_free(&clean);
}

static void print_command(FILE *to, const char *command, const char *id, const char *url, const char *message)
{
	struct buf line = {0};

	buf_addf(&line, "::%s title=%s::", command, id);
	add_command_text(&line, url);
	buf_add_str(&line, ": ");
	add_command_text(&line, message);
	fprintf(to, "%.*s\n", (int)buf_len(&line), buf_span(&line).p);
	buf_free(&line);
}

void show_github(struct show *out, const struct show_target *t)
{
	if (t->error != NULL)
		print_command(out->to, "error", "not-judged", t->url, t->error);
	for (size_t i = 0; t->error == NULL && i < t->audit->count; i++) {
		const struct finding *f = &t->audit->findings[i];
		const char *command =
			f->rule->severity == SEVERITY_INFO ? "notice" : severity_name(f->rule->severity);
		print_command(out->to, command, f->rule->id, t->url, f->message);
	}
}
