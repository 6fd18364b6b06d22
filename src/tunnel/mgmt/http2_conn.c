/* One connection of HTTP/2 (RFC 9113): each exchange is a call. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/link/link.h"
#include "tunnel/mgmt/http_private.h"

struct h2conn {
	struct node node;  /* in http->http2 */
	struct http *http; /* NULL: it has gone */
	struct link *link;
	struct list calls;
	struct loop_timer idle; /* runs while there are no calls */
	char address[DIAL_NAME_MAX];
};

enum h2call_state {
	H2CALL_BODY,  /* its body is coming */
	H2CALL_ASKED, /* it is being answered */
	H2CALL_DELAY, /* the answer is held back */
	H2CALL_WRITE, /* the answer goes out */
	H2CALL_LINGER, /* it is out; what still comes is thrown away: some clients lose the answer to a reset */
};

/* A call on its stream. */
struct h2call {
	struct node node; /* in conn->calls */
	struct h2conn *conn;
	struct exchange *x;
	struct http_call *call; /* NULL: answered */
	enum h2call_state state;
	bool is_head;
	bool has_ended; /* the request */
	struct loop_timer timer;
	struct http_answer answer; /* what has not been sent of it */
	size_t taken;              /* bytes, since the timer was started */
};

/* --- Life of a call --- */

static void h2call_free(struct h2call *c)
{
	struct h2conn *conn = c->conn;

	http_call_drop(c->call);
	list_remove(&c->node);
	loop_timer_fini(&c->timer);
	buf_wipe(&c->answer.body);
	free(c);
	/* After a GOAWAY the session ends by itself, once the last answer has been sent. */
	if (list_empty(&conn->calls) && conn->http != NULL && conn->http->listen != NULL)
		loop_timer_start(&conn->idle, HTTP_IDLE_MS);
}

/* The server goes first. */
static void h2call_forget(struct h2call *c)
{
	http_call_drop(c->call);
	c->call = NULL;
	loop_timer_stop(&c->timer);
}

/* --- Answers --- */

/* The session sends the rest. */
static void h2call_leave(struct h2call *c)
{
	exchange_release(c->x);
	h2call_free(c);
}

static void h2call_write(struct h2call *c)
{
	struct buf *body = &c->answer.body;
	size_t n = exchange_write(c->x, buf_span(body));

	buf_consume(body, n);
	c->taken += n;
	if (c->taken >= HTTP_WRITE_PART) {
		c->taken = 0;
		loop_timer_start(&c->timer, HTTP_WRITE_MS);
	}
	if (buf_len(body) > 0)
		return;
	exchange_finish(c->x, NULL);
	if (c->has_ended) {
		h2call_leave(c);
	} else {
		c->state = H2CALL_LINGER;
		loop_timer_start(&c->timer, HTTP_LINGER_MS);
	}
}

static void h2call_respond(struct h2call *c)
{
	struct http_answer *a = &c->answer;
	struct field at[HEADER_FIELDS_MAX];
	struct fields fields = HEADER_FIELDS_IN(at);
	char date[64], length[24], wait[16];

	http_date(date);
	snprintf(length, sizeof(length), "%zu", buf_len(&a->body));
	snprintf(wait, sizeof(wait), "%d", a->retry_after_s);
	header_add(&fields, SPAN("date"), span_str(date));
	header_add(&fields, SPAN("content-type"), span_str(a->content_type));
	header_add(&fields, SPAN("content-length"), span_str(length));
	if (a->allow != NULL)
		header_add(&fields, SPAN("allow"), span_str(a->allow));
	if (a->retry_after_s > 0)
		header_add(&fields, SPAN("retry-after"), span_str(wait));
	if (a->is_secret)
		header_add(&fields, SPAN("cache-control"), SPAN("no-store"));
	c->state = H2CALL_WRITE;
	loop_timer_start(&c->timer, HTTP_WRITE_MS);
	exchange_respond(c->x, a->status, &fields, false);
	if (c->is_head)
		buf_wipe(&a->body);
	h2call_write(c);
}

static void h2call_answer(void *arg, struct http_answer *a)
{
	struct h2call *c = arg;

	c->call = NULL;
	c->answer = *a;
	a->body = (struct buf){0};
	c->state = H2CALL_DELAY;
	if (a->delay_ms > 0)
		loop_timer_start(&c->timer, a->delay_ms);
	else
		h2call_respond(c);
}

/* The request is not read to its end. */
static void h2call_fault(struct h2call *c, int status, const char *why)
{
	struct http *h = c->conn->http;
	struct http_answer a = {.status = status, .content_type = "text/plain"};

	http_call_drop(c->call);
	h->events->fault(h->arg, c->conn->address, why, &a);
	h2call_answer(c, &a);
}

static void h2call_on_timer(void *arg)
{
	struct h2call *c = arg;

	switch (c->state) {
	case H2CALL_BODY: h2call_fault(c, 408, "the request did not come in time"); break;
	case H2CALL_DELAY: h2call_respond(c); break;
	case H2CALL_ASKED: break;
	case H2CALL_LINGER: h2call_leave(c); break;
	case H2CALL_WRITE:
		exchange_reset(c->x, EXCHANGE_CANCEL);
		h2call_free(c);
		break;
	}
}

/* --- What comes --- */

static void h2call_ask(struct h2call *c)
{
	c->state = H2CALL_ASKED;
	loop_timer_stop(&c->timer);
	http_call_ask(c->call);
}

/* Of responses: there are none here. */
static void h2call_on_head(void *arg, const struct exchange_head *head, bool end)
{
	(void)arg;
	(void)head;
	(void)end;
}

static void h2call_on_body(void *arg, struct span data)
{
	struct h2call *c = arg;

	exchange_consumed(c->x, data.len);
	if (c->state == H2CALL_BODY && !http_call_add(c->call, data))
		h2call_fault(c, 413, "the body is too large");
}

static void h2call_on_end(void *arg, const struct fields *trailers)
{
	struct h2call *c = arg;

	(void)trailers;
	c->has_ended = true;
	if (c->state == H2CALL_BODY)
		h2call_ask(c);
}

static void h2call_on_room(void *arg)
{
	struct h2call *c = arg;

	if (c->state == H2CALL_WRITE)
		h2call_write(c);
}

static void h2call_on_closed(void *arg, enum exchange_fate fate)
{
	(void)fate;
	h2call_free(arg);
}

static const struct exchange_events h2call_events = {
	h2call_on_head, h2call_on_body, h2call_on_end, h2call_on_room, h2call_on_closed};

/* Room for the body: as long as it is said to be, else as long as it may be. False: answered. */
static bool h2call_reserve(struct h2call *c, size_t body_max)
{
	struct span text = header_value(c->call->request.fields, SPAN("content-length"));
	uint64_t length = body_max;

	if (text.p != NULL && (!span_to_u64(text, UINT64_MAX, &length) || length > body_max)) {
		h2call_fault(c, 413, "the body is too large");
		return false;
	}
	if (!http_call_reserve(c->call, (size_t)length)) {
		h2call_fault(c, 429, "too many requests have bodies; try again");
		return false;
	}
	return true;
}

static void h2call_begin(struct h2call *c, bool end)
{
	struct http *h = c->conn->http;
	struct http_answer a = {.status = 500, .content_type = "application/json"};
	size_t body_max = 0;

	c->call->request.has_body = !end;
	c->has_ended = end;
	if (h->events->begin(h->arg, &c->call->request, &body_max, &a) < 0)
		http_answer(c->call, &a);
	else if (end)
		h2call_ask(c);
	else if (h2call_reserve(c, body_max) &&
		 header_value(c->call->request.fields, SPAN("expect")).p != NULL)
		exchange_inform(c->x, 100);
}

static void h2conn_on_request(void *arg, struct exchange *x, const struct exchange_head *head, bool end)
{
	struct h2conn *conn = arg;

	/* CONNECT has no path, and "*" is none. */
	if (conn->http == NULL || head->path.len == 0 || head->path.p[0] != '/') {
		exchange_reset(x, EXCHANGE_PROTOCOL_ERROR);
		return;
	}
	struct h2call *c = mem_alloc(sizeof(*c));
	c->conn = conn;
	c->x = x;
	c->call = http_call_new(conn->http, head->method, head->path, head->fields, conn->address);
	c->call->answer = h2call_answer;
	c->call->conn = c;
	c->is_head = c->call->is_head;
	loop_timer_init(&c->timer, conn->http->worker->loop, h2call_on_timer, c);
	loop_timer_start(&c->timer, HTTP_REQUEST_MS);
	loop_timer_stop(&conn->idle);
	list_push(&conn->calls, &c->node);
	exchange_listen(x, &h2call_events, c);
	h2call_begin(c, end);
}

/* --- Life of a connection --- */

static void h2conn_on_up(void *arg)
{
	(void)arg;
}

/* All calls have gone with their streams. */
static void h2conn_on_down(void *arg, const char *why)
{
	struct h2conn *c = arg;

	(void)why;
	loop_timer_fini(&c->idle);
	if (c->http != NULL)
		http_gone(c->http, &c->node);
	free(c);
}

static const struct link_events h2conn_events = {h2conn_on_up, h2conn_on_request, h2conn_on_down, NULL};

static void h2conn_end(struct h2conn *c, const char *why)
{
	struct h2_session *session = link_session(c->link);

	if (session != NULL)
		h2_goaway(session);
	link_close(c->link, why);
}

static void h2conn_on_idle(void *arg)
{
	h2conn_end(arg, "nothing was asked");
}

void http2_adopt(struct http *h, const struct stream *ready, const char *address, struct span bytes)
{
	struct h2conn *c = mem_alloc(sizeof(*c));

	c->http = h;
	memcpy(c->address, address, sizeof(c->address));
	list_init(&c->calls);
	list_push(&h->http2, &c->node);
	h->count++;
	loop_timer_init(&c->idle, h->worker->loop, h2conn_on_idle, c);
	loop_timer_start(&c->idle, HTTP_REQUEST_MS);
	c->link = link_adopt(h->worker, H2_PUBLIC, ready, &h2conn_events, c);
	if (bytes.len > 0)
		link_take(c->link, bytes);
}

/* It ends with this wake-up, maybe after the server. */
static void h2conn_abandon(struct h2conn *c)
{
	list_for_each (n, &c->calls)
		h2call_forget(list_entry(n, struct h2call, node));
	h2conn_end(c, "the server ends");
	http_gone(c->http, &c->node);
	c->http = NULL;
}

void http2_drain_all(struct http *h, bool now)
{
	list_for_each_safe (n, &h->http2) {
		struct h2conn *c = list_entry(n, struct h2conn, node);
		struct h2_session *session = link_session(c->link);
		if (now)
			h2conn_abandon(c);
		else if (session != NULL)
			h2_goaway(session);
	}
}
