/* The connector: events of the pool go to the origin side, states of both to operators. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/ingress_json.h"
#include "tunnel/client.h"
#include "tunnel/client_metrics.h"
#include "tunnel/ops/admin.h"

struct client {
	struct worker *worker;
	const struct client_conf *conf;
	const struct client_events *events;
	void *arg;
	struct pool_conf pool_conf;
	struct pool *pool;
	struct origin *origin;
	struct admin *admin;
	struct tls_context *tls;
	struct client_calls calls[CLIENT_METHODS];
	bool stopping;
	char connector_id[UUID_TEXT_LEN + 1];
};

/* --- The pool's events --- */

static void client_on_request(
	void *arg, struct exchange *x, const struct exchange_head *head, bool end, unsigned index)
{
	struct client *c = arg;
	const struct pool_slot_state *slot = &pool_state(c->pool)->slot[index];
	struct origin_via via = {index, slot->edge, slot->location};

	origin_request(c->origin, x, head, end, &via);
}

static void client_on_registered(void *arg, unsigned index, const char *edge, struct span location)
{
	struct client *c = arg;
	char *place = mem_spandup(location);

	log_line(c->worker->log, LOG_INFO, "registered tunnel connection", "index=%u edge=%s location=%s",
		index, edge, place);
	c->events->registered(c->arg, index, edge, place);
	free(place);
}

static void client_on_lost(void *arg, unsigned index, const char *edge, const char *why)
{
	struct client *c = arg;

	log_line(c->worker->log, c->stopping ? LOG_INFO : LOG_WARN, "tunnel connection ended",
		"index=%u edge=%s reason=\"%s\"", index, edge, why);
	c->events->lost(c->arg, index, edge, pool_state(c->pool)->slot[index].location, why);
}

static void client_on_called(void *arg, enum rpc_method method, uint64_t took_us, bool answered)
{
	struct client *c = arg;

	client_calls_count(c->calls, method, took_us, answered);
}

static void client_on_refused(void *arg, const char *why)
{
	struct client *c = arg;

	c->events->over(c->arg, why);
}

static void client_on_stopped(void *arg)
{
	struct client *c = arg;

	c->events->over(c->arg, NULL);
}

static const struct pool_events client_pool_events = {client_on_request, client_on_registered, client_on_lost,
	client_on_called, client_on_refused, client_on_stopped};

/* --- Operators' listener --- */

static void client_on_admin(void *arg, struct span path, struct admin_answer *answer)
{
	struct client *c = arg;
	const struct pool_state *state = pool_state(c->pool);

	if (span_eq(path, SPAN("/ready"))) {
		bool ready = state->ready > 0 && !c->stopping;
		answer->status = ready ? 200 : 503;
		buf_addf(&answer->body, "{\"status\":%d,\"readyConnections\":%zu,\"connectorId\":\"%s\"}",
			answer->status, c->stopping ? 0 : state->ready, c->connector_id);
	} else if (span_eq(path, SPAN("/healthcheck"))) {
		answer->status = 200;
		buf_add_str(&answer->body, "OK\n");
	} else if (span_eq(path, SPAN("/metrics"))) {
		answer->status = 200;
		answer->content_type = METRICS_CONTENT_TYPE;
		client_metrics_print(state, origin_metrics(c->origin), c->calls, &answer->body);
	} else if (span_eq(path, SPAN("/quicktunnel"))) {
		answer->status = 200;
		buf_addf(&answer->body, "{\"hostname\":\"%s\"}",
			c->conf->hostname != NULL ? c->conf->hostname : "");
	} else if (span_eq(path, SPAN("/config")) &&
		   ingress_json_view(c->conf->ingress, c->conf->warp, &answer->body) == 0) {
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
	c->pool_conf = (struct pool_conf){.cred = conf->cred,
		.edges = conf->edges,
		.connections = conf->connections,
		.tls = c->tls,
		.server_name = conf->server_name,
		.config = conf->config,
		.grace_ms = conf->grace_ms};
	uuid_random(&c->pool_conf.connector_id);
	uuid_print(&c->pool_conf.connector_id, c->connector_id);
	c->origin = origin_new(c->worker, conf->ingress, &c->pool_conf.connector_id, err);
	if (c->origin == NULL)
		return -1;
	c->admin = client_listen(c, err);
	return c->admin != NULL ? 0 : -1;
}

struct client *client_start(struct worker *w, const struct client_conf *conf,
	const struct client_events *events, void *arg, struct err *err)
{
	struct client *c = mem_alloc(sizeof(*c));

	c->worker = w;
	c->conf = conf;
	c->events = events;
	client_calls_init(c->calls);
	c->arg = arg;
	if (client_open(c, err) < 0) {
		client_free(c);
		return NULL;
	}
	log_line(w->log, LOG_INFO, "connector starts", "connector=%s metrics=%s", c->connector_id,
		admin_address(c->admin));
	c->pool = pool_start(w, &c->pool_conf, &client_pool_events, c);
	return c;
}

void client_stop(struct client *c)
{
	c->stopping = true;
	pool_stop(c->pool);
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
	pool_free(c->pool);
	origin_free(c->origin);
	tls_context_free(c->tls);
	free(c);
}
