/* Calls: from a request to its answer, those that change something one after the other. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "tunnel/mgmt/private.h"

struct call *call_new(struct mgmt *m, struct http_call *http, void (*run)(struct call *c))
{
	static const struct http_request in_the_house = {.address = ""};
	struct call *c = mem_alloc(sizeof(*c));

	c->m = m;
	c->run = run;
	c->http = http;
	c->request = http != NULL ? http_request(http) : &in_the_house;
	c->query = c->request->query;
	c->filled = (struct http_answer){.status = 500, .content_type = "application/json"};
	c->answer = &c->filled;
	return c;
}

static void call_end(struct call *c)
{
	struct mgmt *m = c->m;

	if (c->http != NULL) {
		mgmt_log_request(m, c->request, c->answer->status, c->who);
		http_answer(c->http, c->answer);
	}
	buf_wipe(&c->filled.body);
	if (m->turn == c) {
		m->turn = NULL;
		loop_defer(m->edge->worker->loop, &m->next);
	}
	free(c);
}

void call_run(struct call *c)
{
	c->now = rfc3339_now();
	if (c->m->is_hurried)
		answer_error(c->answer, 503, CODE_OURS, "The edge is stopping");
	else
		c->run(c);
	if (!c->is_pending)
		call_end(c);
}

void call_resume(struct call *c)
{
	if (!c->is_pending)
		call_end(c);
}

/* The next one's turn, when there is one; its end brings the one after it. */
void mgmt_next_turn(void *arg)
{
	struct mgmt *m = arg;
	struct node *n = m->turn == NULL ? list_pop(&m->turns) : NULL;

	if (n != NULL) {
		struct call *c = list_entry(n, struct call, node);
		m->turn = c;
		call_run(c);
	}
	mgmt_check_stopped(m);
}

void call_take_turn(struct call *c)
{
	list_push(&c->m->turns, &c->node);
	loop_defer(c->m->edge->worker->loop, &c->m->next);
}

bool call_is_revoked(const struct call *c)
{
	return c->who[0] != '\0' && !auth_is_current(c->m->auth, c->who, c->who_revision);
}
