/* tunnel create: a new tunnel, and its credentials in a file. */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/confdir.h"
#include "tunnel/cmd/credfile.h"
#include "tunnel/cmd/manage.h"
#include "tunnel/cmd/show.h"

#define SECRET_LEN 32 /* bytes of one that is drawn, and at least of one that is given */

const struct opt cmd_create_options[] = {
	MANAGE_OUTPUT_ROW,
	{0, "credentials-file", "FILE", "where to write the credentials (default: UUID.json beside cert.pem)",
		MANAGE_TEXT(cred_file), "TUNNEL_CRED_FILE"},
	{0, "cred-file", "FILE", NULL, MANAGE_TEXT(cred_file), NULL},
	{0, "config-src", "WHOSE",
		"who keeps its configuration: local (default), or cloudflare, which is the edge",
		MANAGE_TEXT(config_src), NULL},
	{'s', "secret", "BASE64", "the secret, of 32 bytes at least (default: a random one)",
		MANAGE_TEXT(secret), "TUNNEL_CREATE_SECRET"},
	MANAGE_ROWS,
	{0},
};

static const struct opt_program create_program = {.name = "tunnel create",
	.usage = "[OPTIONS] NAME",
	.summary = "Make a tunnel, and write its credentials to a file that was not there.",
	.more = "exit status: 0 done, 2 usage, 3 could not do it (nothing is left behind)\n",
	.options = cmd_create_options};

/* What is being made. */
struct create {
	struct manage *m;
	const char *name;
	struct cred cred; /* the id comes with the answer */
	char *path;
	bool path_is_ours; /* chosen by where cert.pem is */
	struct api_tunnel tunnel;
};

static int check_source(struct create *c)
{
	const char *source = c->m->flags.config_src;

	if (source == NULL || strcmp(source, "local") == 0 || strcmp(source, "cloudflare") == 0)
		return 0;
	return err_set(&c->m->err, "--config-src %s: local and cloudflare are offered", source);
}

static int choose_secret(struct create *c)
{
	unsigned char bytes[CRED_SECRET_MAX];
	const char *given = c->m->flags.secret;
	size_t len = SECRET_LEN;
	int rc = 0;

	if (given == NULL && RAND_bytes(bytes, SECRET_LEN) != 1)
		rc = err_ssl(&c->m->err, "no random bytes");
	else if (given != NULL && !base64_decode(span_str(given), BASE64_PADDED, bytes, sizeof(bytes), &len))
		rc = err_set(&c->m->err, "--secret: not padded base64 of at most %zu bytes", CRED_SECRET_MAX);
	else if (len < SECRET_LEN)
		rc = err_set(&c->m->err, "--secret: of %zu bytes; at least %d are needed", len, SECRET_LEN);
	if (rc == 0)
		secret_set(&c->cred.secret, bytes, len);
	secret_wipe(bytes, sizeof(bytes));
	return rc;
}

/* --- A lost answer --- */

static bool same_secret(const struct secret *a, const struct secret *b)
{
	unsigned char x[SECRET_HASH_LEN], y[SECRET_HASH_LEN];

	secret_hash(span_of((const char *)a->data, a->len), x);
	secret_hash(span_of((const char *)b->data, b->len), y);
	return secret_equal(x, y);
}

/* Was it made all the same? It is ours if it has our name and our secret. */
static bool was_created(struct create *c)
{
	struct secret token = {0};
	struct cred theirs = {0};
	struct err ignored;
	bool ours = api_find(c->m->api, c->name, &c->tunnel, &ignored) == API_OK &&
		    api_token(c->m->api, &c->tunnel.id, &token, &ignored) == API_OK &&
		    cred_parse_token(span_of((const char *)token.data, token.len), &theirs, &ignored) == 0 &&
		    same_secret(&theirs.secret, &c->cred.secret);

	if (!ours)
		api_tunnel_free(&c->tunnel);
	cred_free(&theirs);
	secret_free(&token);
	return ours;
}

static int ask(struct create *c)
{
	struct err why;

	switch (api_create(
		c->m->api, c->name, &c->cred.secret, c->m->flags.config_src, &c->tunnel, &c->m->err)) {
	case API_OK: return 0;
	case API_REFUSED:
	case API_UNSENT: return -1;
	case API_UNKNOWN: break;
	}
	why = c->m->err;
	if (was_created(c))
		return 0;
	return err_set(&c->m->err,
		"%s; it may exist now: look with tunnel list --name %s; if it is there, tunnel token "
		"--cred-file "
		"FILE %s writes its credentials, else create it again",
		why.text, c->name, c->name);
}

/* --- The file --- */

static void choose_path(struct create *c)
{
	const char *cert = c->m->cert_path, *slash = strrchr(cert, '/');
	char id[UUID_TEXT_LEN + 1];

	uuid_print(&c->tunnel.id, id);
	c->path_is_ours = c->m->flags.cred_file == NULL;
	if (!c->path_is_ours)
		c->path = confdir_expand(c->m->flags.cred_file);
	else
		c->path = mem_printf("%.*s%s.json", slash != NULL ? (int)(slash - cert) + 1 : 0, cert, id);
}

/* Nobody can run it: take it away again. */
static int undo(struct create *c, const struct err *why)
{
	char id[UUID_TEXT_LEN + 1];
	struct err err;

	uuid_print(&c->tunnel.id, id);
	if (api_delete(c->m->api, &c->tunnel.id, true, &err) == API_OK)
		return err_set(&c->m->err,
			"the credentials could not be written: %s; the tunnel was deleted, because it can't "
			"be run "
			"without them",
			why->text);
	return err_set(&c->m->err,
		"the credentials could not be written: %s; the tunnel is there, cannot be run, and could not "
		"be "
		"deleted: %s; use tunnel delete %s",
		why->text, err.text, id);
}

static int keep(struct create *c)
{
	struct err why;

	choose_path(c);
	c->cred.tunnel_id = c->tunnel.id;
	c->cred.account_tag = mem_strdup(c->m->cert.account);
	return credfile_write(c->path, &c->cred, &why) == 0 ? 0 : undo(c, &why);
}

/* --- Telling --- */

/* As cloudflared does, with the token, which holds the secret: that is what -o is for. */
static json_t *value_of(const struct create *c, enum show_form form)
{
	json_t *tunnel = show_tunnel(&c->tunnel, form), *v = form == SHOW_JSON ? tunnel : json_object();

	if (form == SHOW_YAML)
		json_object_set_new(v, "tunnel", tunnel);
	json_object_set_new(
		v, "token", json_stringn((const char *)c->tunnel.token.data, c->tunnel.token.len));
	return v;
}

static void tell_people(const struct create *c)
{
	char id[UUID_TEXT_LEN + 1];
	struct buf name = {.max = 4 * API_TEXT_MAX + 1};

	uuid_print(&c->tunnel.id, id);
	out_escape(span_str(c->tunnel.name), &name);
	printf("Tunnel credentials written to %s.%s Keep this file secret. To revoke these credentials, "
	       "delete the "
	       "tunnel.\n\nCreated tunnel %.*s with id %s\n",
		c->path,
		c->path_is_ours ? " tunnel chose this file based on where your origin certificate was found."
				: "",
		(int)buf_len(&name), buf_span(&name).p, id);
	buf_free(&name);
}

static void tell(const struct create *c)
{
	const struct manage_flags *f = &c->m->flags;

	if (f->output != NULL) {
		enum show_form form = strcmp(f->output, "json") == 0 ? SHOW_JSON : SHOW_YAML;
		show_value(value_of(c, form), form);
	} else if (f->json) {
		json_t *record = manage_record(&c->tunnel.id, NULL);
		json_object_set_new(json_object_get(record, "target"), "file", json_string(c->path));
		json_object_set_new(record, "tunnel", show_tunnel_record(&c->tunnel));
		json_object_set_new(json_object_get(record, "tunnel"), "done", json_string("created"));
		manage_tell(c->m, record);
	} else {
		tell_people(c);
	}
}

int cmd_create(int argc, char **argv)
{
	struct manage m;
	struct create c = {.m = &m};
	int status = manage_begin(&m, &create_program, argc, argv, 1, 1, "the new tunnel's name is");

	if (status != MANAGE_READY)
		return manage_end(&m, status);
	c.name = m.argv[0];
	if (check_source(&c) < 0 || choose_secret(&c) < 0)
		status = out_die(create_program.name, &m.err, EXIT_USAGE);
	else if (ask(&c) < 0)
		status = manage_fail_call(&m);
	else if (keep(&c) < 0)
		status = manage_fail(&m);
	else {
		tell(&c);
		status = EXIT_OK;
	}
	free(c.path);
	cred_free(&c.cred);
	api_tunnel_free(&c.tunnel);
	return manage_end(&m, status);
}
