/* One connection of a client: its bytes, its frames, its end. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "wscat/peer_private.h"

#define READ_SIZE 65536 /* bytes taken from the stream at once */
#define READS_MOST \
	16 /* in one turn: a server that is faster than we are would keep timers and signals waiting */

/* --- Ending --- */

static void peer_end_io(struct peer *p)
{
	dial_cancel(p->dial);
	p->dial = NULL;
	loop_unwatch(p->io);
	p->io = NULL;
	stream_close(&p->stream);
	loop_timer_stop(&p->timer);
	loop_timer_stop(&p->more);
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

void peer_finish(struct peer *p, const char *how)
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

void peer_fail(struct peer *p, enum peer_failure failure, const char *fmt, ...)
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

void peer_open(struct peer *p)
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

	while (peer_wants_more(p) && p->reads < READS_MOST) {
		p->reads++;
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
		if (p->state == PEER_OPEN && p->report.at.close_sent > 0 && !p->hurry)
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
void peer_pump(struct peer *p)
{
	bool again;

	p->reads = 0;
	do {
		if (p->state >= PEER_HEAD && p->state != PEER_OVER)
			peer_read(p);
		if (p->state >= PEER_HEAD && p->state != PEER_OVER)
			peer_write(p);
		again = p->state == PEER_OPEN && ws_conn_is_stalled(p->conn) &&
			peer_backlog(p) < WS_CONN_OUT_HIGH && !p->paused;
		if (again)
			peer_feed(p);
	} while (again && p->reads < READS_MOST);
	if (p->reads == READS_MOST && p->state != PEER_OVER)
		loop_timer_start(&p->more, 1); /* not 0: libuv would call at once, for ever */
	if (p->eof && p->state == PEER_OPEN && !ws_conn_is_stalled(p->conn))
		peer_finish(p, "ended by the server");
	if (p->state != PEER_OVER)
		peer_arm(p);
}

/* --- Begin and end --- */

static void peer_on_flush(void *arg)
{
	struct peer *p = arg;

	if (p->state >= PEER_HEAD && p->state != PEER_OVER)
		peer_pump(p);
}

static void peer_on_more(void *arg)
{
	peer_pump(arg);
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
	loop_timer_init(&p->more, p->env->loop, peer_on_more, p);
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
	loop_timer_fini(&p->more);
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

void peer_hurry(struct peer *p)
{
	if (p->hurry || p->state != PEER_OPEN)
		return;
	p->hurry = true;
	loop_timer_start(&p->timer, PEER_CLOSE_MS);
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
