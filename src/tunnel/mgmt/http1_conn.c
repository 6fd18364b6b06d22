/* One connection of HTTP/1.1: read a request, answer it, again. Begins with TLS where there is any, and gives way to
 * HTTP/2 where that was agreed on or is spoken. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/mgmt/http_private.h"

#define PREFACE SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") /* RFC 9113, 3.4 */

enum conn_state {
	CONN_TLS,    /* handshake */
	CONN_HEAD,   /* a head is expected */
	CONN_BODY,   /* the head is kept in `call`, its body is coming */
	CONN_CALL,   /* it is being answered */
	CONN_DELAY,  /* the answer is held back */
	CONN_WRITE,  /* the answer goes out */
	CONN_LINGER, /* our end is closed; what still comes is thrown away, so that the answer arrives */
	CONN_MOVED,  /* HTTP/2 has taken the stream over */
};

struct conn {
	struct node node; /* in http->http1 */
	struct http *http;
	enum conn_state state;
	struct stream stream;
	struct loop_io *io;
	struct loop_timer timer;
	struct loop_task wake; /* an answer has come */
	struct buf in, out;
	size_t scanned;
	size_t taken; /* bytes of the answer, since the timer was started */
	struct http_call *call;
	struct http1_body reader;
	bool is_first; /* no request has come yet: it may be HTTP/2 */
	bool keep_alive, is_secret, is_head;
	char address[DIAL_NAME_MAX];
};

static void conn_free(struct conn *c)
{
	http_call_drop(c->call);
	loop_task_cancel(&c->wake);
	loop_unwatch(c->io);
	stream_close(&c->stream);
	loop_timer_fini(&c->timer);
	buf_wipe(&c->in);
	buf_wipe(&c->out);
	http1_body_fini(&c->reader);
	http_gone(c->http, &c->node);
	free(c);
}

static void conn_enter(struct conn *c, enum conn_state state, uint64_t ms)
{
	c->state = state;
	c->taken = 0;
	loop_timer_start(&c->timer, ms);
}

/* --- Answers --- */

static void conn_answer(void *arg, struct http_answer *a)
{
	struct conn *c = arg;
	struct buf *out = &c->out;
	char date[64];

	c->call = NULL;
	if (c->http->listen == NULL)
		c->keep_alive = false;
	out->max = buf_len(out) + buf_len(&a->body) + HTTP_HEAD_MAX;
	buf_reserve(
		out, buf_len(&a->body) + HTTP_HEAD_MAX); /* growing would leave a copy of a secret behind */
	http1_write_status_line(out, a->status, http1_reason(a->status));
	http_date(date);
	http1_write_field(out, SPAN("Date"), span_str(date));
	http1_write_field(out, SPAN("Content-Type"), span_str(a->content_type));
	http1_write_length(out, buf_len(&a->body));
	if (a->allow != NULL)
		http1_write_field(out, SPAN("Allow"), span_str(a->allow));
	if (a->retry_after_s > 0)
		buf_addf(out, "Retry-After: %d\r\n", a->retry_after_s);
	if (a->is_secret)
		http1_write_field(out, SPAN("Cache-Control"), SPAN("no-store"));
	if (!c->keep_alive)
		http1_write_field(out, SPAN("Connection"), SPAN("close"));
	http1_write_end(out);
	if (!c->is_head)
		buf_add_span(out, buf_span(&a->body));
	c->is_secret = a->is_secret;
	if (a->delay_ms > 0)
		conn_enter(c, CONN_DELAY, a->delay_ms);
	else
		conn_enter(c, CONN_WRITE, HTTP_WRITE_MS);
	buf_wipe(&a->body);
	loop_defer(c->http->worker->loop, &c->wake);
}

/* The request cannot be read to its end: the connection ends with the answer. */
static void conn_fault(struct conn *c, int status, const char *why)
{
	struct http_answer a = {.status = status, .content_type = "text/plain"};

	c->keep_alive = false;
	c->is_head = false;
	http_call_drop(c->call);
	c->http->events->fault(c->http->arg, c->address, why, &a);
	conn_answer(c, &a);
}

/* --- Requests --- */

/* A whole head: may it go on? */
static void conn_begin(struct conn *c, struct span bytes)
{
	struct http1_request *head = &c->http->request;
	struct http_answer a = {.status = 500, .content_type = "application/json"};
	struct http1_fault fault;
	size_t body_max = 0;

	if (!http1_parse_request(bytes, head, &fault)) {
		conn_fault(c, fault.status, fault.why);
		return;
	}
	c->is_first = false;
	c->keep_alive = head->keep_alive;
	c->call = http_call_new(c->http, head->method, head->path, &head->fields, c->address);
	c->call->answer = conn_answer;
	c->call->conn = c;
	c->is_head = c->call->is_head;
	bool has_body = c->call->request.has_body = head->framing != HTTP1_NO_BODY;
	if (c->http->events->begin(c->http->arg, &c->call->request, &body_max, &a) < 0) {
		c->keep_alive = c->keep_alive && !has_body;
		http_answer(c->call, &a);
		return;
	}
	if (head->framing == HTTP1_LENGTH && head->length > body_max) {
		conn_fault(c, 413, "the body is too large");
		return;
	}
	if (has_body && !http_call_reserve(
				c->call, head->framing == HTTP1_LENGTH ? (size_t)head->length : body_max)) {
		conn_fault(c, 429, "too many requests have bodies; try again");
		return;
	}
	if (head->expects_continue && has_body) {
		http1_write_status_line(&c->out, 100, http1_reason(100));
		http1_write_end(&c->out);
	}
	http1_body_start(&c->reader, head->framing, head->length);
	c->state = CONN_BODY; /* within the same time */
}

/* Is this HTTP/2? Then it takes over. True too while that is not certain. */
static bool conn_is_http2(struct conn *c)
{
	struct span in = buf_span(&c->in), start = PREFACE;

	if (!c->is_first || c->http->tls != NULL)
		return false;
	start.len = in.len < start.len ? in.len : start.len;
	if (!span_starts(in, start))
		return false;
	if (start.len == PREFACE.len)
		c->state = CONN_MOVED;
	return true;
}

static void conn_take_head(struct conn *c)
{
	struct http1_fault fault;
	size_t len;

	switch (http1_find_head(buf_span(&c->in), &c->scanned, &len, &fault)) {
	case PARSE_MORE:
		if (buf_len(&c->in) >= HTTP_HEAD_MAX)
			conn_fault(c, 431, "the request's head is too large");
		return;
	case PARSE_BAD: conn_fault(c, fault.status, fault.why); return;
	case PARSE_OK: break;
	}
	c->scanned = 0;
	if (len > HTTP_HEAD_MAX) {
		conn_fault(c, 431, "the request's head is too large");
		return;
	}
	conn_begin(c, span_of(buf_span(&c->in).p, len));
	secret_wipe(c->in.data + c->in.head, len);
	buf_consume(&c->in, len);
}

static void conn_take_body(struct conn *c)
{
	const char *why = NULL;

	while (!c->reader.done && buf_len(&c->in) > 0) {
		struct span data, raw = buf_span(&c->in), rest = raw;
		enum parse parsed = http1_body_next(&c->reader, &rest, &data, &why);
		if (parsed == PARSE_BAD) {
			conn_fault(c, 400, why);
			return;
		}
		if (parsed == PARSE_OK && !http_call_add(c->call, data)) {
			conn_fault(c, 413, "the body is too large");
			return;
		}
		size_t used = raw.len - rest.len;
		secret_wipe(c->in.data + c->in.head, used);
		buf_consume(&c->in, used);
	}
	if (c->reader.done || c->reader.framing == HTTP1_NO_BODY) {
		c->state = CONN_CALL;
		loop_timer_stop(&c->timer);
		http_call_ask(c->call);
	}
}

/* Go on with what was read, one request at a time: the next waits until the answer is out. */
static void conn_process(struct conn *c)
{
	bool had_some = buf_len(&c->in) > 0;

	if (c->state == CONN_HEAD && had_some && !conn_is_http2(c)) {
		if (c->scanned == 0)
			loop_timer_start(&c->timer, HTTP_REQUEST_MS);
		conn_take_head(c);
	}
	if (c->state == CONN_BODY)
		conn_take_body(c);
}

/* --- I/O --- */

/* False when the connection is over. */
static bool conn_read(struct conn *c)
{
	char *bytes = c->http->worker->in;
	ssize_t n = stream_read(&c->stream, bytes, (size_t)16 * 1024);

	if (n == STREAM_AGAIN)
		return true;
	if (n <= 0)
		return false;
	if (c->state == CONN_LINGER)
		return true;
	bool ok = buf_add(&c->in, bytes, (size_t)n) == 0;
	secret_wipe(bytes, (size_t)n);
	if (ok)
		conn_process(c);
	return ok;
}

/* The answer is out: the next request, or the end. */
static void conn_written(struct conn *c)
{
	if (c->is_secret)
		buf_wipe(&c->out);
	buf_free(&c->out);
	if (!c->keep_alive || c->http->listen == NULL) {
		stream_shutdown(&c->stream);
		conn_enter(c, CONN_LINGER, HTTP_LINGER_MS);
		return;
	}
	conn_enter(c, CONN_HEAD, HTTP_IDLE_MS);
	conn_process(c);
}

/* False when the connection is over. */
static bool conn_write(struct conn *c)
{
	/* A 100 (Continue) goes out in between. */
	while (buf_len(&c->out) > 0 && c->state != CONN_DELAY) {
		ssize_t n = stream_write(&c->stream, buf_span(&c->out).p, buf_len(&c->out));
		if (n == STREAM_AGAIN)
			return true;
		if (n < 0)
			return false;
		buf_consume(&c->out, (size_t)n);
		if (c->state != CONN_WRITE)
			continue;
		c->taken += (size_t)n;
		if (buf_len(&c->out) == 0)
			conn_written(c);
		else if (c->taken >= HTTP_WRITE_PART)
			conn_enter(c, CONN_WRITE, HTTP_WRITE_MS);
	}
	return true;
}

static bool conn_handshake(struct conn *c)
{
	struct err err;

	switch (tls_handshake(&c->stream, &err)) {
	case TLS_WAIT: return true;
	case TLS_FAIL: return false;
	case TLS_DONE: break;
	}
	conn_enter(c, tls_is_h2(&c->stream) ? CONN_MOVED : CONN_HEAD, HTTP_REQUEST_MS);
	return true;
}

static void conn_arm(struct conn *c)
{
	unsigned want = 0;

	switch (c->state) {
	case CONN_TLS: want = c->stream.want_read; break;
	case CONN_HEAD:
	case CONN_BODY:
	case CONN_LINGER: want = c->stream.want_read; break;
	case CONN_CALL:
	case CONN_DELAY:
	case CONN_MOVED: break;
	case CONN_WRITE: want = c->stream.want_write; break;
	}
	if (buf_len(&c->out) > 0 && c->state == CONN_BODY)
		want |= c->stream.want_write;
	loop_arm(c->io, want);
}

static bool conn_is_reading(const struct conn *c)
{
	return c->state == CONN_HEAD || c->state == CONN_BODY || c->state == CONN_LINGER;
}

/* HTTP/2 goes on with the stream. */
static void conn_move(struct conn *c)
{
	struct stream ready = c->stream;

	c->stream = (struct stream){0};
	loop_unwatch(c->io);
	c->io = NULL;
	http2_adopt(c->http, &ready, c->address, buf_span(&c->in));
	conn_free(c);
}

/* All that can be done now. */
static void conn_go(struct conn *c)
{
	bool alive = true;

	if (c->state == CONN_TLS)
		alive = conn_handshake(c);
	/* TLS may hold what the descriptor does not tell of. */
	do {
		if (alive && conn_is_reading(c))
			alive = conn_read(c);
		if (alive)
			alive = conn_write(c);
	} while (alive && conn_is_reading(c) && c->stream.more);
	if (alive && c->state == CONN_MOVED)
		conn_move(c);
	else if (alive)
		conn_arm(c);
	else
		conn_free(c);
}

static void conn_on_io(void *arg, unsigned events)
{
	(void)events;
	conn_go(arg);
}

static void conn_on_wake(void *arg)
{
	conn_go(arg);
}

static void conn_on_timer(void *arg)
{
	struct conn *c = arg;

	switch (c->state) {
	case CONN_DELAY: conn_enter(c, CONN_WRITE, HTTP_WRITE_MS); break;
	case CONN_HEAD:
	case CONN_BODY:
		if (c->state == CONN_HEAD && buf_len(&c->in) == 0) {
			conn_free(c);
			return;
		}
		conn_fault(c, 408, "the request did not come in time");
		break;
	case CONN_CALL:
	case CONN_MOVED: return;
	case CONN_TLS:
	case CONN_WRITE:
	case CONN_LINGER: conn_free(c); return;
	}
	conn_go(c);
}

/* --- Life --- */

void http1_accept(struct http *h, int fd, const struct sockaddr_storage *from)
{
	struct conn *c = mem_alloc(sizeof(*c));
	struct err err;

	c->http = h;
	c->in.max = HTTP_HEAD_MAX + (size_t)64 * 1024;
	c->is_first = true;
	c->wake = (struct loop_task){.fn = conn_on_wake, .arg = c};
	dial_address_name(from, false, c->address);
	stream_open(&c->stream, fd);
	c->io = loop_watch(h->worker->loop, fd, conn_on_io, c);
	loop_timer_init(&c->timer, h->worker->loop, conn_on_timer, c);
	list_push(&h->http1, &c->node);
	h->count++;
	if (h->tls != NULL && tls_accept(&c->stream, h->tls, &err) < 0) {
		conn_free(c);
		return;
	}
	conn_enter(c, h->tls != NULL ? CONN_TLS : CONN_HEAD, HTTP_REQUEST_MS);
	conn_arm(c);
}

/* Has anything of a request come that is not answered yet? */
static bool conn_owes(const struct conn *c)
{
	switch (c->state) {
	case CONN_HEAD: return buf_len(&c->in) > 0;
	case CONN_BODY:
	case CONN_CALL:
	case CONN_DELAY:
	case CONN_WRITE:
	case CONN_LINGER: return true;
	case CONN_TLS:
	case CONN_MOVED: return false;
	}
	return false;
}

void http1_drain_all(struct http *h, bool now)
{
	list_for_each_safe (n, &h->http1) {
		struct conn *c = list_entry(n, struct conn, node);
		if (now || !conn_owes(c))
			conn_free(c);
	}
}
