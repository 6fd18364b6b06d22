/* tunnel config get, tunnel config put: the configuration of a tunnel that the edge keeps. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/manage.h"
#include "tunnel/cmd/show.h"

#define CONFIG_MAX ((size_t)1 << 20) /* bytes of a file */

const struct opt cmd_config_options[] = {
	MANAGE_OUTPUT_ROW,
	MANAGE_ROWS,
	{0},
};

static const struct opt_program config_program = {.name = "tunnel config",
	.usage = "[OPTIONS] get TUNNEL\n       tunnel config [OPTIONS] put TUNNEL FILE",
	.summary = "Read or replace the configuration that the edge keeps for a tunnel and sends to its "
		   "connectors.",
	.more = "FILE is JSON, {\"ingress\": [...], ...} or {\"config\": {...}} as get prints it; - reads "
		"standard "
		"input.\n\n"
		"exit status: 0 done, 2 usage, 3 could not do it\n",
	.options = cmd_config_options};

/* --- Telling --- */

static int tell(struct manage *m, const struct uuid *id, const struct buf *answer)
{
	json_t *value = json_loadb(buf_span(answer).p, buf_len(answer), 0, NULL);
	const struct manage_flags *f = &m->flags;

	if (value == NULL) {
		err_set(&m->err, "the answer is not JSON");
		return manage_fail(m);
	}
	if (f->json) {
		json_t *record = manage_record(id, NULL);
		json_object_set_new(json_object_get(record, "tunnel"), "configuration", value);
		manage_tell(record);
	} else {
		show_value(
			value, f->output != NULL && strcmp(f->output, "yaml") == 0 ? SHOW_YAML : SHOW_JSON);
	}
	return EXIT_OK;
}

/* --- get --- */

static int get(struct manage *m, const struct uuid *id)
{
	struct buf answer = {0};
	int status = api_config_get(m->api, id, &answer, &m->err) == API_OK ? tell(m, id, &answer)
									    : manage_fail_call(m);

	buf_free(&answer);
	return status;
}

/* --- put --- */

static int read_input(struct manage *m, const char *path, struct buf *text)
{
	return fsx_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, text, &m->err);
}

/* The value of "config" in a file: all of it, or that member. To be freed; NULL with a message. */
static char *config_of(struct manage *m, const char *path, struct span text)
{
	json_error_t why;
	json_t *root = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, &why);
	char *out = NULL;

	if (root == NULL) {
		err_set(&m->err, "%s:%d:%d: not JSON: %s", path, why.line, why.column, why.text);
		return NULL;
	}
	json_t *config = json_object_get(root, "config");
	if (config == NULL)
		config = root;
	if (!json_is_object(config))
		err_set(&m->err, "%s: an object is expected, {\"ingress\": [...]}", path);
	else
		out = json_dumps(config, JSON_COMPACT);
	json_decref(root);
	return out;
}

static int put(struct manage *m, const struct uuid *id, const char *path)
{
	struct buf text = {.max = CONFIG_MAX}, answer = {0};
	char *config = read_input(m, path, &text) == 0 ? config_of(m, path, buf_span(&text)) : NULL;
	int status;

	if (config == NULL)
		status = manage_fail(m);
	else if (api_config_put(m->api, id, span_str(config), &answer, &m->err) == API_OK)
		status = tell(m, id, &answer);
	else
		status = manage_fail_call(m);
	free(config);
	buf_free(&text);
	buf_free(&answer);
	return status;
}

/* --- Both --- */

static int usage(struct manage *m)
{
	err_set(&m->err, "%s expected; see tunnel config --help",
		strcmp(m->argv[0], "put") == 0   ? "a tunnel and a file are"
		: strcmp(m->argv[0], "get") == 0 ? "a tunnel is"
						 : "get or put is");
	return out_die(m->program->name, &m->err, EXIT_USAGE);
}

int cmd_config(int argc, char **argv)
{
	struct manage m;
	struct uuid id;
	int status = manage_begin(&m, &config_program, argc, argv, 1, 3, "get or put is");

	if (status != MANAGE_READY)
		return manage_end(&m, status);
	bool is_get = strcmp(m.argv[0], "get") == 0 && m.argc == 2;
	bool is_put = strcmp(m.argv[0], "put") == 0 && m.argc == 3;
	if (!is_get && !is_put)
		status = usage(&m);
	else if (manage_find(&m, m.argv[1], &id) != API_OK)
		status = manage_fail_call(&m);
	else
		status = is_get ? get(&m, &id) : put(&m, &id, m.argv[2]);
	return manage_end(&m, status);
}
