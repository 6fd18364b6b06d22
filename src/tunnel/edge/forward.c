/* A public request through a tunnel. The life of one: answered by a page, or by a connector whose answer is checked
 * before a byte of it goes out. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/proto/http1.h"
#include "common/proto/ws.h"
#include "tunnel/edge/connector.h"
#include "tunnel/edge/forward.h"
#include "tunnel/edge/forward_head.h"
#include "tunnel/edge/page.h"
#include "tunnel/edge/posture.h"
#include "tunnel/h2/cfheader.h"

enum forward_state {
	FORWARD_WAITING,  /* for the response head */
	FORWARD_PAGE,     /* our own answer goes out when the wake-up is over */
	FORWARD_ANSWERED, /* the head is out, the body follows */
	FORWARD_UPGRADED,
	FORWARD_OVER, /* `end` or `abort` was reported */
};

struct forward {
	struct edge *edge;
	const struct forward_events *events;
	void *arg;
	enum forward_state state;
	struct registry_link *link; /* while x is open */
	struct exchange *x;         /* NULL before it is open and after it has closed */
	enum page page;             /* with FORWARD_PAGE */
	struct loop_task task;      /* sends the page */
	struct patience_wait wait;  /* for the answer to begin, once the request is sent whole */
	struct forward_head kept;   /* to try again with, while that is allowed */
	bool may_retry;             /* bodyless and idempotent, not tried twice yet */
	bool is_head;               /* the method has no response body */
	bool wants_continue;
	bool length_known;
	uint64_t left;    /* of the response's announced length */
	int status;       /* sent to the visitor; 0 before */
	uint64_t in, out; /* body bytes from and to the visitor */
	uint64_t start_us;
	char ray[FORWARD_RAY_MAX];
	char key[25];           /* of a WebSocket upgrade, else empty */
	struct buf log;         /* first part of the access log's line */
	char *host;             /* routed by, and for pages */
	char *path;             /* for the header policy, without query; NULL when there is none */
	char nonce[NONCE_TEXT]; /* of the answer, as the header policy wants it; else empty */
};

/* --- Ending --- */

static void forward_log(struct forward *f)
{
	if (f->edge->access_log == NULL)
		return;
	buf_addf(&f->log,
		"\"status\":%d,\"bytes_in\":%llu,\"bytes_out\":%llu,\"took_ms\":%.3f,\"retried\":%s}\n",
		f->status, (unsigned long long)f->in, (unsigned long long)f->out,
		(double)(loop_clock_us() - f->start_us) / 1000, f->kept.tries > 1 ? "true" : "false");
	accesslog_write(f->edge->access_log, buf_span(&f->log));
}

/* Leave the exchange, if it is still open. */
static void forward_leave(struct forward *f)
{
	patience_end(&f->wait);
	if (f->link != NULL)
		connector_request_ended(f->link);
	f->link = NULL;
	exchange_release(f->x);
	f->x = NULL;
}

void forward_free(struct forward *f)
{
	if (f == NULL)
		return;
	struct edge_metrics *m = &f->edge->metrics;

	forward_leave(f);
	forward_log(f);
	m->responses[f->status / 100 <= 5 ? f->status / 100 : 0]++;
	m->requests_active--;
	if (f->status == 101)
		m->websockets_active--;
	m->bytes_in += f->in;
	m->bytes_out += f->out;
	loop_task_cancel(&f->task);
	forward_head_free(&f->kept);
	buf_free(&f->log);
	free(f->host);
	free(f->path);
	free(f);
}

static void forward_abort(struct forward *f)
{
	forward_leave(f);
	f->state = FORWARD_OVER;
	f->events->abort(f->arg);
}

/* --- The header policy --- */

static void forward_apply_policy(struct forward *f, int status)
{
	struct edge *e = f->edge;

	struct posture_response r = {span_str(f->host), span_str(f->path), status, f->nonce};

	posture_apply(e->posture, &r, &e->fields);
}

/* The application learns the nonce of its answer, and of nobody else. */
static void forward_tell_nonce(struct forward *f)
{
	struct span header;

	if (posture_nonce(f->edge->posture, f->nonce, &header))
		forward_head_set(&f->kept, header, span_str(f->nonce));
}

/* --- Our own answers --- */

static void forward_send_page(void *arg)
{
	struct forward *f = arg;
	struct buf html = {0};
	struct fields *fields = &f->edge->fields;

	header_clear(fields);
	header_add(fields, SPAN("content-type"), SPAN("text/html; charset=utf-8"));
	header_add(fields, SPAN("cache-control"), SPAN("no-store"));
	header_add(fields, SPAN("cf-ray"), span_str(f->ray));
	forward_apply_policy(f, page_status(f->page));
	page_render(f->page, span_str(f->host), span_str(f->ray), &html);
	struct forward_response r = {.status = page_status(f->page),
		.fields = fields,
		.no_body = f->is_head,
		.length_known = true,
		.length = buf_len(&html)};
	f->status = r.status;
	f->state = FORWARD_OVER;
	f->out = f->is_head ? 0 : r.length;
	f->events->head(f->arg, &r);
	if (!f->is_head)
		f->events->body(f->arg, buf_span(&html));
	buf_free(&html);
	f->events->end(f->arg, NULL);
}

static void forward_page(struct forward *f, enum page page)
{
	log_line(f->edge->worker->log, LOG_DEBUG, "answered by the edge", "ray=%s status=%d reason=\"%s\"",
		f->ray, page_status(page), page_reason(page));
	forward_leave(f);
	f->page = page;
	f->state = FORWARD_PAGE;
	loop_defer(f->edge->worker->loop, &f->task);
}

static void forward_on_overdue(void *arg)
{
	forward_page(arg, PAGE_OVERDUE);
}

/* --- The connector's answer --- */

static void forward_on_accepted_upgrade(struct forward *f)
{
	struct edge *e = f->edge;

	if (!ws_is_accepted(&e->fields, span_str(f->key))) {
		forward_page(f, PAGE_BAD_UPGRADE);
		return;
	}
	f->status = 101;
	f->state = FORWARD_UPGRADED;
	e->metrics.websockets++;
	e->metrics.websockets_active++;
	forward_head_clean_response(&e->fields);
	header_add(&e->fields, SPAN("cf-ray"), span_str(f->ray));
	f->events->upgraded(f->arg, &e->fields);
}

static void forward_on_end(void *arg, const struct fields *trailers)
{
	struct forward *f = arg;

	if (f->state != FORWARD_ANSWERED && f->state != FORWARD_UPGRADED)
		return;
	if (f->length_known && f->left > 0) {
		forward_abort(f);
		return;
	}
	f->state = FORWARD_OVER;
	f->events->end(f->arg, trailers);
}

/* Pass the response head on, with the framing that the fields announce. */
static void forward_answer(struct forward *f, struct forward_response *r, bool end)
{
	struct edge *e = f->edge;

	if (r->status == 101 || !forward_head_length(&e->fields, &r->length_known, &r->length)) {
		forward_page(f, PAGE_BAD_ANSWER);
		return;
	}
	forward_head_clean_response(&e->fields);
	header_add(&e->fields, SPAN("cf-ray"), span_str(f->ray));
	forward_apply_policy(f, r->status);
	r->no_body = f->is_head || r->status == 204 || r->status == 304;
	if (end && !r->no_body && !r->length_known)
		r->length_known = true; /* of 0 */
	f->status = r->status;
	f->state = FORWARD_ANSWERED;
	f->length_known = r->length_known || r->no_body;
	f->left = r->no_body ? 0 : r->length;
	f->events->head(f->arg, r);
	if (end)
		forward_on_end(f, NULL);
}

/* Status, meta and fields decoded and checked; a page is the verdict on what cannot be used. */
static void forward_on_final(struct forward *f, const struct exchange_head *head, bool end)
{
	struct edge *e = f->edge;
	struct forward_response r = {.status = head->status, .fields = &e->fields};
	const char *why;

	patience_end(&f->wait);
	forward_head_free(&f->kept);
	f->may_retry = false;
	buf_clear(&e->text);
	switch (cfheader_source(header_value(head->fields, CFHEADER_META))) {
	case CFHEADER_SOURCE_CONNECTOR: forward_page(f, PAGE_ORIGIN_DOWN); return;
	case CFHEADER_SOURCE_UNKNOWN: forward_page(f, PAGE_BAD_ANSWER); return;
	case CFHEADER_SOURCE_ORIGIN: break;
	}
	if (!cfheader_decode(header_value(head->fields, CFHEADER_FIELDS), &e->text, &e->fields, &why)) {
		log_line(e->worker->log, LOG_WARN, "unusable answer", "ray=%s error=\"%s\"", f->ray, why);
		forward_page(f, PAGE_BAD_ANSWER);
		return;
	}
	/* A plain 200 and an accepted upgrade differ in nothing but this field. */
	if (f->key[0] != '\0' && r.status == 200 &&
		header_find(&e->fields, SPAN("sec-websocket-accept")) != NULL)
		forward_on_accepted_upgrade(f);
	else
		forward_answer(f, &r, end);
}

static void forward_on_head(void *arg, const struct exchange_head *head, bool end)
{
	struct forward *f = arg;

	if (head->status >= 200) {
		forward_on_final(f, head, end);
	} else if (head->status == 100 && f->wants_continue) {
		f->wants_continue = false;
		f->events->inform(f->arg, 100);
	}
}

static void forward_on_body(void *arg, struct span data)
{
	struct forward *f = arg;

	if (f->state == FORWARD_ANSWERED && f->length_known) {
		if (data.len > f->left) {
			forward_abort(f);
			return;
		}
		f->left -= data.len;
	}
	f->out += data.len;
	if (f->state == FORWARD_ANSWERED || f->state == FORWARD_UPGRADED)
		f->events->body(f->arg, data);
	else
		exchange_consumed(f->x, data.len);
}

static void forward_on_room(void *arg)
{
	struct forward *f = arg;

	f->events->room(f->arg);
}

static bool forward_send(struct forward *f, const struct registry_link *avoid);

static void forward_on_closed(void *arg, enum exchange_fate fate)
{
	struct forward *f = arg;
	struct registry_link *was = f->link;

	f->x = NULL;
	f->link = NULL;
	patience_end(&f->wait);
	if (was != NULL)
		connector_request_ended(was);
	f->edge->metrics.oversized_heads += fate == EXCHANGE_TOO_LARGE;
	switch (f->state) {
	case FORWARD_WAITING:
		/* Unanswered: once more elsewhere when nothing can have happened twice. */
		if (f->may_retry && (fate == EXCHANGE_LOST || fate == EXCHANGE_REFUSED)) {
			f->may_retry = false;
			f->edge->metrics.retries++;
			if (forward_send(f, was))
				return;
		}
		forward_page(f,
			fate == EXCHANGE_FAILED || fate == EXCHANGE_TOO_LARGE ? PAGE_BAD_ANSWER : PAGE_RESET);
		return;
	case FORWARD_ANSWERED:
	case FORWARD_UPGRADED:
		f->state = FORWARD_OVER;
		f->events->abort(f->arg);
		return;
	case FORWARD_PAGE:
	case FORWARD_OVER: return;
	}
}

static const struct exchange_events forward_exchange_events = {
	forward_on_head, forward_on_body, forward_on_end, forward_on_room, forward_on_closed};

/* --- Starting --- */

/* Open a stream for the kept head. False when no connection can take it. */
static bool forward_send(struct forward *f, const struct registry_link *avoid)
{
	/* Found anew each time: a route may have changed since. */
	struct registry_route *route = registry_find(f->edge->registry, span_str(f->host));
	struct registry_link *l = route != NULL ? registry_pick(route, avoid) : NULL;

	if (l == NULL)
		return false;
	f->kept.tries++;
	f->x = h2_open(link_session(l->link), &f->kept.head, f->kept.no_body, &forward_exchange_events, f);
	if (f->x == NULL)
		return false;
	f->link = l;
	connector_request_began(l);
	if (f->kept.no_body || f->key[0] != '\0')
		patience_begin(&f->edge->patience, &f->wait);
	return true;
}

static void forward_begin_log(struct forward *f, const struct forward_request *r)
{
	if (f->edge->access_log != NULL)
		forward_head_log(r, f->ray, &f->log);
}

static void forward_route(struct forward *f, const struct forward_request *r)
{
	struct edge *e = f->edge;
	char host[FORWARD_HOST_MAX];

	if (!forward_head_host(r->authority, host)) {
		forward_page(f, PAGE_UNKNOWN_HOST);
		return;
	}
	f->host = mem_strdup(host);
	if (e->posture != NULL)
		f->path = mem_spandup(span_of(r->path.p, span_find(r->path, '?')));
	const struct registry_route *route = registry_find(e->registry, span_str(host));
	if (e->draining) {
		forward_page(f, PAGE_DRAINING);
	} else if (route == NULL) {
		forward_page(f, PAGE_UNKNOWN_HOST);
	} else if (!registry_is_up(route)) {
		forward_page(f, PAGE_NO_CONNECTOR);
	} else {
		forward_head_build(r, f->ray, &f->kept);
		forward_tell_nonce(f);
		if (!forward_send(f, NULL))
			forward_page(f, PAGE_BUSY);
		if (!f->may_retry)
			forward_head_free(&f->kept);
	}
}

struct forward *forward_start(
	struct edge *e, const struct forward_request *r, const struct forward_events *events, void *arg)
{
	struct forward *f = mem_alloc(sizeof(*f));

	f->edge = e;
	f->events = events;
	f->arg = arg;
	f->task = (struct loop_task){.fn = forward_send_page, .arg = f};
	f->wait = (struct patience_wait){.fn = forward_on_overdue, .arg = f};
	f->is_head = span_eq(r->method, SPAN("HEAD"));
	f->may_retry = !r->has_body && r->websocket_key.len == 0 && http1_is_idempotent(r->method);
	f->wants_continue = r->wants_continue;
	f->start_us = loop_clock_us();
	if (r->websocket_key.len > 0)
		snprintf(f->key, sizeof(f->key), "%.*s", (int)r->websocket_key.len, r->websocket_key.p);
	forward_head_ray(e, f->ray);
	e->metrics.requests++;
	e->metrics.requests_active++;
	forward_begin_log(f, r);
	forward_route(f, r);
	return f;
}

/* --- What the public connection does --- */

size_t forward_write(struct forward *f, struct span data)
{
	size_t n = f->x != NULL ? exchange_write(f->x, data) : data.len;

	f->in += n;
	return n;
}

size_t forward_room(const struct forward *f)
{
	return f->x != NULL ? exchange_room(f->x) : SIZE_MAX;
}

void forward_finish(struct forward *f, struct fields *trailers)
{
	if (trailers != NULL)
		forward_head_clean_trailers(trailers);
	if (f->x == NULL)
		return;
	exchange_finish(f->x, trailers);
	if (f->state == FORWARD_WAITING)
		patience_begin(&f->edge->patience, &f->wait);
}

bool forward_half_close(struct forward *f)
{
	if (f->x == NULL || !f->link->half_close)
		return false;
	exchange_finish(f->x, NULL);
	return true;
}

void forward_consumed(struct forward *f, size_t n)
{
	if (f->x != NULL)
		exchange_consumed(f->x, n);
}

struct span forward_ray(const struct forward *f)
{
	return span_str(f->ray);
}
