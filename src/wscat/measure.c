/* Measuring a hop. The loop runs until the step at hand is over, so that this reads from top to bottom. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "wscat/measure.h"
#include "wscat/peer.h"

#define HEAD_SHOWN 4096 /* bytes of a head kept in the record */
#define BODY_SHOWN 512  /* bytes of a body likewise */
#define LENGTH_MS 1500  /* for an answer to an upgrade with a length, at least */
#define ECHO_TEXT "wscat probe"

/* One connection and what the step at hand waits for. */
struct visit {
	struct loop *loop;
	struct peer *peer;
	struct loop_timer timer;
	bool opened, over, got_pong, got_message, timed_out;
	struct span wanted; /* message that is waited for; a NULL pointer: any */
	size_t got_len;
};

static void visit_on_open(void *arg)
{
	struct visit *v = arg;

	v->opened = true;
	loop_stop(v->loop);
}

static void visit_on_message(void *arg, enum ws_opcode opcode, struct span message)
{
	struct visit *v = arg;

	(void)opcode;
	v->got_len = message.len;
	if (v->wanted.p == NULL || span_eq(v->wanted, message)) {
		v->got_message = true;
		loop_stop(v->loop);
	}
}

static void visit_on_control(void *arg, enum ws_opcode opcode, struct span payload)
{
	struct visit *v = arg;

	if (opcode == WS_PONG && span_eq(payload, SPAN("wscat"))) {
		v->got_pong = true;
		loop_stop(v->loop);
	}
}

static void visit_on_over(void *arg)
{
	struct visit *v = arg;

	v->over = true;
	loop_stop(v->loop);
}

static void visit_on_timer(void *arg)
{
	struct visit *v = arg;

	v->timed_out = true;
	loop_stop(v->loop);
}

static const struct peer_fns visit_fns = {
	visit_on_open, visit_on_message, visit_on_control, NULL, visit_on_over};

/* Run until one of the flags is set, the connection is over or ms have passed. True when the flag is set. */
static bool visit_wait(struct visit *v, const bool *flag, uint64_t ms)
{
	v->timed_out = false;
	loop_timer_start(&v->timer, ms);
	while (!*flag && !v->over && !v->timed_out)
		loop_run(v->loop);
	loop_timer_stop(&v->timer);
	return *flag;
}

static void visit_init(struct visit *v, struct loop *loop)
{
	*v = (struct visit){.loop = loop};
	loop_timer_init(&v->timer, loop, visit_on_timer, v);
}

static void visit_fini(struct visit *v)
{
	peer_free(v->peer);
	v->peer = NULL;
	loop_timer_fini(&v->timer);
}

/* --- One request --- */

/* What all requests to a hop have in common. */
struct asker {
	const struct measure_conf *conf;
	struct target target;
	char *host, *origin, *server_name;
	double usual_ms; /* for an answer; 0: not known yet */
};

static int asker_init(struct asker *a, const struct measure_conf *conf, const char *url, struct err *err)
{
	*a = (struct asker){.conf = conf};
	if (target_parse(url, &a->target, err) < 0)
		return -1;
	a->host = mem_strdup(conf->host != NULL ? conf->host : a->target.authority);
	if (conf->origin != NULL)
		a->origin = mem_strdup(conf->origin);
	else if (conf->host != NULL)
		a->origin = mem_printf("%s://%s", conf->is_front_tls ? "https" : "http", conf->host);
	else
		a->origin = target_origin(&a->target);
	a->server_name = mem_strdup(a->target.host);
	return 0;
}

static void asker_fini(struct asker *a)
{
	target_free(&a->target);
	free(a->host);
	free(a->origin);
	free(a->server_name);
}

/* The origin without its port. */
static char *origin_no_port(const char *origin)
{
	const char *host = strstr(origin, "://");
	const char *colon = host != NULL ? strchr(host + 3, ':') : NULL;

	return colon != NULL ? mem_spandup(span_of(origin, (size_t)(colon - origin))) : mem_strdup(origin);
}

static char *path_variant(const char *path, enum ask ask)
{
	size_t len = strcspn(path, "?");

	if (ask == ASK_SLASH && len > 1 && path[len - 1] == '/')
		return mem_printf("%.*s%s", (int)len - 1, path, path + len);
	if (ask == ASK_SLASH)
		return mem_printf("%.*s/%s", (int)len, path, path + len);
	if (ask == ASK_SIBLING) {
		size_t cut = len;
		while (cut > 0 && path[cut - 1] != '/')
			cut--;
		return mem_printf("%.*swscat-probe-nobody-knows", (int)cut, path);
	}
	return mem_strdup(path);
}

/* Who waits for a body says nothing at all: three times what the upgrade took is enough. */
static uint64_t time_for(const struct asker *a, enum ask ask)
{
	uint64_t short_ms = LENGTH_MS + (uint64_t)(3 * a->usual_ms);

	return ask == ASK_LENGTH && short_ms < a->conf->timeout_ms ? short_ms : a->conf->timeout_ms;
}

/* Start the connection for one kind of request. */
static void visit_start(struct visit *v, const struct asker *a, enum ask ask)
{
	char *path = path_variant(a->target.path, ask), *origin = origin_no_port(a->origin);
	struct request request;
	struct peer_conf conf = {
		.env = a->conf->env,
		.target = &a->target,
		.request = &request,
		.server_name = a->server_name,
		.use_h2 = (ask == ASK_HTTP2 || a->conf->env->conf->http2) && a->target.is_tls,
		.plain = ask == ASK_PLAIN,
		.timeout_ms = time_for(a, ask),
	};

	request_default(&request, ask == ASK_OWN_HOST ? a->target.authority : a->host, path, a->origin);
	if (ask == ASK_NO_ORIGIN)
		request.origin = NULL;
	else if (ask == ASK_NO_PORT)
		request.origin = origin;
	else if (ask == ASK_SPELLING)
		request.connection = "keep-alive, Upgrade";
	else if (ask == ASK_PLAIN)
		request.connection = NULL;
	else if (ask == ASK_BAD_KEY)
		snprintf(request.key, sizeof(request.key), "short");
	else if (ask == ASK_VERSION)
		request.version = "12";
	request.with_length = ask == ASK_LENGTH;
	v->peer = peer_start(&conf, &visit_fns, v);
	free(path);
	free(origin);
}

static char *escaped(struct span bytes, size_t most)
{
	struct buf text = {0};

	if (bytes.len > most)
		bytes.len = most;
	while (bytes.len > 0) {
		struct span rest, line = span_cut(bytes, '\n', &rest);
		bool ended = rest.p != NULL;
		if (ended && line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		/* What the app sets is nobody else's business. */
		if (span_starts_nocase(line, SPAN("set-cookie:")))
			line = SPAN("Set-Cookie: (hidden)");
		out_escape(line, &text);
		if (ended)
			buf_add_char(&text, '\n');
		bytes = rest;
	}
	char *out = mem_spandup(buf_span(&text));
	buf_free(&text);
	return out;
}

static void reply_take(struct reply *r, const struct peer_report *p)
{
	uint64_t from = p->at.sent > 0 ? p->at.sent : p->at.tcp;

	r->asked = true;
	r->opened = p->opened;
	r->failure = p->opened ? NULL : mem_strdup(peer_failure_name(p->failure));
	r->why = p->failure != PEER_FINE ? escaped(span_str(p->why), ERR_MAX) : NULL;
	r->status = p->has_response ? p->response.status : 0;
	r->head = escaped(buf_span(&p->head), HEAD_SHOWN);
	r->body = escaped(buf_span(&p->body), BODY_SHOWN);
	if (p->at.first_byte > 0)
		r->first_ms = p->at.first_byte > from ? (double)(p->at.first_byte - from) / 1000 : 0.001;
}

/* Ask and take the answer; an opened WebSocket is closed again, in order. */
static void ask_once(const struct asker *a, struct hop *h, enum ask ask)
{
	struct visit v;

	visit_init(&v, a->conf->env->loop);
	visit_start(&v, a, ask);
	while (!v.opened && !v.over)
		loop_run(v.loop);
	reply_take(&h->replies[ask], peer_report(v.peer));
	if (!v.over) {
		peer_close(v.peer, WS_CODE_NORMAL, SPAN(""));
		visit_wait(&v, &v.over, PEER_CLOSE_MS + PEER_LINGER_MS);
	}
	visit_fini(&v);
}

/* --- The main visit --- */

static double phase(uint64_t at, uint64_t *last)
{
	double ms = at > *last ? (double)(at - *last) / 1000 : 0;

	if (at > 0)
		*last = at;
	return ms;
}

static char *copy_span(struct span s)
{
	return s.len > 0 ? escaped(s, 256) : NULL;
}

static void take_phases(struct hop *h, const struct peer_report *p)
{
	uint64_t last = 0;

	h->dns_ms = phase(p->at.dns, &last);
	h->tcp_ms = phase(p->at.tcp, &last);
	h->proxy_ms = phase(p->at.proxy, &last);
	h->tls_ms = phase(p->at.tls, &last);
	h->send_ms = phase(p->at.sent, &last);
	h->wait_ms = phase(p->at.first_byte, &last);
	h->head_ms = phase(p->at.head, &last);
	h->address = p->address[0] != '\0' ? mem_strdup(p->address) : NULL;
	h->is_h2 = p->is_h2;
	if (p->tls_version[0] != '\0') {
		h->tls_version = mem_strdup(p->tls_version);
		h->alpn = mem_strdup(p->alpn);
	}
	if (p->has_cert) {
		h->cert_names = escaped(span_str(p->cert.names), TLS_NAMES_MAX);
		h->cert_days = p->cert.days_left;
	}
	if (p->has_response) {
		h->extensions =
			copy_span(header_value(&p->response.fields, SPAN("sec-websocket-extensions")));
		h->subprotocol = copy_span(p->subprotocol);
	}
	h->granted = p->deflate.on;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void take_pings(struct visit *v, struct hop *h)
{
	double ms[MEASURE_PINGS];

	while (h->pings < MEASURE_PINGS && !v->over) {
		uint64_t from = loop_clock_us();
		v->got_pong = false;
		if (peer_send(v->peer, WS_PING, SPAN("wscat")) < 0 ||
			!visit_wait(v, &v->got_pong, MEASURE_PONG_MS))
			break;
		ms[h->pings++] = (double)(loop_clock_us() - from) / 1000;
	}
	if (h->pings == 0)
		return;
	qsort(ms, (size_t)h->pings, sizeof(ms[0]), by_size);
	h->ping_min_ms = ms[0];
	h->ping_median_ms = ms[h->pings / 2];
	h->ping_max_ms = ms[h->pings - 1];
}

static void take_echo(struct visit *v, struct hop *h)
{
	h->echo_asked = true;
	v->got_message = false;
	v->wanted = SPAN(ECHO_TEXT);
	if (peer_send(v->peer, WS_TEXT, SPAN(ECHO_TEXT)) == 0)
		h->echoes = visit_wait(v, &v->got_message, MEASURE_PONG_MS);
	v->wanted = span_of(NULL, 0);
}

static void take_close(struct visit *v, struct hop *h)
{
	const struct peer_report *p = peer_report(v->peer);

	if (!v->over) {
		peer_close(v->peer, WS_CODE_NORMAL, SPAN(""));
		visit_wait(v, &v->over, PEER_CLOSE_MS + PEER_LINGER_MS);
	}
	h->close_code = p->close_code;
	if (p->at.close_got > p->at.close_sent && p->at.close_sent > 0)
		h->close_ms = (double)(p->at.close_got - p->at.close_sent) / 1000;
}

static void visit_main(const struct asker *a, struct hop *h)
{
	struct visit v;

	visit_init(&v, a->conf->env->loop);
	visit_start(&v, a, ASK_UPGRADE);
	while (!v.opened && !v.over)
		loop_run(v.loop);
	const struct peer_report *p = peer_report(v.peer);
	reply_take(&h->replies[ASK_UPGRADE], p);
	take_phases(h, p);
	h->offered = a->conf->env->deflate.on;
	if (v.opened) {
		visit_wait(&v, &v.got_message, MEASURE_QUIET_MS);
		if (p->at.first_message > 0)
			h->message_ms = (double)(p->at.first_message - p->at.head) / 1000;
		take_pings(&v, h);
		if (a->conf->echo && !v.over)
			take_echo(&v, h);
		take_close(&v, h);
	}
	visit_fini(&v);
}

/* --- What tells causes apart --- */

static bool is_slow(const struct reply *r)
{
	return r->first_ms > 1000;
}

static bool may_try_http2(const struct asker *a, const struct hop *h)
{
	return a->target.is_tls && !h->is_h2 && !a->conf->env->conf->http11 && h->tls_version != NULL;
}

/* Ask further what the first answer leaves open. */
static void ask_further(const struct asker *a, struct hop *h)
{
	const struct reply *r = &h->replies[ASK_UPGRADE];
	bool hangs = r->failure != NULL && strcmp(r->failure, "timeout") == 0 && h->tcp_ms > 0;
	int s = r->status;

	if (s == 0) {
		if (hangs)
			ask_once(a, h, ASK_PLAIN);
		return;
	}
	if (s == 403 || s == 401)
		ask_once(a, h, ASK_NO_ORIGIN);
	if (s == 403 && !h->replies[ASK_NO_ORIGIN].opened && strcmp(a->host, a->target.authority) != 0)
		ask_once(a, h, ASK_OWN_HOST);
	if (s == 403 && strchr(a->host, ':') != NULL && h->replies[ASK_NO_ORIGIN].opened)
		ask_once(a, h, ASK_NO_PORT);
	if (!is_slow(r))
		ask_once(a, h, ASK_PLAIN);
	if (s == 200 || s == 400 || s == 404 || s == 426)
		ask_once(a, h, ASK_SPELLING);
	if (s == 404 && strcmp(a->host, a->target.authority) != 0)
		ask_once(a, h, ASK_OWN_HOST);
	if (s == 200 || (s == 503 && !is_slow(r)))
		ask_once(a, h, ASK_SIBLING);
	if (s == 404)
		ask_once(a, h, ASK_SLASH);
	if (may_try_http2(a, h) && !is_slow(r))
		ask_once(a, h, ASK_HTTP2);
}

/* What a hop that works does to requests that are not the usual one. */
static void ask_deeper(struct asker *a, struct hop *h)
{
	a->usual_ms = h->wait_ms;
	ask_once(a, h, ASK_PLAIN);
	if (may_try_http2(a, h))
		ask_once(a, h, ASK_HTTP2);
	if (h->is_h2)
		return;
	ask_once(a, h, ASK_VERSION);
	ask_once(a, h, ASK_LENGTH);
}

/* --- The size check --- */

/* Does a message of so many bytes come back? The code of a close in *code. */
static bool try_size(const struct asker *a, int64_t size, int *code)
{
	struct visit v;
	struct buf message = {.max = (size_t)size};
	bool passed = false;

	*code = 0;
	memset(buf_reserve(&message, (size_t)size), 'w', (size_t)size);
	buf_commit(&message, (size_t)size);
	visit_init(&v, a->conf->env->loop);
	visit_start(&v, a, ASK_UPGRADE);
	while (!v.opened && !v.over)
		loop_run(v.loop);
	if (v.opened) {
		v.wanted = buf_span(&message);
		peer_send(v.peer, WS_BINARY, buf_span(&message));
		passed = visit_wait(&v, &v.got_message, 5000);
		if (!v.over)
			peer_close(v.peer, WS_CODE_NORMAL, SPAN(""));
		visit_wait(&v, &v.over, PEER_CLOSE_MS + PEER_LINGER_MS);
		*code = peer_report(v.peer)->close_code;
	}
	visit_fini(&v);
	buf_free(&message);
	return passed;
}

static void check_size(const struct asker *a, struct hop *h)
{
	int64_t low = 0, high = a->conf->frame_bound;
	int code;

	h->frame_bound = high;
	if (try_size(a, high, &code)) {
		h->frame_passed = high;
		return;
	}
	h->frame_close = code;
	for (int tries = 0; high - low > 1 && tries < MEASURE_SIZE_TRIES; tries++) {
		int64_t middle = low + (high - low) / 2;
		if (try_size(a, middle, &code)) {
			low = middle;
		} else {
			high = middle;
			/* A peer that echoes nothing at all is not worth the wait. */
			if (low == 0 && code != WS_CODE_TOO_BIG && tries > 2)
				break;
		}
	}
	h->frame_passed = low;
}

/* --- The soak check --- */

static void check_soak(const struct asker *a, struct hop *h)
{
	uint64_t end = loop_clock_us() + a->conf->soak_ms * 1000;

	h->soak_ms = (double)a->conf->soak_ms;
	while (loop_clock_us() < end) {
		struct visit v;
		bool never = false;

		visit_init(&v, a->conf->env->loop);
		visit_start(&v, a, ASK_UPGRADE);
		while (!v.opened && !v.over)
			loop_run(v.loop);
		while (!v.over && loop_clock_us() < end) {
			peer_send(v.peer, WS_PING, SPAN(""));
			uint64_t left = (end - loop_clock_us()) / 1000 + 1;
			visit_wait(&v, &never, left < 15000 ? left : 15000);
		}
		bool dropped = v.over;
		if (dropped)
			h->close_code = peer_report(v.peer)->close_code;
		if (!v.over)
			take_close(&v, h);
		visit_fini(&v);
		if (!dropped)
			break;
		h->soak_drops++;
		if (!v.opened)
			break;
	}
}

int measure_hop(const struct measure_conf *conf, struct hop *h, struct err *err)
{
	struct asker a;

	if (asker_init(&a, conf, h->url, err) < 0)
		return -1;
	visit_main(&a, h);
	if (!h->replies[ASK_UPGRADE].opened)
		ask_further(&a, h);
	else if (conf->frame_bound > 0)
		check_size(&a, h);
	if (h->replies[ASK_UPGRADE].opened && conf->deep)
		ask_deeper(&a, h);
	if (h->replies[ASK_UPGRADE].opened && conf->soak_ms > 0)
		check_soak(&a, h);
	asker_fini(&a);
	return 0;
}

/* --- The idle check --- */

/* Two connections to a hop: one silent, one with pings. */
struct idle {
	struct asker asker;
	struct hop *hop;
	struct visit silent, pinged;
	uint64_t opened_us;
};

/* Both open? Then the clock runs. */
static bool idle_start(struct idle *i, const struct measure_conf *conf, struct hop *h)
{
	struct err err;

	i->hop = h;
	if (asker_init(&i->asker, conf, h->url, &err) < 0)
		return false;
	visit_init(&i->silent, conf->env->loop);
	visit_init(&i->pinged, conf->env->loop);
	visit_start(&i->pinged, &i->asker, ASK_UPGRADE);
	while (!i->pinged.opened && !i->pinged.over)
		loop_run(conf->env->loop);
	visit_start(&i->silent, &i->asker, ASK_UPGRADE);
	while (!i->silent.opened && !i->silent.over)
		loop_run(conf->env->loop);
	i->opened_us = loop_clock_us();
	return i->silent.opened;
}

static void idle_note(struct idle *i, uint64_t bound_ms)
{
	struct hop *h = i->hop;

	if (h->idle_bound_ms > 0 || !i->silent.opened)
		return;
	const struct peer_report *p = peer_report(i->silent.peer);
	h->idle_bound_ms = (double)bound_ms;
	if (i->silent.over) {
		uint64_t last = p->at.first_message > p->at.head ? p->at.first_message : p->at.head;
		h->idle_died_ms = (double)(p->at.end - last) / 1000;
		h->idle_how = mem_printf("%s, close code %d", p->end, p->close_code);
	}
}

static bool all_over(const struct idle *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].silent.opened && !list[i].silent.over)
			return false;
	return true;
}

static void idle_finish(struct idle *i, uint64_t bound_ms)
{
	idle_note(i, bound_ms);
	if (i->pinged.peer != NULL)
		i->hop->idle_pinged_lived = i->pinged.opened && !i->pinged.over;
	/* In order where it still lives, without waiting long for each. */
	struct visit *both[] = {&i->silent, &i->pinged};
	for (int k = 0; k < 2; k++) {
		if (both[k]->peer == NULL)
			continue;
		if (both[k]->opened && !both[k]->over) {
			peer_close(both[k]->peer, WS_CODE_NORMAL, SPAN(""));
			visit_wait(both[k], &both[k]->over, 500);
		}
		visit_fini(both[k]);
	}
	asker_fini(&i->asker);
}

void measure_idle(const struct measure_conf *conf, struct hop **hops, size_t count)
{
	struct idle *list = mem_array(count + 1, sizeof(*list));
	uint64_t bound = conf->idle_ms, end = 0;
	uint64_t ping_ms = bound / 8 > 500 ? bound / 8 : 500;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (hops[i]->url == NULL || !hops[i]->replies[ASK_UPGRADE].opened ||
			hops[i]->idle_bound_ms > 0)
			continue;
		idle_start(&list[n++], conf, hops[i]);
	}
	end = loop_clock_us() + bound * 1000;
	while (n > 0 && !all_over(list, n) && loop_clock_us() < end) {
		struct visit clock;
		bool never = false;

		visit_init(&clock, conf->env->loop);
		uint64_t left = (end - loop_clock_us()) / 1000 + 1;
		visit_wait(&clock, &never, left < ping_ms ? left : ping_ms);
		loop_timer_fini(&clock.timer);
		for (size_t i = 0; i < n; i++)
			if (list[i].pinged.opened && !list[i].pinged.over)
				peer_send(list[i].pinged.peer, WS_PING, SPAN(""));
	}
	for (size_t i = 0; i < n; i++)
		idle_finish(&list[i], bound);
	free(list);
}
