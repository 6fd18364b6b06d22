/* tunnel config get, tunnel config put: the configuration of a tunnel that the edge keeps. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/conf/ingress_json.h"
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
	.more = "FILE is JSON, {\"ingress\": [...], ...} or {\"config\": {...}} as get prints it, or YAML as "
		"in\n"
		"cloudflared's config.yml; - reads standard input.\n\n"
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
		manage_tell(m, record);
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
	return fsx_read_input(path, text, &m->err);
}

static void place(struct manage *m, const char *path, const struct ingress_error *error)
{
	if (error->at.line > 0)
		err_set(&m->err, "%s:%u:%u: %s", path, error->at.line, error->at.column, error->err.text);
	else
		err_set(&m->err, "%s: %s", path, error->err.text);
}

static void warn(const struct manage *m, const char *path, const struct ingress_file *file)
{
	for (size_t i = 0; i < file->warning_count; i++)
		log_line(&m->log, LOG_WARN, "a key that is not known, and left out",
			"key=\"%s\" at=\"%s:%u:%u\"", file->warnings[i].key, path, file->warnings[i].at.line,
			file->warnings[i].at.column);
}

/* In the shape of cloudflared's config.yml: as the connector itself would make JSON of it. */
static char *config_of_yaml(struct manage *m, const char *path, struct span text)
{
	struct ingress_file file;
	struct ingress_error error;
	struct buf json = {0};
	char *out = NULL;

	if (ingress_parse(text, &file, &error) != INGRESS_OK)
		place(m, path, &error);
	else if (ingress_json_local(file.ingress, &file.warp, NULL, 0, &json) == 0)
		out = mem_spandup(buf_span(&json));
	else
		err_set(&m->err, "%s: larger than a configuration may be", path);
	warn(m, path, &file);
	ingress_file_free(&file);
	buf_free(&json);
	return out;
}

static bool is_json(struct span text)
{
	while (text.len > 0 && text.p[0] != '\0' && strchr(" \t\r\n", text.p[0]) != NULL)
		text = span_skip(text, 1);
	return text.len > 0 && text.p[0] == '{';
}

/* The value of "config" in a file: all of it, or that member. To be freed; NULL with a message. */
static char *config_of_json(struct manage *m, const char *path, struct span text)
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
	char *config = NULL;
	int status;

	if (read_input(m, path, &text) == 0)
		config = (is_json(buf_span(&text)) ? config_of_json : config_of_yaml)(
			m, path, buf_span(&text));
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
