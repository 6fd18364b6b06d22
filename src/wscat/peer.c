/* One connection of a client, from name to last byte. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/net/tls.h"
#include "wscat/h2pipe.h"
#include "wscat/peer.h"
#include "wscat/proxy.h"
#include "wscat/where.h"

#define READ_SIZE 65536 /* bytes taken from the stream at once */

enum peer_state {
	PEER_DIAL,   /* look-up and connect() */
	PEER_PROXY,  /* asking the proxy to connect */
	PEER_TLS,    /* handshake */
	PEER_HEAD,   /* request sent, or going out; waiting for the head of the answer */
	PEER_BODY,   /* an answer that opens nothing: its body */
	PEER_OPEN,   /* frames, both ways */
	PEER_LINGER, /* closed by both sides; the server ends the connection */
	PEER_OVER,   /* on_over is due, or done */
};

struct peer {
	struct env *env;
	const struct peer_fns *fns;
	void *arg;
	enum peer_state state;
	struct peer_conf conf; /* its pointers but env are not used after peer_start */
	struct where where;
	struct proxy_talk proxy;
	struct buf proxy_out;
	struct h2pipe_request *h2_request;
	bool is_tls;
	char *server_name;
	char key[WS_KEY_LEN + 1];
	struct dial *dial;
	struct stream stream;
	struct loop_io *io;
	struct loop_timer timer;
	struct loop_task flush; /* writes what was queued during a wake-up */
	struct loop_task over;
	struct buf out; /* request; then whatever goes before frames */
	struct buf in;  /* not taken yet: a head in progress, or frames held back */
	size_t scanned;
	struct http1_body body;
	struct ws_conn *conn;
	struct h2pipe *h2; /* NULL over HTTP/1.1 */
	bool eof, paused;
	struct peer_report report;
};

static uint64_t peer_now(const struct peer *p)
{
	uint64_t us = loop_clock_us() - p->report.at.start;

	return us > 0 ? us : 1;
}

/* --- Ending --- */

static void peer_end_io(struct peer *p)
{
	dial_cancel(p->dial);
	p->dial = NULL;
	loop_unwatch(p->io);
	p->io = NULL;
	stream_close(&p->stream);
	loop_timer_stop(&p->timer);
	loop_task_cancel(&p->flush);
}

static void peer_note_close(struct peer *p)
{
	struct peer_report *r = &p->report;

	if (p->conn == NULL)
		return;
	struct span reason = ws_conn_close_reason(p->conn);
	r->close_code = ws_conn_close_code(p->conn);
	r->closed_with = ws_conn_closed_with(p->conn);
	r->fault = ws_conn_fault(p->conn);
	memcpy(r->close_reason, reason.p != NULL ? reason.p : "", reason.len);
	r->close_reason[reason.len] = '\0';
}

static void peer_finish(struct peer *p, const char *how)
{
	if (p->state == PEER_OVER)
		return;
	p->state = PEER_OVER;
	p->report.at.end = peer_now(p);
	p->report.end = how;
	peer_note_close(p);
	peer_end_io(p);
	loop_defer(p->env->loop, &p->over);
}

static void peer_fail(struct peer *p, enum peer_failure failure, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void peer_fail(struct peer *p, enum peer_failure failure, const char *fmt, ...)
{
	va_list ap;

	if (p->state == PEER_OVER)
		return;
	p->report.failure = failure;
	va_start(ap, fmt);
	vsnprintf(p->report.why, sizeof(p->report.why), fmt, ap);
	va_end(ap);
	peer_finish(p, "failed");
}

static void peer_on_over(void *arg)
{
	struct peer *p = arg;

	if (p->fns->on_over != NULL)
		p->fns->on_over(p->arg);
}

static const char *state_name(enum peer_state state)
{
	switch (state) {
	case PEER_DIAL: return "connecting";
	case PEER_PROXY: return "talking to the proxy";
	case PEER_TLS: return "in the TLS handshake";
	case PEER_HEAD: return "waiting for the answer to the request";
	case PEER_BODY: return "reading the answer's body";
	case PEER_OPEN: return "waiting for the close frame";
	case PEER_LINGER: return "waiting for the end of the connection";
	case PEER_OVER: break;
	}
	return "";
}

static void peer_on_timer(void *arg)
{
	struct peer *p = arg;

	if (p->state == PEER_BODY)
		peer_finish(p, "answered");
	else if (p->state == PEER_OPEN)
		peer_finish(p, "no close frame came");
	else if (p->state == PEER_LINGER)
		peer_finish(p, "left open by the server");
	else
		peer_fail(p, PEER_TIMEOUT, "timed out %s", state_name(p->state));
}

/* --- Frames --- */

static void conn_on_message(void *arg, enum ws_opcode opcode, struct span message)
{
	struct peer *p = arg;

	if (p->report.at.first_message == 0)
		p->report.at.first_message = peer_now(p);
	if (p->fns->on_message != NULL)
		p->fns->on_message(p->arg, opcode, message);
}

static void conn_on_control(void *arg, enum ws_opcode opcode, struct span payload)
{
	struct peer *p = arg;

	if (p->fns->on_control != NULL)
		p->fns->on_control(p->arg, opcode, payload);
}

static void peer_open(struct peer *p)
{
	static const struct ws_conn_fns fns = {conn_on_message, conn_on_control};
	struct ws_conn_conf conf = {
		.is_client = true,
		.message_max = (size_t)p->env->conf->message_max,
		.deflate = p->report.deflate,
		.no_pong = p->conf.no_pong,
	};

	p->conn = ws_conn_new(&conf, &fns, p);
	p->report.opened = true;
	p->report.close_code = WS_CODE_ABNORMAL;
	p->state = PEER_OPEN;
	loop_timer_stop(&p->timer);
	p->report.with_101 = buf_len(&p->in) > 0;
	if (p->fns->on_open != NULL)
		p->fns->on_open(p->arg);
}

/* A close frame came, or the peer broke the rules: what is left to do is to send ours and to see the end. */
static void peer_after_close(struct peer *p)
{
	if (p->state != PEER_OPEN || !ws_conn_is_done(p->conn))
		return;
	if (ws_conn_close_code(p->conn) != WS_CODE_ABNORMAL && p->report.at.close_got == 0)
		p->report.at.close_got = peer_now(p);
	p->state = PEER_LINGER;
	/* A peer at fault is not waited for (hence the short time), but what we say to it should arrive. */
	loop_timer_start(&p->timer, ws_conn_fault(p->conn) != NULL ? PEER_LINGER_MS / 4 : PEER_LINGER_MS);
}

static void peer_feed(struct peer *p)
{
	buf_consume(&p->in, ws_conn_feed(p->conn, buf_span(&p->in)));
	peer_after_close(p);
}

/* --- The answer --- */

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

/* Bytes that are no HTTP, or whose head is no good. */
static void peer_not_http(struct peer *p, const char *why)
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

static void peer_read_head(struct peer *p)
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

static void peer_read_body(struct peer *p)
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

/* --- Bytes --- */

static void peer_take(struct peer *p)
{
	if (p->state == PEER_HEAD)
		peer_read_head(p);
	if (p->state == PEER_BODY)
		peer_read_body(p);
	if (p->state == PEER_OPEN)
		peer_feed(p);
}

static void peer_at_eof(struct peer *p)
{
	p->eof = true;
	if (p->state == PEER_HEAD && buf_len(&p->in) > 0)
		peer_not_http(p, "the connection ended in the middle of the head");
	else if (p->state == PEER_HEAD)
		peer_fail(p, PEER_NO_ANSWER, "the connection ended without an answer");
	else if (p->state == PEER_BODY)
		peer_finish(p, "answered");
	else if (p->state == PEER_LINGER || !ws_conn_is_stalled(p->conn))
		peer_finish(p, "ended by the server");
}

static void peer_broken(struct peer *p, const char *why)
{
	if (p->h2 != NULL && h2pipe_no_connect(p->h2))
		peer_fail(p, PEER_NO_CONNECT, "%s", why);
	else if (p->state == PEER_HEAD)
		peer_fail(p, PEER_NO_ANSWER, "no answer: %s", why);
	else if (p->state == PEER_BODY)
		peer_finish(p, "answered");
	else
		peer_finish(p, why);
}

static bool peer_wants_more(const struct peer *p)
{
	if (p->eof || p->state == PEER_OVER)
		return false;
	/* Held-back frames are taken before more is read. */
	return p->state != PEER_OPEN || !ws_conn_is_stalled(p->conn);
}

static ssize_t peer_stream_read(struct peer *p, char *to, size_t len)
{
	return p->h2 != NULL ? h2pipe_read(p->h2, to, len) : stream_read(&p->stream, to, len);
}

static ssize_t peer_stream_write(struct peer *p, struct span bytes)
{
	return p->h2 != NULL ? h2pipe_write(p->h2, bytes) : stream_write(&p->stream, bytes.p, bytes.len);
}

static const char *peer_stream_why(const struct peer *p)
{
	const char *why = p->h2 != NULL ? h2pipe_why(p->h2) : p->stream.why;

	return why != NULL ? why : "connection lost";
}

static void peer_read(struct peer *p)
{
	char bytes[READ_SIZE];

	while (peer_wants_more(p)) {
		ssize_t n = peer_stream_read(p, bytes, sizeof(bytes));
		if (n == STREAM_AGAIN)
			return;
		if (n == STREAM_FAIL) {
			peer_broken(p, peer_stream_why(p));
			return;
		}
		if (n == STREAM_EOF) {
			peer_at_eof(p);
			return;
		}
		if (p->report.at.first_byte == 0)
			p->report.at.first_byte = peer_now(p);
		if (p->state == PEER_BODY)
			loop_timer_start(&p->timer, PEER_BODY_QUIET_MS);
		if (p->state == PEER_LINGER)
			continue; /* nothing counts after the close */
		if (p->state == PEER_OPEN && p->report.at.close_sent > 0)
			loop_timer_start(&p->timer, PEER_CLOSE_MS); /* messages that were under way */
		buf_add(&p->in, bytes, (size_t)n);
		peer_take(p);
		if ((size_t)n < sizeof(bytes) && p->stream.tls == NULL)
			return;
	}
}

static struct buf *peer_output(struct peer *p)
{
	return buf_len(&p->out) > 0 || p->conn == NULL ? &p->out : ws_conn_out(p->conn);
}

static void peer_write(struct peer *p)
{
	bool wrote = false;

	for (;;) {
		struct buf *out = peer_output(p);
		if (buf_len(out) == 0)
			break;
		ssize_t n = peer_stream_write(p, buf_span(out));
		if (n < 0) {
			if (n == STREAM_FAIL && p->state != PEER_LINGER && !p->eof)
				peer_broken(p, peer_stream_why(p));
			break;
		}
		buf_consume(out, (size_t)n);
		wrote = true;
		if (p->state == PEER_HEAD && p->report.at.sent == 0 && buf_len(&p->out) == 0)
			p->report.at.sent = peer_now(p);
	}
	if (wrote && p->state == PEER_OPEN && p->fns->on_sent != NULL)
		p->fns->on_sent(p->arg);
}

static void peer_arm(struct peer *p)
{
	unsigned want = LOOP_NOTHING;

	if (p->io == NULL)
		return;
	if (peer_wants_more(p))
		want |= p->stream.want_read;
	if (p->state >= PEER_HEAD &&
		(buf_len(peer_output(p)) > 0 || (p->h2 != NULL && h2pipe_wants_write(p->h2))))
		want |= p->stream.want_write;
	loop_arm(p->io, want);
}

/* Everything that can be done now. */
static void peer_pump(struct peer *p)
{
	bool again;

	do {
		if (p->state >= PEER_HEAD && p->state != PEER_OVER)
			peer_read(p);
		if (p->state >= PEER_HEAD && p->state != PEER_OVER)
			peer_write(p);
		again = p->state == PEER_OPEN && ws_conn_is_stalled(p->conn) &&
			peer_backlog(p) < WS_CONN_OUT_HIGH && !p->paused;
		if (again)
			peer_feed(p);
	} while (again);
	if (p->eof && p->state == PEER_OPEN && !ws_conn_is_stalled(p->conn))
		peer_finish(p, "ended by the server");
	if (p->state != PEER_OVER)
		peer_arm(p);
}

/* --- Getting there --- */

static void peer_send_request(struct peer *p)
{
	if (p->conf.use_h2) {
		p->h2 = h2pipe_new(&p->stream, p->h2_request);
		p->report.at.sent = peer_now(p);
	}
	p->state = PEER_HEAD;
	peer_pump(p);
}

static void peer_on_tls(struct peer *p)
{
	struct peer_report *r = &p->report;
	struct err err;

	enum tls_step step = tls_handshake(&p->stream, &err);
	if (step == TLS_WAIT) {
		loop_arm(p->io, p->stream.want_read);
		return;
	}
	r->has_cert = tls_peer_cert(&p->stream, &r->cert);
	r->tls_version = tls_version(&p->stream);
	if (step == TLS_FAIL) {
		peer_fail(p, PEER_NO_TLS, "%s", err.text);
		return;
	}
	struct span alpn = tls_alpn(&p->stream);
	snprintf(r->alpn, sizeof(r->alpn), "%.*s", (int)alpn.len, alpn.len > 0 ? alpn.p : "");
	r->at.tls = peer_now(p);
	peer_send_request(p);
}

static void peer_connected(struct peer *p)
{
	struct err err;
	struct tls_context *tls = p->is_tls ? env_tls(p->env, p->conf.use_h2, &err) : NULL;
	const char *sni = where_is_address(p->server_name) ? NULL : p->server_name;

	if (!p->is_tls) {
		peer_send_request(p);
	} else if (tls == NULL || tls_connect(&p->stream, tls, sni, p->server_name, &err) < 0) {
		peer_fail(p, PEER_NO_TLS, "%s", err.text);
	} else {
		p->state = PEER_TLS;
		peer_on_tls(p);
	}
}

/* Send what is to be said to the proxy. False when that failed. */
static bool peer_tell_proxy(struct peer *p)
{
	while (buf_len(&p->proxy_out) > 0) {
		ssize_t n = stream_write(&p->stream, buf_span(&p->proxy_out).p, buf_len(&p->proxy_out));
		if (n == STREAM_FAIL) {
			peer_fail(p, PEER_NO_PROXY, "proxy: %s", p->stream.why);
			return false;
		}
		if (n == STREAM_AGAIN)
			break;
		buf_consume(&p->proxy_out, (size_t)n);
	}
	return true;
}

/* Before TLS, so always the plain stream; one byte too many would be TLS's, so the answer is read byte by byte. */
static void peer_on_proxy(struct peer *p)
{
	struct err err;
	char byte;

	if (!peer_tell_proxy(p))
		return;
	for (;;) {
		ssize_t n = stream_read(&p->stream, &byte, 1);
		if (n == STREAM_AGAIN)
			break;
		if (n <= 0) {
			peer_fail(p, PEER_NO_PROXY, "the proxy ended the connection");
			return;
		}
		buf_add(&p->in, &byte, 1);
		switch (proxy_take(&p->proxy, &p->in, &p->proxy_out, &err)) {
		case PARSE_OK:
			p->report.at.proxy = peer_now(p);
			peer_connected(p);
			return;
		case PARSE_BAD: peer_fail(p, PEER_NO_PROXY, "%s", err.text); return;
		case PARSE_MORE: break;
		}
		if (!peer_tell_proxy(p))
			return;
	}
	loop_arm(p->io, LOOP_READ | (buf_len(&p->proxy_out) > 0 ? LOOP_WRITE : 0));
}

static void peer_on_io(void *arg, unsigned events)
{
	struct peer *p = arg;

	(void)events;
	switch (p->state) {
	case PEER_PROXY: peer_on_proxy(p); break;
	case PEER_TLS: peer_on_tls(p); break;
	case PEER_HEAD:
	case PEER_BODY:
	case PEER_OPEN:
	case PEER_LINGER: peer_pump(p); break;
	case PEER_DIAL:
	case PEER_OVER: break;
	}
}

static void peer_on_flush(void *arg)
{
	struct peer *p = arg;

	if (p->state >= PEER_HEAD && p->state != PEER_OVER)
		peer_pump(p);
}

static void peer_on_found(void *arg)
{
	struct peer *p = arg;

	p->report.at.dns = peer_now(p);
}

static void peer_on_dialed(void *arg, int fd, const char *why)
{
	struct peer *p = arg;
	struct err err;

	p->dial = NULL;
	if (fd < 0) {
		peer_fail(p, p->report.at.dns == 0 ? PEER_NO_NAME : PEER_NO_TCP, "%s%s%s: %s",
			p->where.unix_path != NULL ? p->where.unix_path : p->where.host,
			p->where.unix_path != NULL ? "" : ":",
			p->where.unix_path != NULL ? "" : p->where.port, why);
		return;
	}
	p->report.at.tcp = peer_now(p);
	dial_peer_name(fd, p->report.address);
	stream_open(&p->stream, fd);
	p->io = loop_watch(p->env->loop, fd, peer_on_io, p);
	if (p->where.proxy == WHERE_DIRECT) {
		peer_connected(p);
	} else if (proxy_begin(&p->proxy, &p->where, &p->proxy_out, &err) < 0) {
		peer_fail(p, PEER_NO_PROXY, "%s", err.text);
	} else {
		p->state = PEER_PROXY;
		peer_on_proxy(p);
	}
}

static void peer_dial(struct peer *p)
{
	struct dial_target to = {
		.host = p->where.host,
		.port = p->where.port,
		.unix_path = p->where.unix_path,
		.on_found = peer_on_found,
	};

	p->dial = dial_start(p->env->loop, &to, peer_on_dialed, p);
}

struct peer *peer_start(const struct peer_conf *conf, const struct peer_fns *fns, void *arg)
{
	struct peer *p = mem_alloc(sizeof(*p));
	struct err err;

	p->env = conf->env;
	p->conf = *conf;
	p->fns = fns;
	p->arg = arg;
	p->is_tls = conf->target->is_tls;
	p->stream.fd = -1;
	p->server_name = mem_strdup(conf->server_name != NULL ? conf->server_name : conf->target->host);
	memcpy(p->key, conf->request->key, sizeof(p->key));
	p->report.at.start = loop_clock_us();
	p->report.tls_version = "";
	p->report.is_h2 = conf->use_h2;
	p->report.close_code = WS_CODE_ABNORMAL;
	loop_timer_init(&p->timer, p->env->loop, peer_on_timer, p);
	p->flush = (struct loop_task){.fn = peer_on_flush, .arg = p};
	p->over = (struct loop_task){.fn = peer_on_over, .arg = p};
	if (conf->use_h2)
		p->h2_request = h2pipe_request(conf->request, conf->env, p->is_tls);
	else
		request_write(conf->request, conf->env, &p->out);
	loop_timer_start(&p->timer, conf->timeout_ms);
	if (where_find(p->env->conf, conf->target, &p->where, &err) < 0)
		peer_fail(p, PEER_NO_TCP, "%s", err.text);
	else
		peer_dial(p);
	return p;
}

void peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	peer_end_io(p);
	loop_task_cancel(&p->over);
	loop_timer_fini(&p->timer);
	h2pipe_free(p->h2);
	h2pipe_request_free(p->h2_request);
	ws_conn_free(p->conn);
	http1_body_fini(&p->body);
	http1_response_fini(&p->report.response);
	where_free(&p->where);
	buf_free(&p->report.head);
	buf_free(&p->report.body);
	buf_wipe(&p->out);
	buf_wipe(&p->proxy_out);
	buf_free(&p->in);
	free(p->server_name);
	free(p);
}

const struct peer_report *peer_report(const struct peer *p)
{
	return &p->report;
}

/* --- What the owner asks for --- */

int peer_send(struct peer *p, enum ws_opcode opcode, struct span payload)
{
	if (p->state != PEER_OPEN || ws_conn_send(p->conn, opcode, payload) < 0)
		return -1;
	loop_defer(p->env->loop, &p->flush);
	return 0;
}

size_t peer_backlog(const struct peer *p)
{
	return p->conn != NULL ? buf_len(ws_conn_out(p->conn)) : 0;
}

void peer_close(struct peer *p, int code, struct span reason)
{
	if (p->state != PEER_OPEN) {
		peer_finish(p, "cut");
		return;
	}
	if (ws_conn_close(p->conn, code, reason) < 0)
		return;
	p->report.at.close_sent = peer_now(p);
	p->paused = false;
	ws_conn_pause(p->conn, false);
	loop_timer_start(&p->timer, PEER_CLOSE_MS);
	loop_defer(p->env->loop, &p->flush);
}

void peer_pause(struct peer *p, bool paused)
{
	if (p->conn == NULL)
		return;
	p->paused = paused;
	ws_conn_pause(p->conn, paused);
	if (!paused && p->state == PEER_OPEN) {
		peer_feed(p);
		loop_defer(p->env->loop, &p->flush);
	}
}

const char *peer_failure_name(enum peer_failure f)
{
	switch (f) {
	case PEER_FINE: return "none";
	case PEER_NO_NAME: return "dns";
	case PEER_NO_TCP: return "tcp";
	case PEER_NO_PROXY: return "proxy";
	case PEER_NO_TLS: return "tls";
	case PEER_NO_ANSWER: return "no-answer";
	case PEER_TIMEOUT: return "timeout";
	case PEER_NOT_HTTP: return "not-http";
	case PEER_NOT_101: return "http";
	case PEER_BAD_101: return "handshake";
	case PEER_NO_CONNECT: return "no-connect";
	}
	return "";
}
