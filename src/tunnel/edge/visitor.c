/* HTTP/1.1 on the public side. Reading stops while the tunnel has no room; the tunnel's window is given back as the
 * visitor takes the answer. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/net/dial.h"
#include "common/proto/ws.h"
#include "tunnel/edge/forward.h"
#include "tunnel/edge/visitor.h"

enum visitor_state {
	VISITOR_TLS,    /* handshake */
	VISITOR_IDLE,   /* between requests; nothing of the next head has come */
	VISITOR_HEAD,   /* part of a head has come */
	VISITOR_BUSY,   /* a request is with forward; its body may be coming */
	VISITOR_TUNNEL, /* upgraded: raw bytes both ways */
	VISITOR_CLOSE,  /* the last answer is being written; then our end is closed */
	VISITOR_LINGER, /* our end is closed; what still comes is thrown away */
	VISITOR_DEAD,   /* freed when the wake-up is over */
};

struct visitor {
	struct node node; /* in edge->visitors */
	struct edge *edge;
	enum visitor_state state;
	bool is_tls;
	bool keep_alive;  /* after this answer */
	bool chunked_out; /* the answer's body goes out in chunks */
	bool until_close; /* the answer's body ends with the connection */
	bool read_ended;  /* the visitor sent FIN */
	bool answer_ended;
	bool more;      /* reading stopped before the socket was empty */
	bool out_moved; /* the socket took something since the stall timer was set */
	int minor;      /* HTTP version of the request: 1.minor */
	struct stream stream;
	struct loop_io *io;
	struct loop_timer timer;
	struct loop_task work; /* writes, goes on with what was read, buries */
	struct buf in, out;
	size_t scanned;         /* of `in`, looking for a head's end */
	struct http1_body body; /* of the request */
	struct forward *forward;
	size_t owed; /* body bytes in `out` or gone, not given back to forward yet */
	char client[DIAL_NAME_MAX];
};

static void visitor_wake(struct visitor *v)
{
	loop_defer(v->edge->worker->loop, &v->work);
}

static void visitor_die(struct visitor *v)
{
	v->state = VISITOR_DEAD;
	visitor_wake(v);
}

static void visitor_free(struct visitor *v)
{
	struct edge *e = v->edge;

	forward_free(v->forward);
	list_remove(&v->node);
	loop_task_cancel(&v->work);
	loop_unwatch(v->io);
	stream_close(&v->stream);
	loop_timer_fini(&v->timer);
	buf_free(&v->in);
	buf_free(&v->out);
	http1_body_fini(&v->body);
	free(v);
	e->metrics.visitors--;
	edge_check_drained(e);
}

static void visitor_enter(struct visitor *v, enum visitor_state state, uint64_t ms)
{
	v->state = state;
	if (ms > 0)
		loop_timer_start(&v->timer, ms);
	else
		loop_timer_stop(&v->timer);
}

/* --- Writing answers --- */

/* Write what there is. False when the visitor is gone. */
static bool visitor_flush(struct visitor *v)
{
	while (buf_len(&v->out) > 0) {
		ssize_t n = stream_write(&v->stream, buf_span(&v->out).p, buf_len(&v->out));
		if (n == STREAM_AGAIN)
			break;
		if (n < 0)
			return false;
		buf_consume(&v->out, (size_t)n);
		v->out_moved = true;
	}
	/* What is still queued may be framing: then a little less than all is given back, and the rest later. */
	size_t queued = buf_len(&v->out);
	if (v->forward != NULL && v->owed > queued) {
		forward_consumed(v->forward, v->owed - queued);
		v->owed = queued;
	}
	buf_release(&v->out);
	return true;
}

static void visitor_write_fields(struct visitor *v, const struct fields *fields)
{
	/* Names and values were checked when they were decoded. */
	for (size_t i = 0; i < fields->count; i++)
		http1_write_field(&v->out, fields->at[i].name, fields->at[i].value);
}

static void visitor_on_inform(void *arg, int status)
{
	struct visitor *v = arg;

	if (v->minor == 0)
		return;
	http1_write_status_line(&v->out, status, http1_reason(status));
	http1_write_end(&v->out);
	visitor_wake(v);
}

static void visitor_on_head(void *arg, const struct forward_response *r)
{
	struct visitor *v = arg;

	v->chunked_out = !r->no_body && !r->length_known && v->minor > 0;
	/* Without a length and without chunks only the connection's end tells where the body ends. */
	v->until_close = !r->no_body && !r->length_known && v->minor == 0;
	if (v->until_close)
		v->keep_alive = false;
	/* What is left of a request that was answered early will not be read. */
	if (!v->body.done)
		v->keep_alive = false;
	if (v->edge->draining)
		v->keep_alive = false;
	http1_write_status_line(&v->out, r->status, http1_reason(r->status));
	visitor_write_fields(v, r->fields);
	if (r->length_known && r->status != 204 && r->status >= 200)
		http1_write_length(&v->out, r->length);
	if (v->chunked_out)
		http1_write_field(&v->out, SPAN("transfer-encoding"), SPAN("chunked"));
	if (!v->keep_alive)
		http1_write_field(&v->out, SPAN("connection"), SPAN("close"));
	else if (v->minor == 0)
		http1_write_field(&v->out, SPAN("connection"), SPAN("keep-alive"));
	http1_write_end(&v->out);
	visitor_wake(v);
}

static void visitor_on_upgraded(void *arg, const struct fields *fields)
{
	struct visitor *v = arg;

	http1_write_status_line(&v->out, 101, http1_reason(101));
	http1_write_field(&v->out, SPAN("connection"), SPAN("Upgrade"));
	http1_write_field(&v->out, SPAN("upgrade"), SPAN("websocket"));
	visitor_write_fields(v, fields);
	http1_write_end(&v->out);
	visitor_enter(v, VISITOR_TUNNEL, 0);
	visitor_wake(v);
}

static void visitor_on_body(void *arg, struct span data)
{
	struct visitor *v = arg;

	v->owed += data.len;
	int rc = v->chunked_out ? http1_write_chunk(&v->out, data) : buf_add_span(&v->out, data);
	if (rc < 0)
		visitor_die(v);
	else
		visitor_wake(v);
}

static void visitor_on_end(void *arg, const struct fields *trailers)
{
	struct visitor *v = arg;

	if (v->chunked_out)
		http1_write_last_chunk(&v->out, trailers);
	v->chunked_out = false;
	v->answer_ended = true;
	visitor_wake(v);
}

static void visitor_on_room(void *arg)
{
	visitor_wake(arg);
}

/* The visitor gets what has come, and must see that it is not whole: chunks or a length show it, else a reset does. */
static void visitor_on_abort(void *arg)
{
	struct visitor *v = arg;
	struct linger none = {.l_onoff = 1};

	if (v->state == VISITOR_TUNNEL) {
		v->answer_ended = true;
		visitor_wake(v);
		return;
	}
	visitor_flush(v);
	if (v->until_close)
		setsockopt(v->stream.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	visitor_die(v);
}

static const struct forward_events visitor_events = {visitor_on_inform, visitor_on_head, visitor_on_upgraded,
	visitor_on_body, visitor_on_end, visitor_on_room, visitor_on_abort};

/* An answer of this connection itself, to what is no request; the connection ends with it. */
static void visitor_refuse(struct visitor *v, int status, const char *why)
{
	v->edge->metrics.rejected_heads++;
	log_line(v->edge->worker->log, LOG_DEBUG, "request refused", "client=%s status=%d reason=\"%s\"",
		v->client, status, why);
	http1_write_status_line(&v->out, status, http1_reason(status));
	buf_addf(&v->out, "content-type: text/plain\r\ncontent-length: %zu\r\nconnection: close\r\n",
		strlen(why) + 1);
	if (status == 426)
		http1_write_field(&v->out, SPAN("sec-websocket-version"), SPAN("13"));
	buf_addf(&v->out, "\r\n%s\n", why);
	buf_clear(&v->in);
	visitor_enter(v, VISITOR_CLOSE, VISITOR_STALL_MS);
	visitor_wake(v);
}

/* --- Reading requests --- */

/* The key of a WebSocket upgrade that can be forwarded; other upgrades are served as the plain requests they also are.
 * False when it is a broken one, which has been refused. */
static bool visitor_check_upgrade(struct visitor *v, const struct http1_request *r, struct span *key)
{
	*key = SPAN("");
	switch (ws_read_ask(r, key)) {
	case WS_ASK_NOTHING: *key = SPAN(""); return true;
	case WS_ASK_OPEN: return true;
	case WS_ASK_VERSION:
		visitor_refuse(v, 426, "only WebSocket version 13 is offered (RFC 6455, 4.4)");
		return false;
	case WS_ASK_BAD: break;
	}
	visitor_refuse(v, 400,
		"malformed WebSocket upgrade: the method, Sec-WebSocket-Key or a body (RFC 6455, 4.2.1)");
	return false;
}

static void visitor_start_request(struct visitor *v, const struct http1_request *r)
{
	struct forward_request request = {.method = r->method,
		.path = r->path,
		.authority = r->authority,
		.fields = &r->fields,
		.has_body = r->framing != HTTP1_NO_BODY,
		.is_tls = v->is_tls,
		.wants_continue = r->expects_continue,
		.client = span_str(v->client),
		.protocol = r->minor == 0 ? "HTTP/1.0" : "HTTP/1.1"};

	if (r->fields.count > FORWARD_FIELDS_MAX) {
		visitor_refuse(v, 431, "too many header fields");
		return;
	}
	if (!visitor_check_upgrade(v, r, &request.websocket_key))
		return;
	v->minor = r->minor;
	v->keep_alive = r->keep_alive;
	v->answer_ended = v->chunked_out = false;
	v->owed = 0;
	http1_body_start(&v->body, r->framing, r->length);
	visitor_enter(v, VISITOR_BUSY, request.has_body ? VISITOR_STALL_MS : 0);
	v->forward = forward_start(v->edge, &request, &visitor_events, v);
}

/* Parse one head off `in`. False when there is none yet, or it was refused. */
static bool visitor_take_head(struct visitor *v)
{
	struct http1_request *r = &v->edge->request;
	struct http1_fault fault;
	size_t len;

	switch (http1_find_head(buf_span(&v->in), &v->scanned, &len, &fault)) {
	case PARSE_MORE:
		if (buf_len(&v->in) > 0 && v->state == VISITOR_IDLE)
			visitor_enter(v, VISITOR_HEAD, VISITOR_HEAD_MS);
		return false;
	case PARSE_BAD: visitor_refuse(v, fault.status, fault.why); return false;
	case PARSE_OK: break;
	}
	v->scanned = 0;
	if (!http1_parse_request(span_of(buf_span(&v->in).p, len), r, &fault)) {
		visitor_refuse(v, fault.status, fault.why);
		return false;
	}
	visitor_start_request(v, r);
	if (v->state != VISITOR_BUSY)
		return false;
	buf_consume(&v->in, len);
	return true;
}

/* Hand body bytes to the tunnel as far as it has room. */
static void visitor_take_body(struct visitor *v)
{
	const char *why;

	while (!v->body.done && buf_len(&v->in) > 0) {
		size_t room = forward_room(v->forward), have = buf_len(&v->in);
		if (room == 0)
			return;
		/* Payload is never longer than what it is decoded from: all of it will be taken. */
		struct span data, raw = span_of(buf_span(&v->in).p, have < room ? have : room), rest = raw;
		enum parse parsed = http1_body_next(&v->body, &rest, &data, &why);
		if (parsed == PARSE_BAD) {
			log_line(v->edge->worker->log, LOG_DEBUG, "bad request body",
				"client=%s reason=\"%s\"", v->client, why);
			v->edge->metrics.rejected_heads++;
			visitor_die(v);
			return;
		}
		forward_write(v->forward, data);
		buf_consume(&v->in, raw.len - rest.len);
		loop_timer_start(&v->timer, VISITOR_STALL_MS);
		if (v->body.done) {
			loop_timer_stop(&v->timer);
			forward_finish(v->forward, &v->body.trailers);
		}
	}
}

static void visitor_take_raw(struct visitor *v)
{
	size_t n = forward_write(v->forward, buf_span(&v->in));

	buf_consume(&v->in, n);
}

/* --- After an answer --- */

static void visitor_finish_answer(struct visitor *v)
{
	forward_free(v->forward);
	v->forward = NULL;
	if (v->state == VISITOR_BUSY && v->keep_alive && v->body.done) {
		visitor_enter(v, VISITOR_IDLE, VISITOR_IDLE_MS);
		return;
	}
	visitor_enter(v, VISITOR_CLOSE, VISITOR_STALL_MS);
}

/* All that can be done with what was read and answered. */
static void visitor_process(struct visitor *v)
{
	for (;;) {
		switch (v->state) {
		case VISITOR_IDLE:
		case VISITOR_HEAD:
			if (!visitor_take_head(v))
				return;
			break;
		case VISITOR_BUSY:
			if (v->answer_ended) {
				visitor_finish_answer(v);
				break;
			}
			visitor_take_body(v);
			return;
		case VISITOR_TUNNEL:
			if (v->answer_ended)
				visitor_finish_answer(v);
			else
				visitor_take_raw(v);
			return;
		case VISITOR_TLS:
		case VISITOR_CLOSE:
		case VISITOR_LINGER:
		case VISITOR_DEAD: return;
		}
	}
}

/* --- The socket --- */

/* How much may be read now. */
static size_t visitor_read_room(const struct visitor *v)
{
	size_t held = buf_len(&v->in), room = WORKER_READ_MAX;

	if (v->state == VISITOR_BUSY || v->state == VISITOR_TUNNEL) {
		size_t tunnel = forward_room(v->forward);
		if (v->state == VISITOR_BUSY && v->body.done)
			tunnel = VISITOR_IN_MAX / 2;
		room = tunnel > held ? tunnel - held : 0;
	}
	if (room > VISITOR_IN_MAX - held)
		room = VISITOR_IN_MAX - held;
	return room < WORKER_READ_MAX ? room : WORKER_READ_MAX;
}

/* Wait for what the state allows: reading needs room behind it, writing something to write. */
static void visitor_arm(struct visitor *v)
{
	unsigned want = 0;
	bool reads = false;

	switch (v->state) {
	case VISITOR_TLS: loop_arm(v->io, v->stream.want_read); return;
	case VISITOR_IDLE:
	case VISITOR_HEAD:
	case VISITOR_LINGER: reads = true; break;
	case VISITOR_BUSY:
	case VISITOR_TUNNEL: reads = !v->read_ended && visitor_read_room(v) > 0; break;
	case VISITOR_CLOSE:
	case VISITOR_DEAD: break;
	}
	if (reads)
		want |= v->stream.want_read;
	if (buf_len(&v->out) > 0)
		want |= v->stream.want_write;
	/* Bytes that TLS has taken off the socket do not wake us: being writable does. */
	if (reads && v->more)
		want |= LOOP_WRITE;
	loop_arm(v->io, want);
}

/* The visitor's FIN. */
static void visitor_read_end(struct visitor *v)
{
	v->read_ended = true;
	switch (v->state) {
	case VISITOR_TUNNEL:
		if (!forward_half_close(v->forward))
			loop_timer_start(&v->timer, VISITOR_HALF_CLOSE_MS);
		break;
	case VISITOR_CLOSE: break;
	case VISITOR_TLS:
	case VISITOR_IDLE:
	case VISITOR_HEAD:
	case VISITOR_BUSY:
	case VISITOR_LINGER:
	case VISITOR_DEAD: visitor_die(v); break;
	}
}

static void visitor_read(struct visitor *v)
{
	struct worker *w = v->edge->worker;

	v->more = false;
	while (v->state != VISITOR_DEAD && v->state != VISITOR_CLOSE && !v->read_ended) {
		size_t room = visitor_read_room(v);
		if (room == 0) {
			v->more = true;
			return;
		}
		ssize_t n = stream_read(&v->stream, w->in, room);
		if (n == STREAM_AGAIN)
			return;
		if (n == STREAM_FAIL) {
			visitor_die(v);
			return;
		}
		if (n == STREAM_EOF) {
			visitor_read_end(v);
			return;
		}
		bool more = v->stream.more;
		if (v->state != VISITOR_LINGER) {
			buf_lend(&v->in, w->in, (size_t)n);
			visitor_process(v);
			buf_settle(&v->in, w->in);
		}
		if (!more)
			return;
	}
}

/* An answer that is not read must move within the stall time; a request body has the same timer. */
static void visitor_watch_stall(struct visitor *v)
{
	bool busy = v->state == VISITOR_BUSY || (v->state == VISITOR_TUNNEL && !v->read_ended);
	bool waits = buf_len(&v->out) > 0;

	if (!busy || (v->state == VISITOR_BUSY && !v->body.done))
		return;
	if (!waits)
		loop_timer_stop(&v->timer);
	else if (v->out_moved || v->timer.due_ms == 0)
		loop_timer_start(&v->timer, VISITOR_STALL_MS);
	v->out_moved = false;
}

/* Once a wake-up: use what was read, write what is to be written, and see whether this is the end. */
static void visitor_work(void *arg)
{
	struct visitor *v = arg;

	if (v->state == VISITOR_DEAD) {
		visitor_free(v);
		return;
	}
	visitor_process(v);
	if (v->more && v->state != VISITOR_DEAD)
		visitor_read(v);
	if (v->state == VISITOR_DEAD || !visitor_flush(v)) {
		visitor_free(v);
		return;
	}
	visitor_watch_stall(v);
	if (v->state == VISITOR_CLOSE && buf_len(&v->out) == 0) {
		stream_shutdown(&v->stream);
		if (v->read_ended) {
			visitor_free(v);
			return;
		}
		visitor_enter(v, VISITOR_LINGER, VISITOR_LINGER_MS);
	}
	buf_release(&v->in);
	visitor_arm(v);
}

static void visitor_handshake(struct visitor *v)
{
	struct err err;

	switch (tls_handshake(&v->stream, &err)) {
	case TLS_WAIT: visitor_arm(v); return;
	case TLS_FAIL:
		log_line(v->edge->worker->log, LOG_DEBUG, "no TLS with the visitor", "client=%s error=\"%s\"",
			v->client, err.text);
		visitor_die(v);
		return;
	case TLS_DONE: break;
	}
	visitor_enter(v, VISITOR_IDLE, VISITOR_HEAD_MS);
	visitor_read(v);
	visitor_wake(v);
}

static void visitor_on_io(void *arg, unsigned events)
{
	struct visitor *v = arg;

	if (v->state == VISITOR_TLS) {
		visitor_handshake(v);
		return;
	}
	if ((events & LOOP_READ) || v->more)
		visitor_read(v);
	visitor_wake(v);
}

static void visitor_on_timer(void *arg)
{
	struct visitor *v = arg;

	switch (v->state) {
	case VISITOR_HEAD: visitor_refuse(v, 408, "the request head did not come in time"); return;
	case VISITOR_BUSY:
	case VISITOR_TLS:
	case VISITOR_IDLE:
	case VISITOR_TUNNEL:
	case VISITOR_CLOSE:
	case VISITOR_LINGER: visitor_die(v); return;
	case VISITOR_DEAD: return;
	}
}

void visitor_accept(struct edge *e, int fd, const struct sockaddr_storage *from, bool is_tls)
{
	struct visitor *v = mem_alloc(sizeof(*v));
	struct err err;

	v->edge = e;
	v->is_tls = is_tls;
	v->in.max = VISITOR_IN_MAX;
	v->out.max = VISITOR_OUT_MAX;
	v->work = (struct loop_task){.fn = visitor_work, .arg = v};
	dial_address_name(from, false, v->client);
	stream_open(&v->stream, fd);
	list_push(&e->visitors, &v->node);
	e->metrics.visitors++;
	e->metrics.visitors_accepted++;
	v->io = loop_watch(e->worker->loop, fd, visitor_on_io, v);
	loop_timer_init(&v->timer, e->worker->loop, visitor_on_timer, v);
	visitor_enter(v, is_tls ? VISITOR_TLS : VISITOR_IDLE, VISITOR_HEAD_MS);
	if (is_tls && tls_accept(&v->stream, e->public_tls, &err) < 0) {
		visitor_die(v);
		return;
	}
	loop_arm(v->io, LOOP_READ);
}

void visitor_drain_all(struct edge *e)
{
	list_for_each (n, &e->visitors) {
		struct visitor *v = list_entry(n, struct visitor, node);
		if (v->state == VISITOR_IDLE || v->state == VISITOR_TLS)
			visitor_die(v);
		v->keep_alive = false;
	}
}

void visitor_close_all(struct edge *e)
{
	list_for_each (n, &e->visitors)
		visitor_die(list_entry(n, struct visitor, node));
}
