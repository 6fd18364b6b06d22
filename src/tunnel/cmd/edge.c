/* tunnel edge: options, ready message, signals. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/out.h"
#include "tunnel/cmd/announce.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/process.h"
#include "tunnel/edge/edge.h"

#define GRACE_MAX (600 * DURATION_S)

static const struct opt edge_options[] = {
	{0, "listen", "ADDR:PORT", "public TLS (repeatable; port 0 takes a free one)",
		OPT_LIST(struct edge_conf, listen_tls), NULL},
	{0, "listen-http", "ADDR:PORT", "public plain HTTP (repeatable)",
		OPT_LIST(struct edge_conf, listen_http), NULL},
	{0, "tunnel-listen", "ADDR:PORT", "where connectors dial in (repeatable)",
		OPT_LIST(struct edge_conf, listen_tunnel), NULL},
	{0, "cert", "FILE", "public certificate chain, PEM (repeatable, chosen by SNI)",
		OPT_LIST(struct edge_conf, certs), NULL},
	{0, "key", "FILE", "its key, in the same order", OPT_LIST(struct edge_conf, keys), NULL},
	{0, "tunnel-cert", "FILE", "certificate for h2.cftunnel.com, PEM",
		OPT_TEXT(struct edge_conf, tunnel_cert), NULL},
	{0, "tunnel-key", "FILE", "its key", OPT_TEXT(struct edge_conf, tunnel_key), NULL},
	{0, "dev", "DIR", "development CA and certificates, made there on first use",
		OPT_TEXT(struct edge_conf, dev_dir), NULL},
	{0, "credentials", "FILE", "a tunnel that may register (repeatable)",
		OPT_LIST(struct edge_conf, credentials), NULL},
	{0, "route", "HOST=TUNNEL", "send HOST (NAME, *.NAME or *) to a tunnel, by id or name (repeatable)",
		OPT_LIST(struct edge_conf, routes), NULL},
	{0, "metrics", "ADDR:PORT", "serve /metrics, /ready and /healthcheck",
		OPT_TEXT(struct edge_conf, metrics), NULL},
	{0, "access-log", "FILE", "JSON lines, one a request; - for stdout",
		OPT_TEXT(struct edge_conf, access_log), NULL},
	{0, "grace-period", "DURATION", "how long draining may take (default 30s)",
		OPT_TIME(struct edge_conf, grace_ns, 0, GRACE_MAX), NULL},
	{0, "location", "NAME", "place code of request ids and registrations (default LOC)",
		OPT_TEXT(struct edge_conf, location), NULL},
	{0, "loglevel", "LEVEL", "debug, info, warn or error (default info)",
		OPT_TEXT(struct edge_conf, log_level), NULL},
	{'j', "json", NULL, "one record on stdout when ready", OPT_BOOL(struct edge_conf, json), NULL},
	{0},
};

static const struct opt_program edge_program = {.name = "tunnel edge",
	.usage = "[OPTIONS]",
	.summary = "The public side: takes visitors in and sends their requests through tunnels.",
	.more = "exit status: 0 stopped by a signal, 2 usage, 3 cannot listen or load\n",
	.options = edge_options};

/* What the options must say together. */
static int edge_check(const struct edge_conf *conf, struct err *err)
{
	if (conf->listen_tunnel.count == 0)
		return err_set(err, "--tunnel-listen is needed: where connectors dial in");
	if (conf->listen_tls.count + conf->listen_http.count == 0)
		return err_set(err, "--listen or --listen-http is needed: where visitors come in");
	if (conf->certs.count != conf->keys.count)
		return err_set(err, "--cert and --key come in pairs: %zu and %zu given", conf->certs.count,
			conf->keys.count);
	if ((conf->tunnel_cert == NULL) != (conf->tunnel_key == NULL))
		return err_set(err, "--tunnel-cert and --tunnel-key come as a pair");
	if (conf->tunnel_cert == NULL && conf->dev_dir == NULL)
		return err_set(
			err, "--tunnel-cert and --tunnel-key are needed, or --dev DIR for development");
	if (conf->listen_tls.count > 0 && conf->certs.count == 0 && conf->dev_dir == NULL)
		return err_set(err, "--listen needs --cert and --key, or --dev DIR for development");
	if (conf->access_log != NULL && strcmp(conf->access_log, "-") == 0 && conf->json)
		return err_set(err, "--access-log - and --json would both write to stdout");
	for (const char *c = conf->location; *c != '\0'; c++)
		if (!((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9')))
			return err_set(err, "--location %s: only letters and digits", conf->location);
	if (strlen(conf->location) < 1 || strlen(conf->location) > 24)
		return err_set(err, "--location: 1 to 24 characters");
	return 0;
}

/* --- Ready message --- */

static void print_address(void *arg, const char *role, const char *address)
{
	(void)arg;
	fprintf(stderr, "%s %s\n", role, address);
}

static int edge_announce(const struct edge *e)
{
	if (!e->conf->json) {
		edge_each_address(e, print_address, NULL);
		return 0;
	}
	return out_line(stdout, announce_record(e));
}

/* --- Life --- */

struct edge_process {
	struct worker *worker;
	struct edge *edge;
};

static void edge_on_drained(void *arg)
{
	struct edge_process *p = arg;

	loop_stop(p->worker->loop);
}

static void edge_on_stop(void *arg)
{
	struct edge_process *p = arg;

	edge_drain(p->edge, edge_on_drained, p);
}

static int edge_run(const struct edge_conf *conf, const struct log *log, struct err *err)
{
	struct edge_process p = {.worker = worker_new(log, err)};
	int rc = -1;

	if (p.worker == NULL)
		return -1;
	p.edge = edge_start(p.worker, conf, err);
	if (p.edge != NULL) {
		rc = edge_announce(p.edge);
		if (rc < 0)
			err_sys(err, "stdout");
		else
			process_run(p.worker, edge_on_stop, &p);
	}
	edge_free(p.edge);
	worker_free(p.worker);
	return rc;
}

int cmd_edge(int argc, char **argv)
{
	struct edge_conf conf = {.location = "LOC", .grace_ns = 30 * DURATION_S, .log_level = "info"};
	struct opt_seen seen = {0};
	struct log log = {.fd = 2, .level = LOG_INFO};
	struct err err = {0};
	int status = EXIT_OK;

	switch (opt_parse(&edge_program, &conf, &seen, &argc, &argv, &err)) {
	case OPT_DONE: return EXIT_OK;
	case OPT_BAD: return out_die(edge_program.name, &err, EXIT_USAGE);
	case OPT_RUN: break;
	}
	if (argc > 0)
		err_set(&err, "unexpected argument \"%s\"; see tunnel edge --help", argv[0]);
	else if (!log_level_parse(span_str(conf.log_level), &log.level))
		err_set(&err, "--loglevel %s: not one of debug, info, warn, error", conf.log_level);
	else
		edge_check(&conf, &err);
	if (err.text[0] != '\0')
		status = out_die(edge_program.name, &err, EXIT_USAGE);
	else if (edge_run(&conf, &log, &err) < 0)
		status = out_die(edge_program.name, &err, EXIT_CANNOT);
	opt_free(edge_options, &conf);
	return status;
}
