/* Gathering one configuration and answering it. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/h2/cfheader.h"
#include "tunnel/origin/newrules.h"

struct newrules {
	struct origin *origin;
	struct exchange *x;
	struct buf json;
};

static void newrules_free(struct newrules *c)
{
	buf_free(&c->json);
	free(c);
}

/* Ends it. The answer to what cannot be understood is as cloudflared's. */
static void newrules_answer(struct newrules *c, bool understood, struct span body)
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
	newrules_free(c);
}

static void newrules_apply(struct newrules *c)
{
	struct buf answer = {0};
	bool understood = origin_configure(c->origin, buf_span(&c->json), &answer) == 0;

	newrules_answer(c, understood, buf_span(&answer));
	buf_free(&answer);
}

static void newrules_on_head(void *arg, const struct exchange_head *head, bool end)
{
	/* Trailers say nothing; the end comes by itself. */
	(void)arg;
	(void)head;
	(void)end;
}

static void newrules_on_body(void *arg, struct span data)
{
	struct newrules *c = arg;

	exchange_consumed(c->x, data.len);
	if (buf_add_span(&c->json, data) < 0)
		newrules_answer(c, false, SPAN(""));
}

static void newrules_on_end(void *arg, const struct fields *trailers)
{
	(void)trailers;
	newrules_apply(arg);
}

static void newrules_on_room(void *arg)
{
	(void)arg;
}

static void newrules_on_closed(void *arg, enum exchange_fate fate)
{
	(void)fate;
	newrules_free(arg);
}

static const struct exchange_events newrules_events = {
	newrules_on_head, newrules_on_body, newrules_on_end, newrules_on_room, newrules_on_closed};

void newrules_start(struct origin *o, struct exchange *x, bool end)
{
	struct newrules *c = mem_alloc(sizeof(*c));

	c->origin = o;
	c->x = x;
	c->json.max = INGRESS_REMOTE_MAX;
	exchange_listen(x, &newrules_events, c);
	if (end)
		newrules_apply(c);
}
