/* Options from a table: parsing, help, environment. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/base/opt.h"
#include "common/base/version.h"

#define OPT_ENV_MAX 64 /* bytes of a variable's name made of a prefix and an option */

static void *opt_member(void *conf, const struct opt *row)
{
	return (char *)conf + row->offset;
}

const struct opt *opt_find(const struct opt *options, const char *name)
{
	for (const struct opt *row = options; row->name != NULL; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

static const struct opt *opt_find_brief(const struct opt *options, char brief)
{
	for (const struct opt *row = options; row->name != NULL; row++)
		if (row->brief == brief && brief != '\0')
			return row;
	return NULL;
}

bool opt_was_set(const struct opt *options, const struct opt_seen *seen, const char *name)
{
	const struct opt *row = opt_find(options, name);

	return row != NULL && seen->row[row - options];
}

bool opt_row_was_set(const struct opt *options, const struct opt_seen *seen, const struct opt *row)
{
	for (const struct opt *r = options; r->name != NULL; r++)
		if (seen->row[r - options] &&
			(r == row || (r->kind == row->kind && r->offset == row->offset)))
			return true;
	return false;
}

static int opt_set_bool(bool *out, const char *text, const char *origin, struct err *err)
{
	if (text == NULL || strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
		*out = true;
	else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		*out = false;
	else
		return err_set(err, "%s: \"%s\" is neither true nor false", origin, text);
	return 0;
}

static int opt_set_number(
	const struct opt *row, int64_t *out, const char *text, const char *origin, struct err *err)
{
	uint64_t n;

	if (!span_to_u64(span_str(text), INT64_MAX, &n) || (int64_t)n < row->min || (int64_t)n > row->max)
		return err_set(err, "%s: \"%s\" is not a number from %lld to %lld", origin, text,
			(long long)row->min, (long long)row->max);
	*out = (int64_t)n;
	return 0;
}

static int opt_set_time(
	const struct opt *row, int64_t *out, const char *text, const char *origin, struct err *err)
{
	char least[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];
	int64_t ns;

	duration_print(row->min, least);
	duration_print(row->max, most);
	if (duration_parse(span_str(text), &ns) != DURATION_OK)
		return err_set(err, "%s: \"%s\" is not a duration such as 500ms, 30s or 1h30m", origin, text);
	if (ns < row->min || ns > row->max)
		return err_set(err, "%s: \"%s\" is not between %s and %s", origin, text, least, most);
	*out = ns;
	return 0;
}

static void opt_list_add(struct opt_list *list, const char *text)
{
	list->items = mem_grow(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = text;
}

enum opt_result opt_set(
	const struct opt *row, void *conf, const char *text, const char *origin, struct err *err)
{
	void *member = opt_member(conf, row);
	int rc = 0;

	switch (row->kind) {
	case OPT_KIND_BOOL: rc = opt_set_bool(member, text, origin, err); break;
	case OPT_KIND_TEXT: *(const char **)member = text; break;
	case OPT_KIND_LIST: opt_list_add(member, text); break;
	case OPT_KIND_NUMBER: rc = opt_set_number(row, member, text, origin, err); break;
	case OPT_KIND_TIME: rc = opt_set_time(row, member, text, origin, err); break;
	case OPT_KIND_REFUSE: rc = err_set(err, "%s: not supported by this program yet", origin); break;
	}
	return rc < 0 ? OPT_BAD : OPT_RUN;
}

static void opt_print_row(const struct opt *row)
{
	char left[64];

	int len = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", row->brief ? '-' : ' ',
		row->brief ? row->brief : ' ', row->brief ? "," : " ", row->name, row->value ? " " : "",
		row->value ? row->value : "");
	if (len > 34)
		printf("%s\n%-34s", left, "");
	else
		printf("%-34s", left);
	printf(" %s", row->help);
	if (row->env != NULL)
		printf(" [$%s]", row->env);
	putchar('\n');
}

static void opt_print_rows(const struct opt *options)
{
	for (const struct opt *row = options; row->name != NULL; row++)
		if (row->help != NULL && row->kind != OPT_KIND_REFUSE)
			opt_print_row(row);
	printf("      --help                       print this text\n"
	       "      --version                    print the version\n");
}

static void opt_help(const struct opt_program *program)
{
	printf("usage: %s %s\n\n%s\n", program->name, program->usage, program->summary);
	if (!program->first_only) {
		printf("\noptions:\n");
		opt_print_rows(program->options);
		if (program->env_prefix != NULL)
			printf("\nenvironment: %sNAME stands for --name, with _ for - and .\n",
				program->env_prefix);
	}
	if (program->more != NULL)
		printf("\n%s", program->more);
}

/* State of one walk over argv. */
struct walk {
	const struct opt_program *program;
	void *conf;
	struct opt_seen *seen;
	char **next, **end;
	char **operands; /* where the next operand goes */
	struct err *err;
};

/* Give row its value: `text` if the option had one attached, else the next argument. */
static enum opt_result opt_take(struct walk *w, const struct opt *row, const char *text, const char *origin)
{
	if (row->kind != OPT_KIND_BOOL && row->kind != OPT_KIND_REFUSE && text == NULL) {
		if (w->next == w->end) {
			err_set(w->err, "%s needs an argument", origin);
			return OPT_BAD;
		}
		text = *w->next++;
	}
	w->seen->row[row - w->program->options] = true;
	return opt_set(row, w->conf, text, origin, w->err);
}

/* What was probably meant by a name that is none: two edits away at most; NULL when nothing is. */
static const struct opt *opt_nearest(const struct opt *options, const char *name)
{
	const struct opt *nearest = NULL;
	size_t least = 3;

	for (const struct opt *row = options; row->name != NULL; row++) {
		size_t d = span_distance(span_str(name), span_str(row->name));
		if (d < least && row->help != NULL && row->kind != OPT_KIND_REFUSE) {
			least = d;
			nearest = row;
		}
	}
	return nearest;
}

static void opt_unknown(const struct walk *w, const char *name)
{
	const struct opt *near = opt_nearest(w->program->options, name);

	if (near != NULL)
		err_set(w->err, "unknown option --%s; did you mean --%s?", name, near->name);
	else
		err_set(w->err, "unknown option --%s; see %s --help", name, w->program->name);
}

static enum opt_result opt_long(struct walk *w, const char *arg)
{
	const char *equals = strchr(arg, '=');
	char *name = mem_spandup(span_of(arg, equals != NULL ? (size_t)(equals - arg) : strlen(arg)));
	const struct opt *row = opt_find(w->program->options, name);
	char *origin = mem_printf("--%s", name);
	enum opt_result result = OPT_BAD;

	if (strcmp(name, "help") == 0) {
		opt_help(w->program);
		result = OPT_DONE;
	} else if (strcmp(name, "version") == 0) {
		printf("%s %s\n", w->program->name, VERSION);
		result = OPT_DONE;
	} else if (row == NULL) {
		opt_unknown(w, name);
	} else {
		result = opt_take(w, row, equals != NULL ? equals + 1 : NULL, origin);
	}
	free(origin);
	free(name);
	return result;
}

/* A cluster of one-letter options; the last one may have its value attached. */
static enum opt_result opt_short(struct walk *w, const char *arg)
{
	for (const char *c = arg; *c != '\0'; c++) {
		const struct opt *row = opt_find_brief(w->program->options, *c);
		char origin[] = {'-', *c, '\0'};

		if (row == NULL) {
			if (*c == 'h') {
				opt_help(w->program);
				return OPT_DONE;
			}
			err_set(w->err, "unknown option %s; see %s --help", origin, w->program->name);
			return OPT_BAD;
		}
		bool takes_rest = row->kind != OPT_KIND_BOOL && c[1] != '\0';
		enum opt_result result = opt_take(w, row, takes_rest ? c + 1 : NULL, origin);
		if (result != OPT_RUN || takes_rest)
			return result;
	}
	return OPT_RUN;
}

enum opt_result opt_parse(const struct opt_program *program, void *conf, struct opt_seen *seen, int *argc,
	char ***argv, struct err *err)
{
	struct walk w = {program, conf, seen, *argv, *argv + *argc, *argv, err};
	bool ended = false;

	while (w.next < w.end) {
		char *arg = *w.next;
		enum opt_result result = OPT_RUN;

		if (ended || arg[0] != '-' || arg[1] == '\0') {
			if (program->first_only)
				break;
			*w.operands++ = arg;
			w.next++;
			continue;
		}
		w.next++;
		if (strcmp(arg, "--") == 0)
			ended = true;
		else if (arg[1] == '-' || (arg[2] != '\0' && opt_find(program->options, arg + 1) != NULL))
			result = opt_long(&w, arg[1] == '-' ? arg + 2 : arg + 1);
		else
			result = opt_short(&w, arg + 1);
		if (result != OPT_RUN)
			return result;
	}
	while (w.next < w.end)
		*w.operands++ = *w.next++;
	*argc = (int)(w.operands - *argv);
	return OPT_RUN;
}

/* --- Looking ahead --- */

/* Does the option as typed, without its first dash, take the next argument? */
static bool opt_takes_next(const struct opt *options, const char *arg, bool *known)
{
	const char *name = arg[0] == '-' ? arg + 1 : arg;
	const struct opt *row = opt_find(options, name);

	*known = true;
	if (row != NULL)
		return row->value != NULL;
	for (const char *c = arg; arg[0] != '-' && *c != '\0'; c++) {
		row = opt_find_brief(options, *c);
		if (row == NULL)
			break;
		if (row->value != NULL)
			return c[1] == '\0';
		if (c[1] == '\0')
			return false;
	}
	*known = false;
	return false;
}

int opt_operand(const struct opt *const *tables, size_t count, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const char *arg = argv[i];
		bool known = false, next = false;

		if (strcmp(arg, "--") == 0)
			return i + 1;
		if (arg[0] != '-' || arg[1] == '\0')
			return i;
		for (size_t t = 0; t < count && !known; t++)
			next = opt_takes_next(tables[t], arg + 1, &known);
		i += next;
	}
	return argc;
}

static void opt_split(struct opt_list *list, const char *value)
{
	free(list->split);
	list->split = mem_strdup(value);
	for (char *item = list->split; item != NULL;) {
		char *comma = strchr(item, ',');
		if (comma != NULL)
			*comma++ = '\0';
		if (*item != '\0')
			opt_list_add(list, item);
		item = comma;
	}
}

/* The row's own variable, or the program's prefix and the row's name: "--max-size" is PREFIX_MAX_SIZE. NULL for none. */
static const char *opt_variable(
	const struct opt_program *program, const struct opt *row, char out[OPT_ENV_MAX])
{
	if (row->env != NULL || program->env_prefix == NULL)
		return row->env;
	int len = snprintf(out, OPT_ENV_MAX, "%s%s", program->env_prefix, row->name);
	assert(len < OPT_ENV_MAX);
	for (char *c = out + strlen(program->env_prefix); *c != '\0'; c++)
		*c = (char)(isalnum((unsigned char)*c) ? toupper((unsigned char)*c) : '_');
	return out;
}

enum opt_result opt_environment(
	const struct opt_program *program, void *conf, struct opt_seen *seen, struct err *err)
{
	for (const struct opt *row = program->options; row->name != NULL; row++) {
		size_t i = (size_t)(row - program->options);
		char text[OPT_ENV_MAX];
		const char *name = opt_variable(program, row, text);
		const char *value = name != NULL ? getenv(name) : NULL;

		assert(i < OPT_MAX);
		if (value == NULL || *value == '\0' || opt_row_was_set(program->options, seen, row))
			continue;
		seen->row[i] = true;
		if (row->kind == OPT_KIND_LIST)
			opt_split(opt_member(conf, row), value);
		else if (opt_set(row, conf, value, name, err) != OPT_RUN)
			return OPT_BAD;
	}
	return OPT_RUN;
}

void opt_free(const struct opt *options, void *conf)
{
	for (const struct opt *row = options; row->name != NULL; row++) {
		if (row->kind != OPT_KIND_LIST)
			continue;
		struct opt_list *list = opt_member(conf, row);
		free(list->items);
		free(list->split);
		*list = (struct opt_list){0};
	}
}
