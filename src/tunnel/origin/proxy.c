/* The tunnel's side of a request to a service. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/net/loop.h"
#include "tunnel/h2/cfheader.h"
#include "tunnel/origin/proxy.h"

#define PROXY_HEAD_MAX ((size_t)2 << 20) /* bytes of a serialised response header */

struct proxy {
	struct worker *worker;
	struct origin_metrics *metrics;
	struct proxy_hold *hold;
	struct exchange *x; /* NULL when it has closed */
	const struct upstream *ops;
	void *up;         /* NULL before proxy_attach, and when the upstream is done */
	struct buf early; /* body that came before the upstream */
	bool early_end;
	bool answered;      /* a response head was sent */
	bool request_ended; /* by the tunnel */
	bool counted;       /* the duration was observed */
	uint64_t start_us;
};

static void proxy_observe(struct proxy *p)
{
	if (p->counted)
		return;
	p->counted = true;
	metrics_observe(&p->metrics->duration, (double)(loop_clock_us() - p->start_us) / 1e6);
}

static void proxy_free(struct proxy *p)
{
	proxy_observe(p);
	p->metrics->active--;
	if (--p->hold->count == 0 && p->hold->is_retired)
		loop_defer(p->worker->loop, &p->hold->empty);
	buf_free(&p->early);
	free(p);
}

/* --- The tunnel's events --- */

static void proxy_on_head(void *arg, const struct exchange_head *head, bool end)
{
	/* The request head came before anyone listened; what follows one is its trailers. */
	(void)arg;
	(void)head;
	(void)end;
}

static void proxy_on_body(void *arg, struct span data)
{
	struct proxy *p = arg;

	if (p->up != NULL)
		p->ops->send(p->up, data);
	else
		buf_add_span(&p->early, data);
}

static void proxy_on_end(void *arg, const struct fields *trailers)
{
	struct proxy *p = arg;

	p->request_ended = true;
	if (p->up != NULL)
		p->ops->finish(p->up, trailers);
	else
		p->early_end = true;
}

static void proxy_on_room(void *arg)
{
	struct proxy *p = arg;

	if (p->up != NULL)
		p->ops->resume(p->up);
}

static void proxy_on_closed(void *arg, enum exchange_fate fate)
{
	struct proxy *p = arg;

	(void)fate;
	p->x = NULL;
	if (p->up != NULL)
		p->ops->cancel(p->up);
	proxy_free(p);
}

static const struct exchange_events proxy_events = {
	proxy_on_head, proxy_on_body, proxy_on_end, proxy_on_room, proxy_on_closed};

struct proxy *proxy_new(struct worker *w, struct origin_metrics *metrics, struct proxy_hold *hold,
	struct exchange *x, bool ended)
{
	struct proxy *p = mem_alloc(sizeof(*p));

	p->worker = w;
	p->metrics = metrics;
	p->hold = hold;
	hold->count++;
	p->x = x;
	p->request_ended = ended;
	p->start_us = loop_clock_us();
	metrics->requests++;
	metrics->active++;
	exchange_listen(x, &proxy_events, p);
	return p;
}

void proxy_attach(struct proxy *p, const struct upstream *ops, void *up)
{
	p->ops = ops;
	p->up = up;
	if (buf_len(&p->early) > 0)
		ops->send(up, buf_span(&p->early));
	buf_free(&p->early);
	if (p->early_end)
		ops->finish(up, NULL);
}

void proxy_requeue(struct proxy *p, struct span body, bool ended)
{
	p->up = NULL;
	buf_add_span(&p->early, body);
	p->early_end = ended;
}

/* --- The service's answer --- */

/* Real fields beside the serialised ones: the content length only. */
static bool proxy_respond(struct proxy *p, int status, const struct fields *fields, bool end)
{
	struct buf text = {.max = PROXY_HEAD_MAX};
	struct field real[3];
	struct fields out = {.at = real, .cap = 3};
	struct span length = header_value(fields, SPAN("content-length"));

	if (cfheader_encode(fields, &text) < 0) {
		buf_free(&text);
		proxy_fail(p, "response header too large or malformed");
		return false;
	}
	p->answered = true;
	p->metrics->by_code[status]++;
	real[out.count++] = (struct field){CFHEADER_META, CFHEADER_FROM_ORIGIN};
	real[out.count++] = (struct field){CFHEADER_FIELDS, buf_span(&text)};
	if (length.p != NULL)
		real[out.count++] = (struct field){SPAN("content-length"), length};
	exchange_respond(p->x, status, &out, end);
	buf_free(&text);
	return true;
}

void proxy_inform(struct proxy *p, int status)
{
	if (!p->answered)
		exchange_inform(p->x, status);
}

bool proxy_head(struct proxy *p, int status, const struct fields *fields, bool end)
{
	struct field at[HEADER_FIELDS_MAX];
	struct fields kept = HEADER_FIELDS_IN(at);

	for (size_t i = 0; i < fields->count; i++)
		if (!header_is_connection_bound(fields, fields->at[i].name))
			header_add(&kept, fields->at[i].name, fields->at[i].value);
	return proxy_respond(p, status, &kept, end);
}

bool proxy_upgraded(struct proxy *p, const struct fields *fields)
{
	proxy_observe(p);
	return proxy_respond(p, 200, fields, false);
}

size_t proxy_room(const struct proxy *p)
{
	return exchange_room(p->x);
}

void proxy_body(struct proxy *p, struct span data)
{
	exchange_write(p->x, data);
}

void proxy_half_end(struct proxy *p)
{
	exchange_finish(p->x, NULL);
}

/* The upstream is done; x lives on until what is queued is sent. */
static void proxy_detach(struct proxy *p)
{
	struct exchange *x = p->x;

	p->up = NULL;
	if (x == NULL)
		return;
	p->x = NULL;
	exchange_release(x);
	proxy_free(p);
}

void proxy_end(struct proxy *p, const struct fields *trailers)
{
	exchange_finish(p->x, trailers);
	proxy_detach(p);
}

void proxy_fail(struct proxy *p, const char *why)
{
	struct field meta = {CFHEADER_META, CFHEADER_FROM_CONNECTOR};
	struct fields fields = {.at = &meta, .count = 1, .cap = 1};

	log_line(p->worker->log, LOG_WARN, "request failed", "error=\"%s\"", why);
	p->metrics->errors++;
	if (p->answered) {
		exchange_reset(p->x, EXCHANGE_INTERNAL_ERROR);
		p->x = NULL;
		p->up = NULL;
		proxy_free(p);
		return;
	}
	p->metrics->by_code[502]++;
	exchange_respond(p->x, 502, &fields, true);
	proxy_detach(p);
}

void proxy_sent(struct proxy *p, size_t n)
{
	exchange_consumed(p->x, n);
}

bool proxy_request_ended(const struct proxy *p)
{
	return p->request_ended;
}
