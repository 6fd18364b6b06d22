/* What a server says to the request: whether it is HTTP, opens a WebSocket, and keeps to what was offered. */
#include <stdio.h>

#include "wscat/peer_private.h"

static void peer_judge_extras(struct peer *p)
{
	struct peer_report *r = &p->report;
	const struct fields *f = &r->response.fields;
	const struct opt_list *offered = &p->env->conf->subprotocols;
	bool known = header_count(f, SPAN("sec-websocket-protocol")) == 0;

	r->subprotocol = header_value(f, SPAN("sec-websocket-protocol"));
	for (size_t i = 0; i < offered->count; i++)
		known = known || span_eq(r->subprotocol, span_str(offered->items[i]));
	const char *why = ws_deflate_judge(f, &p->env->deflate, &r->deflate);
	if (!known || header_count(f, SPAN("sec-websocket-protocol")) > 1)
		peer_fail(p, PEER_BAD_101, "the server chose a subprotocol that was not offered");
	else if (why != NULL)
		peer_fail(p, PEER_BAD_101, "%s", why);
	else
		peer_open(p);
}

static void peer_judge(struct peer *p)
{
	struct peer_report *r = &p->report;
	bool is_yes = r->is_h2 ? r->response.status == 200 : r->response.status == 101;

	if (!is_yes || p->conf.plain) {
		if (!p->conf.plain) {
			r->failure = PEER_NOT_101;
			snprintf(r->why, sizeof(r->why), "the server answered %d%s%.*s in place of %s",
				r->response.status, r->response.reason.len > 0 ? " " : "",
				(int)r->response.reason.len, r->response.reason.p,
				r->is_h2 ? "200" : "101 Switching Protocols");
		}
		p->state = PEER_BODY;
		http1_body_start(&p->body, r->response.framing, r->response.length);
		loop_timer_start(&p->timer, PEER_BODY_QUIET_MS);
		return;
	}
	const char *why = r->is_h2 ? NULL : ws_judge_accept(&r->response.fields, span_str(p->key));
	if (why != NULL)
		peer_fail(p, PEER_BAD_101, "the server answered 101, but: %s", why);
	else
		peer_judge_extras(p);
}

void peer_not_http(struct peer *p, const char *why)
{
	struct span in = buf_span(&p->in);

	buf_add(&p->report.body, in.p, in.len < PEER_BODY_MAX ? in.len : PEER_BODY_MAX);
	peer_fail(p, PEER_NOT_HTTP, "the answer is not HTTP: %s", why);
}

/* The head has come whole: keep it and read it. Interim answers but 101 are passed over (RFC 9110, 15.2). */
static void peer_take_head(struct peer *p, size_t len)
{
	struct peer_report *r = &p->report;
	struct http1_fault fault;

	buf_clear(&r->head);
	buf_add(&r->head, buf_span(&p->in).p, len);
	if (!http1_parse_response(buf_span(&r->head), SPAN("GET"), &r->response, &fault)) {
		peer_not_http(p, fault.why);
		return;
	}
	buf_consume(&p->in, len);
	p->scanned = 0;
	if (r->response.status >= 100 && r->response.status < 200 && r->response.status != 101)
		return;
	r->at.head = peer_now(p);
	r->has_response = true;
	peer_judge(p);
}

void peer_read_head(struct peer *p)
{
	struct http1_fault fault;
	size_t len;

	while (p->state == PEER_HEAD) {
		/* A first line that cannot become HTTP is not waited for to end. */
		struct span in = buf_span(&p->in), http = SPAN("HTTP/");
		if (in.len > 0 && memcmp(in.p, http.p, in.len < http.len ? in.len : http.len) != 0) {
			peer_not_http(p, "it does not begin with HTTP/");
			return;
		}
		switch (http1_find_head(in, &p->scanned, &len, &fault)) {
		case PARSE_OK: peer_take_head(p, len); break;
		case PARSE_BAD: peer_not_http(p, fault.why); break;
		case PARSE_MORE: return;
		}
	}
}

void peer_read_body(struct peer *p)
{
	struct span in = buf_span(&p->in), data;
	const char *why;
	enum parse step = PARSE_OK;

	if (p->body.framing == HTTP1_NO_BODY)
		p->body.done = true;
	while (!p->body.done && step == PARSE_OK && buf_len(&p->report.body) < PEER_BODY_MAX) {
		step = http1_body_next(&p->body, &in, &data, &why);
		if (step == PARSE_OK)
			buf_add_span(&p->report.body, data);
	}
	buf_consume(&p->in, buf_len(&p->in) - in.len);
	if (p->body.done || step == PARSE_BAD || buf_len(&p->report.body) >= PEER_BODY_MAX)
		peer_finish(p, "answered");
}
