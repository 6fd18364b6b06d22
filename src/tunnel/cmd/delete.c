/* tunnel delete, tunnel cleanup. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/confdir.h"
#include "tunnel/cmd/manage.h"

const struct opt cmd_delete_options[] = {
	{'f', "force", NULL, "also with connections, which are closed, and routes, which are removed",
		MANAGE_BOOL(force), NULL},
	{0, "credentials-file", "FILE",
		"remove this one (default: UUID.json beside cert.pem, in /etc/cloudflared, ...)",
		MANAGE_TEXT(cred_file), "TUNNEL_CRED_FILE"},
	{0, "cred-file", "FILE", NULL, MANAGE_TEXT(cred_file), NULL},
	MANAGE_ROWS,
	{0},
};

static const struct opt_program delete_program = {.name = "tunnel delete",
	.usage = "[OPTIONS] TUNNEL...",
	.summary = "Delete tunnels, and their credentials files.",
	.more = "exit status: 0 done, 1 a credentials file is left, 2 usage, 3 could not do it (the first "
		"that fails\n"
		"ends it)\n",
	.options = cmd_delete_options};

const struct opt cmd_cleanup_options[] = {
	{'c', "connector-id", "UUID", "only of this connector", MANAGE_TEXT(connector),
		"TUNNEL_CLEANUP_CONNECTOR"},
	MANAGE_ROWS,
	{0},
};

static const struct opt_program cleanup_program = {.name = "tunnel cleanup",
	.usage = "[OPTIONS] TUNNEL...",
	.summary = "Close the connections of tunnels; connectors whose credentials are good come back.",
	.more = "exit status: 0 done, 2 usage, 3 could not do it for one at least\n",
	.options = cmd_cleanup_options};

/* --- delete --- */

/* The file with the tunnel's credentials, to be freed: NULL when none is found, or the one that is named is another's. */
static char *credentials_of(struct manage *m, const struct uuid *id, const char *text)
{
	struct cred cred = {0};
	struct err ignored;
	char *name = mem_printf("%s.json", text);
	char *path = m->flags.cred_file != NULL
			     ? confdir_expand(m->flags.cred_file)
			     : confdir_find_beside(m->cert_path, name); /* create's place */

	if (path == NULL)
		path = confdir_find(name);
	free(name);
	if (path == NULL)
		return NULL;
	bool ours = cred_read(path, &cred, &ignored) == 0 && uuid_eq(&cred.tunnel_id, id);
	if (!ours)
		log_line(&m->log, LOG_WARN, "not this tunnel's credentials: left alone",
			"file=\"%s\" tunnelID=%s", path, text);
	cred_free(&cred);
	if (ours)
		return path;
	free(path);
	return NULL;
}

/* EXIT_WRONG when the file could not be removed. */
static int remove_credentials(struct manage *m, const struct uuid *id, const char *text, json_t *record)
{
	char *path = credentials_of(m, id, text);
	int status = EXIT_OK;

	if (path == NULL)
		return EXIT_OK;
	if (unlink(path) < 0) {
		log_line(&m->log, LOG_WARN, "the tunnel was deleted, its credentials file is left: remove it",
			"file=\"%s\" why=\"%s\"", path, strerror(errno));
		json_object_set_new(record, "status", json_string("warn"));
		status = EXIT_WRONG;
	} else {
		json_object_set_new(json_object_get(record, "target"), "file", json_string(path));
	}
	free(path);
	return status;
}

static int delete_one(struct manage *m, const struct uuid *id)
{
	char text[UUID_TEXT_LEN + 1];
	struct api_tunnel t;

	uuid_print(id, text);
	if (api_get(m->api, id, &t, &m->err) != API_OK) {
		err_wrap(&m->err, "tunnel %s", text);
		return manage_fail_call(m);
	}
	bool gone = t.deleted_at != API_TIME_NONE;
	api_tunnel_free(&t);
	if (gone) {
		err_set(&m->err, "Tunnel %s has already been deleted", text);
		return manage_fail(m);
	}
	if (api_delete(m->api, id, m->flags.force, &m->err) != API_OK) {
		err_wrap(&m->err, "tunnel %s", text);
		return manage_fail_call(m);
	}
	json_t *record = manage_record(id, "deleted");
	int status = remove_credentials(m, id, text, record);
	if (m->flags.json)
		manage_tell(m, record);
	else
		json_decref(record);
	return status;
}

/* All names first, so that a wrong one is found before anything is done. */
static int find_all(struct manage *m, struct uuid *ids)
{
	for (int i = 0; i < m->argc; i++)
		if (manage_find(m, m->argv[i], &ids[i]) != API_OK)
			return manage_fail_call(m);
	return EXIT_OK;
}

int cmd_delete(int argc, char **argv)
{
	struct manage m;
	int status = manage_begin(&m, &delete_program, argc, argv, 1, INT_MAX, "ids or names of tunnels are");

	if (status != MANAGE_READY)
		return manage_end(&m, status);
	struct uuid *ids = mem_array((size_t)m.argc, sizeof(*ids));
	status = find_all(&m, ids);
	for (int i = 0; i < m.argc && status != EXIT_CANNOT; i++) {
		int one = delete_one(&m, &ids[i]);
		status = one > status ? one : status;
	}
	free(ids);
	return manage_end(&m, status);
}

/* --- cleanup --- */

static int cleanup_one(struct manage *m, const struct uuid *id, const struct uuid *connector)
{
	char text[UUID_TEXT_LEN + 1];

	uuid_print(id, text);
	if (connector != NULL)
		log_line(&m->log, LOG_INFO, "Cleanup connection for tunnel", "tunnelID=%s connector-id=%s",
			text, m->flags.connector);
	else
		log_line(&m->log, LOG_INFO, "Cleanup connection for tunnel", "tunnelID=%s", text);
	if (api_cleanup(m->api, id, connector, &m->err) != API_OK) {
		err_wrap(&m->err, "tunnel %s", text);
		return manage_fail_call(m);
	}
	if (m->flags.json)
		manage_tell(m, manage_record(id, "cleaned up"));
	return EXIT_OK;
}

static int cleanup_all(struct manage *m)
{
	struct uuid *ids = mem_array((size_t)m->argc, sizeof(*ids)), connector;
	bool one = m->flags.connector != NULL;
	int status;

	if (one && !uuid_parse(span_str(m->flags.connector), &connector)) {
		err_set(&m->err, "--connector-id %s: not a UUID", m->flags.connector);
		status = out_die(m->program->name, &m->err, EXIT_USAGE);
	} else if ((status = find_all(m, ids)) == EXIT_OK) {
		for (int i = 0; i < m->argc; i++)
			if (cleanup_one(m, &ids[i], one ? &connector : NULL) != EXIT_OK)
				status = EXIT_CANNOT;
	}
	free(ids);
	return status;
}

int cmd_cleanup(int argc, char **argv)
{
	struct manage m;
	int status =
		manage_begin(&m, &cleanup_program, argc, argv, 1, INT_MAX, "ids or names of tunnels are");

	return manage_end(&m, status == MANAGE_READY ? cleanup_all(&m) : status);
}
