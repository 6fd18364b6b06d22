/* The server: takes connections in, and keeps the requests that are being answered. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/net/listen.h"
#include "tunnel/mgmt/http_private.h"

/* --- Calls --- */

static struct span keep(struct http_call *c, struct span s)
{
	return buf_keep(&c->text, s);
}

struct http_call *http_call_new(struct http *h, struct span method, struct span path,
	const struct fields *fields, const char *address)
{
	struct http_call *c = mem_alloc(sizeof(*c));
	size_t size = method.len + path.len;

	c->http = h;
	for (size_t i = 0; i < fields->count; i++)
		size += fields->at[i].name.len + fields->at[i].value.len;
	/* In one piece: growing would leave a token behind. */
	c->text.max = size + 1;
	buf_reserve(&c->text, size + 1);
	for (size_t i = 0; i < fields->count; i++) {
		struct span name = keep(c, fields->at[i].name);
		header_add(&c->fields, name, keep(c, fields->at[i].value));
	}
	memcpy(c->address, address, sizeof(c->address));
	c->is_head = span_eq(method, SPAN("HEAD"));
	c->request = (struct http_request){.method = keep(c, method),
		.fields = &c->fields,
		.address = c->address,
		.began_us = loop_clock_us()};
	c->request.path = span_cut(keep(c, path), '?', &c->request.query);
	return c;
}

bool http_call_reserve(struct http_call *c, size_t max)
{
	if (c->http->held + max > HTTP_BODIES_MAX)
		return false;
	c->http->held += max;
	c->reserved = max;
	c->body.max = max + 1;
	buf_reserve(&c->body, max + 1);
	return true;
}

bool http_call_add(struct http_call *c, struct span bytes)
{
	return bytes.len <= c->reserved - buf_len(&c->body) && buf_add_span(&c->body, bytes) == 0;
}

static void call_free(struct http_call *c)
{
	c->http->held -= c->reserved;
	buf_wipe(&c->text);
	buf_wipe(&c->body);
	header_free(&c->fields);
	free(c);
}

void http_call_ask(struct http_call *c)
{
	c->is_asked = true;
	c->request.body = buf_span(&c->body);
	c->http->events->request(c->http->arg, c);
}

void http_call_drop(struct http_call *c)
{
	if (c == NULL)
		return;
	c->answer = NULL;
	if (!c->is_asked)
		call_free(c);
}

const struct http_request *http_request(const struct http_call *call)
{
	return &call->request;
}

void http_answer(struct http_call *call, struct http_answer *answer)
{
	if (call->answer != NULL)
		call->answer(call->conn, answer);
	buf_wipe(&answer->body);
	call_free(call);
}

void http_date(char out[64])
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(out, 64, "%a, %d %b %Y %H:%M:%S GMT", &utc);
}

/* --- Connections --- */

static void http_on_connection(void *arg, int fd, const struct sockaddr_storage *from)
{
	struct http *h = arg;

	if (fd < 0)
		return;
	if (h->count >= HTTP_CONNECTIONS_MAX)
		close(fd);
	else
		http1_accept(h, fd, from);
}

void http_gone(struct http *h, struct node *node)
{
	list_remove(node);
	h->count--;
	if (h->listen == NULL && h->count == 0)
		loop_defer(h->worker->loop, &h->drained);
}

static void http_on_drained(void *arg)
{
	struct http *h = arg;

	h->events->drained(h->arg);
}

struct http *http_new(struct worker *w, const char *address, struct tls_context *tls,
	const struct http_events *events, void *arg, struct err *err)
{
	struct http *h = mem_alloc(sizeof(*h));

	h->worker = w;
	h->tls = tls;
	h->events = events;
	h->arg = arg;
	h->drained = (struct loop_task){.fn = http_on_drained, .arg = h};
	list_init(&h->http1);
	list_init(&h->http2);
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

void http_drain(struct http *h, bool now)
{
	listen_free(h->listen);
	h->listen = NULL;
	http1_drain_all(h, now);
	http2_drain_all(h, now);
	if (h->count == 0)
		loop_defer(h->worker->loop, &h->drained);
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	http1_drain_all(h, true);
	http2_drain_all(h, true);
	listen_free(h->listen);
	loop_task_cancel(&h->drained);
	http1_request_fini(&h->request);
	free(h);
}
