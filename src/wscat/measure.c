/* Measuring a hop: the requests, and what is done with a WebSocket that opens. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "wscat/visit.h"

#define HEAD_SHOWN 4096 /* bytes of a head kept in the record */
#define BODY_SHOWN 512  /* bytes of a body likewise */
#define ECHO_TEXT "wscat probe"

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
static void ask_once(const struct visit_asker *a, struct hop *h, enum ask ask)
{
	struct visit v;

	visit_init(&v, a->conf->env->loop);
	visit_start(&v, a, ask);
	visit_settle(&v);
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
		if (peer_send(v->peer, WS_PING, SPAN(VISIT_PING)) < 0 ||
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

static void visit_main(const struct visit_asker *a, struct hop *h)
{
	struct visit v;

	visit_init(&v, a->conf->env->loop);
	visit_start(&v, a, ASK_UPGRADE);
	visit_settle(&v);
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
		visit_close(&v, h);
	}
	visit_fini(&v);
}

/* --- What tells causes apart --- */

static bool is_slow(const struct reply *r)
{
	return r->first_ms > 1000;
}

static bool may_try_http2(const struct visit_asker *a, const struct hop *h)
{
	return a->target.is_tls && !h->is_h2 && !a->conf->env->conf->http11 && h->tls_version != NULL;
}

/* Ask further what the first answer leaves open. */
static void ask_further(const struct visit_asker *a, struct hop *h)
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
static void ask_deeper(struct visit_asker *a, struct hop *h)
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

int measure_hop(const struct measure_conf *conf, struct hop *h, struct err *err)
{
	struct visit_asker a;

	if (visit_asker_init(&a, conf, h->url, err) < 0)
		return -1;
	visit_main(&a, h);
	if (!h->replies[ASK_UPGRADE].opened)
		ask_further(&a, h);
	else if (conf->frame_bound > 0)
		measure_size(&a, h);
	if (h->replies[ASK_UPGRADE].opened && conf->deep)
		ask_deeper(&a, h);
	if (h->replies[ASK_UPGRADE].opened && conf->soak_ms > 0)
		measure_soak(&a, h);
	visit_asker_fini(&a);
	return 0;
}
