/* The HTTP/2 library seen from outside: its callbacks become exchange events, its windows follow what is measured. */
#include <assert.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/secret.h"
#include "tunnel/h2/blockfilter.h"
#include "tunnel/h2/session.h"

#define RESET_BURST 100000 /* RST_STREAM frames the peer may send at once; the peer is authenticated */
#define RESET_RATE 10000   /* and per second after that */
#define ROOM_MARK (EXCHANGE_OUT_MAX / 2) /* `room` is reported when this much becomes free again */
#define YIELD_SHARE 65536                /* bytes of a stream under way that still count as little */

struct exchange {
	struct node node;      /* in session->exchanges */
	struct node room_node; /* in session->roomy when `room` is due */
	struct node turn_node; /* in session->yielding while it leaves the peer's window to others */
	struct h2_session *session;
	const struct exchange_events *events; /* NULL: nobody listens any more */
	void *arg;
	int32_t id;
	struct buf out; /* body bytes not framed yet */
	size_t held;    /* received bytes not given back yet */
	size_t unsent;  /* bytes of its request head, until that is framed */
	struct fields trailers;
	struct buf trailer_bytes;
	bool head_seen;  /* the final head has arrived */
	bool deferred;   /* the library waits for more body */
	bool finishing;  /* exchange_finish was called */
	bool peer_ended; /* END_STREAM has come */
	bool failed;     /* closed reports EXCHANGE_FAILED whatever the code */
	bool oversized;  /* or EXCHANGE_TOO_LARGE */
};

/* Where a field of the head being received lies in head_bytes. */
struct field_place {
	size_t name, name_len, value, value_len;
};

struct h2_session {
	nghttp2_session *ng;
	enum h2_role role;
	const struct h2_owner *owner;
	void *arg;
	struct list exchanges, roomy, yielding;
	bool shares;         /* h2_share_window */
	int32_t peer_window; /* the largest that the peer's connection window has been */
	size_t active;
	size_t unsent; /* of all exchanges */
	bool freeing;
	bool woken;      /* the owner was told that there is something to send */
	struct buf *out; /* while h2_pull runs: where to, and up to how many bytes */
	size_t high;
	struct blockfilter filter;
	/* The head being received; blocks of one connection never interleave. */
	struct buf head_bytes;
	struct field_place places[HEADER_FIELDS_MAX];
	size_t place_count;
	bool head_was_cut;   /* by the filter */
	bool head_too_large; /* so, or past our own limits */
	struct fields head_fields;
	/* Receiving windows. */
	int32_t window;        /* of a stream and of the connection, grown by probes */
	int32_t stream_window; /* as last announced; H2_WINDOW_TIGHT while too much is held */
	size_t held;           /* delivered and not given back, all streams */
	size_t owed;           /* connection window kept back because of `held` */
	/* A probe measures how much arrives in one round trip. */
	bool probing;
	uint64_t probe_bytes, since_probe;
};

static const uint8_t ping_heartbeat[8] = "beat";
static const uint8_t ping_probe[8] = "probe";

/* Are requests answered here? */
static bool h2_answers(const struct h2_session *s)
{
	return s->role != H2_EDGE;
}

static void h2_wake(struct h2_session *s)
{
	if (s->woken || s->out != NULL)
		return;
	s->woken = true;
	s->owner->wake(s->arg);
}

/* --- Receiving windows --- */

/* Announce the stream window that fits: grown by probes, tight while too much is held for slow readers. */
static void h2_set_stream_window(struct h2_session *s)
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

static void h2_give_connection(struct h2_session *s, size_t n)
{
	s->owed += n;
	if (s->held >= H2_HELD_MAX)
		return;
	nghttp2_session_consume_connection(s->ng, s->owed);
	s->owed = 0;
}

static void h2_count_received(struct h2_session *s, size_t n)
{
	s->since_probe += n;
	if (s->probing) {
		s->probe_bytes += n;
	} else if (s->since_probe >= (uint64_t)s->window / 2 && s->window < H2_WINDOW_MAX) {
		s->probing = true;
		s->probe_bytes = s->since_probe = 0;
		nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, ping_probe);
	}
}

/* A probe came back: when more than two thirds of the window arrived meanwhile, the window is what limits. */
static void h2_probe_done(struct h2_session *s)
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

static struct exchange *exchange_new(struct h2_session *s, int32_t id)
{
	struct exchange *x = mem_alloc(sizeof(*x));

	x->session = s;
	x->id = id;
	list_push(&s->exchanges, &x->node);
	s->active++;
	return x;
}

static void exchange_free(struct exchange *x)
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

static void exchange_close(struct exchange *x, enum exchange_fate fate)
{
	const struct exchange_events *events = x->events;

	if (fate != EXCHANGE_LOST && x->failed)
		fate = x->oversized ? EXCHANGE_TOO_LARGE : EXCHANGE_FAILED;
	x->events = NULL;
	if (events != NULL)
		events->closed(x->arg, fate);
	exchange_free(x);
}

static enum exchange_fate exchange_fate_of(uint32_t code)
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
static void exchange_fail(struct exchange *x)
{
	x->failed = true;
	nghttp2_submit_rst_stream(x->session->ng, NGHTTP2_FLAG_NONE, x->id, NGHTTP2_INTERNAL_ERROR);
}

/* --- Sending --- */

/* In the table of recent fields a value that never comes again is compared with in vain and pushes others out. */
static uint8_t nv_flags(struct span name)
{
	bool unique = span_eq(name, SPAN("cf-ray")) || span_eq(name, SPAN("sec-websocket-key"));

	return unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
}

static nghttp2_nv nv_of(struct span name, struct span value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.len, value.len,
		nv_flags(name)};
}

/* At most four pseudo-header fields, then the others. Returns the count. */
static size_t nv_fill(nghttp2_nv *nv, const struct exchange_head *head, char status[4])
{
	size_t n = 0;

	if (head->status != 0) {
		status[0] = (char)('0' + head->status / 100);
		status[1] = (char)('0' + head->status / 10 % 10);
		status[2] = (char)('0' + head->status % 10);
		nv[n++] = nv_of(SPAN(":status"), span_of(status, 3));
	} else {
		nv[n++] = nv_of(SPAN(":method"), head->method);
		nv[n++] = nv_of(SPAN(":scheme"), head->scheme);
		nv[n++] = nv_of(SPAN(":authority"), head->authority);
		nv[n++] = nv_of(SPAN(":path"), head->path);
	}
	for (size_t i = 0; head->fields != NULL && i < head->fields->count; i++)
		nv[n++] = nv_of(head->fields->at[i].name, head->fields->at[i].value);
	return n;
}

#define NV_MAX (HEADER_FIELDS_MAX + 4)

void h2_share_window(struct h2_session *s)
{
	s->shares = true;
}

/* The last quarter of the peer's connection window is for streams that have little under way. */
static bool exchange_must_yield(nghttp2_session *ng, const struct exchange *x)
{
	struct h2_session *s = x->session;

	if (!s->shares)
		return false;
	int32_t left = nghttp2_session_get_remote_window_size(ng);
	int64_t initial = nghttp2_session_get_remote_settings(ng, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);

	if (left > s->peer_window)
		s->peer_window = left;
	return left <= s->peer_window / 4 &&
	       initial - nghttp2_session_get_stream_remote_window_size(ng, x->id) > YIELD_SHARE;
}

static ssize_t exchange_on_read(nghttp2_session *ng, int32_t id, uint8_t *to, size_t length, uint32_t *flags,
	nghttp2_data_source *source, void *arg)
{
	struct exchange *x = source->ptr;
	size_t have = buf_len(&x->out);

	(void)to;
	(void)arg;
	if (have == 0 && !x->finishing) {
		x->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (have > 0 && exchange_must_yield(ng, x)) {
		x->deferred = true;
		if (!node_linked(&x->turn_node))
			list_push(&x->session->yielding, &x->turn_node);
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (!x->finishing || have > length)
		return (ssize_t)(have < length ? have : length);
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (x->trailers.count > 0) {
		nghttp2_nv nv[NV_MAX];
		char status[4];
		struct exchange_head head = {.status = 100, .fields = &x->trailers};
		size_t n = nv_fill(nv, &head, status);
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		/* Without the status that nv_fill put first. */
		nghttp2_submit_trailer(ng, id, nv + 1, n - 1);
	}
	return (ssize_t)have;
}

static int h2_on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t length,
	nghttp2_data_source *source, void *arg)
{
	struct h2_session *s = arg;
	struct exchange *x = source->ptr;

	(void)ng;
	(void)frame;
	if (buf_len(s->out) >= s->high)
		return NGHTTP2_ERR_WOULDBLOCK; /* tried again at the next pull; skipped if the stream closes first */
	if (buf_add(s->out, head, 9) < 0 || buf_add(s->out, buf_span(&x->out).p, length) < 0)
		return NGHTTP2_ERR_WOULDBLOCK;
	/* Whoever found too little room waits for this, whether he tried to write or only asked. */
	bool was_tight = exchange_room(x) < ROOM_MARK;
	buf_consume(&x->out, length);
	if (s->role == H2_PUBLIC && buf_len(&x->out) == 0)
		buf_wipe(&x->out);
	buf_release(&x->out);
	if (was_tight && exchange_room(x) >= ROOM_MARK && !node_linked(&x->room_node))
		list_push(&s->roomy, &x->room_node);
	return 0;
}

size_t exchange_room(const struct exchange *x)
{
	return x->finishing ? 0 : EXCHANGE_OUT_MAX - buf_len(&x->out);
}

static void exchange_resume(struct exchange *x)
{
	if (x->session->freeing)
		return;
	if (x->deferred) {
		x->deferred = false;
		nghttp2_session_resume_data(x->session->ng, x->id);
	}
	h2_wake(x->session);
}

size_t exchange_write(struct exchange *x, struct span data)
{
	size_t room = exchange_room(x), n = data.len < room ? data.len : room;

	if (n == 0)
		return 0;
	if (x->session->role == H2_PUBLIC)
		buf_reserve(&x->out, room); /* growing would leave a copy of a secret behind */
	buf_add(&x->out, data.p, n);
	exchange_resume(x);
	return n;
}

void exchange_finish(struct exchange *x, const struct fields *trailers)
{
	if (x->finishing)
		return;
	x->finishing = true;
	for (size_t i = 0; trailers != NULL && i < trailers->count; i++) {
		buf_add_span(&x->trailer_bytes, trailers->at[i].name);
		buf_add_span(&x->trailer_bytes, trailers->at[i].value);
	}
	const char *p = buf_span(&x->trailer_bytes).p;
	for (size_t i = 0; trailers != NULL && i < trailers->count; i++) {
		struct span name = span_of(p, trailers->at[i].name.len);
		struct span value = span_of(p + name.len, trailers->at[i].value.len);
		header_add(&x->trailers, name, value);
		p += name.len + value.len;
	}
	exchange_resume(x);
}

void exchange_inform(struct exchange *x, int status)
{
	struct exchange_head head = {.status = status};
	nghttp2_nv nv[NV_MAX];
	char text[4];

	nghttp2_submit_headers(
		x->session->ng, NGHTTP2_FLAG_NONE, x->id, NULL, nv, nv_fill(nv, &head, text), NULL);
	h2_wake(x->session);
}

void exchange_respond(struct exchange *x, int status, const struct fields *fields, bool end)
{
	struct exchange_head head = {.status = status, .fields = fields};
	nghttp2_data_provider provider = {.source.ptr = x, .read_callback = exchange_on_read};
	nghttp2_nv nv[NV_MAX];
	char text[4];

	x->finishing = x->finishing || end;
	if (nghttp2_submit_response(
		    x->session->ng, x->id, nv, nv_fill(nv, &head, text), end ? NULL : &provider) != 0)
		exchange_fail(x);
	h2_wake(x->session);
}

/* What the library keeps of a head until it is sent. */
static size_t nv_size(const nghttp2_nv *nv, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += sizeof(*nv) + nv[i].namelen + nv[i].valuelen;
	return size;
}

struct exchange *h2_open(struct h2_session *s, const struct exchange_head *head, bool end,
	const struct exchange_events *events, void *arg)
{
	nghttp2_nv nv[NV_MAX];
	char text[4];

	if (!h2_can_open(s))
		return NULL;
	struct exchange *x = exchange_new(s, 0);
	nghttp2_data_provider provider = {.source.ptr = x, .read_callback = exchange_on_read};
	size_t count = nv_fill(nv, head, text);
	x->finishing = end;
	x->id = nghttp2_submit_request(s->ng, NULL, nv, count, end ? NULL : &provider, x);
	if (x->id < 0) {
		exchange_free(x);
		return NULL;
	}
	x->unsent = nv_size(nv, count);
	s->unsent += x->unsent;
	exchange_listen(x, events, arg);
	h2_wake(s);
	return x;
}

bool h2_can_open(const struct h2_session *s)
{
	return !s->freeing && s->unsent < H2_UNSENT_MAX && nghttp2_session_check_request_allowed(s->ng) &&
	       s->active <
		       nghttp2_session_get_remote_settings(s->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool h2_is_worn(const struct h2_session *s)
{
	return nghttp2_session_get_next_stream_id(s->ng) > (uint32_t)H2_LAST_ID;
}

size_t h2_active(const struct h2_session *s)
{
	return s->active;
}

void h2_ping(struct h2_session *s)
{
	nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, ping_heartbeat);
	h2_wake(s);
}

void h2_goaway(struct h2_session *s)
{
	int32_t last = nghttp2_session_get_last_proc_stream_id(s->ng);

	nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
	h2_wake(s);
}

/* --- Receiving: callbacks of the library --- */

static struct exchange *h2_exchange(struct h2_session *s, int32_t id)
{
	return nghttp2_session_get_stream_user_data(s->ng, id);
}

/* The head that is being received costs its stream: mark it before the library finds fault with what is left of it. */
static void h2_refuse_head(struct h2_session *s, int32_t id)
{
	struct exchange *x = h2_exchange(s, id);

	s->head_too_large = true;
	if (x != NULL)
		x->failed = x->oversized = true;
}

static int h2_on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
	struct h2_session *s = arg;

	buf_clear(&s->head_bytes);
	s->place_count = 0;
	s->head_too_large = false;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		struct exchange *x = exchange_new(s, frame->hd.stream_id);
		nghttp2_session_set_stream_user_data(ng, x->id, x);
	}
	if (s->head_was_cut)
		h2_refuse_head(s, frame->hd.stream_id);
	return 0;
}

static int h2_on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
	const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	struct h2_session *s = arg;
	size_t at = buf_len(&s->head_bytes);

	(void)ng;
	(void)flags;
	if (s->head_too_large)
		return 0;
	if (s->place_count == HEADER_FIELDS_MAX || buf_add(&s->head_bytes, name, name_len) < 0 ||
		buf_add(&s->head_bytes, value, value_len) < 0) {
		h2_refuse_head(s, frame->hd.stream_id);
		return 0;
	}
	s->places[s->place_count++] = (struct field_place){at, name_len, at + name_len, value_len};
	return 0;
}

/* Put a pseudo-header field where it belongs. */
static void head_take_pseudo(struct exchange_head *head, struct span name, struct span value)
{
	uint64_t status;

	if (span_eq(name, SPAN(":method")))
		head->method = value;
	else if (span_eq(name, SPAN(":scheme")))
		head->scheme = value;
	else if (span_eq(name, SPAN(":authority")))
		head->authority = value;
	else if (span_eq(name, SPAN(":path")))
		head->path = value;
	else if (span_eq(name, SPAN(":status")) && span_to_u64(value, 999, &status))
		head->status = (int)status;
}

/* The head that was collected, as spans over head_bytes. */
static void h2_build_head(struct h2_session *s, struct exchange_head *head)
{
	const char *base = buf_span(&s->head_bytes).p;

	*head = (struct exchange_head){.fields = &s->head_fields};
	header_clear(&s->head_fields);
	for (size_t i = 0; i < s->place_count; i++) {
		const struct field_place *p = &s->places[i];
		struct span name = span_of(base + p->name, p->name_len),
			    value = span_of(base + p->value, p->value_len);
		if (name.len > 0 && name.p[0] == ':')
			head_take_pseudo(head, name, value);
		else
			header_add(&s->head_fields, name, value);
	}
}

static void h2_on_head(struct h2_session *s, struct exchange *x, bool end)
{
	struct exchange_head head;

	if (s->head_too_large) {
		exchange_fail(x);
		return;
	}
	h2_build_head(s, &head);
	x->peer_ended = end;
	if (h2_answers(s) && !x->head_seen) {
		x->head_seen = true;
		s->owner->request(s->arg, x, &head, end);
		return;
	}
	if (x->head_seen) {
		if (x->events != NULL)
			x->events->end(x->arg, &s->head_fields);
		return;
	}
	x->head_seen = head.status >= 200;
	if (x->events != NULL)
		x->events->head(x->arg, &head, end);
}

/* The peer's window has grown: those that left it to others look again. */
static void h2_end_yielding(struct h2_session *s)
{
	struct node *n;

	while ((n = list_pop(&s->yielding)) != NULL)
		exchange_resume(list_entry(n, struct exchange, turn_node));
}

static int h2_on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
	struct h2_session *s = arg;
	struct exchange *x = frame->hd.stream_id != 0 ? h2_exchange(s, frame->hd.stream_id) : NULL;
	bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

	(void)ng;
	if (frame->hd.type == NGHTTP2_HEADERS && x != NULL) {
		h2_on_head(s, x, end);
		if (s->role == H2_PUBLIC)
			buf_wipe(&s->head_bytes);
	} else if (frame->hd.type == NGHTTP2_DATA && x != NULL && end) {
		x->peer_ended = true;
		if (x->events != NULL)
			x->events->end(x->arg, NULL);
	} else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK)) {
		if (memcmp(frame->ping.opaque_data, ping_probe, sizeof(ping_probe)) == 0)
			h2_probe_done(s);
		else
			s->owner->pong(s->arg);
	} else if (frame->hd.type == NGHTTP2_WINDOW_UPDATE) {
		h2_end_yielding(s);
	}
	return 0;
}

static int h2_on_data(
	nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *arg)
{
	struct h2_session *s = arg;
	struct exchange *x = h2_exchange(s, id);

	(void)flags;
	h2_count_received(s, len);
	if (x == NULL || x->events == NULL) {
		nghttp2_session_consume(ng, id, len);
		return 0;
	}
	x->held += len;
	s->held += len;
	h2_give_connection(s, len);
	if (s->held > H2_HELD_MAX / 2)
		h2_set_stream_window(s);
	x->events->body(x->arg, span_of((const char *)data, len));
	return 0;
}

static int h2_on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
	struct exchange *x = h2_exchange(arg, id);

	(void)ng;
	if (x != NULL)
		exchange_close(x, exchange_fate_of(code));
	return 0;
}

static int h2_on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
	struct h2_session *s = arg;
	bool is_head = frame->hd.type == NGHTTP2_HEADERS;

	if (!is_head && frame->hd.type != NGHTTP2_DATA)
		return 0;
	struct exchange *x = h2_exchange(s, frame->hd.stream_id);
	if (x == NULL)
		return 0;
	if (is_head) {
		s->unsent -= x->unsent;
		x->unsent = 0;
	}
	/* Our direction has ended while the peer still sends what nobody reads (RFC 9113, 8.1). */
	if (h2_answers(s) && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && x->events == NULL &&
		!x->peer_ended)
		nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, x->id, NGHTTP2_NO_ERROR);
	return 0;
}

/* The exchange of a stream that the library may not know. */
static struct exchange *h2_find(struct h2_session *s, int32_t id)
{
	list_for_each (n, &s->exchanges) {
		struct exchange *x = list_entry(n, struct exchange, node);
		if (x->id == id)
			return x;
	}
	return NULL;
}

/* A request was never sent: cancelled in time, not allowed any more, or too large. The library closes the stream if it
 * has made one; the peer knows of none, so resetting it would break the connection. */
static void h2_request_not_sent(struct h2_session *s, struct exchange *x, int code)
{
	x->failed = code == NGHTTP2_ERR_FRAME_SIZE_ERROR || code == NGHTTP2_ERR_HEADER_COMP;
	if (nghttp2_session_find_stream(s->ng, x->id) == NULL)
		exchange_close(x, EXCHANGE_REFUSED);
}

/* A frame of ours was given up before it was sent: its stream has failed, though the library keeps it. */
static int h2_on_not_send(nghttp2_session *ng, const nghttp2_frame *frame, int code, void *arg)
{
	struct h2_session *s = arg;

	(void)ng;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	struct exchange *x = h2_find(s, frame->hd.stream_id);
	if (x == NULL)
		return 0;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		h2_request_not_sent(s, x, code);
	else
		exchange_fail(x);
	return 0;
}

/* --- The session --- */

/* What a public session keeps of heads has tokens in it. */
static void *wiping_malloc(size_t size, void *arg)
{
	(void)arg;
	return malloc(size);
}

static void wiping_free(void *p, void *arg)
{
	(void)arg;
	secret_block_free(p);
}

static void *wiping_calloc(size_t count, size_t size, void *arg)
{
	(void)arg;
	return calloc(count, size);
}

static void *wiping_realloc(void *p, size_t size, void *arg)
{
	(void)arg;
	return secret_block_grow(p, size);
}

static nghttp2_mem wiping = {NULL, wiping_malloc, wiping_free, wiping_calloc, wiping_realloc};

static int h2_new_library_session(struct h2_session *s)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return -1;
	if (nghttp2_option_new(&option) != 0) {
		nghttp2_session_callbacks_del(callbacks);
		return -1;
	}
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, h2_on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, h2_on_frame_send);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, h2_on_not_send);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_on_send_data);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_continuations(option, BLOCKFILTER_CONTINUATIONS_MAX);
	nghttp2_option_set_max_send_header_block_length(option, H2_SEND_HEAD_MAX);
	if (s->role == H2_PUBLIC)
		nghttp2_option_set_stream_reset_rate_limit(option, H2_PUBLIC_RESETS, H2_PUBLIC_RESETS / 10);
	else
		nghttp2_option_set_stream_reset_rate_limit(option, RESET_BURST, RESET_RATE);
	nghttp2_option_set_peer_max_concurrent_streams(option, H2_STREAMS_MAX);
	nghttp2_mem *mem = s->role == H2_PUBLIC ? &wiping : NULL;
	int rc = !h2_answers(s) ? nghttp2_session_client_new3(&s->ng, callbacks, s, option, mem)
				: nghttp2_session_server_new3(&s->ng, callbacks, s, option, mem);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return rc;
}

struct h2_session *h2_new(enum h2_role role, const struct h2_owner *owner, void *arg)
{
	struct h2_session *s = mem_alloc(sizeof(*s));
	size_t head_max = role == H2_PUBLIC ? H2_PUBLIC_HEAD : H2_HEAD_MAX;
	uint32_t streams = role == H2_PUBLIC ? H2_PUBLIC_STREAMS : H2_STREAMS_MAX;
	nghttp2_settings_entry entries[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)H2_WINDOW_FIRST},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)head_max},
		{role == H2_EDGE ? NGHTTP2_SETTINGS_ENABLE_PUSH : NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
			role == H2_EDGE ? 0 : streams},
	};

	s->role = role;
	s->owner = owner;
	s->arg = arg;
	s->window = s->stream_window = H2_WINDOW_FIRST;
	s->head_bytes.max = head_max;
	list_init(&s->exchanges);
	list_init(&s->roomy);
	list_init(&s->yielding);
	blockfilter_init(&s->filter, h2_answers(s));
	/* Out of memory is the only way to fail here. */
	if (h2_new_library_session(s) != 0 || nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, entries,
						      sizeof(entries) / sizeof(entries[0])) != 0)
		abort();
	nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, H2_WINDOW_FIRST);
	return s;
}

void h2_free(struct h2_session *s)
{
	struct node *n;

	if (s == NULL)
		return;
	s->freeing = true;
	while ((n = list_first(&s->exchanges)) != NULL)
		exchange_close(list_entry(n, struct exchange, node), EXCHANGE_LOST);
	nghttp2_session_del(s->ng);
	blockfilter_fini(&s->filter);
	buf_wipe(&s->head_bytes);
	header_free(&s->head_fields);
	free(s);
}

int h2_feed(struct h2_session *s, struct span bytes, struct err *err)
{
	struct blockfilter_piece piece;
	enum parse parsed;
	const char *why;
	ssize_t n = 0;

	while ((parsed = blockfilter_next(&s->filter, &bytes, &piece, &why)) == PARSE_OK && n >= 0) {
		s->head_was_cut = piece.was_cut;
		n = nghttp2_session_mem_recv(s->ng, (const uint8_t *)piece.bytes.p, piece.bytes.len);
	}
	if (parsed == PARSE_BAD)
		nghttp2_session_terminate_session(s->ng, NGHTTP2_PROTOCOL_ERROR);
	h2_wake(s);
	buf_release(&s->head_bytes);
	if (parsed == PARSE_BAD)
		return err_set(err, "HTTP/2: %s", why);
	if (n < 0)
		return err_set(err, "HTTP/2: %s", nghttp2_strerror((int)n));
	return 0;
}

static void h2_report_room(struct h2_session *s)
{
	struct node *n;

	while ((n = list_pop(&s->roomy)) != NULL) {
		struct exchange *x = list_entry(n, struct exchange, room_node);
		if (x->events != NULL)
			x->events->room(x->arg);
	}
}

int h2_pull(struct h2_session *s, struct buf *out, size_t high, struct err *err)
{
	const uint8_t *data;
	ssize_t n = 1;

	s->woken = false;
	s->out = out;
	s->high = high;
	while (buf_len(out) < high && n > 0) {
		size_t before = buf_len(out);
		n = nghttp2_session_mem_send(s->ng, &data);
		if (n > 0)
			buf_add(out, data, (size_t)n);
		else if (n == 0 && buf_len(out) > before)
			n = 1; /* body bytes went straight to out */
		if (n == 0 && !list_empty(&s->roomy)) {
			h2_report_room(s);
			n = 1;
		}
	}
	s->out = NULL;
	h2_report_room(s);
	if (n < 0)
		return err_set(err, "HTTP/2: %s", nghttp2_strerror((int)n));
	return 0;
}

bool h2_is_over(const struct h2_session *s)
{
	return nghttp2_session_want_read(s->ng) == 0 && nghttp2_session_want_write(s->ng) == 0;
}
