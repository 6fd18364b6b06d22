/* What goes out: heads, bodies as far as the windows have room, pings. */
#include "tunnel/h2/session_private.h"

#define ROOM_MARK (EXCHANGE_OUT_MAX / 2) /* `room` is reported when this much becomes free again */
#define YIELD_SHARE 65536                /* bytes of a stream under way that still count as little */

static const uint8_t ping_heartbeat[8] = "beat";

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

int h2_on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t length,
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

void exchange_resume(struct exchange *x)
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
