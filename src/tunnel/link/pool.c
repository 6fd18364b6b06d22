/* Connections to the edge. Each slot is a small state machine; the first one leads, the others follow once it has
 * registered. */
#include <netinet/in.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "common/base/mem.h"
#include "common/base/version.h"
#include "common/proto/url.h"
#include "tunnel/control/register.h"
#include "tunnel/h2/cfheader.h"
#include "tunnel/link/pool.h"

enum slot_state {
	SLOT_OFF,      /* not started, or done */
	SLOT_WAIT,     /* until the next try */
	SLOT_DIAL,     /* connecting */
	SLOT_LINK,     /* TLS, then waiting for the control stream */
	SLOT_REGISTER, /* waiting for the answer */
	SLOT_UP,       /* in rotation */
	SLOT_LEAVE,    /* unregistering, then waiting for requests to end */
	SLOT_CLOSE,    /* waiting for the link's end */
};

struct slot {
	struct pool *pool;
	unsigned index;
	enum slot_state state;
	size_t edge; /* index of its address */
	unsigned attempts;
	struct dial *dial;
	struct link *link;
	struct exchange *control;
	struct control_client client;
	struct rpc_registration registration;
	unsigned char local_ip[16];
	struct buf out;
	struct loop_timer timer;
	bool calling; /* a call waits for its answer */
	enum rpc_method call;
	uint64_t call_us;  /* when it was made */
	bool replace;      /* another address is to be taken before the next try */
	bool unregistered; /* the edge has confirmed */
};

struct pool {
	struct worker *worker;
	const struct pool_conf *conf;
	const struct pool_events *events;
	void *arg;
	struct slot *slots;
	size_t count;
	bool *edge_used;
	bool ever_registered; /* nothing is fatal any more */
	unsigned refusals;    /* in a row */
	unsigned refusals_max;
	bool stopping, over;
	const char *refusal; /* with over: why, NULL after a stop */
	char refusal_text[256];
	struct loop_timer grace;
	struct loop_task report;
	struct pool_state state;
	char arch[64];
};

static void slot_try(struct slot *s);
static void slot_stop(struct slot *s);

static struct pool_slot_state *slot_state(const struct slot *s)
{
	return &s->pool->state.slot[s->index];
}

static const char *slot_edge(const struct slot *s)
{
	return s->pool->conf->edges->items[s->edge];
}

/* --- Ending the pool --- */

static void pool_report(void *arg)
{
	struct pool *p = arg;

	if (p->refusal != NULL)
		p->events->refused(p->arg, p->refusal);
	else
		p->events->stopped(p->arg);
}

static void pool_check_over(struct pool *p)
{
	if (p->over || !p->stopping)
		return;
	for (size_t i = 0; i < p->count; i++)
		if (p->slots[i].state != SLOT_OFF)
			return;
	p->over = true;
	loop_timer_stop(&p->grace);
	loop_defer(p->worker->loop, &p->report);
}

static void slot_off(struct slot *s)
{
	s->state = SLOT_OFF;
	slot_state(s)->serving = false;
	loop_timer_stop(&s->timer);
	pool_check_over(s->pool);
}

/* --- Waiting and trying again --- */

/* Full jitter: uniform below a bound that doubles. */
static uint64_t backoff_ms(unsigned attempts)
{
	unsigned steps = attempts < POOL_BACKOFF_STEPS ? attempts : POOL_BACKOFF_STEPS;
	uint64_t bound = (uint64_t)POOL_BACKOFF_MS << steps;
	uint32_t random = 0;

	RAND_bytes((unsigned char *)&random, sizeof(random));
	uint64_t ms = random % bound;
	return ms > POOL_BACKOFF_LEAST ? ms : POOL_BACKOFF_LEAST;
}

/* Take an address that no other slot has, if there is one. */
static void slot_take_other_edge(struct slot *s)
{
	struct pool *p = s->pool;
	size_t n = p->conf->edges->count;

	for (size_t i = 1; i < n; i++) {
		size_t candidate = (s->edge + i) % n;
		if (p->edge_used[candidate])
			continue;
		p->edge_used[s->edge] = false;
		p->edge_used[candidate] = true;
		s->edge = candidate;
		return;
	}
}

static void slot_retry(struct slot *s)
{
	if (s->pool->stopping) {
		slot_off(s);
		return;
	}
	if (s->replace)
		slot_take_other_edge(s);
	s->replace = false;
	uint64_t ms = backoff_ms(s->attempts);
	if (s->attempts < UINT8_MAX)
		s->attempts++;
	log_line(s->pool->worker->log, LOG_INFO, "retrying", "index=%u edge=%s in_ms=%llu", s->index,
		slot_edge(s), (unsigned long long)ms);
	s->state = SLOT_WAIT;
	loop_timer_start(&s->timer, ms);
}

/* --- Calls to the edge, one at a time --- */

static void slot_called(struct slot *s, enum rpc_method method)
{
	s->calling = true;
	s->call = method;
	s->call_us = loop_clock_us();
}

static void slot_call_over(struct slot *s, bool answered)
{
	if (s->calling)
		s->pool->events->called(s->pool->arg, s->call, loop_clock_us() - s->call_us, answered);
	s->calling = false;
}

/* --- The control stream --- */

static void slot_send(struct slot *s)
{
	size_t n = s->control != NULL ? exchange_write(s->control, buf_span(&s->out)) : buf_len(&s->out);

	/* Registration carries the secret. */
	secret_wipe(s->out.data + s->out.head, n);
	buf_consume(&s->out, n);
	if (buf_len(&s->out) == 0)
		buf_wipe(&s->out);
}

static void slot_close(struct slot *s, const char *why)
{
	s->state = SLOT_CLOSE;
	link_close(s->link, why);
}

/* Connections 1, 2, ... follow the first, one after the other. */
static void pool_start_others(struct pool *p)
{
	for (size_t i = 1; i < p->count; i++) {
		p->slots[i].state = SLOT_WAIT;
		slot_state(&p->slots[i])->serving = true;
		loop_timer_start(&p->slots[i].timer, i * POOL_SPACING_MS);
	}
}

static void slot_registered(struct slot *s)
{
	struct pool *p = s->pool;
	struct pool_slot_state *state = slot_state(s);
	struct span location = s->client.registered.location;
	bool first = !p->ever_registered;

	slot_call_over(s, true);
	s->state = SLOT_UP;
	s->attempts = 0;
	p->ever_registered = true;
	p->refusals = 0;
	p->state.counts.registrations++;
	p->state.ready++;
	state->ready = true;
	snprintf(state->edge, sizeof(state->edge), "%s", link_peer(s->link));
	snprintf(state->location, sizeof(state->location), "%.*s", (int)location.len, location.p);
	loop_timer_stop(&s->timer);
	p->events->registered(p->arg, s->index, link_peer(s->link), location);
	if (s->index == 0 && !s->client.registered.remotely_managed && p->conf->config.len > 0) {
		slot_called(s, RPC_UPDATE_CONFIGURATION);
		control_client_configure(&s->client, p->conf->config);
	}
	/* Whoever was told may have stopped it. */
	if (first && !p->stopping)
		pool_start_others(p);
}

/* Does this refusal end it all? */
static bool pool_gives_up(const struct pool *p, enum control_refusal kind)
{
	if (p->stopping || p->state.ready > 0)
		return false;
	return (kind == CONTROL_PERMANENT && !p->ever_registered) ||
	       (p->refusals_max > 0 && p->refusals >= p->refusals_max);
}

static void pool_give_up(struct pool *p, struct span cause)
{
	snprintf(p->refusal_text, sizeof(p->refusal_text), "the edge refused the registration: %.*s",
		(int)(cause.len < 180 ? cause.len : 180), cause.p);
	p->refusal = p->refusal_text;
	p->stopping = true;
	for (size_t i = 0; i < p->count; i++)
		slot_stop(&p->slots[i]);
}

static void slot_refused(struct slot *s)
{
	struct pool *p = s->pool;
	struct span cause = s->client.registered.cause;
	enum control_refusal kind = control_refusal_of(&s->client.registered);

	slot_call_over(s, true);
	p->state.counts.registration_failures++;
	p->state.counts.duplicates += kind == CONTROL_DUPLICATE;
	p->refusals += kind != CONTROL_DUPLICATE;
	log_line(p->worker->log, LOG_ERROR, "registration refused", "index=%u edge=%s cause=\"%.*s\"",
		s->index, link_peer(s->link), (int)cause.len, cause.p);
	s->replace = kind == CONTROL_DUPLICATE;
	slot_send(s);
	slot_close(s, "registration refused"); /* soon: the cause can still be read */
	if (pool_gives_up(p, kind))
		pool_give_up(p, cause);
	else if (kind == CONTROL_UNAUTHORIZED && p->events->unauthorized != NULL)
		p->events->unauthorized(p->arg);
}

static void slot_unregistered(struct slot *s)
{
	slot_call_over(s, true);
	s->unregistered = true;
	control_client_goodbye(&s->client);
	slot_send(s);
	exchange_finish(s->control, NULL);
}

static void slot_run_control(struct slot *s)
{
	struct pool *p = s->pool;

	for (;;) {
		switch (control_client_next(&s->client)) {
		case CONTROL_CLIENT_NONE: slot_send(s); return;
		case CONTROL_CLIENT_REGISTERED: slot_registered(s); break;
		case CONTROL_CLIENT_REFUSED: slot_refused(s); return;
		case CONTROL_CLIENT_UNREGISTERED: slot_unregistered(s); break;
		case CONTROL_CLIENT_CONFIGURED:
			slot_call_over(s, true);
			p->state.counts.config_pushes++;
			break;
		case CONTROL_CLIENT_NOT_CONFIGURED:
			slot_call_over(s, false);
			p->state.counts.config_push_failures++;
			log_line(p->worker->log, LOG_WARN, "the edge did not take the configuration",
				"reason=\"%s\"", s->client.why);
			break;
		case CONTROL_CLIENT_BROKEN:
			log_line(p->worker->log, LOG_WARN, "control stream broken",
				"index=%u edge=%s reason=\"%s\"", s->index, link_peer(s->link),
				s->client.why);
			slot_close(s, "control stream broken");
			return;
		}
	}
}

static void slot_on_control_head(void *arg, const struct exchange_head *head, bool end)
{
	(void)arg;
	(void)head;
	(void)end;
}

static void slot_on_control_body(void *arg, struct span data)
{
	struct slot *s = arg;

	control_client_feed(&s->client, data);
	exchange_consumed(s->control, data.len);
	slot_run_control(s);
}

static void slot_on_control_end(void *arg, const struct fields *trailers)
{
	/* Half-closing the control stream means nothing (as for cloudflared); the link's end does. */
	(void)arg;
	(void)trailers;
}

static void slot_on_control_room(void *arg)
{
	slot_send(arg);
}

static void slot_on_control_closed(void *arg, enum exchange_fate fate)
{
	struct slot *s = arg;

	s->control = NULL;
	/* A registration without its control stream could not be ended in order. */
	if (fate != EXCHANGE_LOST && (s->state == SLOT_UP || s->state == SLOT_REGISTER))
		slot_close(s, "control stream closed by the edge");
}

static const struct exchange_events control_events = {slot_on_control_head, slot_on_control_body,
	slot_on_control_end, slot_on_control_room, slot_on_control_closed};

static void slot_register(struct slot *s, struct exchange *x)
{
	static const struct span features[] = {
		{"allow_remote_config", 19}, {"serialized_headers", 18}, {"outbore_half_close", 18}};
	const struct cred *cred = s->pool->conf->cred;
	struct field type = {SPAN("content-type"), SPAN("application/octet-stream")};
	struct fields fields = {.at = &type, .count = 1, .cap = 1};

	s->registration = (struct rpc_registration){.conn_index = (uint8_t)s->index,
		.account_tag = span_str(cred->account_tag),
		.secret = span_of((const char *)cred->secret.data, cred->secret.len),
		.tunnel_id = span_of((const char *)cred->tunnel_id.bytes, UUID_LEN),
		.client_id = span_of((const char *)s->pool->conf->connector_id.bytes, UUID_LEN),
		.features = {features[0], features[1], features[2]},
		.feature_count = 3,
		.version = SPAN("outbore-" VERSION),
		.arch = span_str(s->pool->arch),
		.local_ip = span_of((const char *)s->local_ip, sizeof(s->local_ip)),
		.attempts = (uint8_t)s->attempts};
	s->control = x;
	s->state = SLOT_REGISTER;
	exchange_listen(x, &control_events, s);
	exchange_respond(x, 200, &fields, false);
	slot_called(s, RPC_REGISTER);
	control_client_start(&s->client, &s->out, &s->registration);
	loop_timer_start(&s->timer, POOL_RPC_MS);
	slot_send(s);
}

/* --- The link --- */

static void slot_on_request(void *arg, struct exchange *x, const struct exchange_head *head, bool end)
{
	struct slot *s = arg;
	struct pool *p = s->pool;

	if (span_eq(header_value(head->fields, CFHEADER_UPGRADE), CFHEADER_CONTROL)) {
		if (s->state == SLOT_LINK && !end)
			slot_register(s, x);
		else
			exchange_reset(x, EXCHANGE_PROTOCOL_ERROR);
		return;
	}
	/* A request can overtake the answer to the registration. */
	if (s->state == SLOT_UP || s->state == SLOT_REGISTER || (s->state == SLOT_LEAVE && !s->unregistered))
		p->events->request(p->arg, x, head, end, s->index);
	else
		exchange_reset(x, EXCHANGE_REFUSED_STREAM);
}

static void slot_on_up(void *arg)
{
	struct slot *s = arg;

	loop_timer_start(&s->timer, POOL_CONTROL_MS);
}

static void slot_forget_link(struct slot *s)
{
	slot_call_over(s, false);
	s->link = NULL;
	s->unregistered = false;
	control_client_fini(&s->client);
	buf_wipe(&s->out);
}

static void slot_on_down(void *arg, const char *why)
{
	struct slot *s = arg;
	struct pool *p = s->pool;
	bool was_ready = slot_state(s)->ready;

	slot_forget_link(s);
	if (was_ready) {
		slot_state(s)->ready = false;
		p->state.ready--;
		p->events->lost(p->arg, s->index, slot_state(s)->edge, why);
	} else if (!p->stopping) {
		log_line(p->worker->log, LOG_WARN, "no connection to the edge",
			"index=%u edge=%s reason=\"%s\"", s->index, slot_edge(s), why);
		s->replace = true;
	}
	slot_retry(s);
}

/* No request is left, nor the control stream: the edge sends none after it has confirmed. */
static void slot_on_idle(void *arg)
{
	struct slot *s = arg;

	if (s->state == SLOT_LEAVE && s->unregistered)
		slot_close(s, "unregistered");
}

static const struct link_events slot_link_events = {slot_on_up, slot_on_request, slot_on_down, slot_on_idle};

static void slot_read_local_ip(struct slot *s, int fd)
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);

	memset(s->local_ip, 0, sizeof(s->local_ip));
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return;
	if (sa.ss_family == AF_INET6) {
		memcpy(s->local_ip, &((struct sockaddr_in6 *)&sa)->sin6_addr, 16);
	} else if (sa.ss_family == AF_INET) {
		s->local_ip[10] = s->local_ip[11] = 0xff;
		memcpy(s->local_ip + 12, &((struct sockaddr_in *)&sa)->sin_addr, 4);
	}
}

static void slot_on_dialed(void *arg, int fd, const char *why)
{
	struct slot *s = arg;
	struct pool *p = s->pool;
	struct err err;

	s->dial = NULL;
	if (fd < 0) {
		log_line(p->worker->log, LOG_WARN, "edge not reached", "index=%u edge=%s reason=\"%s\"",
			s->index, slot_edge(s), why);
		s->replace = true;
		slot_retry(s);
		return;
	}
	slot_read_local_ip(s, fd);
	s->state = SLOT_LINK;
	s->link = link_new(
		p->worker, H2_CONNECTOR, fd, p->conf->tls, p->conf->server_name, &slot_link_events, s, &err);
	if (s->link == NULL) {
		log_line(p->worker->log, LOG_ERROR, "no TLS with the edge", "error=\"%s\"", err.text);
		slot_retry(s);
	}
}

static void slot_try(struct slot *s)
{
	struct url_authority address;
	struct err err;

	/* Checked when the option was read. */
	if (url_parse_address(span_str(slot_edge(s)), &address, &err) < 0)
		abort();
	char *host = mem_spandup(address.host), *port = mem_printf("%d", address.port);
	struct dial_target target = {
		.host = host, .port = port, .timeout_ms = LINK_HANDSHAKE_MS, .keepalive_s = 15};
	s->state = SLOT_DIAL;
	s->dial = dial_start(s->pool->worker->loop, &target, slot_on_dialed, s);
	free(host);
	free(port);
}

static void slot_on_timer(void *arg)
{
	struct slot *s = arg;

	switch (s->state) {
	case SLOT_WAIT: slot_try(s); break;
	case SLOT_LINK: slot_close(s, "the edge opened no control stream"); break;
	case SLOT_REGISTER: slot_close(s, "the edge did not answer the registration"); break;
	case SLOT_OFF:
	case SLOT_DIAL:
	case SLOT_UP:
	case SLOT_LEAVE:
	case SLOT_CLOSE: break;
	}
}

/* --- Stopping --- */

static void slot_stop(struct slot *s)
{
	switch (s->state) {
	case SLOT_OFF:
	case SLOT_CLOSE:
	case SLOT_LEAVE: return;
	case SLOT_WAIT: slot_off(s); return;
	case SLOT_DIAL:
		dial_cancel(s->dial);
		s->dial = NULL;
		slot_off(s);
		return;
	case SLOT_LINK:
	case SLOT_REGISTER: slot_close(s, "connector stops"); return;
	case SLOT_UP:
		s->state = SLOT_LEAVE;
		slot_called(s, RPC_UNREGISTER);
		control_client_unregister(&s->client);
		slot_send(s);
		return;
	}
}

static void pool_close_all(void *arg)
{
	struct pool *p = arg;

	for (size_t i = 0; i < p->count; i++)
		if (p->slots[i].link != NULL)
			slot_close(&p->slots[i], "connector stops");
}

void pool_stop(struct pool *p)
{
	if (p->stopping) {
		pool_close_all(p);
		return;
	}
	p->stopping = true;
	loop_timer_start(&p->grace, p->conf->grace_ms);
	for (size_t i = 0; i < p->count; i++)
		slot_stop(&p->slots[i]);
	pool_check_over(p);
}

/* --- Starting --- */

static void pool_read_arch(struct pool *p)
{
	struct utsname name;
	const char *machine = uname(&name) == 0 ? name.machine : "unknown";

	/* Go's names of the common ones, as dashboards know them. */
	if (strcmp(machine, "x86_64") == 0)
		machine = "amd64";
	else if (strcmp(machine, "aarch64") == 0)
		machine = "arm64";
	snprintf(p->arch, sizeof(p->arch), "linux_%.50s", machine);
}

struct pool *pool_start(
	struct worker *w, const struct pool_conf *conf, const struct pool_events *events, void *arg)
{
	struct pool *p = mem_alloc(sizeof(*p));

	p->worker = w;
	p->conf = conf;
	p->events = events;
	p->arg = arg;
	p->count = conf->connections < conf->edges->count ? conf->connections : conf->edges->count;
	if (p->count > POOL_SLOTS_MAX)
		p->count = POOL_SLOTS_MAX;
	p->state.slots = p->count;
	p->refusals_max = conf->refusals_max;
	p->slots = mem_array(p->count, sizeof(*p->slots));
	p->edge_used = mem_array(conf->edges->count, sizeof(*p->edge_used));
	p->report = (struct loop_task){.fn = pool_report, .arg = p};
	loop_timer_init(&p->grace, w->loop, pool_close_all, p);
	pool_read_arch(p);
	for (size_t i = 0; i < p->count; i++) {
		struct slot *s = &p->slots[i];
		s->pool = p;
		s->index = (unsigned)i;
		s->edge = i;
		s->out.max = CONTROL_AFTER_MAX;
		p->edge_used[i] = true;
		loop_timer_init(&s->timer, w->loop, slot_on_timer, s);
	}
	slot_state(&p->slots[0])->serving = true;
	slot_try(&p->slots[0]);
	return p;
}

void pool_be_patient(struct pool *p)
{
	p->refusals_max = 0;
}

const struct pool_state *pool_state(const struct pool *p)
{
	return &p->state;
}

void pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->count; i++)
		loop_timer_fini(&p->slots[i].timer);
	loop_timer_fini(&p->grace);
	loop_task_cancel(&p->report);
	free(p->slots);
	free(p->edge_used);
	free(p);
}
