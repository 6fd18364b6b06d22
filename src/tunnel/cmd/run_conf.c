/* Flags and environment of `tunnel run`, as cloudflared has them. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/conf/ingress_json.h"
#include "common/proto/url.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/run_conf.h"
#include "tunnel/cmd/run_cred.h"

#define T(member) OPT_TEXT(struct run_flags, member)
#define B(member) OPT_BOOL(struct run_flags, member)

static const struct opt run_options[] = {
	{0, "config", "FILE",
		"configuration, YAML (default: searched in ~/.cloudflared, /etc/cloudflared, ...)", T(config),
		NULL},
	{0, "credentials-file", "FILE", "credentials of the tunnel, JSON", T(credentials_file),
		"TUNNEL_CRED_FILE"},
	{0, "cred-file", "FILE", NULL, T(credentials_file), NULL},
	{0, "credentials-contents", "JSON", "the same as text; wins over the file", T(credentials_contents),
		"TUNNEL_CRED_CONTENTS"},
	{0, "token", "TOKEN", "tunnel token; wins over credentials", T(token), "TUNNEL_TOKEN"},
	{0, "token-file", "FILE", "a file that holds the token", T(token_file), "TUNNEL_TOKEN_FILE"},
	{0, "edge", "HOST:PORT", "address of an edge, one for each connection (repeatable)",
		OPT_LIST(struct run_flags, edges), "TUNNEL_EDGE"},
	{0, "cacert", "FILE", "trust only these certificates for the edge, PEM", T(cacert), "TUNNEL_CACERT"},
	{0, "ha-connections", "N", "connections to the edge (default 4)",
		OPT_NUMBER(struct run_flags, ha_connections, 1, POOL_SLOTS_MAX), NULL},
	{'p', "protocol", "PROTOCOL", "auto or http2, which are the same here", T(protocol),
		"TUNNEL_TRANSPORT_PROTOCOL"},
	{0, "metrics", "ADDR:PORT",
		"serve /metrics, /ready and /healthcheck (default: 127.0.0.1, the first free of "
		"20241..20245)",
		T(metrics), "TUNNEL_METRICS"},
	{0, "grace-period", "DURATION", "how long requests may go on after a signal (default 30s)",
		OPT_TIME(struct run_flags, grace_ns, 0, 180 * DURATION_S), "TUNNEL_GRACE_PERIOD"},
	{0, "retries", "N", "accepted; the bound of the back-off is fixed",
		OPT_NUMBER(struct run_flags, retries, 0, 100), "TUNNEL_RETRIES"},
	{0, "loglevel", "LEVEL", "debug, info, warn, error or fatal (default info)", T(log_level),
		"TUNNEL_LOGLEVEL"},
	{0, "pidfile", "FILE", "written after the first registration", T(pid_file), "TUNNEL_PIDFILE"},
	{'n', "name", "NAME", "the tunnel, if it is not the argument", T(name), "TUNNEL_NAME"},
	{0, "no-autoupdate", NULL, "accepted: there are no updates to switch off", B(no_autoupdate),
		"NO_AUTOUPDATE"},
	{0, "autoupdate-freq", "DURATION", "accepted likewise",
		OPT_TIME(struct run_flags, autoupdate_freq_ns, INT64_MIN, INT64_MAX), NULL},
	{'j', "json", NULL, "a record on stdout for each registration and loss", B(json), NULL},
	/* One service in place of ingress rules. */
	SERVICE_FLAG_ROWS(struct run_flags),
	/* Known, and not offered: refused by name. */
	{0, "region", "NAME", "", OPT_REFUSE, "TUNNEL_REGION"},
	{0, "edge-ip-version", "V", "", OPT_REFUSE, "TUNNEL_EDGE_IP_VERSION"},
	{0, "edge-bind-address", "IP", "", OPT_REFUSE, "TUNNEL_EDGE_BIND_ADDRESS"},
	{0, "origincert", "FILE", "", OPT_REFUSE, "TUNNEL_ORIGIN_CERT"},
	{0, "max-edge-addr-retries", "N", "", OPT_REFUSE, NULL},
	{0, "rpc-timeout", "D", "", OPT_REFUSE, NULL},
	{0, "write-stream-timeout", "D", "", OPT_REFUSE, "TUNNEL_STREAM_WRITE_TIMEOUT"},
	{0, "dial-edge-timeout", "D", "", OPT_REFUSE, "DIAL_EDGE_TIMEOUT"},
	{0, "metrics-update-freq", "D", "", OPT_REFUSE, "TUNNEL_METRICS_UPDATE_FREQ"},
	{0, "transport-loglevel", "L", "", OPT_REFUSE, "TUNNEL_TRANSPORT_LOGLEVEL"},
	{0, "proto-loglevel", "L", "", OPT_REFUSE, "TUNNEL_PROTO_LOGLEVEL"},
	{0, "logfile", "FILE", "", OPT_REFUSE, "TUNNEL_LOGFILE"},
	{0, "log-directory", "DIR", "", OPT_REFUSE, "TUNNEL_LOGDIRECTORY"},
	{0, "trace-output", "FILE", "", OPT_REFUSE, "TUNNEL_TRACE_OUTPUT"},
	{0, "tag", "NAME=VALUE", "", OPT_REFUSE, "TUNNEL_TAG"},
	{0, "label", "TEXT", "", OPT_REFUSE, NULL},
	{0, "hostname", "NAME", "", OPT_REFUSE, "TUNNEL_HOSTNAME"},
	{0, "lb-pool", "NAME", "", OPT_REFUSE, "TUNNEL_LB_POOL"},
	{'f', "overwrite-dns", NULL, "", OPT_REFUSE, "TUNNEL_FORCE_PROVISIONING_DNS"},
	{0, "api-url", "URL", "", OPT_REFUSE, "TUNNEL_API_URL"},
	{0, "quick-service", "URL", "", OPT_REFUSE, NULL},
	{0, "post-quantum", NULL, "", OPT_REFUSE, "TUNNEL_POST_QUANTUM"},
	{0, "pq", NULL, "", OPT_REFUSE, NULL},
	{0, "management-hostname", "HOST", "", OPT_REFUSE, "TUNNEL_MANAGEMENT_HOSTNAME"},
	{0, "management-diagnostics", NULL, "", OPT_REFUSE, "TUNNEL_MANAGEMENT_DIAGNOSTICS"},
	{0, "service-op-ip", "IP:PORT", "", OPT_REFUSE, "TUNNEL_SERVICE_OP_IP"},
	{0, "stdin-control", NULL, "", OPT_REFUSE, "STDIN_CONTROL"},
	{0, "no-prechecks", NULL, "", OPT_REFUSE, "TUNNEL_NO_PRECHECKS"},
	{'F', "features", "NAME", "", OPT_REFUSE, NULL},
	{0, "icmpv4-src", "IP", "", OPT_REFUSE, "TUNNEL_ICMPV4_SRC"},
	{0, "icmpv6-src", "IP", "", OPT_REFUSE, "TUNNEL_ICMPV6_SRC"},
	{0, "max-active-flows", "N", "", OPT_REFUSE, "TUNNEL_MAX_ACTIVE_FLOWS"},
	{0, "bastion", NULL, "", OPT_REFUSE, "TUNNEL_BASTION"},
	{0, "socks5", NULL, "", OPT_REFUSE, "TUNNEL_SOCKS"},
	{0, "proxy-address", "A", "", OPT_REFUSE, "TUNNEL_PROXY_ADDRESS"},
	{0, "proxy-port", "N", "", OPT_REFUSE, "TUNNEL_PROXY_PORT"},
	{0, "proxy-dns", NULL, "", OPT_REFUSE, "TUNNEL_DNS"},
	{0, "proxy-dns-port", "N", "", OPT_REFUSE, "TUNNEL_DNS_PORT"},
	{0, "proxy-dns-address", "A", "", OPT_REFUSE, "TUNNEL_DNS_ADDRESS"},
	{0, "proxy-dns-upstream", "URL", "", OPT_REFUSE, "TUNNEL_DNS_UPSTREAM"},
	{0, "proxy-dns-max-upstream-conns", "N", "", OPT_REFUSE, "TUNNEL_DNS_MAX_UPSTREAM_CONNS"},
	{0, "proxy-dns-bootstrap", "URL", "", OPT_REFUSE, "TUNNEL_DNS_BOOTSTRAP"},
	{0, "quic-disable-pmtu-discovery", NULL, "", OPT_REFUSE, "TUNNEL_DISABLE_QUIC_PMTU"},
	{0, "quic-connection-level-flow-control-limit", "N", "", OPT_REFUSE,
		"TUNNEL_QUIC_CONN_LEVEL_FLOW_CONTROL_LIMIT"},
	{0, "quic-stream-level-flow-control-limit", "N", "", OPT_REFUSE,
		"TUNNEL_QUIC_STREAM_LEVEL_FLOW_CONTROL_LIMIT"},
	{0},
};

static const struct opt_program run_program = {.name = "tunnel run",
	.usage = "[OPTIONS] [TUNNEL]",
	.summary = "The connector: dials out to an edge and serves its requests from services here.",
	.more = "exit status: 0 stopped by a signal, 2 usage or configuration, 3 could not do it\n",
	.options = run_options};

/* --- Edges --- */

static int check_edges(const struct run_flags *f, struct err *err)
{
	struct url_authority address;

	if (f->edges.count == 0)
		return err_set(err, "--edge HOST:PORT is needed (or TUNNEL_EDGE, or \"edge:\" in the file): "
				    "where the edge is");
	for (size_t i = 0; i < f->edges.count; i++) {
		if (url_parse_address(span_str(f->edges.items[i]), &address, err) < 0)
			return err_wrap(err, "--edge %s", f->edges.items[i]);
		if (address.host.len == 0)
			return err_set(err, "--edge %s: no host", f->edges.items[i]);
	}
	return 0;
}

/* --- All together --- */

int run_conf_check_protocol(const char *name, struct err *err)
{
	if (strcmp(name, "auto") == 0 || strcmp(name, "http2") == 0 || strcmp(name, "h2mux") == 0)
		return 0;
	return err_set(err, "--protocol %s: only http2 is offered (auto means the same)", name);
}

static int check_flags(struct run_conf *c, struct err *err)
{
	const struct run_flags *f = &c->flags;

	if (!log_level_parse(span_str(f->log_level), &c->level))
		return err_set(
			err, "--loglevel %s: not one of debug, info, warn, error, fatal", f->log_level);
	return run_conf_check_protocol(f->protocol, err) < 0 ? -1 : check_edges(f, err);
}

static int read_cred(struct run_conf *c, struct err *err)
{
	const struct run_flags *f = &c->flags;

	c->cred_from = (struct run_cred){.token = f->token,
		.token_file = f->token_file,
		.contents = f->credentials_contents,
		.file = f->credentials_file,
		.tunnel = f->name != NULL ? f->name : c->file.conf.tunnel};

	int status = run_cred_read(&c->cred_from, &c->cred, err);
	struct stat st;
	char *file = status == EXIT_OK ? run_cred_file(&c->cred_from) : NULL;
	/* A pipe, as of a shell's <(...), gives its contents once. */
	if (file != NULL && stat(file, &st) == 0 && !S_ISREG(st.st_mode)) {
		free(file);
		file = NULL;
	}
	c->cred_file = file;
	return status;
}

/* The file's rules, or one that the flags of a single service make. */
static int choose_rules(struct run_conf *c, const struct opt_seen *seen, struct err *err)
{
	c->ingress = c->file.conf.ingress;
	if (c->ingress == NULL)
		c->ingress = c->single = service_flags_ingress(&c->flags.service, run_options, seen, err);
	return c->ingress != NULL ? 0 : -1;
}

/* What connector 0 tells the edge: the rules, and those of these flags that are set. */
static int write_config(struct run_conf *c, const struct opt_seen *seen, struct err *err)
{
	const struct run_flags *f = &c->flags;
	char often[DURATION_TEXT_MAX], retries[24];
	const struct ingress_flag all[] = {
		{"autoupdate-freq", often},
		{"no-autoupdate", f->no_autoupdate ? "true" : "false"},
		{"retries", retries},
		{"protocol", f->protocol},
		{"loglevel", f->log_level},
		{"metrics", f->metrics},
	};
	struct ingress_flag set[sizeof(all) / sizeof(all[0])];
	size_t count = 0;

	duration_print(f->autoupdate_freq_ns, often);
	snprintf(retries, sizeof(retries), "%lld", (long long)f->retries);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (opt_was_set(run_options, seen, all[i].name))
			set[count++] = all[i];
	if (ingress_json_local(c->ingress, &c->file.conf.warp, set, count, &c->config) < 0)
		return err_set(
			err, "%s: the configuration is too large to be told to the edge", c->file.path);
	return 0;
}

static int read_cred_again(void *arg, struct cred *out, struct err *err)
{
	return run_cred_read(arg, out, err) == EXIT_OK ? 0 : -1;
}

static void fill_client(struct run_conf *c)
{
	const struct run_flags *f = &c->flags;

	c->client = (struct client_conf){.cred = &c->cred,
		.cred_read = c->cred_file != NULL ? read_cred_again : NULL,
		.cred_arg = &c->cred_from,
		.cred_file = c->cred_file,
		.ingress = c->ingress,
		.edges = &f->edges,
		.connections = (size_t)f->ha_connections,
		.ca_file = f->cacert,
		.server_name = "h2.cftunnel.com",
		.metrics = f->metrics,
		.config = buf_span(&c->config),
		.warp = &c->file.conf.warp,
		.grace_ms = (uint64_t)(f->grace_ns / DURATION_MS)};
}

static enum opt_result parse_flags(
	struct run_conf *c, struct opt_seen *seen, int argc, char **argv, struct err *err)
{
	enum opt_result result = opt_parse(&run_program, &c->flags, seen, &argc, &argv, err);

	if (result != OPT_RUN)
		return result;
	if (argc > 1) {
		err_set(err, "one tunnel can be run, %d are named", argc);
		return OPT_BAD;
	}
	if (argc == 1)
		c->flags.name = argv[0];
	return opt_environment(&run_program, &c->flags, seen, err);
}

enum opt_result run_conf_scan(
	const char *commands, int argc, char **argv, struct run_conf_scan *out, struct err *err)
{
	const struct opt_program program = {.name = "tunnel",
		.usage = "[OPTIONS] COMMAND [OPTIONS]",
		.summary = "A tunnel that is dialed from the inside: services without open ports, on the "
			   "operator's own edge.",
		.more = commands,
		.options = run_options,
		.first_only = true};
	struct run_flags flags = {0};
	struct opt_seen seen = {0};
	char **args = mem_array((size_t)argc + 1, sizeof(*args)), **rest = args;
	int left = argc;

	memcpy(args, argv, (size_t)argc * sizeof(*args));
	enum opt_result result = opt_parse(&program, &flags, &seen, &left, &rest, err);
	if (result == OPT_RUN && left == 0)
		result = opt_environment(&program, &flags, &seen, err);
	const struct service_flags *s = &flags.service;
	bool has_service = s->url != NULL || s->unix_socket != NULL || s->hello_world;
	bool has_tunnel = flags.edges.count > 0 || flags.name != NULL || flags.config != NULL ||
			  flags.token != NULL || flags.token_file != NULL || flags.credentials_file != NULL ||
			  flags.credentials_contents != NULL;
	*out = (struct run_conf_scan){.command = argc - left, .is_quick = has_service && !has_tunnel};
	opt_free(run_options, &flags);
	free(args);
	return result;
}

int run_conf_read(struct run_conf *c, int argc, char **argv, struct err *err)
{
	struct opt_seen seen = {0};

	int status;

	*c = (struct run_conf){.flags = {.ha_connections = 4,
				       .grace_ns = 30 * DURATION_S,
				       .log_level = "info",
				       .protocol = "auto"}};
	switch (parse_flags(c, &seen, argc, argv, err)) {
	case OPT_DONE: return RUN_CONF_DONE;
	case OPT_BAD: return EXIT_USAGE;
	case OPT_RUN: break;
	}
	status = run_file_read(&c->file, c->flags.config, err);
	if (status != EXIT_OK)
		return status;
	if (run_file_apply(&c->file, run_options, &c->flags, &seen, err) < 0 || check_flags(c, err) < 0)
		return EXIT_USAGE;
	status = run_file_check(&c->file, err);
	if (status == EXIT_OK)
		status = read_cred(c, err);
	if (status != EXIT_OK)
		return status;
	if (choose_rules(c, &seen, err) < 0 || write_config(c, &seen, err) < 0)
		return EXIT_USAGE;
	fill_client(c);
	return EXIT_OK;
}

void run_conf_log(const struct run_conf *c, const struct log *log)
{
	const struct service_flags *s = &c->flags.service;

	run_file_log(&c->file, log);
	if (c->single != NULL && s->url == NULL && s->unix_socket == NULL && !s->hello_world)
		log_line(log, LOG_WARN,
			"neither ingress rules nor --url: every request is answered with 503 until the edge "
			"sends rules",
			NULL);
}

void run_conf_free(struct run_conf *c)
{
	opt_free(run_options, &c->flags);
	cred_free(&c->cred);
	free(c->cred_file);
	ingress_free(c->single);
	buf_free(&c->config);
	run_file_free(&c->file);
}
