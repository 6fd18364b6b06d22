/* tunnel token: the token of a tunnel, or the credentials that it holds as a file. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/out.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/confdir.h"
#include "tunnel/cmd/credfile.h"
#include "tunnel/cmd/manage.h"

const struct opt cmd_token_options[] = {
	{0, "credentials-file", "FILE",
		"write credentials to this file, which must not exist, and no token to stdout",
		MANAGE_TEXT(cred_file), "TUNNEL_CRED_FILE"},
	{0, "cred-file", "FILE", NULL, MANAGE_TEXT(cred_file), NULL},
	MANAGE_ROWS,
	{0},
};

static const struct opt_program token_program = {.name = "tunnel token",
	.usage = "[OPTIONS] TUNNEL",
	.summary = "Print the token that runs a tunnel: it holds the secret.",
	.more = "exit status: 0 done, 2 usage, 3 could not do it\n",
	.options = cmd_token_options};

static int fetch(struct manage *m, struct uuid *id, struct cred *cred)
{
	struct secret token = {0};
	int status = EXIT_OK;

	if (manage_find(m, m->argv[0], id) != API_OK || api_token(m->api, id, &token, &m->err) != API_OK) {
		status = manage_fail_call(m);
	} else if (cred_parse_token(span_of((const char *)token.data, token.len), cred, &m->err) < 0) {
		status = manage_fail(m);
	} else if (!uuid_eq(id, &cred->tunnel_id)) {
		err_set(&m->err, "the token that came is another tunnel's");
		status = manage_fail(m);
	}
	secret_free(&token);
	return status;
}

/* Encoded anew, in cloudflared's order of fields. */
static int print(struct manage *m, const struct cred *cred)
{
	struct buf text = {.max = CRED_FILE_MAX};
	int status = EXIT_OK;

	buf_reserve(&text, CRED_FILE_MAX);
	if (cred_print_token(cred, &text) == 0) {
		printf("%.*s\n", (int)buf_len(&text), buf_span(&text).p);
	} else {
		err_set(&m->err, "the token is too large");
		status = manage_fail(m);
	}
	buf_wipe(&text);
	return status;
}

static int keep(struct manage *m, const struct uuid *id, const struct cred *cred)
{
	char *path = confdir_expand(m->flags.cred_file);
	int status = EXIT_OK;

	if (credfile_write(path, cred, &m->err) < 0) {
		status = manage_fail(m);
	} else if (m->flags.json) {
		json_t *record = manage_record(id, "credentials written");
		json_object_set_new(json_object_get(record, "target"), "file", json_string(path));
		manage_tell(m, record);
	}
	free(path);
	return status;
}

int cmd_token(int argc, char **argv)
{
	struct manage m;
	struct cred cred = {0};
	struct uuid id;
	int status = manage_begin(&m, &token_program, argc, argv, 1, 1, "a tunnel's id or name is");

	if (status != MANAGE_READY)
		return manage_end(&m, status);
	if (m.flags.json && m.flags.cred_file == NULL) {
		err_set(&m.err, "--json: records hold no secrets, and a token is one; leave it out, or give "
				"--credentials-file");
		return manage_end(&m, out_die(token_program.name, &m.err, EXIT_USAGE));
	}
	status = fetch(&m, &id, &cred);
	if (status == EXIT_OK)
		status = m.flags.cred_file != NULL ? keep(&m, &id, &cred) : print(&m, &cred);
	cred_free(&cred);
	return manage_end(&m, status);
}
