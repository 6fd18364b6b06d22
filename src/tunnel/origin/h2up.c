/* HTTP/2 to a service. A request asks for a connection first; what its ALPN says decides how it is sent. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/proto/http1.h"
#include "tunnel/link/link.h"
#include "tunnel/origin/h1.h"
#include "tunnel/origin/h2up.h"

#define H2UP_TRIES_MAX 6 /* a request that was not processed is sent again so often, as by Go's client */

/* One connection. */
struct h2conn {
	struct node node; /* in service->h2 */
	struct service *service;
	struct link *link;
	struct loop_timer idle; /* runs while no request is open */
	bool served;            /* ever */
};

/* Fields with bytes of their own. */
struct kept {
	struct fields fields;
	struct buf text;
};

/* One request. */
struct h2up {
	struct node node; /* in service->asking until it is sent */
	struct service *service;
	struct proxy *proxy; /* NULL when it has gone */
	struct exchange *x;  /* at the service; NULL before it is open and after it has closed */
	/* While connecting: */
	struct dial *dial;
	uint64_t dial_us; /* when it was started */
	struct stream stream;
	struct loop_io *io;
	struct loop_timer timer;
	struct loop_task bury;
	struct kept head; /* fields of the request, while it may have to be sent once more */
	struct buf line;  /* its method, path and authority */
	struct proxy_request request;
	bool reused;   /* x is on a connection that served before */
	bool answered; /* the final head has come */
	unsigned tries;
	/* Both directions: */
	struct buf up, down; /* body bytes that the other side has no room for */
	bool up_ended, down_ended;
	struct kept up_trailers, down_trailers; /* sent when those are empty */
};

/* --- Keeping what is sent later --- */

static void kept_set(struct kept *k, const struct fields *fields)
{
	size_t room = 0;

	for (size_t i = 0; i < fields->count; i++)
		room += fields->at[i].name.len + fields->at[i].value.len;
	buf_reserve(&k->text, room);
	for (size_t i = 0; i < fields->count; i++) {
		struct span name = buf_keep(&k->text, fields->at[i].name);
		header_add(&k->fields, name, buf_keep(&k->text, fields->at[i].value));
	}
}

static void kept_free(struct kept *k)
{
	header_free(&k->fields);
	buf_free(&k->text);
}

static const struct fields *kept_fields(const struct kept *k)
{
	return k->fields.count > 0 ? &k->fields : NULL;
}

/* --- Life --- */

static void h2up_free(void *arg)
{
	struct h2up *u = arg;

	list_remove(&u->node);
	dial_cancel(u->dial);
	loop_unwatch(u->io);
	stream_close(&u->stream);
	loop_timer_fini(&u->timer);
	loop_task_cancel(&u->bury);
	exchange_reset(u->x, EXCHANGE_CANCEL);
	kept_free(&u->head);
	buf_free(&u->line);
	buf_free(&u->up);
	buf_free(&u->down);
	kept_free(&u->up_trailers);
	kept_free(&u->down_trailers);
	free(u);
}

/* Over, now or with the wake-up: never freed inside its own callbacks. */
static void h2up_die(struct h2up *u)
{
	loop_defer(u->service->worker->loop, &u->bury);
}

static void h2up_fail(struct h2up *u, const char *why)
{
	struct proxy *p = u->proxy;

	u->proxy = NULL;
	if (p != NULL)
		proxy_fail(p, why);
	h2up_die(u);
}

/* Keep the request: while connecting, and while it may be sent once more. */
static void h2up_keep(struct h2up *u, const struct proxy_request *r)
{
	buf_reserve(&u->line, r->method.len + r->path.len + r->authority.len);
	u->request = *r;
	u->request.method = buf_keep(&u->line, r->method);
	u->request.path = buf_keep(&u->line, r->path);
	u->request.authority = buf_keep(&u->line, r->authority);
	kept_set(&u->head, r->fields);
	u->request.fields = &u->head.fields;
}

static void h2up_forget_request(struct h2up *u)
{
	kept_free(&u->head);
	buf_free(&u->line);
}

/* --- The proxy's calls --- */

/* Upload what the service has room for. */
static void h2up_push(struct h2up *u)
{
	if (u->x == NULL)
		return;
	size_t n = exchange_write(u->x, buf_span(&u->up));
	buf_consume(&u->up, n);
	buf_release(&u->up);
	if (n > 0 && u->proxy != NULL)
		proxy_sent(u->proxy, n);
	if (u->up_ended && buf_len(&u->up) == 0)
		exchange_finish(u->x, kept_fields(&u->up_trailers));
}

static void h2up_send(void *up, struct span data)
{
	struct h2up *u = up;

	if (buf_add_span(&u->up, data) < 0)
		h2up_fail(u, "too much of the request is waiting");
	else
		h2up_push(u);
}

static void h2up_finish(void *up, const struct fields *trailers)
{
	struct h2up *u = up;

	if (trailers != NULL)
		kept_set(&u->up_trailers, trailers);
	u->up_ended = true;
	h2up_push(u);
}

/* Pass on what the tunnel has room for, and end when the response is whole. */
static void h2up_pull(struct h2up *u)
{
	size_t room = proxy_room(u->proxy), have = buf_len(&u->down), n = have < room ? have : room;

	if (n > 0) {
		proxy_body(u->proxy, span_of(buf_span(&u->down).p, n));
		buf_consume(&u->down, n);
		if (u->x != NULL)
			exchange_consumed(u->x, n);
	}
	buf_release(&u->down);
	if (!u->down_ended || buf_len(&u->down) > 0)
		return;
	struct proxy *p = u->proxy;
	u->proxy = NULL;
	proxy_end(p, kept_fields(&u->down_trailers));
	exchange_release(u->x);
	u->x = NULL;
	h2up_die(u);
}

static void h2up_resume(void *up)
{
	h2up_pull(up);
}

static void h2up_cancel(void *up)
{
	struct h2up *u = up;

	u->proxy = NULL;
	h2up_die(u);
}

static const struct upstream h2up_upstream = {h2up_send, h2up_finish, h2up_resume, h2up_cancel};

/* --- The service's answer --- */

static void up_on_head(void *arg, const struct exchange_head *head, bool end)
{
	struct h2up *u = arg;

	if (u->proxy == NULL)
		return;
	if (head->status < 200) {
		if (head->status == 100)
			proxy_inform(u->proxy, 100);
		return;
	}
	u->answered = true;
	h2up_forget_request(u);
	if (!proxy_head(u->proxy, head->status, head->fields, end)) {
		u->proxy = NULL;
		h2up_die(u);
		return;
	}
	u->down_ended = end;
	h2up_pull(u);
}

static void up_on_body(void *arg, struct span data)
{
	struct h2up *u = arg;

	if (u->proxy == NULL)
		return;
	if (buf_add_span(&u->down, data) < 0)
		h2up_fail(u, "too much of the response is waiting");
	else
		h2up_pull(u);
}

static void up_on_end(void *arg, const struct fields *trailers)
{
	struct h2up *u = arg;

	u->down_ended = true;
	if (trailers != NULL)
		kept_set(&u->down_trailers, trailers);
	if (u->proxy != NULL)
		h2up_pull(u);
}

static void up_on_room(void *arg)
{
	h2up_push(arg);
}

/* Once more when nothing can have happened twice: the service has not processed it (it was about to close, RFC 9113,
 * 6.8), or it is idempotent and met a connection that had just been closed. */
static bool h2up_may_retry(const struct h2up *u, enum exchange_fate fate)
{
	if (u->proxy == NULL || u->answered || u->tries >= H2UP_TRIES_MAX || !u->request.no_body)
		return false;
	return fate == EXCHANGE_REFUSED ||
	       (fate == EXCHANGE_LOST && u->reused && http1_is_idempotent(u->request.method));
}

static bool h2up_open(struct h2up *u);
static void h2up_dial(struct h2up *u);

static void up_on_closed(void *arg, enum exchange_fate fate)
{
	struct h2up *u = arg;

	u->x = NULL;
	/* Whole, though not passed on yet. */
	if (u->proxy != NULL && u->down_ended && fate == EXCHANGE_DONE)
		return;
	if (h2up_may_retry(u, fate)) {
		u->tries++;
		list_push(&u->service->asking, &u->node);
		if (!h2up_open(u))
			h2up_dial(u);
		return;
	}
	h2up_fail(u, "the service broke off its response");
}

static const struct exchange_events up_events = {up_on_head, up_on_body, up_on_end, up_on_room, up_on_closed};

/* --- Connections --- */

static void h2conn_on_up(void *arg)
{
	(void)arg;
}

static void h2conn_on_down(void *arg, const char *why)
{
	struct h2conn *c = arg;

	(void)why;
	list_remove(&c->node);
	loop_timer_fini(&c->idle);
	free(c);
}

static void h2conn_on_idle(void *arg)
{
	struct h2conn *c = arg;

	if (service_idle_ms(c->service) > 0)
		loop_timer_start(&c->idle, service_idle_ms(c->service));
}

static void h2conn_on_idle_over(void *arg)
{
	struct h2conn *c = arg;

	link_close(c->link, "idle");
}

static const struct link_events h2conn_events = {h2conn_on_up, NULL, h2conn_on_down, h2conn_on_idle};

static struct h2conn *h2conn_new(struct service *s, const struct stream *ready)
{
	struct h2conn *c = mem_alloc(sizeof(*c));

	c->service = s;
	c->link = link_adopt(s->worker, H2_EDGE, ready, &h2conn_events, c);
	loop_timer_init(&c->idle, s->worker->loop, h2conn_on_idle_over, c);
	h2conn_on_idle(c);
	list_push_front(&s->h2, &c->node);
	return c;
}

/* Send it over a connection that can take one more. False when there is none. */
static bool h2up_open(struct h2up *u)
{
	struct exchange_head head = {.method = u->request.method,
		.scheme = SPAN("https"),
		.authority = u->request.authority,
		.path = u->request.path,
		.fields = u->request.fields};

	list_for_each (n, &u->service->h2) {
		struct h2conn *c = list_entry(n, struct h2conn, node);
		struct h2_session *session = link_session(c->link);
		if (session == NULL || !h2_can_open(session) || h2_is_worn(session))
			continue;
		u->x = h2_open(session, &head, u->request.no_body, &up_events, u);
		if (u->x == NULL)
			continue;
		u->reused = c->served;
		c->served = true;
		loop_timer_stop(&c->idle);
		break;
	}
	if (u->x == NULL)
		return false;
	u->up_ended = u->up_ended || u->request.no_body;
	list_remove(&u->node);
	/* Only what has no body can be sent once more. */
	if (!u->request.no_body)
		h2up_forget_request(u);
	h2up_push(u);
	return true;
}

/* The service speaks HTTP/1.1: the request goes over this connection, and later ones are not asked. */
static void h2up_fall_back(struct h2up *u)
{
	struct service *s = u->service;
	struct proxy *p = u->proxy;
	struct stream ready = u->stream;

	s->only_h1 = true;
	u->stream = (struct stream){.fd = -1};
	u->proxy = NULL;
	if (p == NULL) {
		stream_close(&ready);
	} else {
		proxy_requeue(p, buf_span(&u->up), u->up_ended && !u->request.no_body);
		h1_adopt(s, &ready, p, &u->request);
	}
	h2up_die(u);
}

static void h2up_ready(struct h2up *u)
{
	struct service *s = u->service;

	loop_unwatch(u->io);
	u->io = NULL;
	loop_timer_stop(&u->timer);
	service_connected(s, u->dial_us);
	if (!tls_is_h2(&u->stream)) {
		h2up_fall_back(u);
		return;
	}
	h2conn_new(s, &u->stream);
	u->stream = (struct stream){.fd = -1};
	if (u->proxy == NULL)
		h2up_die(u);
	else if (!h2up_open(u))
		h2up_fail(u, "the service takes no request");
}

static void h2up_not_connected(struct h2up *u, const char *why)
{
	service_not_connected(u->service);
	h2up_fail(u, why);
}

static void h2up_handshake(void *arg, unsigned events)
{
	struct h2up *u = arg;
	struct err err;

	(void)events;
	switch (tls_handshake(&u->stream, &err)) {
	case TLS_WAIT: loop_arm(u->io, u->stream.want_read); return;
	case TLS_FAIL:
		loop_arm(u->io, LOOP_NOTHING);
		h2up_not_connected(u, err.text);
		return;
	case TLS_DONE: h2up_ready(u); return;
	}
}

static void h2up_on_timer(void *arg)
{
	struct h2up *u = arg;

	h2up_not_connected(u, "TLS handshake with the service timed out");
}

static void h2up_on_dialed(void *arg, int fd, const char *why)
{
	struct h2up *u = arg;
	struct service *s = u->service;
	struct err err;

	u->dial = NULL;
	if (fd < 0) {
		h2up_not_connected(u, why);
		return;
	}
	stream_open(&u->stream, fd);
	u->io = loop_watch(s->worker->loop, fd, h2up_handshake, u);
	if (service_tls(s, &u->stream, s->tls_h2, u->request.authority, &err) < 0) {
		h2up_not_connected(u, err.text);
		return;
	}
	if (service_tls_ms(s) > 0)
		loop_timer_start(&u->timer, service_tls_ms(s));
	h2up_handshake(u, 0);
}

static void h2up_dial(struct h2up *u)
{
	u->dial_us = loop_clock_us();
	u->dial = service_dial(u->service, h2up_on_dialed, u);
}

void h2up_start(struct service *s, struct proxy *p, const struct proxy_request *r)
{
	struct h2up *u = mem_alloc(sizeof(*u));

	u->service = s;
	u->proxy = p;
	u->stream.fd = -1;
	u->bury = (struct loop_task){.fn = h2up_free, .arg = u};
	loop_timer_init(&u->timer, s->worker->loop, h2up_on_timer, u);
	list_push(&s->asking, &u->node);
	h2up_keep(u, r);
	if (!h2up_open(u))
		h2up_dial(u);
	proxy_attach(p, &h2up_upstream, u);
}

void h2up_close_all(struct service *s)
{
	struct node *n;

	while ((n = list_first(&s->asking)) != NULL)
		h2up_free(list_entry(n, struct h2up, node));
	/* Off the list now: a link dies with the wake-up, and the service may be gone by then. */
	while ((n = list_pop(&s->h2)) != NULL)
		link_close(list_entry(n, struct h2conn, node)->link, "connector stops");
}
