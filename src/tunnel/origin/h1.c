/* HTTP/1.1 to a service: dial, TLS, one request at a time, back into the pool. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/proto/http1.h"
#include "tunnel/origin/h1.h"
#include "tunnel/origin/h1_request.h"
#include "tunnel/origin/h2up.h"

enum h1_state {
	H1_DIAL, /* connecting */
	H1_TLS,  /* handshake */
	H1_HEAD, /* request under way, its response head has not come whole */
	H1_BODY, /* the response's body is coming */
	H1_RAW,  /* upgraded: raw bytes both ways */
	H1_IDLE, /* in the pool */
	H1_DEAD, /* freed when the wake-up is over */
};

struct h1 {
	struct node node; /* in service->running or service->idle */
	struct service *service;
	enum h1_state state;
	struct proxy *proxy; /* NULL when idle, or when it has gone */
	struct dial *dial;
	uint64_t dial_us; /* when it was started */
	struct stream stream;
	struct loop_io *io;
	struct loop_timer timer; /* TLS limit, idle limit */
	struct loop_task work;   /* writes, reads on, buries */
	struct buf in, out;
	struct buf again; /* the request, while it may be sent once more on a fresh connection */
	struct buf host;  /* of the request: for SNI, and to match connections by it */
	size_t scanned;
	size_t owed;            /* request body bytes in `out` that the tunnel has not got back */
	struct http1_body body; /* of the response */
	bool chunked_out;       /* the request's body is sent in chunks */
	bool request_done;      /* its last byte is in `out` */
	bool is_head, is_upgrade;
	bool reused;           /* the connection served a request before */
	bool keep_alive;       /* may serve another one */
	bool more;             /* reading stopped before the socket was empty */
	bool read_ended, shut; /* RAW: the service's FIN has come; ours is sent */
};

static void h1_wake(struct h1 *h)
{
	loop_defer(h->service->worker->loop, &h->work);
}

static void h1_free(struct h1 *h)
{
	list_remove(&h->node);
	if (h->state == H1_IDLE)
		h->service->idle_count--;
	dial_cancel(h->dial);
	loop_task_cancel(&h->work);
	loop_unwatch(h->io);
	stream_close(&h->stream);
	loop_timer_fini(&h->timer);
	buf_free(&h->in);
	buf_free(&h->out);
	buf_free(&h->again);
	buf_free(&h->host);
	http1_body_fini(&h->body);
	free(h);
}

static void h1_die(struct h1 *h)
{
	if (h->state == H1_IDLE) {
		/* Out of the pool at once, lest it be taken. */
		h->service->idle_count--;
		list_remove(&h->node);
		list_push(&h->service->running, &h->node);
	}
	h->state = H1_DEAD;
	h1_wake(h);
}

static void h1_connect(struct h1 *h);

/* The connection is no good. An idle one that the service closed just as it was taken is replaced once, if nothing of the
 * request can have been acted on. */
static void h1_fail(struct h1 *h, const char *why)
{
	struct proxy *p = h->proxy;

	if (h->state == H1_DIAL || h->state == H1_TLS)
		service_not_connected(h->service);
	if (h->reused && h->state == H1_HEAD && buf_len(&h->again) > 0 && p != NULL) {
		loop_unwatch(h->io);
		h->io = NULL;
		stream_close(&h->stream);
		buf_clear(&h->in);
		buf_clear(&h->out);
		h->scanned = 0;
		h->reused = false;
		buf_add_span(&h->out, buf_span(&h->again));
		buf_free(&h->again);
		h1_connect(h);
		return;
	}
	h->proxy = NULL;
	h1_die(h);
	if (p != NULL)
		proxy_fail(p, why);
}

/* --- Upstream calls of the proxy --- */

static void h1_send(void *up, struct span data)
{
	struct h1 *h = up;
	/* More than the request was to have, or what could not be framed, goes nowhere. */
	bool mute = !h->chunked_out && h->request_done && !h->is_upgrade;
	int rc = 0;

	h->owed += data.len;
	if (h->chunked_out)
		rc = http1_write_chunk(&h->out, data);
	else if (!mute)
		rc = buf_add_span(&h->out, data);
	if (rc < 0)
		h1_fail(h, "too much of the request is waiting");
	else
		h1_wake(h);
}

static void h1_finish(void *up, const struct fields *trailers)
{
	struct h1 *h = up;

	if (h->request_done && h->state != H1_RAW)
		return;
	h->request_done = true;
	if (h->chunked_out)
		http1_write_last_chunk(&h->out, trailers);
	h->chunked_out = false;
	h1_wake(h);
}

static void h1_resume(void *up)
{
	h1_wake(up);
}

static void h1_cancel(void *up)
{
	struct h1 *h = up;

	h->proxy = NULL;
	h1_die(h);
}

static const struct upstream h1_upstream = {h1_send, h1_finish, h1_resume, h1_cancel};

/* --- The response --- */

/* A whole response has been read: the connection goes into the pool if it can be used again. */
static void h1_response_done(struct h1 *h)
{
	struct proxy *p = h->proxy;
	struct service *s = h->service;
	bool reusable = h->keep_alive && h->request_done && buf_len(&h->out) == 0 && buf_len(&h->in) == 0 &&
			s->idle_count < service_idle_max(s);
	struct fields *trailers = h->body.trailers.count > 0 ? &h->body.trailers : NULL;

	h->proxy = NULL;
	if (h->owed > 0)
		proxy_sent(p, h->owed);
	h->owed = 0;
	proxy_end(p, trailers);
	if (!reusable) {
		h1_die(h);
		return;
	}
	h->state = H1_IDLE;
	h->reused = true;
	list_remove(&h->node);
	list_push_front(&s->idle, &h->node);
	s->idle_count++;
	buf_free(&h->again);
	if (service_idle_ms(s) > 0)
		loop_timer_start(&h->timer, service_idle_ms(s));
}

static void h1_upgraded(struct h1 *h, const struct http1_response *r)
{
	h->state = H1_RAW;
	h->keep_alive = false;
	h->request_done = proxy_request_ended(h->proxy);
	if (!proxy_upgraded(h->proxy, &r->fields)) {
		h->proxy = NULL;
		h1_die(h);
	}
}

static void h1_on_response(struct h1 *h, const struct http1_response *r)
{
	buf_free(&h->again);
	if (r->status == 101 && h->is_upgrade) {
		h1_upgraded(h, r);
		return;
	}
	if (r->status < 200) {
		if (r->status == 100)
			proxy_inform(h->proxy, 100);
		return;
	}
	h->keep_alive = r->keep_alive && !h->is_upgrade;
	h->state = H1_BODY;
	http1_body_start(&h->body, r->framing, r->length);
	if (!proxy_head(h->proxy, r->status, &r->fields, h->body.done)) {
		h->proxy = NULL;
		h1_die(h);
	}
}

/* Parse one response head off `in`. False when there is none yet, or it is no good. */
static bool h1_take_head(struct h1 *h)
{
	struct field fields[HEADER_FIELDS_MAX];
	struct http1_response r = {.fields = HEADER_FIELDS_IN(fields)};
	struct http1_fault fault;
	size_t len;

	switch (http1_find_head(buf_span(&h->in), &h->scanned, &len, &fault)) {
	case PARSE_MORE: return false;
	case PARSE_BAD: h1_fail(h, fault.why); return false;
	case PARSE_OK: break;
	}
	h->scanned = 0;
	bool ok = http1_parse_response(
		span_of(buf_span(&h->in).p, len), h->is_head ? SPAN("HEAD") : SPAN("GET"), &r, &fault);
	if (ok && r.status == 101 && !h->is_upgrade) {
		ok = false;
		fault.why = "101 without an upgrade";
	}
	if (ok)
		h1_on_response(h, &r);
	else
		h1_fail(h, fault.why);
	if (!ok || h->state == H1_DEAD)
		return false;
	buf_consume(&h->in, len);
	return true;
}

/* Hand body bytes to the tunnel as far as it has room. False when that is all for now. */
static bool h1_take_body(struct h1 *h)
{
	size_t room = proxy_room(h->proxy), have = buf_len(&h->in);
	struct span data, raw = span_of(buf_span(&h->in).p, have < room ? have : room), rest = raw;
	const char *why;

	if (!h->body.done && raw.len == 0)
		return false;
	enum parse parsed = http1_body_next(&h->body, &rest, &data, &why);
	if (parsed == PARSE_BAD) {
		h1_fail(h, why);
		return false;
	}
	if (data.len > 0)
		proxy_body(h->proxy, data);
	buf_consume(&h->in, raw.len - rest.len);
	if (h->body.done)
		h1_response_done(h);
	return parsed == PARSE_OK && h->state == H1_BODY;
}

static void h1_take_raw(struct h1 *h)
{
	size_t room = proxy_room(h->proxy), have = buf_len(&h->in), n = have < room ? have : room;

	proxy_body(h->proxy, span_of(buf_span(&h->in).p, n));
	buf_consume(&h->in, n);
	if (h->read_ended && buf_len(&h->in) == 0)
		proxy_half_end(h->proxy);
}

static void h1_process(struct h1 *h)
{
	for (;;) {
		switch (h->state) {
		case H1_HEAD:
			if (!h1_take_head(h))
				return;
			break;
		case H1_BODY:
			if (!h1_take_body(h))
				return;
			break;
		case H1_RAW: h1_take_raw(h); return;
		case H1_DIAL:
		case H1_TLS:
		case H1_IDLE:
		case H1_DEAD: return;
		}
	}
}

/* --- The socket --- */

static void h1_read_end(struct h1 *h)
{
	switch (h->state) {
	case H1_RAW:
		h->read_ended = true;
		h1_process(h);
		break;
	case H1_BODY:
		h1_process(h);
		if (h->state != H1_BODY)
			break;
		if (buf_len(&h->in) == 0 && http1_body_at_close(&h->body)) {
			h1_response_done(h);
			break;
		}
		if (h->body.framing == HTTP1_UNTIL_CLOSE) {
			h->read_ended = true;
			break;
		}
		h1_fail(h, "the service broke off its response");
		break;
	case H1_HEAD: h1_fail(h, "the service closed the connection without a response"); break;
	case H1_DIAL:
	case H1_TLS:
	case H1_IDLE:
	case H1_DEAD: h1_die(h); break;
	}
}

static size_t h1_read_room(const struct h1 *h)
{
	size_t held = buf_len(&h->in), room = WORKER_READ_MAX;

	if (h->state == H1_BODY || h->state == H1_RAW)
		room = proxy_room(h->proxy) > held ? proxy_room(h->proxy) - held : 0;
	return room < WORKER_READ_MAX ? room : WORKER_READ_MAX;
}

static void h1_read(struct h1 *h)
{
	struct worker *w = h->service->worker;

	h->more = false;
	while (h->state != H1_DEAD && h->io != NULL && !h->read_ended) {
		size_t room = h1_read_room(h);
		if (room == 0) {
			h->more = true;
			return;
		}
		ssize_t n = stream_read(&h->stream, w->in, room);
		if (n == STREAM_AGAIN)
			return;
		if (n == STREAM_FAIL) {
			h1_fail(h, h->stream.why);
			return;
		}
		if (n == STREAM_EOF) {
			h1_read_end(h);
			return;
		}
		if (h->state == H1_IDLE) {
			/* Nobody asked: whatever it is, it must not become the answer to the next request. */
			h1_die(h);
			return;
		}
		bool more = h->stream.more;
		buf_lend(&h->in, w->in, (size_t)n);
		h1_process(h);
		buf_settle(&h->in, w->in);
		if (!more)
			return;
	}
}

/* False when the connection is no good. */
static bool h1_flush(struct h1 *h)
{
	while (buf_len(&h->out) > 0) {
		ssize_t n = stream_write(&h->stream, buf_span(&h->out).p, buf_len(&h->out));
		if (n == STREAM_AGAIN)
			break;
		if (n < 0)
			return false;
		buf_consume(&h->out, (size_t)n);
	}
	size_t queued = buf_len(&h->out);
	if (h->proxy != NULL && h->owed > queued) {
		proxy_sent(h->proxy, h->owed - queued);
		h->owed = queued;
	}
	buf_release(&h->out);
	return true;
}

static void h1_arm(struct h1 *h)
{
	unsigned want = 0;

	if (h->io == NULL || h->state == H1_DEAD)
		return;
	if (h->state == H1_TLS) {
		loop_arm(h->io, h->stream.want_read);
		return;
	}
	bool reads = !h->read_ended && h1_read_room(h) > 0;
	if (reads)
		want |= h->stream.want_read;
	if (buf_len(&h->out) > 0 || (reads && h->more))
		want |= h->stream.want_write;
	loop_arm(h->io, want);
}

/* Both directions of an upgraded connection, each ended when the other side has ended it. */
static void h1_raw_ends(struct h1 *h)
{
	if (h->request_done && !h->shut && buf_len(&h->out) == 0) {
		h->shut = true;
		stream_shutdown(&h->stream);
	}
	if (!h->shut || !h->read_ended || buf_len(&h->in) > 0)
		return;
	struct proxy *p = h->proxy;
	h->proxy = NULL;
	h1_die(h);
	proxy_end(p, NULL);
}

static void h1_work(void *arg)
{
	struct h1 *h = arg;

	if (h->state == H1_DEAD) {
		h1_free(h);
		return;
	}
	if (h->state == H1_DIAL || h->state == H1_TLS)
		return;
	h1_process(h);
	if (h->more && h->state != H1_DEAD)
		h1_read(h);
	if (h->state == H1_BODY && h->read_ended && buf_len(&h->in) == 0) {
		http1_body_at_close(&h->body);
		h1_response_done(h);
	}
	if (h->state != H1_DEAD && h->io != NULL && !h1_flush(h))
		/* The response may have come before the service stopped reading: look for it first. */
		h1_read(h);
	if (h->state != H1_DEAD && h->stream.why != NULL)
		h1_fail(h, h->stream.why);
	if (h->state == H1_RAW)
		h1_raw_ends(h);
	buf_release(&h->in);
	h1_arm(h);
}

/* --- Connecting --- */

static void h1_ready(struct h1 *h)
{
	if (h->state == H1_DIAL || h->state == H1_TLS)
		service_connected(h->service, h->dial_us);
	h->state = H1_HEAD;
	loop_timer_stop(&h->timer);
	h1_wake(h);
	h1_arm(h);
}

static void h1_handshake(struct h1 *h)
{
	struct err err;

	switch (tls_handshake(&h->stream, &err)) {
	case TLS_WAIT: h1_arm(h); return;
	case TLS_FAIL: h1_fail(h, err.text); return;
	case TLS_DONE: h1_ready(h); return;
	}
}

static void h1_on_io(void *arg, unsigned events)
{
	struct h1 *h = arg;

	if (h->state == H1_TLS) {
		h1_handshake(h);
		return;
	}
	if ((events & LOOP_READ) || h->more)
		h1_read(h);
	h1_wake(h);
}

static void h1_on_timer(void *arg)
{
	struct h1 *h = arg;

	if (h->state == H1_TLS)
		h1_fail(h, "TLS handshake with the service timed out");
	else if (h->state == H1_IDLE)
		h1_die(h);
}

static void h1_on_dialed(void *arg, int fd, const char *why)
{
	struct h1 *h = arg;
	struct service *s = h->service;
	struct err err;

	h->dial = NULL;
	if (fd < 0) {
		h1_fail(h, why);
		return;
	}
	stream_open(&h->stream, fd);
	h->io = loop_watch(s->worker->loop, fd, h1_on_io, h);
	if (s->tls == NULL) {
		h1_ready(h);
		return;
	}
	if (service_tls(s, &h->stream, s->tls, buf_span(&h->host), &err) < 0) {
		h1_fail(h, err.text);
		return;
	}
	h->state = H1_TLS;
	if (service_tls_ms(s) > 0)
		loop_timer_start(&h->timer, service_tls_ms(s));
	h1_handshake(h);
}

static void h1_connect(struct h1 *h)
{
	h->state = H1_DIAL;
	h->dial_us = loop_clock_us();
	h->dial = service_dial(h->service, h1_on_dialed, h);
}

static struct h1 *h1_new(struct service *s)
{
	struct h1 *h = mem_alloc(sizeof(*h));

	h->service = s;
	h->work = (struct loop_task){.fn = h1_work, .arg = h};
	loop_timer_init(&h->timer, s->worker->loop, h1_on_timer, h);
	return h;
}

/* An idle connection for this host; with matchSNItoHost each host has its own. */
static struct h1 *h1_take_idle(struct service *s, struct span host)
{
	list_for_each (n, &s->idle) {
		struct h1 *h = list_entry(n, struct h1, node);
		if (s->tls != NULL && s->rule->options.match_sni_to_host &&
			!span_eq(buf_span(&h->host), host))
			continue;
		list_remove(&h->node);
		s->idle_count--;
		loop_timer_stop(&h->timer);
		return h;
	}
	return NULL;
}

/* Give the connection its request. False when that cannot be written: the proxy has failed. */
static bool h1_take_request(struct h1 *h, struct proxy *p, const struct proxy_request *r)
{
	struct service *s = h->service;

	list_push(&s->running, &h->node);
	h->proxy = p;
	h->is_head = span_eq(r->method, SPAN("HEAD"));
	h->is_upgrade = r->websocket;
	h->request_done = r->no_body;
	if (h1_request_write(&h->out, r, !s->rule->options.disable_chunked_encoding, &h->chunked_out) < 0) {
		h->proxy = NULL;
		h1_die(h);
		proxy_fail(p, "request cannot be written as HTTP/1.1");
		return false;
	}
	if (h->reused && r->no_body && http1_is_idempotent(r->method))
		buf_add_span(&h->again, buf_span(&h->out));
	if (s->tls != NULL) {
		buf_clear(&h->host);
		buf_add_span(&h->host, r->authority);
	}
	return true;
}

void h1_start(struct service *s, struct proxy *p, const struct proxy_request *r)
{
	struct h1 *h = r->websocket ? NULL : h1_take_idle(s, r->authority);

	if (h != NULL)
		h->state = H1_HEAD;
	else
		h = h1_new(s);
	if (!h1_take_request(h, p, r))
		return;
	proxy_attach(p, &h1_upstream, h);
	if (h->reused)
		h1_wake(h);
	else
		h1_connect(h);
}

void h1_adopt(struct service *s, const struct stream *ready, struct proxy *p, const struct proxy_request *r)
{
	struct h1 *h = h1_new(s);

	h->stream = *ready;
	h->io = loop_watch(s->worker->loop, h->stream.fd, h1_on_io, h);
	h->state = H1_HEAD;
	h->more = true;
	if (!h1_take_request(h, p, r))
		return;
	proxy_attach(p, &h1_upstream, h);
	h1_ready(h);
}

void h1_close_all(struct service *s)
{
	struct node *n;

	while ((n = list_first(&s->idle)) != NULL)
		h1_free(list_entry(n, struct h1, node));
	while ((n = list_first(&s->running)) != NULL)
		h1_free(list_entry(n, struct h1, node));
}
