/* The edge: opens what it listens on, accepts, drains, stops. */
#include <openssl/rand.h>
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/net/listen.h"
#include "tunnel/edge/configure.h"
#include "tunnel/edge/connector.h"
#include "tunnel/edge/edge.h"
#include "tunnel/edge/edge_metrics.h"
#include "tunnel/edge/inventory.h"
#include "tunnel/edge/visitor.h"

#define EDGE_GROUPS "X25519:P-256" /* cloudflared offers P-256 only */

enum listener_role {
	LISTENER_TLS,
	LISTENER_HTTP,
	LISTENER_TUNNEL,
};

static const char *const role_names[] = {
	[LISTENER_TLS] = "public-tls", [LISTENER_HTTP] = "public-http", [LISTENER_TUNNEL] = "tunnel"};

static const char *const role_options[] = {[LISTENER_TLS] = "--listen",
	[LISTENER_HTTP] = "--listen-http",
	[LISTENER_TUNNEL] = "--tunnel-listen"};

struct listener {
	struct node node; /* in edge->listeners */
	struct edge *edge;
	enum listener_role role;
	struct listen *listen;
};

/* --- Accepting --- */

static void listener_on_connection(void *arg, int fd, const struct sockaddr_storage *from)
{
	struct listener *l = arg;

	if (fd < 0) {
		log_line(l->edge->worker->log, LOG_ERROR, "no file descriptor left for a connection",
			"listen=%s", listen_address(l->listen));
		return;
	}
	switch (l->role) {
	case LISTENER_TLS: visitor_accept(l->edge, fd, from, true); break;
	case LISTENER_HTTP: visitor_accept(l->edge, fd, from, false); break;
	case LISTENER_TUNNEL: connector_accept(l->edge, fd, from); break;
	}
}

static void listener_free(struct listener *l)
{
	list_remove(&l->node);
	listen_free(l->listen);
	free(l);
}

static int edge_listen(
	struct edge *e, const struct opt_list *addresses, enum listener_role role, struct err *err)
{
	for (size_t i = 0; i < addresses->count; i++) {
		struct listener *l = mem_alloc(sizeof(*l));
		l->edge = e;
		l->role = role;
		l->listen = listen_new(e->worker->loop, addresses->items[i], listener_on_connection, l, err);
		if (l->listen == NULL) {
			free(l);
			return err_wrap(err, "%s", role_options[role]);
		}
		list_push(&e->listeners, &l->node);
	}
	return 0;
}

/* --- Certificates --- */

static void edge_warn_exposed(const struct edge *e, const char *path)
{
	if (fsx_is_exposed(path))
		log_line(e->worker->log, LOG_WARN, "everybody can read this secret; chmod o-r", "file=\"%s\"",
			path);
}

static int edge_load_given_certs(struct edge *e, struct err *err)
{
	const struct edge_conf *conf = e->conf;

	for (size_t i = 0; i < conf->certs.count; i++) {
		if (tls_server_add(e->public_tls, conf->certs.items[i], conf->keys.items[i], err) < 0)
			return err_wrap(err, "--cert, --key");
		edge_warn_exposed(e, conf->keys.items[i]);
	}
	if (conf->pems != NULL)
		return tls_server_add_pem(
			e->tunnel_tls, buf_span(&conf->pems->cert), buf_span(&conf->pems->key), err);
	if (conf->tunnel_cert != NULL) {
		if (tls_server_add(e->tunnel_tls, conf->tunnel_cert, conf->tunnel_key, err) < 0)
			return err_wrap(err, "--tunnel-cert, --tunnel-key");
		edge_warn_exposed(e, conf->tunnel_key);
	}
	return 0;
}

/* Host names of the routes, for the development certificate; a lone "*" is none. */
static size_t edge_route_names(const struct edge_conf *conf, char **names)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->routes.count; i++) {
		struct span rest, host = span_cut(span_str(conf->routes.items[i]), '=', &rest);
		if (!span_eq(host, SPAN("*")) && host.len > 0)
			names[n++] = mem_spandup(host);
	}
	return n;
}

static int edge_load_dev_certs(struct edge *e, struct err *err)
{
	const struct edge_conf *conf = e->conf;
	char **names = mem_array(conf->routes.count, sizeof(*names));
	size_t count = edge_route_names(conf, names);
	struct devca dev;
	int rc = devca_open(conf->dev_dir, (const char *const *)names, count, &dev, err);

	if (rc < 0)
		err_wrap(err, "--dev");
	if (rc == 0) {
		if (conf->certs.count == 0)
			rc = tls_server_add(e->public_tls, dev.public_cert, dev.public_key, err);
		if (rc == 0 && conf->tunnel_cert == NULL)
			rc = tls_server_add(e->tunnel_tls, dev.tunnel_cert, dev.tunnel_key, err);
		devca_free(&dev);
	}
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return rc;
}

static int edge_load_tls(struct edge *e, struct err *err)
{
	e->public_tls = tls_server_context(EDGE_GROUPS, err);
	e->tunnel_tls = tls_server_context(EDGE_GROUPS, err);
	if (e->public_tls == NULL || e->tunnel_tls == NULL || edge_load_given_certs(e, err) < 0)
		return -1;
	tls_expect_bulk(e->tunnel_tls);
	tls_server_alpn(e->public_tls, SPAN("\x08http/1.1"));
	return e->conf->dev_dir != NULL ? edge_load_dev_certs(e, err) : 0;
}

/* --- Tunnels and routes --- */

static int edge_add_route(struct edge *e, const char *text, struct err *err)
{
	struct span tunnel, host = span_cut(span_str(text), '=', &tunnel);

	const struct directory_tunnel *known = directory_find(e->directory, tunnel);
	if (known == NULL)
		return err_set(err,
			"--route %s: no tunnel \"%.*s\"; its file has to be given by --credentials, or it "
			"has to be in the store",
			text, (int)tunnel.len, tunnel.p);
	if (registry_route(e->registry, host, registry_tunnel(e->registry, &known->record.id), err) < 0)
		return err_wrap(err, "--route %s", text);
	return 0;
}

static int edge_load_tunnels(struct edge *e, struct err *err)
{
	const struct edge_conf *conf = e->conf;

	if (conf->cred != NULL)
		directory_add(e->directory, "quick", conf->cred);
	for (size_t i = 0; i < conf->credentials.count; i++) {
		if (directory_add_file(e->directory, conf->credentials.items[i], err) < 0)
			return err_wrap(err, "--credentials");
		edge_warn_exposed(e, conf->credentials.items[i]);
	}
	if (conf->store != NULL && inventory_load_tunnels(e, err) < 0)
		return -1;
	for (size_t i = 0; i < conf->routes.count; i++)
		if (edge_add_route(e, conf->routes.items[i], err) < 0)
			return -1;
	return conf->store != NULL ? inventory_load_routes(e, err) : 0;
}

/* --- Operators' listener --- */

static void edge_on_admin(void *arg, struct span path, struct admin_answer *answer)
{
	struct edge *e = arg;

	if (span_eq(path, SPAN("/metrics"))) {
		answer->status = 200;
		answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
		edge_metrics_print(e, &answer->body);
		if (e->more_metrics != NULL)
			e->more_metrics(e->more_metrics_arg, &answer->body);
	} else if (span_eq(path, SPAN("/ready"))) {
		answer->status = e->draining ? 503 : 200;
		answer->content_type = "application/json";
		buf_addf(&answer->body, "{\"status\":%d,\"tunnelConnections\":%zu}", answer->status,
			e->metrics.links);
	} else if (span_eq(path, SPAN("/healthcheck"))) {
		answer->status = 200;
		buf_add_str(&answer->body, "OK\n");
	}
}

/* --- Life --- */

static void edge_on_grace_over(void *arg);

static int edge_open(struct edge *e, struct err *err)
{
	const struct edge_conf *conf = e->conf;

	if (edge_load_tunnels(e, err) < 0 || edge_load_tls(e, err) < 0)
		return -1;
	if (edge_listen(e, &conf->listen_tls, LISTENER_TLS, err) < 0 ||
		edge_listen(e, &conf->listen_http, LISTENER_HTTP, err) < 0 ||
		edge_listen(e, &conf->listen_tunnel, LISTENER_TUNNEL, err) < 0)
		return -1;
	if (conf->metrics != NULL &&
		(e->admin = admin_new(e->worker, conf->metrics, edge_on_admin, e, err)) == NULL)
		return err_wrap(err, "--metrics");
	if (conf->headers != NULL && (e->posture = posture_open(e->worker, conf->headers, err)) == NULL)
		return err_wrap(err, "--headers");
	if (conf->access_log != NULL && (e->access_log = accesslog_open(conf->access_log, err)) == NULL)
		return -1;
	return 0;
}

struct edge *edge_start(struct worker *w, const struct edge_conf *conf, struct err *err)
{
	struct edge *e = mem_alloc(sizeof(*e));

	e->worker = w;
	e->conf = conf;
	e->location = conf->location;
	e->directory = directory_new();
	roster_init(&e->roster, w->loop, configure_client_gone);
	e->registry = registry_new();
	list_init(&e->listeners);
	list_init(&e->visitors);
	list_init(&e->connectors);
	loop_timer_init(&e->grace, w->loop, edge_on_grace_over, e);
	loop_timer_init(&e->look, w->loop, inventory_on_look, e);
	patience_init(&e->patience, w->loop, (uint64_t)(conf->response_ns / 1000000));
	RAND_bytes((unsigned char *)&e->ray, sizeof(e->ray));
	if (edge_open(e, err) < 0) {
		edge_free(e);
		return NULL;
	}
	return e;
}

void edge_each_address(
	const struct edge *e, void (*fn)(void *arg, const char *role, const char *address), void *arg)
{
	list_for_each (n, &e->listeners) {
		const struct listener *l = list_entry(n, struct listener, node);
		fn(arg, role_names[l->role], listen_address(l->listen));
	}
	if (e->admin != NULL)
		fn(arg, "metrics", admin_address(e->admin));
}

void edge_check_drained(struct edge *e)
{
	if (!e->draining || e->drained == NULL)
		return;
	/* The tunnel stays up until the last visitor has his answer. */
	if (list_empty(&e->visitors) && !list_empty(&e->connectors))
		connector_drain_all(e);
	if (!list_empty(&e->visitors) || !list_empty(&e->connectors))
		return;
	void (*drained)(void *) = e->drained;
	e->drained = NULL;
	loop_timer_stop(&e->grace);
	drained(e->drained_arg);
}

static void edge_on_grace_over(void *arg)
{
	struct edge *e = arg;

	log_line(e->worker->log, LOG_WARN, "grace period over", "visitors=%zu requests=%zu",
		e->metrics.visitors, e->metrics.requests_active);
	visitor_close_all(e);
	connector_close_all(e);
}

void edge_drain(struct edge *e, void (*drained)(void *arg), void *arg)
{
	struct node *n;

	if (e->draining) {
		edge_on_grace_over(e);
		return;
	}
	log_line(e->worker->log, LOG_INFO, "draining", "visitors=%zu requests=%zu", e->metrics.visitors,
		e->metrics.requests_active);
	e->draining = true;
	e->drained = drained;
	e->drained_arg = arg;
	while ((n = list_first(&e->listeners)) != NULL)
		listener_free(list_entry(n, struct listener, node));
	visitor_drain_all(e);
	loop_timer_start(&e->grace, (uint64_t)(e->conf->grace_ns / 1000000));
	edge_check_drained(e);
}

void edge_free(struct edge *e)
{
	struct node *n;

	if (e == NULL)
		return;
	while ((n = list_first(&e->listeners)) != NULL)
		listener_free(list_entry(n, struct listener, node));
	admin_free(e->admin);
	accesslog_close(e->access_log);
	posture_free(e->posture);
	tls_context_free(e->public_tls);
	tls_context_free(e->tunnel_tls);
	registry_free(e->registry);
	if (e->conf->store != NULL)
		store_watch(e->conf->store, NULL, NULL);
	roster_fini(&e->roster);
	directory_free(e->directory);
	loop_timer_fini(&e->look);
	loop_timer_fini(&e->grace);
	patience_fini(&e->patience);
	http1_request_fini(&e->request);
	header_free(&e->fields);
	buf_free(&e->text);
	free(e);
}
