/* ingress-lint [lint]: findings of files. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/opt.h"
#include "common/base/out.h"
#include "ingress-lint/choice.h"
#include "ingress-lint/cmd.h"
#include "ingress-lint/fix.h"
#include "ingress-lint/records.h"
#include "ingress-lint/report.h"
#include "ingress-lint/run.h"

struct flags {
	const char *format, *compat, *fix, *color;
	struct opt_list enable, disable, proxies;
	bool json, strict, files, container, records, quiet;
};

#define FLAG(kind, member) OPT_##kind(struct flags, member)

static const struct opt options[] = {
	{0, "format", "FORMAT", "text, json, sarif, junit or github (default text)", FLAG(TEXT, format),
		"OUTBORE_INGRESS_LINT_FORMAT"},
	{'j', "json", NULL, "the same as --format json: a record for each file", FLAG(BOOL, json), NULL},
	{0, "compat", "VERSION", "whose verdicts: 2023.7, 2025 or 2026 (default 2025)", FLAG(TEXT, compat),
		NULL},
	{0, "strict", NULL, "warnings count as errors", FLAG(BOOL, strict), NULL},
	{0, "enable", "ID", "report this rule, also after --disable all; repeatable", FLAG(LIST, enable),
		NULL},
	{0, "disable", "ID", "do not report this rule; \"all\" for every one; repeatable",
		FLAG(LIST, disable), NULL},
	{0, "fix", "HOW", "write the safe fixes back; --fix=diff prints a patch in place of findings",
		FLAG(TEXT, fix), NULL},
	{0, "records", NULL, "a record for each rule that can be reached, with a URL that selects it",
		FLAG(BOOL, records), NULL},
	{0, "proxy", "FILE", "a site file of Apache or nginx on the way to the services; repeatable",
		FLAG(LIST, proxies), NULL},
	{0, "files", NULL, "look at the files that the configuration names", FLAG(BOOL, files), NULL},
	{0, "container", NULL, "the configuration is for a container", FLAG(BOOL, container), NULL},
	{0, "color", "WHEN", "auto, always or never (default auto)", FLAG(TEXT, color), NULL},
	{'q', "quiet", NULL, "leave out findings that are only worth knowing", FLAG(BOOL, quiet), NULL},
	{0},
};

static const struct opt_program program = {.name = "ingress-lint",
	.usage = "[OPTIONS] FILE...",
	.summary = "What is wrong with ingress configurations of cloudflared, and what they do. - reads "
		   "standard input.",
	.more = "commands:\n"
		"  rule      which rule serves a URL\n"
		"  rules     the catalogue of what is looked for\n"
		"  explain   one rule of the catalogue\n\n"
		"exit status: 0 nothing wrong, 1 errors (with --strict: or warnings), 2 usage, 3 a file "
		"cannot be read\n",
	.options = options};

/* --- Options --- */

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_SARIF, FORMAT_JUNIT, FORMAT_GITHUB };
static const struct choice formats[] = {{"text", FORMAT_TEXT}, {"json", FORMAT_JSON}, {"sarif", FORMAT_SARIF},
	{"junit", FORMAT_JUNIT}, {"github", FORMAT_GITHUB}, {0}};
enum fix_how { FIX_NO, FIX_WRITE, FIX_DIFF };
static const struct choice fixes[] = {{"write", FIX_WRITE}, {"diff", FIX_DIFF}, {0}};
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
static const struct choice colors[] = {
	{"auto", COLOR_AUTO}, {"always", COLOR_ALWAYS}, {"never", COLOR_NEVER}, {0}};

/* What the flags come to. */
struct plan {
	int format, compat, fix, color;
};

static int check_ids(const struct opt_list *list, const char *option, struct err *err)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], "all") != 0 && rulebook_find(span_str(list->items[i])) == NULL)
			return err_set(err, "--%s: there is no rule \"%s\"; see ingress-lint rules", option,
				list->items[i]);
	return 0;
}

static int make_plan(const struct flags *f, struct plan *p, struct err *err)
{
	p->format = choice_value(formats, "format", f->json ? "json" : f->format, FORMAT_TEXT, err);
	p->compat = p->format < 0 ? -1 : choice_release(f->compat, err);
	p->fix = p->compat < 0 ? -1 : choice_value(fixes, "fix", f->fix, FIX_NO, err);
	p->color = p->fix < 0 ? -1 : choice_value(colors, "color", f->color, COLOR_AUTO, err);
	if (p->color < 0 || check_ids(&f->enable, "enable", err) < 0 ||
		check_ids(&f->disable, "disable", err) < 0)
		return -1;
	return 0;
}

/* "--fix" alone means to write. */
static char **name_fix(int argc, char **argv)
{
	static char written[] = "--fix=write";
	char **copy = mem_array((size_t)argc + 1, sizeof(char *));

	for (int i = 0; i < argc; i++)
		copy[i] = strcmp(argv[i], "--fix") == 0 ? written : argv[i];
	return copy;
}

/* --- Linting --- */

static int exit_status(const struct input *inputs, size_t count, bool strict)
{
	int status = LINT_EXIT_OK;

	for (size_t i = 0; i < count; i++) {
		if (inputs[i].err.text[0] != '\0')
			return LINT_EXIT_CANNOT;
		if (inputs[i].errors > 0 || (strict && inputs[i].warnings > 0))
			status = LINT_EXIT_WRONG;
	}
	return status;
}

static bool wants_color(int when)
{
	const char *no = getenv("NO_COLOR");

	if (when == COLOR_AUTO)
		return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0');
	return when == COLOR_ALWAYS;
}

static int print(const struct input *inputs, size_t count, const struct flags *f, const struct plan *p)
{
	static report_fn *const reports[] = {[FORMAT_TEXT] = report_text,
		[FORMAT_JSON] = report_json,
		[FORMAT_SARIF] = report_sarif,
		[FORMAT_JUNIT] = report_junit,
		[FORMAT_GITHUB] = report_github};
	struct report r = {inputs, count, isatty(STDOUT_FILENO) != 0 || p->color == COLOR_ALWAYS,
		wants_color(p->color), f->quiet};

	if (f->records)
		return records_print(stdout, inputs, count);
	if (p->fix == FIX_DIFF)
		return fix_diff(stdout, inputs, count);
	return reports[p->format](stdout, &r);
}

static int lint_files(int argc, char **argv, const struct flags *f, const struct plan *p)
{
	size_t count = (size_t)argc + f->proxies.count;
	struct input *inputs = mem_array(count, sizeof(inputs[0]));
	struct run_options how = {
		(enum release)p->compat, f->files, f->container, f->proxies.count, &f->enable, &f->disable};
	struct err err;

	for (size_t i = 0; i < count; i++)
		input_read(&inputs[i], i < (size_t)argc ? argv[i] : f->proxies.items[i - (size_t)argc]);
	run_lint(inputs, count, &how);
	for (size_t i = 0; i < count; i++) {
		if (p->fix == FIX_WRITE && fix_write(&inputs[i], &err) < 0)
			inputs[i].err = err;
		if (inputs[i].err.text[0] != '\0')
			out_die("ingress-lint", &inputs[i].err, 0);
	}
	int failed = print(inputs, count, f, p);
	if (failed < 0 || fflush(stdout) != 0)
		failed = -1;
	int status = exit_status(inputs, count, f->strict);
	for (size_t i = 0; i < count; i++)
		input_fini(&inputs[i]);
	free(inputs);
	return failed < 0 ? LINT_EXIT_CANNOT : status;
}

int lint_cmd_lint(int argc, char **argv)
{
	struct flags f = {0};
	struct opt_seen seen = {{0}};
	struct plan plan;
	struct err err = {{0}};
	char **args = name_fix(argc, argv), **rest = args;
	int status = LINT_EXIT_USAGE;

	enum opt_result result = opt_parse(&program, &f, &seen, &argc, &rest, &err);
	if (result == OPT_RUN)
		result = opt_environment(&program, &f, &seen, &err);
	if (result == OPT_RUN && argc == 0) {
		err_set(&err, "no FILE; - reads standard input");
		result = OPT_BAD;
	}
	if (result == OPT_DONE)
		status = LINT_EXIT_OK;
	else if (result == OPT_BAD || make_plan(&f, &plan, &err) < 0)
		out_die("ingress-lint", &err, LINT_EXIT_USAGE);
	else
		status = lint_files(argc, rest, &f, &plan);
	opt_free(options, &f);
	free(args);
	return status;
}
