/* One tunnel connection as the edge sees it. Rules of closing: after a refused registration the edge closes, as the
 * connector never does; after unregistering, once the last request has ended. */
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "common/net/dial.h"
#include "tunnel/control/register.h"
#include "tunnel/edge/configure.h"
#include "tunnel/edge/connector.h"
#include "tunnel/h2/cfheader.h"

enum connector_state {
	CONNECTOR_NEW,     /* TLS, then waiting for registerConnection */
	CONNECTOR_UP,      /* in rotation */
	CONNECTOR_LEAVING, /* out of rotation: closed when its requests have ended */
	CONNECTOR_REFUSED, /* answered with an error: closed when the connector has hung up, or soon */
};

struct connector {
	struct node node; /* in edge->connectors */
	struct edge *edge;
	enum connector_state state;
	struct registry_link entry;
	struct link *link;
	struct exchange *control; /* the control stream, NULL when closed */
	struct control_server server;
	struct buf out; /* control bytes to be sent */
	struct loop_timer timer;
	char address[DIAL_NAME_MAX]; /* of the peer, without port */
	char tunnel[UUID_TEXT_LEN + 1];
	struct roster_conn *seat; /* as the API shows it; NULL before registration, and when it leaves */
	bool is_evicted;          /* the timer is the end of its drain */
};

static void connector_close(struct connector *c, const char *why)
{
	registry_remove(&c->entry);
	link_close(c->link, why);
}

/* --- Rotation --- */

/* Not shown any more. */
static void connector_unseat(struct connector *c)
{
	roster_leave(&c->edge->roster, c->seat);
	c->seat = NULL;
}

static void connector_leave(struct connector *c)
{
	registry_remove(&c->entry);
	connector_unseat(c);
	if (c->state == CONNECTOR_UP)
		c->state = CONNECTOR_LEAVING;
	if (c->entry.requests == 0)
		loop_timer_start(&c->timer, 0);
}

/* Are its stream ids running out? Then the connector has to dial anew, which it does once the connection is closed. The
 * last one in rotation serves on while it can. */
static bool connector_is_worn(const struct connector *c)
{
	struct h2_session *session = link_session(c->link);

	return c->state == CONNECTOR_UP && session != NULL && h2_is_worn(session) &&
	       (registry_has_other(&c->entry) || !h2_can_open(session));
}

void connector_request_began(struct registry_link *l)
{
	struct connector *c = list_entry(l, struct connector, entry);

	l->requests++;
	if (connector_is_worn(c)) {
		log_line(c->edge->worker->log, LOG_INFO, "tunnel connection worn out, to be replaced",
			"tunnel=%s index=%u", c->tunnel, l->conn_index);
		connector_leave(c);
	}
}

void connector_request_ended(struct registry_link *l)
{
	struct connector *c = list_entry(l, struct connector, entry);

	l->requests--;
	if (c->state == CONNECTOR_LEAVING && l->requests == 0)
		loop_timer_start(&c->timer, 0);
}

void connector_drain_all(struct edge *e)
{
	list_for_each (n, &e->connectors)
		connector_leave(list_entry(n, struct connector, node));
}

size_t connector_evict(
	struct edge *e, const struct directory_tunnel *t, const struct uuid *client_id, uint64_t drain_ms)
{
	size_t count = 0;

	list_for_each (n, &e->connectors) {
		struct connector *c = list_entry(n, struct connector, node);
		if (c->seat == NULL || c->seat->client->tunnel != t ||
			(client_id != NULL && !uuid_eq(&c->entry.client_id, client_id)))
			continue;
		c->is_evicted = true;
		loop_timer_start(&c->timer, drain_ms);
		connector_leave(c);
		count++;
	}
	return count;
}

struct h2_session *connector_session(struct connector *c)
{
	return link_session(c->link);
}

void connector_close_all(struct edge *e)
{
	list_for_each (n, &e->connectors)
		connector_close(list_entry(n, struct connector, node), "edge stops");
}

/* --- The control stream --- */

static void connector_send(struct connector *c)
{
	size_t n = c->control != NULL ? exchange_write(c->control, buf_span(&c->out)) : buf_len(&c->out);

	buf_consume(&c->out, n);
	buf_release(&c->out);
}

static void connector_refuse(struct connector *c, struct span cause, bool retry)
{
	struct rpc_registered answer = {.cause = cause, .should_retry = retry};

	log_line(c->edge->worker->log, LOG_WARN, "registration refused", "peer=%s cause=\"%.*s\"",
		link_peer(c->link), (int)cause.len, cause.p);
	c->edge->metrics.registrations_refused++;
	c->state = CONNECTOR_REFUSED;
	control_server_answer(&c->server, &answer);
	loop_timer_start(&c->timer, CONNECTOR_GOODBYE_MS);
}

/* A connection of the same process with the same index is a stale one of before: the new one replaces it. */
static void connector_replace(struct connector *c, struct registry_tunnel *t)
{
	struct registry_link *old = registry_same(t, &c->entry.client_id, c->entry.conn_index);

	if (old == NULL)
		return;
	connector_unseat(list_entry(old, struct connector, entry));
	connector_close(list_entry(old, struct connector, entry), "replaced by a new connection");
}

static void connector_take_seat(
	struct connector *c, struct directory_tunnel *known, const struct uuid *id, int64_t version)
{
	struct roster_conn *seat =
		roster_join(&c->edge->roster, known, &c->server.registration, &c->entry.client_id, id);

	seat->connector = c;
	seat->secret_version = version;
	memcpy(seat->origin_ip, c->address, sizeof(seat->origin_ip));
	c->seat = seat;
}

static void connector_accepted(struct connector *c, struct directory_tunnel *known, int64_t version)
{
	struct edge *e = c->edge;
	struct registry_tunnel *t = registry_tunnel(e->registry, &known->record.id);
	struct uuid id;

	uuid_random(&id);
	struct rpc_registered answer = {.ok = true,
		.uuid = span_of((const char *)id.bytes, UUID_LEN),
		.location = span_str(e->location),
		.remotely_managed = known->record.is_remote};
	control_server_answer(&c->server, &answer);
	connector_replace(c, t);
	connector_take_seat(c, known, &id, version);
	uuid_print(&known->record.id, c->tunnel);
	c->state = CONNECTOR_UP;
	c->entry.link = c->link;
	registry_add(t, &c->entry);
	loop_timer_stop(&c->timer);
	e->unregistered--;
	e->metrics.links++;
	e->metrics.registrations++;
	const struct rpc_registration *r = &c->server.registration;
	for (size_t i = 0; i < r->feature_count; i++)
		c->entry.half_close =
			c->entry.half_close || span_eq(r->features[i], CONTROL_FEATURE_HALF_CLOSE);
	/* Our own connector takes bytes off the connection as they come. */
	if (!c->entry.half_close && link_session(c->link) != NULL)
		h2_share_window(link_session(c->link));
	log_line(e->worker->log, LOG_INFO, "registered", "tunnel=%s name=%s index=%u peer=%s version=%.*s",
		c->tunnel, known->record.name, c->entry.conn_index, link_peer(c->link), (int)r->version.len,
		r->version.p);
	configure_push(e, c->seat->client);
}

static void connector_register(struct connector *c)
{
	const struct rpc_registration *r = &c->server.registration;
	struct edge *e = c->edge;
	struct uuid tunnel;

	if (c->state != CONNECTOR_NEW) {
		connector_close(c, "registered twice");
		return;
	}
	if (r->tunnel_id.len != UUID_LEN || r->client_id.len != UUID_LEN) {
		connector_refuse(c, SPAN("Unauthorized: malformed tunnel or client id"), false);
		return;
	}
	memcpy(tunnel.bytes, r->tunnel_id.p, UUID_LEN);
	memcpy(c->entry.client_id.bytes, r->client_id.p, UUID_LEN);
	c->entry.conn_index = r->conn_index;
	/* A starting connector exits at any error but these two kinds. */
	if (e->draining) {
		connector_refuse(c, SPAN("EDUPCONN"), false);
		return;
	}
	struct directory_tunnel *known;
	int64_t version;
	switch (directory_check(
		e->directory, &tunnel, r->account_tag, r->secret, rfc3339_now(), &known, &version)) {
	case DIRECTORY_OK: connector_accepted(c, known, version); return;
	case DIRECTORY_WRONG: connector_refuse(c, SPAN("Unauthorized: Invalid tunnel secret"), false); return;
	case DIRECTORY_UNKNOWN: connector_refuse(c, SPAN("Unauthorized: Tunnel not found"), false); return;
	}
}

static void connector_unregister(struct connector *c)
{
	log_line(c->edge->worker->log, LOG_INFO, "unregistered", "tunnel=%s index=%u peer=%s", c->tunnel,
		c->entry.conn_index, link_peer(c->link));
	/* Out of rotation before the answer says so. */
	registry_remove(&c->entry);
	connector_unseat(c);
	control_server_unregistered(&c->server);
	connector_send(c);
	connector_leave(c);
}

/* Its own configuration: to be shown. */
static void connector_told(struct connector *c, struct span json)
{
	log_line(c->edge->worker->log, LOG_DEBUG, "configuration received", "tunnel=%s bytes=%zu", c->tunnel,
		json.len);
	if (c->seat != NULL && json.len <= CONNECTOR_TOLD_MAX)
		directory_config_set(&c->seat->client->tunnel->told, json, 0, rfc3339_now());
}

static void connector_run_control(struct connector *c)
{
	for (;;) {
		switch (control_server_next(&c->server)) {
		case CONTROL_SERVER_NONE: connector_send(c); return;
		case CONTROL_SERVER_REGISTER: connector_register(c); break;
		case CONTROL_SERVER_CONFIGURE: connector_told(c, c->server.config); break;
		case CONTROL_SERVER_UNREGISTER: connector_unregister(c); break;
		case CONTROL_SERVER_GONE: connector_send(c); return;
		case CONTROL_SERVER_BROKEN:
			connector_send(c);
			connector_close(c, c->server.why);
			return;
		}
	}
}

static void control_on_head(void *arg, const struct exchange_head *head, bool end)
{
	struct connector *c = arg;

	if (head->status >= 300 || end)
		connector_close(c, "no control stream");
}

static void control_on_body(void *arg, struct span data)
{
	struct connector *c = arg;

	control_server_feed(&c->server, data);
	exchange_consumed(c->control, data.len);
	connector_run_control(c);
}

static void control_on_end(void *arg, const struct fields *trailers)
{
	struct connector *c = arg;

	(void)trailers;
	/* Hung up after a refusal. After unregistering it is normal, and before it the rotation is left as well. */
	if (c->state == CONNECTOR_UP || c->state == CONNECTOR_LEAVING)
		connector_leave(c);
	else
		connector_close(c, "hung up before registration");
}

static void control_on_room(void *arg)
{
	connector_send(arg);
}

static void control_on_closed(void *arg, enum exchange_fate fate)
{
	struct connector *c = arg;

	c->control = NULL;
	if (fate != EXCHANGE_LOST)
		control_on_end(c, NULL);
}

static const struct exchange_events control_events = {
	control_on_head, control_on_body, control_on_end, control_on_room, control_on_closed};

/* --- The connection --- */

static void connector_on_up(void *arg)
{
	struct connector *c = arg;
	struct field upgrade = {CFHEADER_UPGRADE, CFHEADER_CONTROL};
	struct fields fields = {.at = &upgrade, .count = 1, .cap = 1};
	struct exchange_head head = {.method = SPAN("GET"),
		.scheme = SPAN("http"),
		.authority = SPAN("localhost:8080"),
		.path = SPAN("/"),
		.fields = &fields};

	control_server_start(&c->server, &c->out);
	c->control = h2_open(link_session(c->link), &head, false, &control_events, c);
	loop_timer_start(&c->timer, CONNECTOR_REGISTER_MS);
}

static void connector_on_down(void *arg, const char *why)
{
	struct connector *c = arg;
	struct edge *e = c->edge;

	registry_remove(&c->entry);
	list_remove(&c->node);
	if (c->seat != NULL)
		roster_lose(&e->roster, c->seat);
	if (c->state == CONNECTOR_UP)
		e->metrics.links_lost++;
	if (c->state == CONNECTOR_UP || c->state == CONNECTOR_LEAVING) {
		e->metrics.links--;
		log_line(e->worker->log, LOG_INFO, "tunnel connection closed",
			"tunnel=%s index=%u reason=\"%s\"", c->tunnel, c->entry.conn_index, why);
	} else {
		e->unregistered--;
		log_line(e->worker->log, LOG_DEBUG, "tunnel connection closed before registration",
			"peer=%s reason=\"%s\"", c->address, why);
	}
	control_server_fini(&c->server);
	buf_free(&c->out);
	loop_timer_fini(&c->timer);
	free(c);
	edge_check_drained(e);
}

static const struct link_events connector_link_events = {connector_on_up, NULL, connector_on_down, NULL};

static void connector_on_timer(void *arg)
{
	struct connector *c = arg;

	switch (c->state) {
	case CONNECTOR_NEW: connector_close(c, "did not register in time"); break;
	case CONNECTOR_REFUSED: connector_close(c, "registration refused"); break;
	case CONNECTOR_LEAVING:
		if (c->is_evicted)
			connector_close(c, "closed by the operator");
		else if (c->entry.requests == 0)
			connector_close(c, "unregistered");
		break;
	case CONNECTOR_UP: break;
	}
}

static bool connector_may_come(const struct edge *e, const char *address)
{
	size_t same = 0;

	if (e->draining || e->unregistered >= CONNECTOR_UNREGISTERED_MAX)
		return false;
	list_for_each (n, &e->connectors) {
		const struct connector *c = list_entry(n, struct connector, node);
		same += c->state == CONNECTOR_NEW && strcmp(c->address, address) == 0;
	}
	return same < CONNECTOR_PER_ADDRESS_MAX;
}

void connector_accept(struct edge *e, int fd, const struct sockaddr_storage *from)
{
	char address[DIAL_NAME_MAX];
	struct err err;

	dial_address_name(from, false, address);
	if (!connector_may_come(e, address)) {
		e->metrics.tunnel_refused++;
		close(fd);
		return;
	}
	struct connector *c = mem_alloc(sizeof(*c));
	c->edge = e;
	memcpy(c->address, address, sizeof(c->address));
	c->out.max = CONTROL_AFTER_MAX;
	loop_timer_init(&c->timer, e->worker->loop, connector_on_timer, c);
	c->link = link_new(e->worker, H2_EDGE, fd, e->tunnel_tls, NULL, &connector_link_events, c, &err);
	if (c->link == NULL) {
		log_line(e->worker->log, LOG_WARN, "tunnel connection refused", "peer=%s error=\"%s\"",
			address, err.text);
		loop_timer_fini(&c->timer);
		free(c);
		return;
	}
	e->unregistered++;
	list_push(&e->connectors, &c->node);
}
