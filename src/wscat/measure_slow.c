/* The slow checks of the probe: the largest message that passes, a connection held for long, one left alone. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "wscat/visit.h"

/* --- The size check --- */

/* Does a message of so many bytes come back? The code of a close in *code. */
static bool try_size(const struct visit_asker *a, int64_t size, int *code)
{
	struct visit v;
	struct buf message = {.max = (size_t)size};
	bool passed = false;

	*code = 0;
	memset(buf_reserve(&message, (size_t)size), 'w', (size_t)size);
	buf_commit(&message, (size_t)size);
	visit_init(&v, a->conf->env->loop);
	visit_start(&v, a, ASK_UPGRADE);
	visit_settle(&v);
	if (v.opened) {
		v.wanted = buf_span(&message);
		peer_send(v.peer, WS_BINARY, buf_span(&message));
		passed = visit_wait(&v, &v.got_message, 5000);
		if (!v.over)
			peer_close(v.peer, WS_CODE_NORMAL, SPAN(""));
		visit_wait(&v, &v.over, PEER_CLOSE_MS + PEER_LINGER_MS);
		*code = peer_report(v.peer)->close_code;
	}
	visit_fini(&v);
	buf_free(&message);
	return passed;
}

void measure_size(const struct visit_asker *a, struct hop *h)
{
	int64_t low = 0, high = a->conf->frame_bound;
	int code;

	h->frame_bound = high;
	if (try_size(a, high, &code)) {
		h->frame_passed = high;
		return;
	}
	h->frame_close = code;
	for (int tries = 0; high - low > 1 && tries < MEASURE_SIZE_TRIES; tries++) {
		int64_t middle = low + (high - low) / 2;
		if (try_size(a, middle, &code)) {
			low = middle;
		} else {
			high = middle;
			/* A peer that echoes nothing at all is not worth the wait. */
			if (low == 0 && code != WS_CODE_TOO_BIG && tries > 2)
				break;
		}
	}
	h->frame_passed = low;
}

/* --- The soak check --- */

#define SOAK_PINGS 8            /* at least so many in the whole time */
#define SOAK_PING_MOST_MS 15000 /* between two pings */
#define SOAK_PING_LEAST_MS 250
#define SOAK_QUIET_MS 2000 /* for a connection without pings to end after one with pings has */
#define SOAK_MISSED 2      /* pings without an answer, one after the other: nobody is there any more */

/* Ping until the time is over, the connection is, or nothing comes back though it did before. False in that case: the
 * connection stands and leads nowhere. */
static bool soak_once(struct visit *v, uint64_t end, uint64_t ping_ms)
{
	bool answered = false;
	int missed = 0;

	while (!v->over && loop_clock_us() < end) {
		uint64_t sent = loop_clock_us(), left = (end - sent) / 1000 + 1;
		uint64_t pause = left < ping_ms ? left : ping_ms;
		v->got_pong = false;
		peer_send(v->peer, WS_PING, SPAN(VISIT_PING));
		if (visit_wait(v, &v->got_pong, pause)) {
			bool never = false;
			uint64_t took = (loop_clock_us() - sent) / 1000;
			answered = true;
			missed = 0;
			visit_wait(v, &never, took < pause ? pause - took : 0);
		} else if (!v->over && answered && pause == ping_ms && ++missed == SOAK_MISSED) {
			return false;
		}
	}
	return true;
}

/* Over HTTP/2 a second connection stays without pings: a hop that has lost the app may tell those alone that send something. */
void measure_soak(const struct visit_asker *a, struct hop *h)
{
	uint64_t end = loop_clock_us() + a->conf->soak_ms * 1000, ping_ms = a->conf->soak_ms / SOAK_PINGS;

	ping_ms = ping_ms < SOAK_PING_MOST_MS ? ping_ms : SOAK_PING_MOST_MS;
	ping_ms = ping_ms > SOAK_PING_LEAST_MS ? ping_ms : SOAK_PING_LEAST_MS;
	h->soak_ms = (double)a->conf->soak_ms;
	while (loop_clock_us() < end) {
		struct visit v, quiet;

		visit_init(&v, a->conf->env->loop);
		visit_init(&quiet, a->conf->env->loop);
		visit_start(&v, a, ASK_UPGRADE);
		visit_settle(&v);
		if (v.opened && h->is_h2) {
			visit_start(&quiet, a, ASK_UPGRADE);
			visit_settle(&quiet);
		}
		bool silent = !soak_once(&v, end, ping_ms), dropped = v.over;
		if (dropped && quiet.opened)
			silent = !visit_wait(&quiet, &quiet.over, SOAK_QUIET_MS);
		visit_fini(&quiet);
		if (dropped)
			h->close_code = peer_report(v.peer)->close_code;
		else if (!silent)
			visit_close(&v, h);
		bool opened = v.opened;
		visit_fini(&v);
		h->soak_silent += silent;
		h->soak_drops += dropped;
		if (!opened || !(silent || dropped))
			break;
	}
}

/* --- The idle check --- */

/* Two connections to a hop: one silent, one with pings. */
struct idle {
	struct visit_asker asker;
	struct hop *hop;
	struct visit silent, pinged;
	uint64_t opened_us;
};

/* Both open? Then the clock runs. */
static bool idle_start(struct idle *i, const struct measure_conf *conf, struct hop *h)
{
	struct err err;

	i->hop = h;
	if (visit_asker_init(&i->asker, conf, h->url, &err) < 0)
		return false;
	visit_init(&i->silent, conf->env->loop);
	visit_init(&i->pinged, conf->env->loop);
	visit_start(&i->pinged, &i->asker, ASK_UPGRADE);
	visit_settle(&i->pinged);
	visit_start(&i->silent, &i->asker, ASK_UPGRADE);
	visit_settle(&i->silent);
	i->opened_us = loop_clock_us();
	return i->silent.opened;
}

static void idle_note(struct idle *i, uint64_t bound_ms)
{
	struct hop *h = i->hop;

	if (h->idle_bound_ms > 0 || !i->silent.opened)
		return;
	const struct peer_report *p = peer_report(i->silent.peer);
	h->idle_bound_ms = (double)bound_ms;
	if (i->silent.over) {
		uint64_t last = p->at.first_message > p->at.head ? p->at.first_message : p->at.head;
		h->idle_died_ms = (double)(p->at.end - last) / 1000;
		h->idle_how = mem_printf("%s, close code %d", p->end, p->close_code);
	}
}

static bool all_over(const struct idle *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].silent.opened && !list[i].silent.over)
			return false;
	return true;
}

static void idle_finish(struct idle *i, uint64_t bound_ms)
{
	idle_note(i, bound_ms);
	if (i->pinged.peer != NULL)
		i->hop->idle_pinged_lived = i->pinged.opened && !i->pinged.over;
	/* In order where it still lives, without waiting long for each. */
	struct visit *both[] = {&i->silent, &i->pinged};
	for (int k = 0; k < 2; k++) {
		if (both[k]->peer == NULL)
			continue;
		if (both[k]->opened && !both[k]->over) {
			peer_close(both[k]->peer, WS_CODE_NORMAL, SPAN(""));
			visit_wait(both[k], &both[k]->over, 500);
		}
		visit_fini(both[k]);
	}
	visit_asker_fini(&i->asker);
}

void measure_idle(const struct measure_conf *conf, struct hop **hops, size_t count)
{
	struct idle *list = mem_array(count + 1, sizeof(*list));
	uint64_t bound = conf->idle_ms, end = 0;
	uint64_t ping_ms = bound / 8 > 500 ? bound / 8 : 500;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (hops[i]->url == NULL || !hops[i]->replies[ASK_UPGRADE].opened ||
			hops[i]->idle_bound_ms > 0)
			continue;
		idle_start(&list[n++], conf, hops[i]);
	}
	end = loop_clock_us() + bound * 1000;
	while (n > 0 && !all_over(list, n) && loop_clock_us() < end) {
		struct visit clock;
		bool never = false;

		visit_init(&clock, conf->env->loop);
		uint64_t left = (end - loop_clock_us()) / 1000 + 1;
		visit_wait(&clock, &never, left < ping_ms ? left : ping_ms);
		loop_timer_fini(&clock.timer);
		for (size_t i = 0; i < n; i++)
			if (list[i].pinged.opened && !list[i].pinged.over)
				peer_send(list[i].pinged.peer, WS_PING, SPAN(""));
	}
	for (size_t i = 0; i < n; i++)
		idle_finish(&list[i], bound);
	free(list);
}
