/* The connector: events of its connections go to the origin side, states of both to operators; its credentials are read
 * again when they change. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/ingress_json.h"
#include "common/net/watch.h"
#include "tunnel/client.h"
#include "tunnel/client_metrics.h"
#include "tunnel/ops/admin.h"

struct client {
	struct worker *worker;
	const struct client_conf *conf;
	const struct client_events *events;
	void *arg;
	struct client_sets_conf sets_conf;
	struct client_sets *sets;
	struct origin *origin;
	struct admin *admin;
	struct tls_context *tls;
	struct watch *watch; /* of the credentials; NULL when they are in no file */
	struct client_calls calls[CLIENT_METHODS];
	uint64_t reloads[CLIENT_RELOADS]; /* by result */
	bool stopping;
};

/* --- Events of the connections --- */

static void client_on_request(void *arg, struct exchange *x, const struct exchange_head *head, bool end,
	const struct client_place *at)
{
	struct client *c = arg;
	struct origin_via via = {at->connector, at->index, at->edge, at->location};

	origin_request(c->origin, x, head, end, &via);
}

static void client_on_registered(void *arg, const struct client_place *at)
{
	struct client *c = arg;

	log_line(c->worker->log, LOG_INFO, "registered tunnel connection", "index=%u edge=%s location=%s",
		at->index, at->edge, at->location);
	c->events->registered(c->arg, at);
}

static void client_on_lost(void *arg, const struct client_place *at, const char *why, bool left)
{
	struct client *c = arg;

	log_line(c->worker->log, left ? LOG_INFO : LOG_WARN, "tunnel connection ended",
		"index=%u edge=%s reason=\"%s\"", at->index, at->edge, why);
	c->events->lost(c->arg, at, why, left);
}

static void client_on_called(void *arg, enum rpc_method method, uint64_t took_us, bool answered)
{
	struct client *c = arg;

	client_calls_count(c->calls, method, took_us, answered);
}

static void client_on_over(void *arg, const char *why)
{
	struct client *c = arg;

	c->events->over(c->arg, why);
}

/* --- Credentials that change --- */

static void client_on_renewed(void *arg, enum client_reload result, const char *why)
{
	struct client *c = arg;
	const struct log *log = c->worker->log;

	c->reloads[result]++;
	switch (result) {
	case CLIENT_RELOAD_OK: break; /* has been told */
	case CLIENT_RELOAD_UNCHANGED: log_line(log, LOG_INFO, "credentials are as they were", NULL); break;
	case CLIENT_RELOAD_SUPERSEDED: log_line(log, LOG_INFO, "credentials changed again", NULL); break;
	case CLIENT_RELOAD_REFUSED:
		log_line(log, LOG_ERROR, "new credentials refused, the old ones are kept", "reason=\"%s\"",
			why);
		break;
	case CLIENT_RELOAD_UNREADABLE:
		log_line(log, LOG_ERROR, "credentials not read, the old ones are kept", "error=\"%s\"", why);
		break;
	case CLIENT_RELOAD_OTHER_TUNNEL:
		log_line(log, LOG_ERROR, "credentials of another tunnel, the old ones are kept",
			"remedy=\"restart to run that tunnel\"");
		break;
	}
	c->events->reloaded(c->arg, result);
}

void client_reload(struct client *c)
{
	enum client_reload result;
	struct cred cred = {0};
	struct err err;

	if (c->stopping)
		return;
	if (c->conf->cred_read == NULL) {
		log_line(c->worker->log, LOG_WARN, "no file to read credentials from again", NULL);
		return;
	}
	if (c->watch != NULL)
		watch_note(c->watch);
	c->events->reloading(c->arg);
	if (c->conf->cred_read(c->conf->cred_arg, &cred, &err) < 0)
		client_on_renewed(c, CLIENT_RELOAD_UNREADABLE, err.text);
	else if (!client_sets_renew(c->sets, &cred, &result))
		client_on_renewed(c, result, NULL);
	cred_free(&cred);
}

/* The file may hold better ones, which were refused or could not be read when they were new. If not, there is nothing to
 * tell. */
static void client_on_unauthorized(void *arg)
{
	struct client *c = arg;
	enum client_reload result;
	struct cred cred = {0};
	struct err err;

	if (c->conf->cred_read == NULL || c->conf->cred_read(c->conf->cred_arg, &cred, &err) < 0)
		return;
	if (client_sets_renew(c->sets, &cred, &result))
		c->events->reloading(c->arg);
	cred_free(&cred);
}

static void client_on_file(void *arg)
{
	client_reload(arg);
}

static const struct client_sets_events client_sets_events = {.request = client_on_request,
	.registered = client_on_registered,
	.lost = client_on_lost,
	.called = client_on_called,
	.unauthorized = client_on_unauthorized,
	.renewed = client_on_renewed,
	.over = client_on_over};

/* --- Operators' listener --- */

static void client_on_admin(void *arg, struct span path, struct admin_answer *answer)
{
	struct client *c = arg;
	struct client_sets_state state;
	struct origin_rules rules;

	client_sets_read(c->sets, &state);
	origin_rules(c->origin, &rules);
	if (span_eq(path, SPAN("/ready"))) {
		bool ready = state.ready > 0 && !c->stopping;
		answer->status = ready ? 200 : 503;
		buf_addf(&answer->body, "{\"status\":%d,\"readyConnections\":%zu,\"connectorId\":\"%s\"}",
			answer->status, c->stopping ? 0 : state.ready, state.connector);
	} else if (span_eq(path, SPAN("/healthcheck"))) {
		answer->status = 200;
		buf_add_str(&answer->body, "OK\n");
	} else if (span_eq(path, SPAN("/metrics"))) {
		answer->status = 200;
		answer->content_type = METRICS_CONTENT_TYPE;
		client_metrics_print(&state, origin_metrics(c->origin), rules.version, c->calls, c->reloads,
			&answer->body);
	} else if (span_eq(path, SPAN("/quicktunnel"))) {
		answer->status = 200;
		buf_addf(&answer->body, "{\"hostname\":\"%s\"}",
			c->conf->hostname != NULL ? c->conf->hostname : "");
	} else if (span_eq(path, SPAN("/config")) &&
		   ingress_json_view(rules.ingress, rules.warp, rules.version, &answer->body) == 0) {
		answer->status = 200;
	}
}

static struct admin *client_listen(struct client *c, struct err *err)
{
	char address[32];

	if (c->conf->metrics != NULL) {
		struct admin *a = admin_new(c->worker, c->conf->metrics, client_on_admin, c, err);
		if (a == NULL)
			err_wrap(err, "--metrics");
		return a;
	}
	for (int port = CLIENT_METRICS_FIRST; port <= CLIENT_METRICS_LAST; port++) {
		snprintf(address, sizeof(address), "127.0.0.1:%d", port);
		struct admin *a = admin_new(c->worker, address, client_on_admin, c, err);
		if (a != NULL)
			return a;
	}
	return admin_new(c->worker, "127.0.0.1:0", client_on_admin, c, err);
}

/* --- Life --- */

static int client_open(struct client *c, struct err *err)
{
	const struct client_conf *conf = c->conf;
	struct tls_client_settings settings = {
		.ca_file = conf->ca_file, .ca_pem = conf->ca_pem, .groups = "P-256:X25519"};

	c->tls = tls_client_context(&settings, err);
	if (c->tls == NULL)
		return err_wrap(err, "--cacert");
	tls_expect_bulk(c->tls);
	c->sets_conf = (struct client_sets_conf){.cred = conf->cred,
		.edges = conf->edges,
		.connections = conf->connections,
		.tls = c->tls,
		.server_name = conf->server_name,
		.config = conf->config,
		.grace_ms = conf->grace_ms};
	c->origin = origin_new(c->worker, conf->ingress, conf->warp, err);
	if (c->origin == NULL)
		return -1;
	c->admin = client_listen(c, err);
	return c->admin != NULL ? 0 : -1;
}

struct client *client_start(struct worker *w, const struct client_conf *conf,
	const struct client_events *events, void *arg, struct err *err)
{
	struct client *c = mem_alloc(sizeof(*c));
	struct client_sets_state state;

	c->worker = w;
	c->conf = conf;
	c->events = events;
	client_calls_init(c->calls);
	c->arg = arg;
	if (client_open(c, err) < 0) {
		client_free(c);
		return NULL;
	}
	if (conf->cred_file != NULL) {
		struct watch_conf file = {.path = conf->cred_file, .max = CRED_FILE_MAX};
		c->watch = watch_open(w->loop, &file, client_on_file, c);
	}
	c->sets = client_sets_start(w, &c->sets_conf, &client_sets_events, c);
	client_sets_read(c->sets, &state);
	log_line(w->log, LOG_INFO, "connector starts", "connector=%s metrics=%s", state.connector,
		admin_address(c->admin));
	client_on_unauthorized(c); /* the file may have changed before it was watched */
	return c;
}

void client_stop(struct client *c)
{
	c->stopping = true;
	client_sets_stop(c->sets);
}

const char *client_metrics_address(const struct client *c)
{
	return admin_address(c->admin);
}

void client_free(struct client *c)
{
	if (c == NULL)
		return;
	admin_free(c->admin);
	watch_free(c->watch);
	client_sets_free(c->sets);
	origin_free(c->origin);
	tls_context_free(c->tls);
	free(c);
}
