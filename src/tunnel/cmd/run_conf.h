/* Settings of `tunnel run`: command line, environment, configuration file, defaults, in this order. */
#ifndef CMD_RUN_CONF_H
#define CMD_RUN_CONF_H

#include "tunnel/client.h"
#include "tunnel/cmd/run_cred.h"
#include "tunnel/cmd/run_file.h"
#include "tunnel/cmd/service_flags.h"

#define RUN_CONF_DONE (-1) /* --help or --version was answered */

/* What the options write to; texts are borrowed from argv, the environment or the file. */
struct run_flags {
	const char *config, *credentials_file, *credentials_contents, *token, *token_file, *cacert, *metrics,
		*protocol;
	const char *log_level, *pid_file, *name;
	struct opt_list edges;
	int64_t ha_connections, retries, grace_ns;
	struct service_flags service; /* when there are no ingress rules */
	bool no_autoupdate, json;
	int64_t autoupdate_freq_ns;
};

struct run_conf {
	struct run_flags flags;
	struct cred cred;
	struct run_cred cred_from;
	char *cred_file; /* NULL when they are in none */
	struct run_file file;
	struct ingress *single;        /* rule of the flags, when the file has none */
	const struct ingress *ingress; /* the file's, or that one */
	struct buf config;             /* JSON for the edge */
	struct client_conf client;     /* points into the others */
	enum log_level level;
};

/* What the command line says before any subcommand is known. */
struct run_conf_scan {
	int command;   /* index of its name, the first operand; argc when there is none */
	bool is_quick; /* without one: a service is given, and neither edge nor tunnel */
};

/* Read options up to the first operand; argv stays as it is. commands is the text that --help shows. OPT_DONE when
 * --help or --version was answered. */
enum opt_result run_conf_scan(
	const char *commands, int argc, char **argv, struct run_conf_scan *out, struct err *err);

/* Is this a value of --protocol that is carried out? */
int run_conf_check_protocol(const char *name, struct err *err);

/* Read everything. 0, RUN_CONF_DONE, or an exit status with err. argv is options and at most one tunnel's name.
 * run_conf_free in every case. */
int run_conf_read(struct run_conf *c, int argc, char **argv, struct err *err);
/* What there is to say about settings that were read. */
void run_conf_log(const struct run_conf *c, const struct log *log);
void run_conf_free(struct run_conf *c);

#endif
