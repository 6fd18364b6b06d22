/* ingress-lint rules, ingress-lint explain: the catalogue. */
#include <stdio.h>

#include "common/base/opt.h"
#include "common/base/out.h"
#include "ingress-lint/cmd.h"
#include "ingress-lint/rulebook.h"

struct flags {
	bool json;
};

static const struct opt options[] = {
	{'j', "json", NULL, "an object for each rule", OPT_BOOL(struct flags, json), NULL},
	{0},
};

static const struct opt_program rules_program = {.name = "ingress-lint rules",
	.usage = "[OPTIONS]",
	.summary = "The catalogue: id, severity and what is found.",
	.more = "exit status: 0 done, 2 usage\n",
	.options = options};
static const struct opt_program explain_program = {.name = "ingress-lint explain",
	.usage = "[OPTIONS] ID...",
	.summary = "A rule of the catalogue: why it matters, what to do, and an example.",
	.more = "exit status: 0 done, 2 usage, or there is no such rule\n",
	.options = options};

static int print_json(const struct rulebook_rule *r)
{
	json_t *o = out_record("rule", "ingress-lint");

	json_object_set_new(o, "id", json_string(r->id));
	json_object_set_new(o, "name", json_string(r->name));
	json_object_set_new(o, "severity", json_string(rulebook_severity_name(r->severity)));
	json_object_set_new(o, "title", json_string(r->title));
	json_object_set_new(o, "why", json_string(r->why));
	json_object_set_new(o, "fix", json_string(r->fix));
	json_object_set_new(o, "evidence", json_string(r->evidence));
	json_object_set_new(o, "bad", json_string(r->bad));
	json_object_set_new(o, "good", json_string(r->good));
	return out_line(stdout, o);
}

static void print_indented(const char *title, const char *text)
{
	struct span rest = span_str(text);

	printf("\n%s:\n\n", title);
	while (rest.p != NULL && rest.len > 0) {
		struct span line = span_cut(rest, '\n', &rest);
		printf("    %.*s\n", (int)line.len, line.p);
	}
}

static void print_rule(const struct rulebook_rule *r)
{
	printf("%s %s (%s)\n\n%s\n\nWhy: %s\nFix: %s\nEvidence: %s\n", r->id, r->name,
		rulebook_severity_name(r->severity), r->title, r->why, r->fix, r->evidence);
	print_indented("Bad", r->bad);
	print_indented("Good", r->good);
}

int lint_cmd_rules(int argc, char **argv)
{
	struct flags f = {0};
	struct opt_seen seen = {{0}};
	struct err err = {{0}};

	enum opt_result result = opt_parse(&rules_program, &f, &seen, &argc, &argv, &err);
	if (result == OPT_DONE)
		return LINT_EXIT_OK;
	if (result == OPT_RUN && argc > 0)
		err_set(&err, "\"%s\": rules takes no argument; explain does", argv[0]);
	if (err.text[0] != '\0')
		return out_die(rules_program.name, &err, LINT_EXIT_USAGE);
	for (const struct rulebook_rule *r = rulebook_next(NULL); r != NULL; r = rulebook_next(r)) {
		if (f.json)
			print_json(r);
		else
			printf("%s  %-7s  %s\n", r->id, rulebook_severity_name(r->severity), r->title);
	}
	return fflush(stdout) == 0 ? LINT_EXIT_OK : LINT_EXIT_CANNOT;
}

int lint_cmd_explain(int argc, char **argv)
{
	struct flags f = {0};
	struct opt_seen seen = {{0}};
	struct err err = {{0}};

	enum opt_result result = opt_parse(&explain_program, &f, &seen, &argc, &argv, &err);
	if (result == OPT_DONE)
		return LINT_EXIT_OK;
	if (result == OPT_RUN && argc == 0)
		err_set(&err, "no ID; ingress-lint rules lists them");
	for (int i = 0; i < argc && err.text[0] == '\0'; i++)
		if (rulebook_find(span_str(argv[i])) == NULL)
			err_set(&err, "there is no rule \"%s\"; ingress-lint rules lists them", argv[i]);
	if (err.text[0] != '\0')
		return out_die(explain_program.name, &err, LINT_EXIT_USAGE);
	for (int i = 0; i < argc; i++) {
		const struct rulebook_rule *r = rulebook_find(span_str(argv[i]));
		if (f.json)
			print_json(r);
		else
			print_rule(r);
		if (!f.json && i + 1 < argc)
			putchar('\n');
	}
	return fflush(stdout) == 0 ? LINT_EXIT_OK : LINT_EXIT_CANNOT;
}
