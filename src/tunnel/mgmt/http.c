/* One connection: read a request, answer it, again. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/net/listen.h"
#include "tunnel/mgmt/http.h"

struct http {
	struct worker *worker;
	struct tls_context *tls; /* borrowed */
	const struct http_events *events;
	void *arg;
	struct listen *listen;
	struct list conns;
	size_t count;
	struct http1_request request; /* scratch for one head at a time */
};

enum conn_state {
	CONN_TLS,    /* handshake */
	CONN_HEAD,   /* a head is expected */
	CONN_BODY,   /* the head is kept in `head`, its body is coming */
	CONN_DELAY,  /* the answer is held back */
	CONN_WRITE,  /* the answer goes out */
	CONN_LINGER, /* our end is closed; what still comes is thrown away, so that the answer arrives */
};

struct conn {
	struct node node; /* in http->conns */
	struct http *http;
	enum conn_state state;
	struct stream stream;
	struct loop_io *io;
	struct loop_timer timer;
	struct buf in, out;
	size_t scanned;
	struct buf head; /* of the request whose body is read */
	struct buf body;
	struct http1_body reader;
	uint64_t began_us;
	bool keep_alive, is_secret, is_head;
	char address[DIAL_NAME_MAX];
};

static void conn_free(struct conn *c)
{
	list_remove(&c->node);
	c->http->count--;
	loop_unwatch(c->io);
	stream_close(&c->stream);
	loop_timer_fini(&c->timer);
	buf_wipe(&c->in);
	buf_wipe(&c->out);
	buf_wipe(&c->head);
	buf_wipe(&c->body);
	http1_body_fini(&c->reader);
	free(c);
}

static void conn_enter(struct conn *c, enum conn_state state, uint64_t ms)
{
	c->state = state;
	loop_timer_start(&c->timer, ms);
}

/* --- Answers --- */

static void write_date(struct buf *out)
{
	char text[64];
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &utc);
	http1_write_field(out, SPAN("Date"), span_str(text));
}

static void conn_answer(struct conn *c, struct http_answer *a)
{
	struct buf *out = &c->out;

	out->max = buf_len(&a->body) + HTTP_HEAD_MAX;
	buf_reserve(out, out->max); /* growing would leave a copy of a secret behind */
	http1_write_status_line(out, a->status, http1_reason(a->status));
	write_date(out);
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
}

/* The request cannot be read to its end: the connection ends with the answer. */
static void conn_fault(struct conn *c, int status, const char *why)
{
	struct http_answer a = {.status = status, .content_type = "text/plain"};

	c->keep_alive = false;
	c->is_head = false;
	c->http->events->fault(c->http->arg, c->address, why, &a);
	conn_answer(c, &a);
}

/* --- Requests --- */

static struct http_request conn_request(const struct conn *c, const struct http1_request *head)
{
	struct http_request r = {.method = head->method,
		.fields = &head->fields,
		.body = buf_span(&c->body),
		.has_body = head->framing != HTTP1_NO_BODY,
		.address = c->address,
		.began_us = c->began_us};

	r.path = span_cut(head->path, '?', &r.query);
	return r;
}

static void conn_finish(struct conn *c)
{
	struct http1_request *head = &c->http->request;
	struct http_answer a = {.status = 500, .content_type = "application/json"};
	struct http1_fault fault;

	/* It was well-formed when it came. */
	if (!http1_parse_request(buf_span(&c->head), head, &fault)) {
		conn_fault(c, 500, fault.why);
		return;
	}
	struct http_request r = conn_request(c, head);
	c->http->events->request(c->http->arg, &r, &a);
	buf_wipe(&c->body);
	buf_wipe(&c->head);
	conn_answer(c, &a);
}

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
	c->began_us = loop_clock_us();
	c->keep_alive = head->keep_alive;
	c->is_head = span_eq(head->method, SPAN("HEAD"));
	struct http_request r = conn_request(c, head);
	if (c->http->events->begin(c->http->arg, &r, &body_max, &a) < 0) {
		c->keep_alive = c->keep_alive && !r.has_body;
		conn_answer(c, &a);
		return;
	}
	if (head->framing == HTTP1_LENGTH && head->length > body_max) {
		conn_fault(c, 413, "the body is too large");
		return;
	}
	c->head.max = HTTP_HEAD_MAX;
	buf_add_span(&c->head, bytes);
	c->body.max = body_max + 1;
	/* Growing would leave pieces of a secret behind. */
	if (r.has_body)
		buf_reserve(
			&c->body, head->framing == HTTP1_LENGTH ? (size_t)head->length + 1 : body_max + 1);
	if (head->expects_continue && r.has_body) {
		http1_write_status_line(&c->out, 100, http1_reason(100));
		http1_write_end(&c->out);
	}
	http1_body_start(&c->reader, head->framing, head->length);
	c->state = CONN_BODY; /* within the same time */
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
		if (parsed == PARSE_OK &&
			(buf_len(&c->body) + data.len >= c->body.max || buf_add_span(&c->body, data) < 0)) {
			conn_fault(c, 413, "the body is too large");
			return;
		}
		size_t used = raw.len - rest.len;
		secret_wipe(c->in.data + c->in.head, used);
		buf_consume(&c->in, used);
	}
	if (c->reader.done || c->reader.framing == HTTP1_NO_BODY)
		conn_finish(c);
}

/* Go on with what was read, one request at a time: the next waits until the answer is out. */
static void conn_process(struct conn *c)
{
	bool had_some = buf_len(&c->in) > 0;

	if (c->state == CONN_HEAD && had_some) {
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
	if (!c->keep_alive) {
		stream_shutdown(&c->stream);
		conn_enter(c, CONN_LINGER, 1000);
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
		if (buf_len(&c->out) == 0 && c->state == CONN_WRITE)
			conn_written(c);
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
	conn_enter(c, CONN_HEAD, HTTP_REQUEST_MS);
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
	case CONN_DELAY: break;
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

static void conn_on_io(void *arg, unsigned events)
{
	struct conn *c = arg;
	bool alive = true;

	(void)events;
	if (c->state == CONN_TLS)
		alive = conn_handshake(c);
	/* TLS may hold what the descriptor does not tell of. */
	do {
		if (alive && conn_is_reading(c))
			alive = conn_read(c);
		if (alive)
			alive = conn_write(c);
	} while (alive && conn_is_reading(c) && c->stream.more);
	if (alive)
		conn_arm(c);
	else
		conn_free(c);
}

static void conn_on_timer(void *arg)
{
	struct conn *c = arg;
	bool alive = true;

	switch (c->state) {
	case CONN_DELAY: conn_enter(c, CONN_WRITE, HTTP_WRITE_MS); break;
	case CONN_HEAD:
	case CONN_BODY:
		if (c->state == CONN_HEAD && buf_len(&c->in) == 0)
			alive = false;
		else
			conn_fault(c, 408, "the request did not come in time");
		break;
	case CONN_TLS:
	case CONN_WRITE:
	case CONN_LINGER: alive = false; break;
	}
	alive = alive && conn_write(c);
	if (alive)
		conn_arm(c);
	else
		conn_free(c);
}

/* --- Accepting --- */

static void http_on_connection(void *arg, int fd, const struct sockaddr_storage *from)
{
	struct http *h = arg;
	struct err err;

	if (fd < 0)
		return;
	if (h->count >= HTTP_CONNECTIONS_MAX) {
		close(fd);
		return;
	}
	struct conn *c = mem_alloc(sizeof(*c));
	c->http = h;
	c->in.max = HTTP_HEAD_MAX + (size_t)64 * 1024;
	dial_address_name(from, false, c->address);
	stream_open(&c->stream, fd);
	c->io = loop_watch(h->worker->loop, fd, conn_on_io, c);
	loop_timer_init(&c->timer, h->worker->loop, conn_on_timer, c);
	list_push(&h->conns, &c->node);
	h->count++;
	if (h->tls != NULL && tls_accept(&c->stream, h->tls, &err) < 0) {
		conn_free(c);
		return;
	}
	conn_enter(c, h->tls != NULL ? CONN_TLS : CONN_HEAD, HTTP_REQUEST_MS);
	conn_arm(c);
}

struct http *http_new(struct worker *w, const char *address, struct tls_context *tls,
	const struct http_events *events, void *arg, struct err *err)
{
	struct http *h = mem_alloc(sizeof(*h));

	h->worker = w;
	h->tls = tls;
	h->events = events;
	h->arg = arg;
	list_init(&h->conns);
	h->listen = listen_new(w->loop, address, http_on_connection, h, err);
	if (h->listen == NULL) {
		free(h);
		return NULL;
	}
	return h;
}

const char *http_address(const struct http *h)
{
	return listen_address(h->listen);
}

size_t http_connections(const struct http *h)
{
	return h->count;
}

void http_free(struct http *h)
{
	struct node *n;

	if (h == NULL)
		return;
	while ((n = list_first(&h->conns)) != NULL)
		conn_free(list_entry(n, struct conn, node));
	listen_free(h->listen);
	http1_request_fini(&h->request);
	free(h);
}
