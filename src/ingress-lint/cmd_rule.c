/* ingress-lint rule: which rule serves a URL. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/opt.h"
#include "common/base/out.h"
#include "common/conf/ingress_url.h"
#include "ingress-lint/choice.h"
#include "ingress-lint/cmd.h"
#include "ingress-lint/report.h"

#define LINE_MAX_BYTES ((size_t)1 << 20) /* of standard input */

struct flags {
	const char *config, *compat;
	bool json;
};

static const struct opt options[] = {
	{'c', "config", "FILE", "the configuration; - reads standard input", OPT_TEXT(struct flags, config),
		"OUTBORE_INGRESS_LINT_CONFIG"},
	{0, "compat", "VERSION", "whose choice: of 2023.7, 2025 or 2026 (default 2025)",
		OPT_TEXT(struct flags, compat), NULL},
	{'j', "json", NULL, "a record for each URL", OPT_BOOL(struct flags, json), NULL},
	{0},
};

static const struct opt_program program = {.name = "ingress-lint rule",
	.usage = "[OPTIONS] --config FILE URL...",
	.summary = "Which rule serves each URL, as cloudflared tunnel ingress rule says. - reads URLs or "
		   "records, one a line.",
	.more = "exit status: 0 each URL is served, 1 a URL or the configuration is refused, 2 usage, 3 the "
		"file cannot be\n"
		"read, or a line is no record\n",
	.options = options};

/* --- One URL --- */

struct match {
	const char *error_class; /* NULL: there is a rule */
	size_t rule;
};

static struct match match_url(const struct view *v, struct span text)
{
	struct ingress_url url;

	if (v->fault != INGRESS_OK)
		return (struct match){.error_class = ingress_fault_class(v->fault)};
	const char *why = ingress_url_parse(text, v->release, &url);
	if (why != NULL)
		return (struct match){.error_class = why};
	size_t rule =
		ingress_match(v->matcher, span_of(url.host, url.host_len), span_of(url.path, url.path_len));
	ingress_url_free(&url);
	return (struct match){.rule = rule};
}

/* --- Output --- */

static void fill_record(json_t *record, const struct view *v, const struct match *m)
{
	json_t *ingress = json_object();

	if (m->error_class != NULL) {
		json_object_set_new(ingress, "rule", json_null());
		json_object_set_new(ingress, "error_class", json_string(m->error_class));
	} else {
		const struct view_rule *r = &v->rules[m->rule];
		json_object_set_new(ingress, "rule", json_integer((json_int_t)m->rule));
		json_object_set_new(ingress, "hostname", report_string(r->host));
		json_object_set_new(ingress, "path", report_string(r->expr));
		json_object_set_new(ingress, "service", report_string(r->target.text));
	}
	json_object_set_new(record, "kind", json_string("match"));
	json_object_set_new(record, "tool", json_string("ingress-lint"));
	json_object_set_new(record, "ingress", ingress);
	if (m->error_class != NULL)
		json_object_set_new(record, "status", json_string("fail"));
	else if (json_object_get(record, "status") == NULL)
		json_object_set_new(record, "status", json_string("ok"));
	if (json_object_get(record, "findings") == NULL)
		json_object_set_new(record, "findings", json_array());
}

static void print_text(const struct view *v, const char *url, const struct match *m)
{
	struct buf line = {0};

	out_escape(span_str(url), &line);
	if (m->error_class != NULL) {
		buf_addf(&line, ": %s", m->error_class);
	} else {
		const struct view_rule *r = &v->rules[m->rule];
		buf_addf(&line, ": rule #%zu, %s:%u: ", m->rule, v->origin.file, r->node->start.line);
		out_escape(view_is_any(r->host) ? SPAN("any host") : span_str(r->host), &line);
		if (r->expr[0] != '\0') {
			buf_add_str(&line, " path ");
			out_escape(span_str(r->expr), &line);
		}
		buf_add_str(&line, " -> ");
		out_escape(span_str(r->target.text), &line);
	}
	printf("%.*s\n", (int)buf_len(&line), buf_span(&line).p);
	buf_free(&line);
}

/* record is released; NULL makes a new one. */
static int answer(const struct view *v, const struct flags *f, const char *url, json_t *record)
{
	struct match m = match_url(v, span_str(url));

	if (!f->json) {
		print_text(v, url, &m);
	} else {
		if (record == NULL) {
			json_t *target = json_object();
			record = out_record("match", "ingress-lint");
			json_object_set_new(target, "url", report_string(url));
			json_object_set_new(record, "target", target);
		}
		fill_record(record, v, &m);
		out_line(stdout, json_incref(record));
	}
	json_decref(record);
	return m.error_class != NULL ? LINT_EXIT_WRONG : LINT_EXIT_OK;
}

/* --- Standard input --- */

static int answer_record(const struct view *v, const struct flags *f, const char *line)
{
	json_error_t why;
	json_t *record = json_loads(line, 0, &why);
	const char *url = json_string_value(json_object_get(json_object_get(record, "target"), "url"));

	if (!json_is_object(record)) {
		json_decref(record);
		json_t *error = out_record("error", "ingress-lint");
		json_object_set_new(error, "error", json_string("a line is no record"));
		out_line(stdout, error);
		fprintf(stderr, "ingress-lint rule: a line is no record: %s\n", why.text);
		return LINT_EXIT_CANNOT;
	}
	if (url == NULL) { /* not for us */
		out_line(stdout, record);
		return LINT_EXIT_OK;
	}
	char *copy = mem_strdup(url);
	int status = answer(v, f, copy, record);
	free(copy);
	return status;
}

static int answer_lines(const struct view *v, const struct flags *f)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int worst = LINT_EXIT_OK;
	struct err err;

	while ((len = getline(&line, &cap, stdin)) > 0) {
		if ((size_t)len > LINE_MAX_BYTES) {
			fprintf(stderr, "ingress-lint rule: a line of more than %zu bytes\n", LINE_MAX_BYTES);
			worst = LINT_EXIT_CANNOT;
			continue;
		}
		while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
			line[--len] = '\0';
		if (len == 0)
			continue;
		int status = line[0] == '{' ? answer_record(v, f, line) : answer(v, f, line, NULL);
		worst = status > worst ? status : worst;
	}
	free(line);
	if (ferror(stdin) != 0) {
		err_sys(&err, "standard input");
		worst = out_die(program.name, &err, LINT_EXIT_CANNOT);
	}
	return worst;
}

/* why: what is wrong with the file itself, "" when it is a text. */
static int answer_all(
	const struct view *v, const struct flags *f, int argc, char **argv, const struct err *why)
{
	int worst = LINT_EXIT_OK;

	if (why->text[0] != '\0')
		worst = out_die(program.name, why, LINT_EXIT_CANNOT);
	else if (v->fault != INGRESS_OK)
		fprintf(stderr, "ingress-lint rule: %s:%u: %s\n", v->origin.file, v->error.at.line,
			v->error.err.text);
	for (int i = 0; i < argc; i++) {
		int status = strcmp(argv[i], "-") == 0 ? answer_lines(v, f) : answer(v, f, argv[i], NULL);
		worst = status > worst ? status : worst;
	}
	return fflush(stdout) == 0 ? worst : LINT_EXIT_CANNOT;
}

int lint_cmd_rule(int argc, char **argv)
{
	struct flags f = {0};
	struct opt_seen seen = {{0}};
	struct err err = {{0}};
	struct input in;
	struct view v;

	enum opt_result result = opt_parse(&program, &f, &seen, &argc, &argv, &err);
	if (result == OPT_RUN)
		result = opt_environment(&program, &f, &seen, &err);
	if (result == OPT_DONE)
		return LINT_EXIT_OK;
	if (result == OPT_RUN && f.config == NULL)
		err_set(&err, "no --config FILE");
	else if (result == OPT_RUN && argc == 0)
		err_set(&err, "no URL; - reads them from standard input");
	int release = result == OPT_RUN ? choice_release(f.compat, &err) : -1;
	if (err.text[0] != '\0')
		return out_die(program.name, &err, LINT_EXIT_USAGE);
	input_read(&in, f.config);
	if (in.err.text[0] != '\0' && buf_len(&in.text) == 0)
		return out_die(program.name, &in.err, LINT_EXIT_CANNOT);
	struct view_origin origin = {
		.file = f.config, .text = buf_span(&in.text), .line = 1, .column = 1, .exact = true};
	view_init(&v, origin, buf_span(&in.text), (enum release)release);
	input_judge(&in, &v);
	int status = answer_all(&v, &f, argc, argv, &in.err);
	view_fini(&v);
	input_fini(&in);
	return status;
}
