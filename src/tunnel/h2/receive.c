/* What comes in: the library's callbacks become exchange events. */
#include "tunnel/h2/session_private.h"

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

int h2_on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
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

int h2_on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
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

int h2_on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
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
		if (memcmp(frame->ping.opaque_data, h2_ping_probe, sizeof(h2_ping_probe)) == 0)
			h2_probe_done(s);
		else
			s->owner->pong(s->arg);
	} else if (frame->hd.type == NGHTTP2_WINDOW_UPDATE) {
		h2_end_yielding(s);
	}
	return 0;
}

int h2_on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *arg)
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

int h2_on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
	struct exchange *x = h2_exchange(arg, id);

	(void)ng;
	if (x != NULL)
		exchange_close(x, exchange_fate_of(code));
	return 0;
}

int h2_on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
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
int h2_on_not_send(nghttp2_session *ng, const nghttp2_frame *frame, int code, void *arg)
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
