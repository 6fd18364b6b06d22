/* Settings of `tunnel run`: command line, environment, configuration file, defaults, in this order. */
#ifndef CMD_RUN_CONF_H
#define CMD_RUN_CONF_H

#include "tunnel/client.h"

#define RUN_CONF_DONE (-1) /* --help or --version was answered */

/* What the options write to; texts are borrowed from argv, the environment or `owned`. */
struct run_flags {
	const char *config, *credentials_file, *credentials_contents, *token, *token_file, *cacert, *metrics,
		*protocol;
	const char *log_level, *url, *unix_socket, *pid_file, *name;
	const char *http_host_header, *origin_server_name, *origin_ca_pool;
	struct opt_list edges, features;
	int64_t ha_connections, retries, grace_ns, rpc_timeout_ns;
	int64_t connect_timeout_ns, tls_timeout_ns, tcp_keepalive_ns, keepalive_timeout_ns,
		keepalive_connections;
	bool hello_world, no_tls_verify, no_chunked, http2_origin, no_happy_eyeballs;
	bool no_autoupdate, json;
	const char *autoupdate_freq;
};

struct run_conf {
	struct run_flags flags;
	struct cred cred;
	struct ingress *ingress;
	struct client_conf client; /* points into the others */
	enum log_level level;
};

/* Read everything. 0, RUN_CONF_DONE, or an exit status with err. argv is what follows "tunnel": options, "run", options,
 * NAME. run_conf_free in every case. */
int run_conf_read(struct run_conf *c, int argc, char **argv, struct err *err);
void run_conf_free(struct run_conf *c);

#endif
