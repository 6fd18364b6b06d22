/* From the command line to an API that answers. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/version.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/confdir.h"
#include "tunnel/cmd/manage.h"

#define TRIES 2 /* of a call that reads: someone is waiting */

/* --- The configuration file: two keys of it --- */

static int take_key(struct manage *m, const char *path, struct opt_seen *seen, const struct yaml_node *key)
{
	const struct opt *row = opt_find(m->program->options, key->text.p);
	const struct yaml_node *value = yaml_resolve(key->next);
	char origin[ERR_MAX / 2];

	if ((strcmp(key->text.p, "api-url") != 0 && strcmp(key->text.p, "origincert") != 0) ||
		opt_row_was_set(m->program->options, seen, row))
		return 0;
	snprintf(origin, sizeof(origin), "%s:%u: %s", path, value->start.line, key->text.p);
	if (value->kind != YAML_SCALAR || value->text.len == 0)
		return err_set(&m->err, "%s: a text is expected", origin);
	return opt_set(row, &m->flags, value->text.p, origin, &m->err) == OPT_RUN ? 0 : -1;
}

static int take_file(struct manage *m, const char *path, struct opt_seen *seen)
{
	struct buf text = {.max = YAML_BYTES_MAX};
	struct yaml_error why = {0};
	int rc = fsx_read(path, &text, &m->err);

	m->file = rc == 0 ? yaml_tree_parse(buf_span(&text), &why) : NULL;
	buf_wipe(&text); /* it may hold a token */
	if (rc < 0)
		return -1;
	if (m->file == NULL && why.fault == YAML_EMPTY)
		return 0;
	if (m->file == NULL)
		return err_set(&m->err, "%s:%u:%u: %s", path, why.at.line, why.at.column, why.err.text);
	const struct yaml_node *root = yaml_resolve(yaml_tree_root(m->file));
	for (const struct yaml_node *key = root->kind == YAML_MAPPING ? root->first : NULL; key != NULL;
		key = key->next->next)
		if (key->kind == YAML_SCALAR && take_key(m, path, seen, key) < 0)
			return -1;
	return 0;
}

static int read_file(struct manage *m, struct opt_seen *seen)
{
	char *path = m->flags.config != NULL ? confdir_expand(m->flags.config) : confdir_find_config();
	int rc = path != NULL ? take_file(m, path, seen) : 0;

	free(path);
	return rc;
}

/* --- Who asks --- */

static int read_cert(struct manage *m)
{
	m->cert_path = m->flags.origin_cert != NULL ? confdir_expand(m->flags.origin_cert)
						    : confdir_find("cert.pem");
	if (m->cert_path == NULL)
		return err_set(&m->err,
			"no cert.pem in ~/.cloudflared, /etc/cloudflared or their like: it holds "
			"the account and the API token; tunnel edge cert makes one, and "
			"--origincert FILE names it");
	return cert_read(m->cert_path, &m->cert, &m->err);
}

static int open_api(struct manage *m)
{
	struct api_conf conf = {.url = m->flags.api_url,
		.account = m->cert.account,
		.zone = m->cert.zone,
		.token = &m->cert.token,
		.ca_file = m->flags.api_ca,
		.user_agent = "outbore-tunnel/" VERSION,
		.page = (int)m->flags.max_fetch,
		.tries = TRIES,
		.allow_plain = m->flags.allow_http};

	m->api = api_new(&conf, &m->err);
	return m->api != NULL ? 0 : -1;
}

/* --- Beginning --- */

static int check_operands(struct manage *m, int min, int max, const char *what)
{
	if (m->argc < min)
		return err_set(&m->err, "%s expected; see %s --help", what, m->program->name);
	if (m->argc > max)
		return err_set(
			&m->err, "unexpected argument \"%s\"; see %s --help", m->argv[max], m->program->name);
	return 0;
}

static int check_flags(struct manage *m)
{
	const struct manage_flags *f = &m->flags;

	if (!log_level_parse(span_str(f->log_level), &m->log.level))
		return err_set(
			&m->err, "--loglevel %s: not one of debug, info, warn, error, fatal", f->log_level);
	if (f->output != NULL && strcmp(f->output, "json") != 0 && strcmp(f->output, "yaml") != 0)
		return err_set(&m->err, "--output %s: json and yaml are offered", f->output);
	if (f->output != NULL && f->json)
		return err_set(&m->err, "--output and --json: one of them; --json prints records");
	if (f->api_url == NULL)
		return err_set(&m->err, "--api-url URL is needed (or TUNNEL_API_URL, or \"api-url:\" in the "
					"file): where the edge's management API is");
	return 0;
}

int manage_begin(struct manage *m, const struct opt_program *program, int argc, char **argv, int min, int max,
	const char *what)
{
	struct opt_seen seen = {0};

	*m = (struct manage){.program = program, .flags = {.log_level = "info"}, .log = {.fd = 2}};
	clock_gettime(CLOCK_MONOTONIC, &m->began);
	switch (opt_parse(program, &m->flags, &seen, &argc, &argv, &m->err)) {
	case OPT_DONE: return EXIT_OK;
	case OPT_BAD: return out_die(program->name, &m->err, EXIT_USAGE);
	case OPT_RUN: break;
	}
	m->argc = argc;
	m->argv = argv;
	if (check_operands(m, min, max, what) < 0 ||
		opt_environment(program, &m->flags, &seen, &m->err) != OPT_RUN)
		return out_die(program->name, &m->err, EXIT_USAGE);
	if (read_file(m, &seen) < 0)
		return manage_fail(m);
	if (check_flags(m) < 0)
		return out_die(program->name, &m->err, EXIT_USAGE);
	return read_cert(m) < 0 || open_api(m) < 0 ? manage_fail(m) : MANAGE_READY;
}

int manage_end(struct manage *m, int status)
{
	struct err err;

	if (out_end(stdout, "stdout", &err) < 0) {
		out_die(m->program->name, &err, EXIT_CANNOT);
		status = status == EXIT_OK ? EXIT_CANNOT : status;
	}
	api_free(m->api);
	cert_free(&m->cert);
	free(m->cert_path);
	yaml_tree_free(m->file);
	return status;
}

/* --- Failing --- */

int manage_fail(struct manage *m)
{
	if (m->flags.json) {
		json_t *record = out_record("error", "tunnel");
		json_object_set_new(record, "status", json_string("error"));
		json_object_set_new(record, "message", json_string(m->err.text));
		out_line(stdout, record);
	}
	return out_die(m->program->name, &m->err, EXIT_CANNOT);
}

int manage_fail_call(struct manage *m)
{
	int status = api_failure(m->api)->status;
	struct err why = m->err;

	if (status == 401 || status == 403)
		err_set(&m->err, "%s; the API token is the one in %s", why.text, m->cert_path);
	else if (status == 429)
		err_set(&m->err, "%s; try again in %d s", why.text, api_failure(m->api)->retry_after_s);
	return manage_fail(m);
}

/* --- Tunnels --- */

enum api_result manage_find(struct manage *m, const char *text, struct uuid *id)
{
	struct api_tunnel t;

	if (uuid_parse(span_str(text), id))
		return API_OK;
	enum api_result result = api_find(m->api, text, &t, &m->err);
	*id = t.id;
	api_tunnel_free(&t);
	return result;
}

json_t *manage_record(const struct uuid *id, const char *done)
{
	char text[UUID_TEXT_LEN + 1];
	json_t *record = out_record("tunnel", "tunnel");

	uuid_print(id, text);
	json_object_set_new(record, "target", json_pack("{s:s}", "tunnel", text));
	json_object_set_new(record, "status", json_string("ok"));
	json_object_set_new(record, "tunnel", json_pack("{s:s, s:s*}", "id", text, "done", done));
	return record;
}

void manage_tell(const struct manage *m, json_t *record)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	json_object_set_new(record, "findings", json_array());
	json_object_set_new(record, "took_ms",
		json_integer((json_int_t)(now.tv_sec - m->began.tv_sec) * 1000 +
			     (now.tv_nsec - m->began.tv_nsec) / 1000000));
	out_line(stdout, record);
}
