/* The formats by name, and the table for people. */
#include <stdlib.h>
#include <string.h>

#include "common/base/out.h"
#include "hdrcheck/show.h"

bool show_format_of(const char *text, enum show_format *out)
{
	static const char *const names[] = {[SHOW_TEXT] = "text",
		[SHOW_JSON] = "json",
		[SHOW_SARIF] = "sarif",
		[SHOW_JUNIT] = "junit",
		[SHOW_GITHUB] = "github"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0) {
			*out = (enum show_format)i;
			return true;
		}
	return false;
}

void show_begin(struct show *out, FILE *to, enum show_format format)
{
	*out = (struct show){.to = to, .format = format};
	if (format == SHOW_SARIF)
		out->collected = json_array();
	if (format == SHOW_JUNIT)
		fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", to);
}

/* --- The table --- */

#define VALUE_SHOWN ((size_t)72) /* characters of a value that are printed */

static void print_escaped(FILE *to, struct span s)
{
	struct buf text = {0};

	bool cut = s.len > VALUE_SHOWN;
	out_escape(span_of(s.p, cut ? VALUE_SHOWN : s.len), &text);
	fprintf(to, "%.*s%s", (int)buf_len(&text), buf_span(&text).p, cut ? "..." : "");
	buf_free(&text);
}

static const char *paint(const struct show *out, enum severity severity)
{
	static const char *const colours[] = {"\033[36m", "\033[33m", "\033[31m"};

	return out->colour ? colours[severity] : "";
}

static void print_finding(const struct show *out, const struct finding *f)
{
	const char *off = out->colour ? "\033[0m" : "";

	fprintf(out->to, "  %s%-7s%s %-26s ", paint(out, f->rule->severity), severity_name(f->rule->severity),
		off, f->rule->id);
	print_escaped(out->to, f->header.len > 0 ? f->header : SPAN("-"));
	if (f->hop != NULL) {
		fputs(" [", out->to);
		print_escaped(out->to, span_str(f->hop));
		fputc(']', out->to);
	}
	fputs("\n          ", out->to);
	struct buf message = {0};
	out_escape(span_str(f->message), &message);
	fprintf(out->to, "%.*s\n", (int)buf_len(&message), buf_span(&message).p);
	buf_free(&message);
	if (f->value.len > 0) {
		fputs("          > ", out->to);
		print_escaped(out->to, f->value);
		fputc('\n', out->to);
	}
	if (f->url != NULL) {
		fputs("          at ", out->to);
		print_escaped(out->to, span_str(f->url));
		fputc('\n', out->to);
	}
}

static void print_tests(const struct show *out, const struct observatory *o)
{
	for (enum obs_test t = 0; t < OBS_TESTS; t++)
		if (o->tests[t] != NULL)
			fprintf(out->to, "  %-4s %+4d  %-30s %s\n", o->tests[t]->pass ? "pass" : "FAIL",
				observatory_modifier(o, t), observatory_test_name(t), o->tests[t]->name);
}

static void print_line(const struct show *out, const char *before, const char *text)
{
	struct buf line = {0};

	out_escape(span_str(text), &line);
	fprintf(out->to, "%s%.*s\n", before, (int)buf_len(&line), buf_span(&line).p);
	buf_free(&line);
}

static void print_hops(const struct show *out, const struct hops *h)
{
	fputs("  hops, from the outside in:\n", out->to);
	for (size_t row = 0; row < h->row_count; row++) {
		const struct hop_row *r = &h->rows[row];
		fputs("  ", out->to);
		print_escaped(out->to, r->name);
		fputc('\n', out->to);
		for (size_t i = 0; i < h->count; i++) {
			struct buf name = {0};
			out_escape(span_str(h->at[i].name), &name);
			fprintf(out->to, "    %-12.*s %-8s ", (int)buf_len(&name), buf_span(&name).p,
				i + 1 < h->count ? hop_change_name(r->change[i]) : "");
			buf_free(&name);
			print_escaped(out->to, r->values[i].p != NULL ? r->values[i] : SPAN("-"));
			fputc('\n', out->to);
			if (r->look[i] != NULL)
				print_line(out, "      look at ", r->look[i]);
		}
	}
}

void show_text(struct show *out, const struct show_target *t)
{
	if (out->count++ > 0)
		fputc('\n', out->to);
	print_escaped(out->to, span_str(t->url));
	if (t->error != NULL) {
		struct buf why = {0};
		out_escape(span_str(t->error), &why);
		fprintf(out->to, ": %.*s\n", (int)buf_len(&why), buf_span(&why).p);
		buf_free(&why);
		return;
	}
	const struct observatory *o = &t->audit->observatory;
	fprintf(out->to, ": status %d\n", t->audit->r->status);
	if (!out->quiet)
		print_tests(out, o);
	if (t->hops != NULL)
		print_hops(out, t->hops);
	for (enum severity s = SEVERITY_ERROR + 1; s-- > SEVERITY_INFO;)
		for (size_t i = 0; i < t->audit->count; i++)
			if (t->audit->findings[i].rule->severity == s && !(out->quiet && s == SEVERITY_INFO))
				print_finding(out, &t->audit->findings[i]);
	if (t->policy != NULL)
		fprintf(out->to, "  policy %s: %s\n", t->policy, t->policy_met ? "met" : "not met");
	if (o->scored)
		fprintf(out->to, "  Observatory (algorithm %d): %s, %d; own score %d\n", o->algorithm,
			o->grade, o->score, audit_score(t->audit));
	else
		fprintf(out->to, "  the Observatory does not scan status %d; own score %d\n",
			t->audit->r->status, audit_score(t->audit));
}

int show_target(struct show *out, const struct show_target *t)
{
	struct buf suite = {0};

	switch (out->format) {
	case SHOW_TEXT: show_text(out, t); break;
	case SHOW_JSON: return out_line(out->to, show_record(t));
	case SHOW_SARIF: {
		json_t *results = show_sarif_results(t);
		json_array_extend(out->collected, results);
		json_decref(results);
		break;
	}
	case SHOW_JUNIT:
		show_junit_suite(&suite, t);
		fwrite(buf_span(&suite).p, 1, buf_len(&suite), out->to);
		buf_free(&suite);
		break;
	case SHOW_GITHUB: show_github(out, t); break;
	}
	return fflush(out->to) == EOF ? -1 : 0;
}

int show_end(struct show *out)
{
	if (out->format == SHOW_SARIF) {
		json_t *log = show_sarif(out->collected);
		out->collected = NULL;
		json_dumpf(log, out->to, JSON_INDENT(2));
		fputc('\n', out->to);
		json_decref(log);
	}
	if (out->format == SHOW_JUNIT)
		fputs("</testsuites>\n", out->to);
	return fflush(out->to) == EOF ? -1 : 0;
}
