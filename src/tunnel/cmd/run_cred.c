/* Credentials of the connector. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/confdir.h"
#include "tunnel/cmd/run_cred.h"

static int read_token(const struct run_cred *from, struct cred *out, struct err *err)
{
	int rc = from->token != NULL ? cred_parse_token(span_str(from->token), out, err)
				     : cred_read_token(from->token_file, out, err);

	if (rc < 0)
		err_wrap(err, from->token != NULL ? "--token" : "--token-file");
	return rc < 0 ? EXIT_CANNOT : EXIT_OK;
}

static int read_file(const char *path, struct cred *out, struct err *err)
{
	char *expanded = confdir_expand(path);
	int rc = cred_read(expanded, out, err);

	if (rc < 0 && span_ends(span_str(expanded), SPAN(".pem")))
		err_set(err, "%s: credentials are a .json file; a .pem file is an account's certificate",
			expanded);
	free(expanded);
	return rc < 0 ? EXIT_CANNOT : EXIT_OK;
}

/* UUID.json in the usual places; NULL with err. */
static char *search(const struct uuid *id, struct err *err)
{
	char text[UUID_TEXT_LEN + 1];

	uuid_print(id, text);
	char *name = mem_printf("%s.json", text), *path = confdir_find(name);
	free(name);
	if (path == NULL)
		err_set(err,
			"no credentials of tunnel %s: there is no %s.json in ~/.cloudflared, "
			"/etc/cloudflared or "
			"their like; give --credentials-file",
			text, text);
	return path;
}

static int read_found(const struct uuid *id, struct cred *out, struct err *err)
{
	char *path = search(id, err);
	int status = path != NULL ? read_file(path, out, err) : EXIT_CANNOT;

	free(path);
	return status;
}

static int refuse(const struct run_cred *from, struct err *err)
{
	if (from->tunnel == NULL)
		err_set(err,
			"no credentials: give --credentials-file, --token or --token-file, or the tunnel's "
			"UUID as argument or as \"tunnel:\" in the file");
	else
		err_set(err,
			"tunnel \"%s\" is no UUID, and a name needs --credentials-file (or "
			"\"credentials-file:\" in "
			"the file)",
			from->tunnel);
	return EXIT_USAGE;
}

int run_cred_read(const struct run_cred *from, struct cred *out, struct err *err)
{
	struct uuid id;
	bool has_id = from->tunnel != NULL && uuid_parse(span_str(from->tunnel), &id);
	int status;

	if (from->token != NULL || from->token_file != NULL)
		return read_token(from, out, err);
	if (from->contents != NULL) {
		status = cred_parse(span_str(from->contents), out, err) < 0 ? EXIT_CANNOT : EXIT_OK;
		if (status != EXIT_OK)
			err_wrap(err, "--credentials-contents");
	} else if (from->file != NULL) {
		status = read_file(from->file, out, err);
	} else if (has_id) {
		status = read_found(&id, out, err);
	} else {
		return refuse(from, err);
	}
	if (status == EXIT_OK && has_id)
		out->tunnel_id = id;
	return status;
}

char *run_cred_file(const struct run_cred *from)
{
	struct uuid id;
	struct err err;

	if (from->token != NULL || (from->token_file == NULL && from->contents != NULL))
		return NULL;
	if (from->token_file != NULL)
		return mem_strdup(from->token_file);
	if (from->file != NULL)
		return confdir_expand(from->file);
	return from->tunnel != NULL && uuid_parse(span_str(from->tunnel), &id) ? search(&id, &err) : NULL;
}
