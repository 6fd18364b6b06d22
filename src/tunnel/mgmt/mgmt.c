/* From a request to its endpoint: who asks, what for, may he. */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "tunnel/mgmt/private.h"
#include "tunnel/ops/metrics.h"

#define BASE SPAN("/client/v4/")
#define TLS_GROUPS "X25519:P-256"

/* --- Paths --- */

enum scope {
	SCOPE_READ,
	SCOPE_WRITE,
};

/* A path and a method. In patterns A is the account, Z the zone, T a tunnel, and * is whatever the path has. */
struct endpoint {
	const char *pattern;
	const char *method;
	enum scope scope;
	endpoint_fn *fn;
};

static const struct endpoint endpoints[] = {
	{"accounts/A/cfd_tunnel", "GET", SCOPE_READ, tunnels_list},
	{"accounts/A/cfd_tunnel", "POST", SCOPE_WRITE, tunnels_create},
	{"accounts/A/cfd_tunnel/T", "GET", SCOPE_READ, tunnel_get},
	{"accounts/A/cfd_tunnel/T", "PATCH", SCOPE_WRITE, tunnel_edit},
	{"accounts/A/cfd_tunnel/T", "DELETE", SCOPE_WRITE, tunnel_delete},
	{"accounts/A/cfd_tunnel/T/connections", "GET", SCOPE_READ, conns_list},
	{"accounts/A/cfd_tunnel/T/connections", "DELETE", SCOPE_WRITE, conns_delete},
	{"accounts/A/cfd_tunnel/T/connectors/*", "GET", SCOPE_READ, connector_get},
	{"accounts/A/cfd_tunnel/T/token", "GET", SCOPE_WRITE, tunnel_token},
	{"accounts/A/cfd_tunnel/T/configurations", "GET", SCOPE_READ, config_get},
	{"accounts/A/cfd_tunnel/T/configurations", "PUT", SCOPE_WRITE, config_put},
	{"zones/Z/tunnels/T/routes", "PUT", SCOPE_WRITE, routes_put},
};
#define ENDPOINTS (sizeof(endpoints) / sizeof(endpoints[0]))

/* What a path names. */
struct target {
	struct span account, zone, tunnel, tail; /* NULL pointer: not in the path */
};

static bool pattern_matches(const char *pattern, struct span path, struct target *t)
{
	struct span left = span_str(pattern);

	*t = (struct target){0};
	while (left.p != NULL || path.p != NULL) {
		struct span part = span_cut(left, '/', &left), is = span_cut(path, '/', &path);
		if (is.p == NULL || is.len == 0 || part.p == NULL)
			return false;
		if (span_eq(part, SPAN("A")))
			t->account = is;
		else if (span_eq(part, SPAN("Z")))
			t->zone = is;
		else if (span_eq(part, SPAN("T")))
			t->tunnel = is;
		else if (span_eq(part, SPAN("*")))
			t->tail = is;
		else if (!span_eq(part, is))
			return false;
	}
	return true;
}

/* The endpoint; NULL when there is none. *allow says which methods the path has, NULL when it has none at all. */
static const struct endpoint *find_endpoint(
	const struct http_request *r, struct target *t, const char **allow)
{
	/* In the order of the table. */
	static const struct {
		const char *pattern, *allow;
	} methods[] = {
		{"accounts/A/cfd_tunnel", "GET, POST"},
		{"accounts/A/cfd_tunnel/T", "GET, PATCH, DELETE"},
		{"accounts/A/cfd_tunnel/T/connections", "GET, DELETE"},
		{"accounts/A/cfd_tunnel/T/connectors/*", "GET"},
		{"accounts/A/cfd_tunnel/T/token", "GET"},
		{"accounts/A/cfd_tunnel/T/configurations", "GET, PUT"},
		{"zones/Z/tunnels/T/routes", "PUT"},
	};

	*allow = NULL;
	if (!span_starts(r->path, BASE))
		return NULL;
	struct span path = span_skip(r->path, BASE.len);
	for (size_t i = 0; i < ENDPOINTS; i++)
		if (span_eq(span_str(endpoints[i].method), r->method) &&
			pattern_matches(endpoints[i].pattern, path, t))
			return &endpoints[i];
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (pattern_matches(methods[i].pattern, path, t))
			*allow = methods[i].allow;
	return NULL;
}

static void answer_no_route(struct http_answer *a, struct span path)
{
	answer_error(a, 404, CODE_NO_ROUTE,
		"Could not route to %.*s, perhaps your object identifier is invalid?",
		(int)(path.len < 200 ? path.len : 200), path.p);
}

/* --- Judging a request --- */

/* 10000 for everything: what exists is not told to who may not see it. */
static int refuse(struct http_answer *a, int status)
{
	answer_error(a, status, CODE_AUTH, "Authentication error");
	return -1;
}

static int judge_token(
	struct mgmt *m, const struct http_request *r, const struct auth_token **token, struct http_answer *a)
{
	uint64_t wait_ms;
	struct span authorization = header_value(r->fields, SPAN("authorization"));

	if (header_count(r->fields, SPAN("authorization")) > 1)
		authorization = SPAN("");
	switch (auth_check(
		m->auth, authorization, r->address, loop_now_ms(m->edge->worker->loop), token, &wait_ms)) {
	case AUTH_OK: return 0;
	case AUTH_UNKNOWN:
		m->metrics.unauthorized++;
		refuse(a, 401);
		a->delay_ms = wait_ms;
		return -1;
	case AUTH_TOO_FAST:
		m->metrics.limited++;
		answer_error(a, 429, CODE_RATE, "Too many requests");
		a->retry_after_s = (int)(wait_ms / 1000) + 1;
		return -1;
	}
	return -1;
}

/* The body has to say what it is: a browser's form cannot. */
static bool is_json(const struct http_request *r)
{
	struct span rest, type = header_value(r->fields, SPAN("content-type"));

	return header_count(r->fields, SPAN("content-type")) == 1 &&
	       span_eq_nocase(span_trim(span_cut(type, ';', &rest)), SPAN("application/json"));
}

/* The account and the zone that the path names must be the caller's; compared as they are. */
static bool may_ask(const struct auth_token *token, const struct target *t, enum scope scope)
{
	if (t->account.p != NULL && !span_eq(t->account, span_str(token->record.account)))
		return false;
	if (t->zone.p != NULL && !span_eq(t->zone, span_str(token->record.zone)))
		return false;
	return scope == SCOPE_READ || token->record.may_write;
}

/* Everything that can be said before the body is read. 0 with the endpoint, or -1 with the answer. */
static int judge(struct mgmt *m, const struct http_request *r, const struct endpoint **e, struct target *t,
	const struct auth_token **token, struct http_answer *a)
{
	const char *allow;

	if (judge_token(m, r, token, a) < 0)
		return -1;
	*e = find_endpoint(r, t, &allow);
	if (*e == NULL && allow != NULL) {
		answer_error(a, 405, CODE_METHOD, "Method not allowed for this authentication scheme");
		a->allow = allow;
		return -1;
	}
	if (*e == NULL) {
		answer_no_route(a, r->path);
		return -1;
	}
	if (!may_ask(*token, t, (*e)->scope))
		return refuse(a, 403);
	return 0;
}

/* --- Calling --- */

/* The tunnel that the path names, deleted ones too. False when it is answered. */
static bool find_tunnel(struct call *c, struct span text)
{
	if (text.p == NULL)
		return true;
	if (!uuid_parse(text, &c->tunnel_id) || text.len != UUID_TEXT_LEN) {
		answer_no_route(c->answer, c->request->path);
		return false;
	}
	c->tunnel = directory_get(c->m->edge->directory, &c->tunnel_id);
	if (c->tunnel == NULL || c->tunnel->record.is_quick ||
		strcmp(c->tunnel->record.account, c->m->self.account) != 0) {
		answer_error(c->answer, 404, CODE_NOT_FOUND, "Tunnel not found");
		return false;
	}
	return true;
}

void mgmt_log_request(struct mgmt *m, const struct http_request *r, int status, const char *who)
{
	m->metrics.requests++;
	m->metrics.answers[status / 100 <= 5 ? status / 100 : 0]++;
	log_line(m->edge->worker->log, LOG_INFO, "API request",
		"method=%.*s path=\"%.*s\" status=%d token=%s client=%s took_ms=%.1f", (int)r->method.len,
		r->method.p, (int)(r->path.len < 300 ? r->path.len : 300), r->path.p, status,
		who[0] != '\0' ? who : "-", r->address, (double)(loop_clock_us() - r->began_us) / 1000);
}

/* What others have written, above all tokens made and revoked, counts from now on. False when it is answered. */
static bool look_at_store(struct mgmt *m, struct http_answer *answer)
{
	struct err err;

	if (store_poll(m->store, &err) == STORE_OK)
		return true;
	log_line(m->edge->worker->log, LOG_ERROR, "the store cannot be read", "error=\"%s\"", err.text);
	answer_error(answer, 500, CODE_OURS, "Internal error");
	return false;
}

static int mgmt_on_begin(
	void *arg, const struct http_request *r, size_t *body_max, struct http_answer *answer)
{
	struct mgmt *m = arg;
	const struct endpoint *e;
	const struct auth_token *token = NULL;
	struct target t;

	if (m->quick != NULL && span_eq(r->path, QUICK_PATH)) {
		*body_max = 0;
		return 0;
	}
	if (!look_at_store(m, answer) || judge(m, r, &e, &t, &token, answer) < 0) {
		mgmt_log_request(m, r, answer->status, token != NULL ? token->record.id : "");
		return -1;
	}
	*body_max = e->fn == config_put ? MGMT_CONFIG_MAX : MGMT_BODY_MAX;
	return 0;
}

/* Judged again: the token may have been revoked while the body came, or while others had their turn. It was counted
 * then. */
static bool take_token(struct call *c)
{
	const struct auth_token *token =
		auth_known(c->m->auth, header_value(c->request->fields, SPAN("authorization")));

	if (token == NULL)
		return false;
	memcpy(c->who, token->record.id, sizeof(c->who));
	c->who_revision = token->revision;
	return true;
}

/* What an endpoint needs is found, and it is called. */
static void serve(struct call *c)
{
	struct http_answer *answer = c->answer;
	struct target t;
	const char *allow;
	const struct endpoint *e = find_endpoint(c->request, &t, &allow);

	c->tail = t.tail;
	if (!look_at_store(c->m, answer))
		return;
	if (!take_token(c))
		refuse(answer, 401);
	else if (e == NULL)
		answer_no_route(answer, c->request->path);
	else if (c->request->body.len > 0 && !is_json(c->request))
		answer_error(answer, 400, CODE_JSON, "Content-Type must be application/json");
	else if (find_tunnel(c, t.tunnel))
		e->fn(c);
}

static void mgmt_on_request(void *arg, struct http_call *http)
{
	struct mgmt *m = arg;
	const struct http_request *r = http_request(http);
	bool is_quick = m->quick != NULL && span_eq(r->path, QUICK_PATH);
	struct call *c = call_new(m, http, is_quick ? quick_request : serve);

	if (span_eq(r->method, SPAN("GET")))
		call_run(c);
	else
		call_take_turn(c);
}

static void mgmt_on_fault(void *arg, const char *address, const char *why, struct http_answer *answer)
{
	struct mgmt *m = arg;

	m->metrics.requests++;
	m->metrics.answers[answer->status / 100 <= 5 ? answer->status / 100 : 0]++;
	log_line(m->edge->worker->log, LOG_INFO, "API request refused", "client=%s status=%d reason=\"%s\"",
		address, answer->status, why);
	if (answer->status == 413)
		answer_error(answer, 413, CODE_SIZE, "Request body is too large");
	else if (answer->status == 429)
		answer_error(answer, 429, CODE_RATE, "Too many requests");
	else
		answer_error(answer, answer->status, CODE_JSON, "%s", why);
}

static void mgmt_on_drained(void *arg)
{
	struct mgmt *m = arg;

	m->is_drained = true;
	mgmt_check_stopped(m);
}

static const struct http_events mgmt_events = {
	mgmt_on_begin, mgmt_on_request, mgmt_on_fault, mgmt_on_drained};

/* --- Metrics --- */

static void mgmt_metrics(void *arg, struct buf *out)
{
	static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
	const struct mgmt *m = arg;
	size_t live = 0;

	metrics_family(out, "outbore_api_responses_total", "counter",
		"Answers of the management API, by class of the status");
	for (size_t i = 2; i < sizeof(classes) / sizeof(classes[0]); i++)
		buf_addf(out, "outbore_api_responses_total{class=\"%s\"} %llu\n", classes[i],
			(unsigned long long)m->metrics.answers[i]);
	metrics_counter(out, "outbore_api_unauthorized_total", "API requests without a valid token",
		m->metrics.unauthorized);
	metrics_counter(
		out, "outbore_api_limited_total", "API requests refused as too many", m->metrics.limited);
	metrics_counter(out, "outbore_api_tunnels_created_total", "Tunnels created", m->metrics.created);
	metrics_counter(out, "outbore_api_tunnels_deleted_total", "Tunnels deleted", m->metrics.deleted);
	metrics_counter(
		out, "outbore_api_secrets_changed_total", "Secrets of tunnels changed", m->metrics.rotated);
	metrics_gauge(out, "outbore_api_connections", "Connections to the management API",
		m->http != NULL ? (double)http_connections(m->http) : 0);
	list_for_each (n, directory_all(m->edge->directory))
		live += list_entry(n, struct directory_tunnel, node)->record.deleted_at == 0;
	metrics_gauge(out, "outbore_edge_tunnels", "Tunnels that may register", (double)live);
}

/* --- Life --- */

static void mgmt_on_change(void *arg, const struct store_record *r)
{
	struct mgmt *m = arg;

	auth_change(m->auth, r);
}

static void on_self(void *arg, const struct store_record *r)
{
	struct mgmt *m = arg;
	struct err err;

	if (edge_record_parse(r->value, &m->self, &err) < 0)
		m->self = (struct edge_record){0};
}

static int mgmt_open(struct mgmt *m, struct err *err)
{
	const struct mgmt_conf *conf = m->conf;

	if (store_get(m->store, RECORD_EDGE, on_self, m, err) != STORE_OK || m->self.account[0] == '\0')
		return err_set(err, "store: it has no account; start with a new file");
	if (auth_load(m->auth, m->store, err) < 0)
		return -1;
	m->writer = store_writer(m->store, err);
	if (m->writer == NULL && err->text[0] != '\0')
		return -1;
	if (conf->listen == NULL)
		return 0;
	if (conf->cert != NULL) {
		m->tls = tls_server_context(TLS_GROUPS, err);
		if (m->tls == NULL || tls_server_add(m->tls, conf->cert, conf->key, err) < 0)
			return err_wrap(err, "--api-cert, --api-key");
		tls_server_alpn(m->tls, SPAN("\x02h2\x08http/1.1"));
	}
	m->http = http_new(m->edge->worker, conf->listen, m->tls, &mgmt_events, m, err);
	return m->http != NULL ? 0 : err_wrap(err, "--api");
}

static void mgmt_on_patience_over(void *arg)
{
	struct mgmt *m = arg;

	log_line(m->edge->worker->log, LOG_WARN, "connections to the API are closed", "connections=%zu",
		http_connections(m->http));
	m->is_hurried = true;
	http_drain(m->http, true);
}

struct mgmt *mgmt_start(struct edge *e, const struct mgmt_conf *conf, struct err *err)
{
	struct mgmt *m = mem_alloc(sizeof(*m));

	m->edge = e;
	m->store = e->conf->store;
	m->conf = conf;
	m->auth = auth_new(e->worker->log);
	list_init(&m->turns);
	m->next = (struct loop_task){.fn = mgmt_next_turn, .arg = m};
	loop_timer_init(&m->stop, e->worker->loop, mgmt_on_patience_over, m);
	RAND_bytes((unsigned char *)&m->seed, sizeof(m->seed));
	if (mgmt_open(m, err) < 0) {
		mgmt_free(m);
		return NULL;
	}
	m->prune = prune_new(m);
	m->activity = activity_new(m);
	if (conf->quick_domain != NULL)
		m->quick = quick_new(m);
	e->more_metrics = mgmt_metrics;
	e->more_metrics_arg = m;
	e->changed = mgmt_on_change;
	e->changed_arg = m;
	return m;
}

const char *mgmt_address(const struct mgmt *m)
{
	return m->http != NULL ? http_address(m->http) : NULL;
}

void mgmt_check_stopped(struct mgmt *m)
{
	if (m->stopped == NULL || !m->is_drained || m->turn != NULL || !list_empty(&m->turns))
		return;
	void (*stopped)(void *) = m->stopped;
	m->stopped = NULL;
	loop_timer_stop(&m->stop);
	stopped(m->stopped_arg);
}

void mgmt_stop(struct mgmt *m, void (*stopped)(void *arg), void *arg)
{
	m->stopped = stopped;
	m->stopped_arg = arg;
	m->is_drained = m->http == NULL;
	prune_free(m->prune);
	m->prune = NULL;
	quick_free(m->quick);
	m->quick = NULL;
	activity_end(m->activity);
	if (m->http != NULL) {
		loop_timer_start(&m->stop, MGMT_STOP_MS);
		http_drain(m->http, false);
	}
	loop_defer(m->edge->worker->loop, &m->next);
}

void mgmt_free(struct mgmt *m)
{
	if (m == NULL)
		return;
	m->edge->more_metrics = NULL;
	m->edge->changed = NULL;
	prune_free(m->prune);
	activity_free(m->activity);
	quick_free(m->quick);
	http_free(m->http);
	loop_task_cancel(&m->next);
	loop_timer_fini(&m->stop);
	store_close(m->writer);
	tls_context_free(m->tls);
	auth_free(m->auth);
	free(m->self.check);
	free(m);
}
