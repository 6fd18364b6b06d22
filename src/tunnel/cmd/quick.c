/* tunnel quick: edge and connector in one process and one loop, with credentials and certificates that never leave its
 * memory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/label.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/proto/url.h"
#include "tunnel/client.h"
#include "tunnel/cmd/announce.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/process.h"
#include "tunnel/cmd/run_conf.h"

#define GRACE_MAX (600 * DURATION_S)

struct quick_flags {
	struct service_flags service;
	const char *listen_http, *hostname, *metrics, *log_level, *protocol;
	int64_t ha_connections, grace_ns;
	bool json, no_autoupdate;
};

#define T(member) OPT_TEXT(struct quick_flags, member)

static const struct opt quick_options[] = {
	SERVICE_FLAG_ROWS(struct quick_flags),
	{0, "listen-http", "ADDR:PORT", "where visitors come in (default 127.0.0.1:0, a free port)",
		T(listen_http), NULL},
	{0, "hostname", "NAME", "its host name (default: a random one under localhost)", T(hostname), NULL},
	{0, "ha-connections", "N", "connections between the two ends (default 4)",
		OPT_NUMBER(struct quick_flags, ha_connections, 1, POOL_SLOTS_MAX), NULL},
	{0, "metrics", "ADDR:PORT", "as for tunnel run", T(metrics), "TUNNEL_METRICS"},
	{0, "grace-period", "DURATION", "how long requests may go on after a signal (default 2s)",
		OPT_TIME(struct quick_flags, grace_ns, 0, GRACE_MAX), "TUNNEL_GRACE_PERIOD"},
	{0, "loglevel", "LEVEL", "debug, info, warn or error (default warn)", T(log_level),
		"TUNNEL_LOGLEVEL"},
	{'p', "protocol", "PROTOCOL", "auto or http2, which are the same here", T(protocol),
		"TUNNEL_TRANSPORT_PROTOCOL"},
	{0, "no-autoupdate", NULL, "accepted: there are no updates to switch off",
		OPT_BOOL(struct quick_flags, no_autoupdate), "NO_AUTOUPDATE"},
	{'j', "json", NULL, "one record on stdout in place of the URL", OPT_BOOL(struct quick_flags, json),
		NULL},
	{0},
};

static const struct opt_program quick_program = {.name = "tunnel quick",
	.usage = "[OPTIONS] --url URL | --hello-world",
	.summary = "Edge and connector in one process: a service here, through a tunnel, at the URL that is "
		   "printed.",
	.more = "The URL opens in a browser as it is: names under localhost are this machine.\n"
		"exit status: 0 stopped by a signal, 2 usage, 3 could not do it\n",
	.options = quick_options};

/* --- Settings of the two ends --- */

struct quick_conf {
	struct quick_flags flags;
	enum log_level level;
	struct ingress *ingress;
	struct cred cred;
	struct devca_pems pems;
	char hostname[URL_HOST_MAX + 1];
	const char *route;  /* owned */
	const char *tunnel; /* the edge's address for connectors: asked for, then real */
	char tunnel_address[DIAL_NAME_MAX];
	struct opt_list edges; /* that address, once a connection */
	struct edge_conf edge;
	struct client_conf client;
};

static int quick_check(struct quick_conf *c, const struct opt_seen *seen, struct err *err)
{
	const struct quick_flags *f = &c->flags;
	const struct service_flags *s = &f->service;
	int services = (s->url != NULL) + (s->unix_socket != NULL) + s->hello_world;
	struct url_authority host, address;

	if (services == 0)
		return err_set(err, "--url URL is needed, or --hello-world: what is to be served");
	if (services > 1)
		return err_set(err, "only one of --url, --unix-socket and --hello-world can be served");
	if (!log_level_parse(span_str(f->log_level), &c->level))
		return err_set(err, "--loglevel %s: not one of debug, info, warn, error", f->log_level);
	if (url_parse_address(span_str(f->listen_http), &address, err) < 0)
		return err_wrap(err, "--listen-http %s", f->listen_http);
	if (run_conf_check_protocol(f->protocol, err) < 0)
		return -1;
	if (f->hostname != NULL && (!url_split_authority(span_str(f->hostname), &host) || host.port >= 0 ||
					   host.host.len > URL_HOST_MAX))
		return err_set(err, "--hostname %s: not a host name", f->hostname);
	c->ingress = service_flags_ingress(s, quick_options, seen, err);
	return c->ingress != NULL ? 0 : -1;
}

static void quick_choose_name(struct quick_conf *c)
{
	char label[LABEL_MAX];

	label_random(label);
	if (c->flags.hostname != NULL)
		snprintf(c->hostname, sizeof(c->hostname), "%s", c->flags.hostname);
	else
		snprintf(c->hostname, sizeof(c->hostname), "%s.localhost", label);
	c->route = mem_printf("%s=quick", c->hostname);
}

/* The one name is all that is routed: a page elsewhere cannot reach the service through a name of its own that leads
 * here. */
static int quick_fill(struct quick_conf *c, struct err *err)
{
	const struct quick_flags *f = &c->flags;

	if (devca_make(&c->pems, err) < 0)
		return -1;
	cred_generate(&c->cred, "quick");
	quick_choose_name(c);
	c->tunnel = "127.0.0.1:0";
	c->edge = (struct edge_conf){.listen_http = {&c->flags.listen_http, 1, NULL},
		.listen_tunnel = {&c->tunnel, 1, NULL},
		.routes = {&c->route, 1, NULL},
		.location = "local",
		.grace_ns = f->grace_ns,
		.cred = &c->cred,
		.pems = &c->pems};
	c->edges.count = (size_t)f->ha_connections;
	c->edges.items = mem_array(c->edges.count, sizeof(*c->edges.items));
	for (size_t i = 0; i < c->edges.count; i++)
		c->edges.items[i] = c->tunnel_address;
	c->client = (struct client_conf){.cred = &c->cred,
		.ingress = c->ingress,
		.edges = &c->edges,
		.connections = c->edges.count,
		.ca_pem = buf_span(&c->pems.ca),
		.server_name = "h2.cftunnel.com",
		.metrics = f->metrics,
		.hostname = c->hostname,
		.grace_ms = (uint64_t)(f->grace_ns / DURATION_MS)};
	return 0;
}

static enum opt_result quick_conf_read(struct quick_conf *c, int argc, char **argv, struct err *err)
{
	struct opt_seen seen = {0};

	switch (opt_parse(&quick_program, &c->flags, &seen, &argc, &argv, err)) {
	case OPT_DONE: return OPT_DONE;
	case OPT_BAD: return OPT_BAD;
	case OPT_RUN: break;
	}
	if (argc > 0) {
		err_set(err, "unexpected argument \"%s\"; is it --url %s?", argv[0], argv[0]);
		return OPT_BAD;
	}
	if (opt_environment(&quick_program, &c->flags, &seen, err) != OPT_RUN ||
		quick_check(c, &seen, err) < 0)
		return OPT_BAD;
	return OPT_RUN;
}

static void quick_conf_free(struct quick_conf *c)
{
	ingress_free(c->ingress);
	cred_free(&c->cred);
	devca_pems_free(&c->pems);
	free((char *)c->route);
	free(c->edges.items);
}

/* --- Life --- */

struct quick {
	struct worker *worker;
	struct quick_conf *conf;
	struct edge *edge;
	struct client *client;
	bool edge_over, client_over, stopping, announced;
	struct err err; /* why it ends, if not by a signal */
};

static void quick_check_over(struct quick *q)
{
	if (q->edge_over && q->client_over)
		loop_stop(q->worker->loop);
}

static void quick_on_drained(void *arg)
{
	struct quick *q = arg;

	q->edge_over = true;
	quick_check_over(q);
}

/* Visitors first, so that none finds the tunnel gone. The second call ends both ends at once. */
static void quick_stop(void *arg)
{
	struct quick *q = arg;

	q->stopping = true;
	if (!q->edge_over)
		edge_drain(q->edge, quick_on_drained, q);
	if (!q->client_over)
		client_stop(q->client);
}

static void quick_find_port(void *arg, const char *role, const char *address)
{
	struct span *port = arg, text = span_str(address);

	if (strcmp(role, "public-http") == 0)
		*port = span_skip(text, span_rfind(text, ':') + 1);
}

static int quick_print(struct quick *q, const char *url)
{
	if (q->conf->flags.json) {
		json_t *record = announce_record(q->edge);
		announce_add(record, "metrics", client_metrics_address(q->client));
		json_object_set_new(record, "url", json_string(url));
		return out_line(stdout, record);
	}
	fprintf(stderr, "%s is served at the address below; Ctrl-C ends it.\n",
		ingress_rule(q->conf->ingress, 0)->service.text);
	return puts(url) == EOF || fflush(stdout) == EOF ? -1 : 0;
}

static void quick_announce(struct quick *q)
{
	struct span port = {0};

	edge_each_address(q->edge, quick_find_port, &port);
	char *url = span_eq(port, SPAN("80"))
			    ? mem_printf("http://%s", q->conf->hostname)
			    : mem_printf("http://%s:%.*s", q->conf->hostname, (int)port.len, port.p);
	if (quick_print(q, url) < 0) {
		/* Nobody is left to be told. */
		if (errno != EPIPE)
			err_sys(&q->err, "stdout");
		quick_stop(q);
	}
	free(url);
}

static void quick_on_registered(void *arg, const struct client_place *at)
{
	struct quick *q = arg;

	(void)at;
	if (q->announced || q->stopping)
		return;
	q->announced = true;
	quick_announce(q);
}

static void quick_on_lost(void *arg, const struct client_place *at, const char *why, bool left)
{
	/* The log has it, and the connector tries again. */
	(void)arg;
	(void)at;
	(void)why;
	(void)left;
}

static void quick_on_over(void *arg, const char *why)
{
	struct quick *q = arg;

	q->client_over = true;
	if (why != NULL) {
		err_set(&q->err, "%s", why);
		quick_stop(q);
	}
	quick_check_over(q);
}

static const struct client_events quick_events = {
	.registered = quick_on_registered, .lost = quick_on_lost, .over = quick_on_over};

static void quick_find_tunnel(void *arg, const char *role, const char *address)
{
	struct quick_conf *c = arg;

	if (strcmp(role, "tunnel") == 0)
		snprintf(c->tunnel_address, sizeof(c->tunnel_address), "%s", address);
}

static int quick_run(struct quick_conf *conf, struct err *err)
{
	const struct log log = {.fd = 2, .level = conf->level};
	struct quick q = {.worker = worker_new(&log, err), .conf = conf};
	int rc = -1;

	if (q.worker == NULL)
		return -1;
	q.edge = edge_start(q.worker, &conf->edge, err);
	if (q.edge != NULL) {
		edge_each_address(q.edge, quick_find_tunnel, conf);
		q.client = client_start(q.worker, &conf->client, &quick_events, &q, err);
	}
	if (q.client != NULL) {
		process_run(q.worker, quick_stop, &q);
		*err = q.err;
		rc = err->text[0] != '\0' ? -1 : 0;
	}
	client_free(q.client);
	edge_free(q.edge);
	worker_free(q.worker);
	return rc;
}

int cmd_quick(int argc, char **argv)
{
	struct quick_conf conf = {.flags = {.listen_http = "127.0.0.1:0",
					  .ha_connections = 4,
					  .grace_ns = 2 * DURATION_S,
					  .log_level = "warn",
					  .protocol = "auto"}};
	struct err err = {0};
	int status = EXIT_OK;

	switch (quick_conf_read(&conf, argc, argv, &err)) {
	case OPT_DONE: break;
	case OPT_BAD: status = out_die(quick_program.name, &err, EXIT_USAGE); break;
	case OPT_RUN:
		if (quick_fill(&conf, &err) < 0 || quick_run(&conf, &err) < 0)
			status = out_die(quick_program.name, &err, EXIT_CANNOT);
		break;
	}
	quick_conf_free(&conf);
	return status;
}
