/* Gathering one configuration and answering it. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/h2/cfheader.h"
#include "tunnel/origin/configure.h"

struct configure {
	struct origin *origin;
	struct exchange *x;
	struct buf json;
};

static void configure_free(struct configure *c)
{
	buf_free(&c->json);
	free(c);
}

/* Ends it. The answer to what cannot be understood is as cloudflared's. */
static void configure_answer(struct configure *c, bool understood, struct span body)
{
	struct field meta = {CFHEADER_META, CFHEADER_FROM_CONNECTOR};
	struct field type = {SPAN("content-type"), SPAN("application/json")};
	struct fields fields = {.at = understood ? &type : &meta, .count = 1, .cap = 1};

	exchange_respond(c->x, understood ? 200 : 502, &fields, !understood);
	if (understood) {
		/* A few hundred bytes: there is room in a new exchange. */
		exchange_write(c->x, body);
		exchange_finish(c->x, NULL);
	}
	exchange_release(c->x);
	configure_free(c);
}

static void configure_apply(struct configure *c)
{
	struct buf answer = {0};
	bool understood = origin_configure(c->origin, buf_span(&c->json), &answer) == 0;

	configure_answer(c, understood, buf_span(&answer));
	buf_free(&answer);
}

static void configure_on_head(void *arg, const struct exchange_head *head, bool end)
{
	/* Trailers say nothing; the end comes by itself. */
	(void)arg;
	(void)head;
	(void)end;
}

static void configure_on_body(void *arg, struct span data)
{
	struct configure *c = arg;

	exchange_consumed(c->x, data.len);
	if (buf_add_span(&c->json, data) < 0)
		configure_answer(c, false, SPAN(""));
}

static void configure_on_end(void *arg, const struct fields *trailers)
{
	(void)trailers;
	configure_apply(arg);
}

static void configure_on_room(void *arg)
{
	(void)arg;
}

static void configure_on_closed(void *arg, enum exchange_fate fate)
{
	(void)fate;
	configure_free(arg);
}

static const struct exchange_events configure_events = {
	configure_on_head, configure_on_body, configure_on_end, configure_on_room, configure_on_closed};

void configure_start(struct origin *o, struct exchange *x, bool end)
{
	struct configure *c = mem_alloc(sizeof(*c));

	c->origin = o;
	c->x = x;
	c->json.max = INGRESS_REMOTE_MAX;
	exchange_listen(x, &configure_events, c);
	if (end)
		configure_apply(c);
}
