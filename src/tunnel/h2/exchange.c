/* Exchanges, and the windows that they are received by, which follow what is measured. */
#include <assert.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/h2/session_private.h"

const uint8_t h2_ping_probe[8] = "probe";

/* --- Receiving windows --- */

/* Announce the stream window that fits: grown by probes, tight while too much is held for slow readers. */
void h2_set_stream_window(struct h2_session *s)
{
	int32_t want = s->held > H2_HELD_MAX / 2 ? H2_WINDOW_TIGHT : s->window;

	if (s->stream_window == H2_WINDOW_TIGHT && s->held > H2_HELD_MAX / 8)
		return;
	if (want == s->stream_window)
		return;
	nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)want};
	if (nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, &entry, 1) == 0)
		s->stream_window = want;
	h2_wake(s);
}

void h2_give_connection(struct h2_session *s, size_t n)
{
	s->owed += n;
	if (s->held >= H2_HELD_MAX)
		return;
	nghttp2_session_consume_connection(s->ng, s->owed);
	s->owed = 0;
}

void h2_count_received(struct h2_session *s, size_t n)
{
	s->since_probe += n;
	if (s->probing) {
		s->probe_bytes += n;
	} else if (s->since_probe >= (uint64_t)s->window / 2 && s->window < H2_WINDOW_MAX) {
		s->probing = true;
		s->probe_bytes = s->since_probe = 0;
		nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, h2_ping_probe);
	}
}

/* When more than two thirds of the window arrived meanwhile, the window is what limits. */
void h2_probe_done(struct h2_session *s)
{
	if (!s->probing)
		return;
	s->probing = false;
	if (s->probe_bytes < (uint64_t)s->window * 2 / 3)
		return;
	uint64_t grown = s->probe_bytes * 2;
	s->window = grown > (uint64_t)H2_WINDOW_MAX ? H2_WINDOW_MAX : (int32_t)grown;
	nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, s->window);
	h2_set_stream_window(s);
}

/* n bytes that x held are held no more: others may get the room. */
static void exchange_let_go(struct exchange *x, size_t n)
{
	struct h2_session *s = x->session;

	assert(n <= x->held);
	x->held -= n;
	s->held -= n;
	if (n == 0 || s->freeing)
		return;
	if (s->owed > 0)
		h2_give_connection(s, 0);
	if (s->stream_window == H2_WINDOW_TIGHT)
		h2_set_stream_window(s);
	h2_wake(s);
}

void exchange_consumed(struct exchange *x, size_t n)
{
	if (n == 0 || x->session->freeing)
		return;
	nghttp2_session_consume_stream(x->session->ng, x->id, n);
	exchange_let_go(x, n);
}

/* --- Exchanges: life and death --- */

struct exchange *exchange_new(struct h2_session *s, int32_t id)
{
	struct exchange *x = mem_alloc(sizeof(*x));

	x->session = s;
	x->id = id;
	list_push(&s->exchanges, &x->node);
	s->active++;
	return x;
}

void exchange_free(struct exchange *x)
{
	struct h2_session *s = x->session;

	list_remove(&x->node);
	list_remove(&x->room_node);
	list_remove(&x->turn_node);
	s->active--;
	s->unsent -= x->unsent;
	exchange_let_go(x, x->held);
	if (s->role == H2_PUBLIC)
		buf_wipe(&x->out);
	buf_free(&x->out);
	header_free(&x->trailers);
	buf_free(&x->trailer_bytes);
	free(x);
	if (s->active == 0 && !s->freeing && s->owner->idle != NULL)
		s->owner->idle(s->arg);
}

void exchange_close(struct exchange *x, enum exchange_fate fate)
{
	const struct exchange_events *events = x->events;

	if (fate != EXCHANGE_LOST && x->failed)
		fate = x->oversized ? EXCHANGE_TOO_LARGE : EXCHANGE_FAILED;
	x->events = NULL;
	if (events != NULL)
		events->closed(x->arg, fate);
	exchange_free(x);
}

enum exchange_fate exchange_fate_of(uint32_t code)
{
	switch (code) {
	case NGHTTP2_NO_ERROR: return EXCHANGE_DONE;
	case NGHTTP2_REFUSED_STREAM: return EXCHANGE_REFUSED;
	default: return EXCHANGE_RESET;
	}
}

void exchange_listen(struct exchange *x, const struct exchange_events *events, void *arg)
{
	x->events = events;
	x->arg = arg;
}

/* Nobody takes what this one still holds. */
static void exchange_forget(struct exchange *x)
{
	x->events = NULL;
	exchange_let_go(x, x->held);
}

void exchange_release(struct exchange *x)
{
	if (x == NULL)
		return;
	/* A response is sent to its end whatever the request still says; an answer nobody waits for is stopped. */
	bool whole = x->finishing && (x->peer_ended || h2_answers(x->session));
	if (!whole)
		exchange_reset(x, EXCHANGE_CANCEL);
	else
		exchange_forget(x);
}

void exchange_reset(struct exchange *x, enum exchange_code code)
{
	if (x == NULL)
		return;
	exchange_forget(x);
	if (x->session->freeing)
		return;
	nghttp2_submit_rst_stream(x->session->ng, NGHTTP2_FLAG_NONE, x->id, (uint32_t)code);
	h2_wake(x->session);
}

/* The library could not send or take this one: fail it alone. */
void exchange_fail(struct exchange *x)
{
	x->failed = true;
	nghttp2_submit_rst_stream(x->session->ng, NGHTTP2_FLAG_NONE, x->id, NGHTTP2_INTERNAL_ERROR);
}
