/* Credentials of the connector. */
#include <stdlib.h>

#include "common/api/api.h"
#include "common/api/cert.h"
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

/* UUID.json beside the cert.pem that is named, else in the usual places; NULL with err. */
static char *search(const struct run_cred *from, const struct uuid *id, struct err *err)
{
	char text[UUID_TEXT_LEN + 1];

	uuid_print(id, text);
	char *name = mem_printf("%s.json", text), *path = NULL;
	if (from->origin_cert != NULL)
		path = confdir_find_beside(from->origin_cert, name);
	if (path == NULL)
		path = confdir_find(name);
	free(name);
	if (path == NULL)
		err_set(err,
			"no credentials of tunnel %s: there is no %s.json %s%s%sin ~/.cloudflared, "
			"/etc/cloudflared or their like; give --credentials-file",
			text, text, from->origin_cert != NULL ? "beside " : "",
			from->origin_cert != NULL ? from->origin_cert : "",
			from->origin_cert != NULL ? ", or " : "");
	return path;
}

static int read_found(const struct run_cred *from, const struct uuid *id, struct cred *out, struct err *err)
{
	char *path = search(from, id, err);
	int status = path != NULL ? read_file(path, out, err) : EXIT_CANNOT;

	free(path);
	return status;
}

/* --- A name --- */

static int ask_api(const struct run_cred *from, const struct cert *cert, struct uuid *id, struct err *err)
{
	struct api_conf conf = {.url = from->api_url,
		.account = cert->account,
		.token = &cert->token,
		.ca_file = from->api_ca};
	struct api *a = api_new(&conf, err);
	struct api_tunnel t = {0};
	int status = a != NULL && api_find(a, from->tunnel, &t, err) == API_OK ? EXIT_OK : EXIT_CANNOT;

	*id = t.id;
	api_tunnel_free(&t);
	api_free(a);
	return status;
}

static int id_of_name(const struct run_cred *from, struct uuid *id, struct err *err)
{
	char *path = from->origin_cert != NULL ? confdir_expand(from->origin_cert) : confdir_find("cert.pem");
	struct cert cert = {0};
	int status = EXIT_CANNOT;

	if (path == NULL)
		err_set(err, "no cert.pem for --api-url; --origincert FILE names one");
	else if (cert_read(path, &cert, err) == 0)
		status = ask_api(from, &cert, id, err);
	if (status != EXIT_OK)
		err_wrap(err, "tunnel \"%s\"", from->tunnel);
	cert_free(&cert);
	free(path);
	return status;
}

int run_cred_look_up(struct run_cred *from, char **file, struct err *err)
{
	struct uuid id;

	*file = NULL;
	if (from->tunnel == NULL || from->api_url == NULL || from->token != NULL ||
		from->token_file != NULL || from->contents != NULL || from->file != NULL ||
		uuid_parse(span_str(from->tunnel), &id))
		return EXIT_OK;
	int status = id_of_name(from, &id, err);
	if (status != EXIT_OK)
		return status;
	from->file = *file = search(from, &id, err);
	return *file != NULL ? EXIT_OK : EXIT_CANNOT;
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
			"the file), or --api-url",
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
		status = read_found(from, &id, out, err);
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
	return from->tunnel != NULL && uuid_parse(span_str(from->tunnel), &id) ? search(from, &id, &err)
									       : NULL;
}
