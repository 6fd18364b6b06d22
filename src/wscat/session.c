/* One connection of `wscat serve`. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/net/dial.h"
#include "common/net/stream.h"
#include "common/proto/ws.h"
#include "common/proto/ws_conn.h"
#include "wscat/h2serve.h"
#include "wscat/serve.h"

#define READ_SIZE 16384

enum session_state {
	SESSION_TLS,    /* handshake */
	SESSION_HEAD,   /* the request is coming */
	SESSION_DELAY,  /* read; the answer is held back */
	SESSION_OPEN,   /* frames */
	SESSION_LINGER, /* all is said: the output goes, then our end, then the client's */
	SESSION_DEAD,   /* to be freed */
};

struct session {
	struct node node; /* in serve->sessions */
	struct serve *serve;
	enum session_state state;
	struct stream stream;
	struct loop_io *io;
	struct loop_timer timer;
	struct loop_task task; /* frees it */
	struct buf in, out;
	size_t scanned;
	struct ws_conn *conn;
	bool shut;   /* our end is sent */
	bool drop;   /* to be cut, not ended */
	bool handed; /* went on as a connection of HTTP/2: nothing to report */
	size_t step; /* of the script */
	bool expecting;
	char peer[DIAL_NAME_MAX];
	/* For the report: */
	uint64_t start_us;
	char *path, *subprotocol;
	int status;
	bool compressed;
	uint64_t messages_in, messages_out, bytes_in, bytes_out;
};

static void session_pump(struct session *s);
static void session_write(struct session *s);

/* --- Report --- */

static void session_report(const struct session *s)
{
	double ms = (double)(loop_clock_us() - s->start_us) / 1000;
	int code = s->conn != NULL ? ws_conn_close_code(s->conn) : 0;
	const char *fault = s->conn != NULL ? ws_conn_fault(s->conn) : NULL;

	if (s->serve->conf->json) {
		json_t *r = out_record("connection", "wscat");
		json_t *c = json_pack("{s:s, s:s?, s:i, s:b, s:s?, s:I, s:I, s:I, s:I, s:s?, s:f}", "remote",
			s->peer, "path", s->path, "status", s->status, "compressed", s->compressed,
			"subprotocol", s->subprotocol, "messages_in", (json_int_t)s->messages_in,
			"messages_out", (json_int_t)s->messages_out, "bytes_in", (json_int_t)s->bytes_in,
			"bytes_out", (json_int_t)s->bytes_out, "fault", fault, "duration_ms", ms);
		if (s->conn != NULL) {
			json_object_set_new(c, "close_received", json_integer(code));
			json_object_set_new(c, "close_sent", json_integer(ws_conn_closed_with(s->conn)));
		}
		json_object_set_new(r, "connection", c);
		out_line(stdout, r);
	} else if (!s->serve->conf->quiet) {
		struct buf path = {0};
		out_escape(span_str(s->path != NULL ? s->path : "-"), &path);
		fprintf(stderr, "wscat serve: %s %.*s %d, %llu in, %llu out, closed %d after %.0f ms%s%s\n",
			s->peer, (int)buf_len(&path), buf_span(&path).p, s->status,
			(unsigned long long)s->messages_in, (unsigned long long)s->messages_out, code, ms,
			fault != NULL ? ": " : "", fault != NULL ? fault : "");
		buf_free(&path);
	}
}

static void session_free(void *arg)
{
	struct session *s = arg;

	if (!s->handed)
		session_report(s);
	list_remove(&s->node);
	s->serve->session_count--;
	if (s->serve->stopping && s->serve->session_count == 0)
		loop_stop(s->serve->loop);
	loop_timer_fini(&s->timer);
	ws_conn_free(s->conn);
	buf_free(&s->in);
	buf_free(&s->out);
	free(s->path);
	free(s->subprotocol);
	free(s);
}

static void session_die(struct session *s)
{
	if (s->state == SESSION_DEAD)
		return;
	s->state = SESSION_DEAD;
	loop_unwatch(s->io);
	s->io = NULL;
	stream_close(&s->stream);
	loop_timer_stop(&s->timer);
	loop_defer(s->serve->loop, &s->task);
}

static void session_linger(struct session *s)
{
	if (s->state >= SESSION_LINGER)
		return;
	s->state = SESSION_LINGER;
	loop_timer_start(&s->timer, SERVE_STUCK_MS);
}

/* Cut it once what was said has gone, without a close frame. */
static void session_drop(struct session *s)
{
	s->drop = true;
	session_linger(s);
}

/* --- The script --- */

/* Play on until a step waits. */
static void session_play(struct session *s)
{
	const struct script *script = s->serve->script;

	while (s->state == SESSION_OPEN && script != NULL && !s->expecting && s->step < script->count) {
		const struct script_step *step = &script->steps[s->step++];
		struct span text = step->text.p != NULL ? step->text : SPAN("");
		switch (step->verb) {
		case SCRIPT_SEND: ws_conn_send(s->conn, WS_TEXT, text); break;
		case SCRIPT_HEX: ws_conn_send(s->conn, WS_BINARY, text); break;
		case SCRIPT_PING: ws_conn_send(s->conn, WS_PING, text); break;
		case SCRIPT_PONG: ws_conn_send(s->conn, WS_PONG, text); break;
		case SCRIPT_RAW: buf_add_span(ws_conn_out(s->conn), text); break;
		case SCRIPT_EXPECT: s->expecting = true; break;
		case SCRIPT_WAIT: loop_timer_start(&s->timer, (uint64_t)step->wait_ms); return;
		case SCRIPT_CLOSE:
			ws_conn_close(s->conn, step->code != 0 ? step->code : WS_CODE_NORMAL, text);
			break;
		case SCRIPT_DROP: session_drop(s); return;
		}
	}
}

static void session_got(struct session *s, struct span message)
{
	const struct script_step *step = &s->serve->script->steps[s->step > 0 ? s->step - 1 : 0];

	if (!s->expecting)
		return;
	if (step->text.p != NULL && !span_eq(step->text, message)) {
		ws_conn_close(s->conn, 1008, SPAN("not the message the script expects"));
		return;
	}
	s->expecting = false;
	session_play(s);
}

/* --- Frames --- */

static void session_on_message(void *arg, enum ws_opcode opcode, struct span message)
{
	struct session *s = arg;
	const struct serve_conf *conf = s->serve->conf;

	s->messages_in++;
	s->bytes_in += message.len;
	if (s->serve->script != NULL) {
		session_got(s, message);
		return;
	}
	if (ws_conn_send(s->conn, opcode, message) == 0) {
		s->messages_out++;
		s->bytes_out += message.len;
	}
	if (conf->close_after > 0 && s->messages_in == (uint64_t)conf->close_after)
		ws_conn_close(s->conn, (int)conf->close_code, SPAN(""));
	if (conf->drop_after > 0 && s->messages_in == (uint64_t)conf->drop_after)
		session_drop(s);
}

static void session_open(struct session *s, const struct ws_deflate_params *deflate)
{
	static const struct ws_conn_fns fns = {.on_message = session_on_message};
	const struct serve_conf *conf = s->serve->conf;
	struct ws_conn_conf c = {
		.message_max = (size_t)conf->message_max,
		.deflate = *deflate,
		.pool = s->serve->pool,
		.no_pong = conf->no_pong,
		.fragment = (size_t)conf->fragment,
	};

	s->conn = ws_conn_new(&c, &fns, s);
	s->compressed = deflate->on;
	s->state = SESSION_OPEN;
	loop_timer_stop(&s->timer);
	if (conf->close_after == 0)
		ws_conn_close(s->conn, (int)conf->close_code, SPAN(""));
	if (conf->drop_after == 0)
		session_drop(s);
	session_play(s);
}

/* --- The handshake --- */

static void session_refuse(struct session *s, int status, const char *why)
{
	s->status = status;
	buf_addf(&s->out, "HTTP/1.1 %d %s\r\n", status, http1_reason(status).p);
	buf_add_str(&s->out, "Content-Type: text/plain\r\nConnection: close\r\n");
	if (status == 426)
		buf_add_str(&s->out, "Upgrade: websocket\r\nSec-WebSocket-Version: " WS_VERSION "\r\n");
	buf_addf(&s->out, "Content-Length: %zu\r\n\r\n%s\n", strlen(why) + 1, why);
	session_linger(s);
}

/* The first of the client's subprotocols that is ours. */
static struct span choose_subprotocol(const struct serve *serve, const struct fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		struct span list = fields->at[i].value, item;
		if (!span_eq_nocase(fields->at[i].name, SPAN("sec-websocket-protocol")))
			continue;
		while (span_next_item(&list, &item))
			for (size_t j = 0; j < serve->conf->subprotocols.count; j++)
				if (span_eq(item, span_str(serve->conf->subprotocols.items[j])))
					return item;
	}
	return SPAN("");
}

static void session_accept(struct session *s, const struct http1_request *r, struct span key)
{
	struct ws_deflate_params deflate;
	struct span subprotocol = choose_subprotocol(s->serve, &r->fields);
	char accept[WS_ACCEPT_LEN];

	ws_accept(key, accept);
	if (s->serve->conf->wrong_accept)
		accept[0] = accept[0] == 'A' ? 'B' : 'A';
	ws_deflate_choose(&r->fields, &s->serve->policy, &deflate);
	s->status = 101;
	buf_addf(&s->out,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %.*s\r\n",
		WS_ACCEPT_LEN, accept);
	if (subprotocol.len > 0) {
		s->subprotocol = mem_spandup(subprotocol);
		buf_addf(&s->out, "Sec-WebSocket-Protocol: %s\r\n", s->subprotocol);
	}
	if (deflate.on) {
		buf_add_str(&s->out, "Sec-WebSocket-Extensions: ");
		ws_deflate_write(&deflate, &s->out);
		buf_add_str(&s->out, "\r\n");
	}
	buf_add_str(&s->out, "\r\n");
	session_open(s, &deflate);
}

static void session_answer(struct session *s, size_t head_len)
{
	struct http1_request r = {0};
	struct http1_fault fault;
	struct span key;

	if (!http1_parse_request(span_of(buf_span(&s->in).p, head_len), &r, &fault)) {
		session_refuse(s, fault.status, fault.why);
	} else {
		s->path = mem_spandup(r.path);
		switch (ws_read_ask(&r, &key)) {
		case WS_ASK_NOTHING: session_refuse(s, 426, "this is a WebSocket server"); break;
		case WS_ASK_VERSION: session_refuse(s, 426, "WebSocket version 13 only"); break;
		case WS_ASK_BAD: session_refuse(s, 400, "the opening handshake is not in order"); break;
		case WS_ASK_OPEN:
			if (s->serve->conf->reject != 0)
				session_refuse(s, (int)s->serve->conf->reject, "rejected, as asked for");
			else
				session_accept(s, &r, key);
			break;
		}
	}
	http1_request_fini(&r);
	buf_consume(&s->in, head_len);
	s->scanned = 0;
}

static void session_take_head(struct session *s)
{
	struct http1_fault fault;
	size_t len;

	switch (http1_find_head(buf_span(&s->in), &s->scanned, &len, &fault)) {
	case PARSE_MORE: break;
	case PARSE_BAD: session_refuse(s, fault.status, fault.why); break;
	case PARSE_OK:
		if (s->serve->conf->delay_ns > 0 && s->state == SESSION_HEAD) {
			s->state = SESSION_DELAY;
			loop_timer_start(&s->timer, (uint64_t)(s->serve->conf->delay_ns / DURATION_MS));
		} else {
			session_answer(s, len);
		}
		break;
	}
}

/* --- Bytes --- */

static struct buf *session_output(struct session *s)
{
	return buf_len(&s->out) > 0 || s->conn == NULL ? &s->out : ws_conn_out(s->conn);
}

static void session_feed(struct session *s)
{
	buf_consume(&s->in, ws_conn_feed(s->conn, buf_span(&s->in)));
	if (s->state == SESSION_OPEN && ws_conn_is_done(s->conn))
		session_linger(s);
	buf_release(&s->in);
}

static bool session_wants_more(const struct session *s)
{
	switch (s->state) {
	case SESSION_TLS: return false;
	case SESSION_HEAD: return true;
	case SESSION_DELAY: return false;
	case SESSION_OPEN: return !ws_conn_is_stalled(s->conn);
	case SESSION_LINGER: return true;
	case SESSION_DEAD: return false;
	}
	return false;
}

static void session_read(struct session *s)
{
	char bytes[READ_SIZE];

	while (session_wants_more(s)) {
		ssize_t n = stream_read(&s->stream, bytes, sizeof(bytes));
		if (n == STREAM_AGAIN)
			return;
		if (n <= 0) {
			session_die(s);
			return;
		}
		if (s->state == SESSION_LINGER)
			continue;
		buf_add(&s->in, bytes, (size_t)n);
		if (s->state == SESSION_HEAD)
			session_take_head(s);
		if (s->state == SESSION_OPEN)
			session_feed(s);
		/* Answers go out as they are made, so that little is held. */
		session_write(s);
	}
}

static void session_write(struct session *s)
{
	while (s->state != SESSION_DEAD) {
		struct buf *out = session_output(s);
		if (buf_len(out) == 0)
			break;
		ssize_t n = stream_write(&s->stream, buf_span(out).p, buf_len(out));
		if (n == STREAM_AGAIN)
			return;
		if (n < 0) {
			session_die(s);
			return;
		}
		buf_consume(out, (size_t)n);
		buf_release(out);
		if (s->state == SESSION_LINGER) /* slow is not gone */
			loop_timer_start(&s->timer, SERVE_STUCK_MS);
	}
	if (s->state == SESSION_LINGER && !s->shut) {
		s->shut = true;
		loop_timer_start(&s->timer, SERVE_LINGER_MS);
		if (s->drop)
			session_die(s);
		else
			stream_shutdown(&s->stream);
	}
}

static void session_arm(struct session *s)
{
	unsigned want = LOOP_NOTHING;

	if (s->io == NULL || s->state == SESSION_TLS)
		return;
	if (session_wants_more(s))
		want |= s->stream.want_read;
	if (buf_len(session_output(s)) > 0)
		want |= s->stream.want_write;
	loop_arm(s->io, want);
}

/* Go on: write, and take what was held back while there was no room. */
static void session_pump(struct session *s)
{
	do {
		session_write(s);
		if (s->state == SESSION_OPEN && ws_conn_is_stalled(s->conn))
			session_feed(s);
		session_read(s);
		session_write(s);
	} while (s->state == SESSION_OPEN && buf_len(session_output(s)) == 0 && ws_conn_is_stalled(s->conn));
	session_arm(s);
}

/* The connection speaks HTTP/2: its streams become sessions of their own. */
static void session_hand_over(struct session *s)
{
	struct stream stream = s->stream;

	s->handed = true;
	s->stream.ops = NULL;
	loop_unwatch(s->io);
	s->io = NULL;
	h2serve_start(s->serve, &stream, s->peer);
	session_die(s);
}

static void session_on_tls(struct session *s)
{
	struct err err;

	switch (tls_handshake(&s->stream, &err)) {
	case TLS_DONE:
		if (tls_is_h2(&s->stream)) {
			session_hand_over(s);
			break;
		}
		s->state = SESSION_HEAD;
		session_pump(s);
		break;
	case TLS_WAIT: loop_arm(s->io, s->stream.want_read); break;
	case TLS_FAIL: session_die(s); break;
	}
}

static void session_on_io(void *arg, unsigned events)
{
	struct session *s = arg;

	(void)events;
	if (s->state == SESSION_TLS)
		session_on_tls(s);
	else
		session_pump(s);
}

static void session_on_timer(void *arg)
{
	struct session *s = arg;

	if (s->state == SESSION_DELAY) {
		session_take_head(s);
		session_pump(s);
	} else if (s->state == SESSION_OPEN) {
		session_play(s);
		if (s->state != SESSION_DEAD)
			session_pump(s);
	} else {
		session_die(s);
	}
}

void session_start(struct serve *serve, int fd, const struct sockaddr_storage *from)
{
	struct session *s = mem_alloc(sizeof(*s));
	struct err err;
	int one = 1;

	s->serve = serve;
	s->start_us = loop_clock_us();
	dial_address_name(from, true, s->peer);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	stream_open(&s->stream, fd);
	s->task = (struct loop_task){.fn = session_free, .arg = s};
	loop_timer_init(&s->timer, serve->loop, session_on_timer, s);
	loop_timer_start(&s->timer, SERVE_HEAD_MS);
	list_push(&serve->sessions, &s->node);
	serve->session_count++;
	s->io = loop_watch(serve->loop, fd, session_on_io, s);
	s->state = SESSION_HEAD;
	if (serve->tls == NULL) {
		session_arm(s);
	} else if (tls_accept(&s->stream, serve->tls, &err) < 0) {
		session_die(s);
	} else {
		s->state = SESSION_TLS;
		loop_arm(s->io, LOOP_READ);
	}
}

int session_offer(const struct serve *serve, struct session_offer *offer)
{
	if (serve->stopping)
		return 503;
	if (serve->conf->reject != 0)
		return (int)serve->conf->reject;
	if (!span_eq(header_value(offer->fields, SPAN("sec-websocket-version")), SPAN(WS_VERSION)))
		return 400;
	offer->subprotocol = choose_subprotocol(serve, offer->fields);
	ws_deflate_choose(offer->fields, &serve->policy, &offer->deflate);
	if (offer->deflate.on)
		ws_deflate_write(&offer->deflate, &offer->extensions);
	return 200;
}

struct session *session_start_stream(
	struct serve *serve, const struct stream *stream, const char *peer, const struct session_offer *offer)
{
	struct session *s = mem_alloc(sizeof(*s));

	s->serve = serve;
	s->start_us = loop_clock_us();
	snprintf(s->peer, sizeof(s->peer), "%s", peer);
	s->stream = *stream;
	s->path = offer->path != NULL ? mem_strdup(offer->path) : NULL;
	s->subprotocol = offer->subprotocol.len > 0 ? mem_spandup(offer->subprotocol) : NULL;
	s->status = 200;
	s->task = (struct loop_task){.fn = session_free, .arg = s};
	loop_timer_init(&s->timer, serve->loop, session_on_timer, s);
	list_push(&serve->sessions, &s->node);
	serve->session_count++;
	session_open(s, &offer->deflate);
	return s;
}

void session_wake(struct session *s)
{
	session_pump(s);
}

void session_stop_all(struct serve *serve)
{
	list_for_each_safe (n, &serve->sessions) {
		struct session *s = list_entry(n, struct session, node);
		if (s->state == SESSION_OPEN) {
			ws_conn_close(s->conn, WS_CODE_AWAY, SPAN(""));
			session_linger(s);
			session_pump(s);
		} else {
			session_die(s);
		}
	}
}
