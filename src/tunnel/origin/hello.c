/* The hello-world service. It runs inside the connector: no socket, no TLS. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/proto/ws.h"
#include "tunnel/origin/hello.h"
#include "tunnel/origin/hello_page.h"

#define HELLO_OUT_HIGH ((size_t)64 * 1024) /* while more waits for room, the visitor is asked for no more */

struct hello {
	struct proxy *proxy;
	struct ws_echo *echo; /* NULL for the page */
	struct buf out;       /* bytes that wait for room */
	size_t owed;          /* bytes taken from the tunnel that it has not got back */
	bool ended;           /* nothing is to be added to `out` */
	struct loop_task task;
	struct worker *worker;
};

static void hello_free(struct hello *h)
{
	loop_task_cancel(&h->task);
	ws_echo_free(h->echo);
	buf_free(&h->out);
	free(h);
}

/* Send what the tunnel has room for, and end when all is sent. */
static void hello_work(void *arg)
{
	struct hello *h = arg;
	size_t room = proxy_room(h->proxy), have = buf_len(&h->out), n = have < room ? have : room;

	proxy_body(h->proxy, span_of(buf_span(&h->out).p, n));
	buf_consume(&h->out, n);
	buf_release(&h->out);
	if (h->owed > 0 && buf_len(&h->out) < HELLO_OUT_HIGH) {
		proxy_sent(h->proxy, h->owed);
		h->owed = 0;
	}
	if (!h->ended || buf_len(&h->out) > 0)
		return;
	struct proxy *p = h->proxy;
	hello_free(h);
	proxy_end(p, NULL);
}

static void hello_send(void *up, struct span data)
{
	struct hello *h = up;

	if (h->echo != NULL && !h->ended)
		h->ended = !ws_echo_feed(h->echo, data, &h->out);
	h->owed += data.len;
	loop_defer(h->worker->loop, &h->task);
}

static void hello_finish(void *up, const struct fields *trailers)
{
	struct hello *h = up;

	(void)trailers;
	h->ended = true;
	loop_defer(h->worker->loop, &h->task);
}

static void hello_resume(void *up)
{
	struct hello *h = up;

	loop_defer(h->worker->loop, &h->task);
}

static void hello_cancel(void *up)
{
	hello_free(up);
}

static const struct upstream hello_upstream = {hello_send, hello_finish, hello_resume, hello_cancel};

static struct hello *hello_new(struct worker *w, struct proxy *p)
{
	struct hello *h = mem_alloc(sizeof(*h));

	h->worker = w;
	h->proxy = p;
	h->task = (struct loop_task){.fn = hello_work, .arg = h};
	return h;
}

/* --- WebSocket --- */

static void hello_echo(struct worker *w, struct proxy *p, const struct proxy_request *r)
{
	char accept[WS_ACCEPT_LEN];
	struct field at[] = {{SPAN("Connection"), SPAN("Upgrade")}, {SPAN("Upgrade"), SPAN("websocket")},
		{SPAN("Sec-WebSocket-Accept"), {accept, sizeof(accept)}}};
	struct fields fields = {.at = at, .count = 3, .cap = 3};

	if (!ws_accept(header_value(r->fields, SPAN("sec-websocket-key")), accept)) {
		proxy_fail(p, "hello_world: Sec-WebSocket-Key is missing or malformed");
		return;
	}
	if (!proxy_upgraded(p, &fields))
		return;
	struct hello *h = hello_new(w, p);
	h->echo = ws_echo_new();
	proxy_attach(p, &hello_upstream, h);
}

/* --- The page --- */

static void hello_show(struct worker *w, struct proxy *p, const struct proxy_request *r)
{
	struct buf page = {0};
	char length[24], nonce[HELLO_NONCE_MAX], policy[HELLO_POLICY_MAX];
	bool is_head = span_eq(r->method, SPAN("HEAD"));

	hello_page_nonce(nonce);
	hello_page_policy(nonce, policy);
	hello_page_write(r, nonce, &page);
	snprintf(length, sizeof(length), "%zu", buf_len(&page));
	struct field at[] = {{SPAN("Content-Type"), SPAN("text/html; charset=utf-8")},
		{SPAN("Content-Length"), span_str(length)}, {SPAN("Cache-Control"), SPAN("no-store")},
		{SPAN("Content-Security-Policy"), span_str(policy)},
		{SPAN("X-Content-Type-Options"), SPAN("nosniff")},
		{SPAN("Referrer-Policy"), SPAN("no-referrer")}};
	size_t count = sizeof(at) / sizeof(at[0]);
	struct fields fields = {.at = at, .count = count, .cap = count};
	if (!proxy_head(p, 200, &fields, is_head)) {
		buf_free(&page);
		return;
	}
	struct hello *h = hello_new(w, p);
	if (is_head)
		buf_free(&page);
	h->out = page;
	h->ended = true;
	proxy_attach(p, &hello_upstream, h);
	loop_defer(w->loop, &h->task);
}

void hello_start(struct worker *w, struct proxy *p, const struct proxy_request *r)
{
	if (r->websocket)
		hello_echo(w, p, r);
	else
		hello_show(w, p, r);
}
