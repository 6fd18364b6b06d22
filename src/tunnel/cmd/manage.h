/* What the commands share that talk to the management API: options, cert.pem, the call, its failure. */
#ifndef CMD_MANAGE_H
#define CMD_MANAGE_H

#include <time.h>

#include "common/api/api.h"
#include "common/api/cert.h"
#include "common/base/log.h"
#include "common/base/opt.h"
#include "common/conf/cred.h"
#include "common/conf/yaml.h"

/* What the options of all these commands write to; texts are borrowed from argv, the environment or the file. */
struct manage_flags {
	const char *api_url, *origin_cert, *config, *api_ca, *log_level; /* of all */
	bool allow_http, no_autoupdate, json;
	const char *output;             /* create, list, info, config */
	const char *cred_file, *secret; /* create, token, delete */
	const char *config_src;         /* create */
	const char *name, *name_prefix, *exclude_prefix, *when, *id, *sort_by; /* list, info */
	bool show_deleted, recently, invert_sort;
	int64_t max_fetch;
	bool force;            /* delete, route dns */
	const char *connector; /* cleanup */
};

#define MANAGE_TEXT(member) OPT_TEXT(struct manage_flags, member)
#define MANAGE_BOOL(member) OPT_BOOL(struct manage_flags, member)

/* Their rows of an option table. The rows that one command has come before. */
/* clang-format off */
#define MANAGE_OUTPUT_ROW                                                                                            \
	{'o', "output", "FORMAT", "json or yaml, as cloudflared prints them", MANAGE_TEXT(output), NULL}
#define MANAGE_ROWS                                                                                                  \
	{0, "api-url", "URL", "the management API, https://HOST/client/v4", MANAGE_TEXT(api_url), "TUNNEL_API_URL"}, \
	{0, "origincert", "FILE",                                                                                    \
		"account and API token (default: cert.pem in ~/.cloudflared, /etc/cloudflared, ...)",                \
		MANAGE_TEXT(origin_cert), "TUNNEL_ORIGIN_CERT"},                                                     \
	{0, "api-ca", "FILE", "trust only these certificates for the API, PEM", MANAGE_TEXT(api_ca), "SSL_CERT_FILE"}, \
	{0, "allow-http", NULL, "http:// to other machines too, which shows the token to the network",               \
		MANAGE_BOOL(allow_http), NULL},                                                                      \
	{0, "config", "FILE", "where api-url and origincert may stand, YAML", MANAGE_TEXT(config), NULL},            \
	{0, "loglevel", "LEVEL", "debug, info, warn, error or fatal (default info)", MANAGE_TEXT(log_level), "TUNNEL_LOGLEVEL"}, \
	{'j', "json", NULL, "records on stdout", MANAGE_BOOL(json), NULL},                                           \
	{0, "no-autoupdate", NULL, NULL, MANAGE_BOOL(no_autoupdate), "NO_AUTOUPDATE"}
/* clang-format on */

/* One command. */
struct manage {
	const struct opt_program *program;
	struct manage_flags flags;
	struct yaml_tree *file; /* texts that came from the configuration file */
	int argc;               /* operands */
	char **argv;
	char *cert_path;
	struct cert cert;
	struct api *api;
	struct log log;
	struct timespec began;
	struct err err;
};

#define MANAGE_READY (-1) /* manage_begin: go on */

/* Options, operands (min to max of them; what names them), cert.pem, and the API's address. MANAGE_READY, or the exit status
 * with everything said. manage_end in every case. */
int manage_begin(struct manage *m, const struct opt_program *program, int argc, char **argv, int min, int max,
	const char *what);
/* Wipe and free; status is returned. An output that could not be written makes it EXIT_CANNOT. */
int manage_end(struct manage *m, int status);

/* Say m->err, as a record too with --json, and return the exit status of a thing that could not be done. */
int manage_fail(struct manage *m);
/* The same after a call: with what to do about it. */
int manage_fail_call(struct manage *m);
/* The tunnel that a text names: an id as it is, whether it exists or not, a name by asking. API_OK, or err is set. */
enum api_result manage_find(struct manage *m, const char *text, struct uuid *id);
/* A record of kind "tunnel" about that tunnel; done is what was done to it ("created"), NULL for nothing. */
json_t *manage_record(const struct uuid *id, const char *done);
/* Print it, with how long it took. */
void manage_tell(const struct manage *m, json_t *record);

#endif
