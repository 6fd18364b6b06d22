/* Waiting for answers to begin. */
#include "tunnel/edge/patience.h"

/* The timer is left as it is when those in front end: it then fires early, and is set anew. */
static void patience_on_timer(void *arg)
{
	struct patience *p = arg;
	struct node *n;

	while ((n = list_first(&p->waiting)) != NULL) {
		struct patience_wait *w = list_entry(n, struct patience_wait, node);
		uint64_t now = loop_now_ms(p->loop);
		if (w->due_ms > now) {
			loop_timer_start(&p->timer, w->due_ms - now);
			return;
		}
		list_remove(&w->node);
		w->fn(w->arg);
	}
}

void patience_init(struct patience *p, struct loop *loop, uint64_t ms)
{
	*p = (struct patience){.loop = loop, .ms = ms};
	list_init(&p->waiting);
	loop_timer_init(&p->timer, loop, patience_on_timer, p);
}

void patience_fini(struct patience *p)
{
	loop_timer_fini(&p->timer);
}

void patience_begin(struct patience *p, struct patience_wait *w)
{
	if (p->ms == 0)
		return;
	list_remove(&w->node);
	w->due_ms = loop_now_ms(p->loop) + p->ms;
	list_push(&p->waiting, &w->node);
	if (p->timer.due_ms == 0)
		loop_timer_start(&p->timer, p->ms);
}

void patience_end(struct patience_wait *w)
{
	list_remove(&w->node);
}
