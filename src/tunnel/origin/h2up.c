/* HTTP/2 to a service. A request asks for a connection first; what its ALPN says decides how it is sent. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/link/link.h"
#include "tunnel/origin/h1.h"
#include "tunnel/origin/h2up.h"

/* One connection. */
struct h2conn {
	struct node node; /* in service->h2 */
	struct link *link;
};

/* One request. */
struct h2up {
	struct node node; /* in service->asking until it is sent */
	struct service *service;
	struct proxy *proxy; /* NULL when it has gone */
	struct exchange *x;  /* at the service; NULL before it is open and after it has closed */
	/* While connecting: */
	struct dial *dial;
	struct stream stream;
	struct loop_io *io;
	struct loop_timer timer;
	struct loop_task bury;
	struct buf text;      /* bytes of the kept request */
	struct fields fields; /* of the kept request */
	struct proxy_request request;
	/* Both directions: */
	struct buf up, down; /* body bytes that the other side has no room for */
	bool up_ended, down_ended;
	struct fields trailers; /* of the response, kept until `down` is empty */
	struct buf trailer_text;
};

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
	buf_free(&u->text);
	header_free(&u->fields);
	buf_free(&u->up);
	buf_free(&u->down);
	header_free(&u->trailers);
	buf_free(&u->trailer_text);
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

/* --- Keeping the request while connecting --- */

static struct span keep(struct buf *text, struct span s)
{
	char *at = buf_reserve(text, s.len);

	if (s.len > 0)
		memcpy(at, s.p, s.len);
	buf_commit(text, s.len);
	return span_of(at, s.len);
}

static void h2up_keep(struct h2up *u, const struct proxy_request *r)
{
	size_t room = r->method.len + r->path.len + r->authority.len;

	for (size_t i = 0; i < r->fields->count; i++)
		room += r->fields->at[i].name.len + r->fields->at[i].value.len;
	/* Reserved once, so that the spans stay where they are. */
	buf_reserve(&u->text, room);
	u->request = *r;
	u->request.method = keep(&u->text, r->method);
	u->request.path = keep(&u->text, r->path);
	u->request.authority = keep(&u->text, r->authority);
	for (size_t i = 0; i < r->fields->count; i++)
		header_add(&u->fields, keep(&u->text, r->fields->at[i].name),
			keep(&u->text, r->fields->at[i].value));
	u->request.fields = &u->fields;
}

static void h2up_forget_request(struct h2up *u)
{
	buf_free(&u->text);
	header_free(&u->fields);
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
		exchange_finish(u->x, NULL);
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

	(void)trailers;
	u->up_ended = true;
	h2up_push(u);
}

/* Pass on what the tunnel has room for. False when the response is whole and this is over. */
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
	proxy_end(p, u->trailers.count > 0 ? &u->trailers : NULL);
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
	size_t room = 0;

	u->down_ended = true;
	for (size_t i = 0; trailers != NULL && i < trailers->count; i++)
		room += trailers->at[i].name.len + trailers->at[i].value.len;
	buf_reserve(&u->trailer_text, room);
	for (size_t i = 0; trailers != NULL && i < trailers->count; i++)
		header_add(&u->trailers, keep(&u->trailer_text, trailers->at[i].name),
			keep(&u->trailer_text, trailers->at[i].value));
	if (u->proxy != NULL)
		h2up_pull(u);
}

static void up_on_room(void *arg)
{
	h2up_push(arg);
}

static void up_on_closed(void *arg, enum exchange_fate fate)
{
	struct h2up *u = arg;

	u->x = NULL;
	/* Whole, though not passed on yet. */
	if (u->proxy != NULL && u->down_ended && fate == EXCHANGE_DONE)
		return;
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
	free(c);
}

static const struct link_events h2conn_events = {h2conn_on_up, NULL, h2conn_on_down};

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
		if (u->x != NULL)
			break;
	}
	if (u->x == NULL)
		return false;
	u->up_ended = u->up_ended || u->request.no_body;
	list_remove(&u->node);
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
	if (!tls_is_h2(&u->stream)) {
		h2up_fall_back(u);
		return;
	}
	struct h2conn *c = mem_alloc(sizeof(*c));
	c->link = link_adopt(s->worker, H2_EDGE, &u->stream, &h2conn_events, c);
	u->stream = (struct stream){.fd = -1};
	list_push_front(&s->h2, &c->node);
	if (u->proxy == NULL)
		h2up_die(u);
	else if (!h2up_open(u))
		h2up_fail(u, "the service takes no request");
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
		h2up_fail(u, err.text);
		return;
	case TLS_DONE: h2up_ready(u); return;
	}
}

static void h2up_on_timer(void *arg)
{
	struct h2up *u = arg;

	h2up_fail(u, "TLS handshake with the service timed out");
}

static void h2up_on_dialed(void *arg, int fd, const char *why)
{
	struct h2up *u = arg;
	struct service *s = u->service;
	struct err err;

	u->dial = NULL;
	if (fd < 0) {
		h2up_fail(u, why);
		return;
	}
	stream_open(&u->stream, fd);
	u->io = loop_watch(s->worker->loop, fd, h2up_handshake, u);
	if (service_tls(s, &u->stream, s->tls_h2, u->request.authority, &err) < 0) {
		h2up_fail(u, err.text);
		return;
	}
	if (service_tls_ms(s) > 0)
		loop_timer_start(&u->timer, service_tls_ms(s));
	h2up_handshake(u, 0);
}

void h2up_start(struct service *s, struct proxy *p, const struct proxy_request *r)
{
	struct h2up *u = mem_alloc(sizeof(*u));

	u->service = s;
	u->proxy = p;
	u->stream.fd = -1;
	u->bury = (struct loop_task){.fn = h2up_free, .arg = u};
	loop_timer_init(&u->timer, s->worker->loop, h2up_on_timer, u);
	u->request = *r;
	list_push(&s->asking, &u->node);
	if (!h2up_open(u)) {
		h2up_keep(u, r);
		u->dial = service_dial(s, h2up_on_dialed, u);
	}
	proxy_attach(p, &h2up_upstream, u);
}

void h2up_close_all(struct service *s)
{
	struct node *n;

	while ((n = list_first(&s->asking)) != NULL)
		h2up_free(list_entry(n, struct h2up, node));
	list_for_each (c, &s->h2)
		link_close(list_entry(c, struct h2conn, node)->link, "connector stops");
}
