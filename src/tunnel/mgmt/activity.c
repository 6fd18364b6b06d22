/* Tunnels whose times are not those of the store. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/mgmt/private.h"

struct activity {
	struct mgmt *m;
	struct loop_timer timer;
};

static bool is_new(const struct directory_tunnel *t)
{
	return t->revision > 0 && !t->record.is_quick && t->record.deleted_at == 0 &&
	       (t->active_at != t->seen.active_at || t->inactive_at != t->seen.inactive_at);
}

static bool something_is_new(const struct mgmt *m)
{
	list_for_each (n, directory_all(m->edge->directory))
		if (is_new(list_entry(n, struct directory_tunnel, node)))
			return true;
	return false;
}

static void put_seen(struct change *change, struct directory_tunnel *t)
{
	struct buf json = {0};
	char id[UUID_TEXT_LEN + 1];

	uuid_print(&t->record.id, id);
	t->seen = (struct seen_record){t->active_at, t->inactive_at};
	if (seen_record_print(&t->seen, &json) == 0)
		change_put(change, RECORD_SEEN, span_str(id), buf_span(&json), STORE_ANY);
	buf_free(&json);
}

static void seen(struct call *c, void *with, enum store_result result, const struct err *err)
{
	struct activity *a = c->m->activity;

	(void)with;
	/* After a failure those of this commit wait for their next change. */
	if (result != STORE_OK)
		log_line(c->m->edge->worker->log, LOG_ERROR,
			"when tunnels were connected was not written down", "error=\"%s\"", err->text);
	if (a != NULL)
		loop_timer_start(&a->timer, result == STORE_OK ? ACTIVITY_LOOK_MS : ACTIVITY_RETRY_MS);
}

static void activity_turn(struct call *c)
{
	struct change *change = change_new();

	list_for_each (n, directory_all(c->m->edge->directory)) {
		struct directory_tunnel *t = list_entry(n, struct directory_tunnel, node);
		if (change->count < ACTIVITY_AT_ONCE && is_new(t))
			put_seen(change, t);
	}
	change_commit(change, c, seen, NULL);
}

static void activity_on_timer(void *arg)
{
	struct activity *a = arg;

	if (something_is_new(a->m))
		call_take_turn(call_new(a->m, NULL, activity_turn));
	else
		loop_timer_start(&a->timer, ACTIVITY_LOOK_MS);
}

struct activity *activity_new(struct mgmt *m)
{
	struct activity *a = mem_alloc(sizeof(*a));

	a->m = m;
	loop_timer_init(&a->timer, m->edge->worker->loop, activity_on_timer, a);
	loop_timer_start(&a->timer, ACTIVITY_LOOK_MS);
	return a;
}

void activity_end(struct activity *a)
{
	loop_timer_stop(&a->timer);
	if (something_is_new(a->m))
		call_take_turn(call_new(a->m, NULL, activity_turn));
}

void activity_free(struct activity *a)
{
	if (a == NULL)
		return;
	loop_timer_fini(&a->timer);
	free(a);
}
