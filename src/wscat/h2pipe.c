/* nghttp2's client session with one stream. */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "wscat/h2pipe.h"

#define OUT_HIGH ((size_t)64 * 1024) /* bytes waiting at which no more are taken */
#define SETTINGS_CONNECT 8           /* SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441, 3) */

struct h2pipe_request {
	struct buf text; /* every name and value, one after the other */
	nghttp2_nv nv[HEADER_FIELDS_MAX];
	size_t count;
	bool is_connect;
};

struct h2pipe {
	struct stream *stream;
	const struct h2pipe_request *request;
	nghttp2_session *session;
	int32_t id;       /* of the stream; 0 before the request */
	struct buf in;    /* head and data for the reader */
	size_t head_left; /* bytes of it that are head, and count in no window */
	struct buf data;  /* from the writer, not yet framed */
	struct buf wire;  /* framed, not yet sent */
	bool interim, head_done, ended, deferred, no_connect;
	const char *why;
};

/* --- The request --- */

static void add_field(struct h2pipe_request *r, struct span name, struct span value)
{
	nghttp2_nv *nv = &r->nv[r->count];

	if (r->count == HEADER_FIELDS_MAX)
		return;
	/* Offsets first: the text may still move. */
	nv->name = (uint8_t *)buf_len(&r->text);
	nv->namelen = name.len;
	for (size_t i = 0; i < name.len; i++)
		buf_add_char(&r->text, span_lower(name.p[i]));
	nv->value = (uint8_t *)buf_len(&r->text);
	nv->valuelen = value.len;
	nv->flags = NGHTTP2_NV_FLAG_NONE;
	buf_add_span(&r->text, value);
	r->count++;
}

struct h2pipe_request *h2pipe_request(const struct request *from, const struct env *env, bool is_tls)
{
	struct h2pipe_request *r = mem_alloc(sizeof(*r));
	struct request_fields fields;

	r->is_connect = from->connection != NULL;
	add_field(r, SPAN(":method"), r->is_connect ? SPAN("CONNECT") : SPAN("GET"));
	if (r->is_connect)
		add_field(r, SPAN(":protocol"), SPAN("websocket"));
	add_field(r, SPAN(":scheme"), is_tls ? SPAN("https") : SPAN("http"));
	add_field(r, SPAN(":authority"), span_str(from->host));
	add_field(r, SPAN(":path"), span_str(from->path));
	request_list(from, env, &fields);
	for (size_t i = 0; i < fields.list.count; i++)
		add_field(r, fields.list.at[i].name, fields.list.at[i].value);
	request_list_fini(&fields);
	for (size_t i = 0; i < r->count; i++) {
		r->nv[i].name = (uint8_t *)buf_span(&r->text).p + (size_t)r->nv[i].name;
		r->nv[i].value = (uint8_t *)buf_span(&r->text).p + (size_t)r->nv[i].value;
	}
	return r;
}

void h2pipe_request_free(struct h2pipe_request *r)
{
	if (r == NULL)
		return;
	buf_wipe(&r->text);
	free(r);
}

/* --- nghttp2's callbacks --- */

static ssize_t on_data_wanted(nghttp2_session *session, int32_t id, uint8_t *to, size_t len, uint32_t *flags,
	nghttp2_data_source *source, void *arg)
{
	struct h2pipe *h = arg;
	size_t n = buf_len(&h->data);

	(void)session;
	(void)id;
	(void)flags;
	(void)source;
	if (n == 0) {
		h->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > len)
		n = len;
	memcpy(to, buf_span(&h->data).p, n);
	buf_consume(&h->data, n);
	return (ssize_t)n;
}

static void submit(struct h2pipe *h)
{
	nghttp2_data_provider body = {.read_callback = on_data_wanted};

	h->id = nghttp2_submit_request(h->session, NULL, h->request->nv, h->request->count,
		h->request->is_connect ? &body : NULL, NULL);
	if (h->id < 0)
		h->why = "HTTP/2: the request cannot be sent";
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2pipe *h = arg;

	if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK) && h->id == 0) {
		if (!h->request->is_connect ||
			nghttp2_session_get_remote_settings(session, SETTINGS_CONNECT) == 1)
			submit(h);
		else
			h->no_connect = true;
	}
	if (frame->hd.stream_id != h->id || h->id == 0)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && h->interim) {
		buf_clear(&h->in); /* passed over (RFC 9110, 15.2) */
		h->interim = false;
	} else if (frame->hd.type == NGHTTP2_HEADERS && !h->head_done) {
		buf_add_str(&h->in, "\r\n");
		h->head_left = buf_len(&h->in);
		h->head_done = true;
	}
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		h->ended = true;
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	struct h2pipe *h = arg;
	struct span n = span_of((const char *)name, name_len), v = span_of((const char *)value, value_len);

	(void)session;
	(void)flags;
	if (frame->hd.stream_id != h->id || h->head_done)
		return 0;
	if (span_eq(n, SPAN(":status")))
		h->interim = v.len > 0 && v.p[0] == '1';
	if (span_eq(n, SPAN(":status")))
		buf_addf(&h->in, "HTTP/1.1 %.*s HTTP/2\r\n", (int)v.len,
			v.p); /* no reason there: say what it was */
	else if (n.len > 0 && n.p[0] != ':')
		buf_addf(&h->in, "%.*s: %.*s\r\n", (int)n.len, n.p, (int)v.len, v.p);
	return buf_len(&h->in) > HTTP1_HEAD_MAX ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_data(
	nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *arg)
{
	struct h2pipe *h = arg;

	(void)session;
	(void)flags;
	if (id == h->id && buf_add(&h->in, data, len) < 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return 0;
}

static int on_stream_closed(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct h2pipe *h = arg;

	(void)session;
	if (id != h->id)
		return 0;
	h->ended = true;
	if (code != NGHTTP2_NO_ERROR)
		h->why = code == NGHTTP2_CANCEL           ? "HTTP/2: stream reset, CANCEL"
			 : code == NGHTTP2_PROTOCOL_ERROR ? "HTTP/2: stream reset, PROTOCOL_ERROR"
			 : code == NGHTTP2_REFUSED_STREAM ? "HTTP/2: stream reset, REFUSED_STREAM"
							  : "HTTP/2: stream reset";
	return 0;
}

struct h2pipe *h2pipe_new(struct stream *stream, const struct h2pipe_request *request)
{
	struct h2pipe *h = mem_alloc(sizeof(*h));
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};

	h->stream = stream;
	h->request = request;
	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		abort(); /* no memory */
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_closed);
	/* A window is given back when the reader has taken the data, not before. */
	nghttp2_option_set_no_auto_window_update(option, 1);
	if (nghttp2_session_client_new2(&h->session, callbacks, h, option) != 0)
		abort();
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, 1);
	return h;
}

void h2pipe_free(struct h2pipe *h)
{
	if (h == NULL)
		return;
	nghttp2_session_del(h->session);
	buf_free(&h->in);
	buf_free(&h->data);
	buf_free(&h->wire);
	free(h);
}

/* --- Bytes --- */

/* Send what the session has to say. STREAM_FAIL, STREAM_AGAIN when the socket is full, or 1. */
static ssize_t push(struct h2pipe *h)
{
	for (;;) {
		if (buf_len(&h->wire) == 0) {
			const uint8_t *bytes;
			ssize_t n = nghttp2_session_mem_send(h->session, &bytes);
			if (n <= 0)
				return n < 0 ? STREAM_FAIL : 1;
			buf_add(&h->wire, bytes, (size_t)n);
		}
		ssize_t n = stream_write(h->stream, buf_span(&h->wire).p, buf_len(&h->wire));
		if (n < 0)
			return n;
		buf_consume(&h->wire, (size_t)n);
	}
}

/* Take bytes off the socket into the session once. */
static ssize_t pull(struct h2pipe *h)
{
	char bytes[16384];
	ssize_t n = stream_read(h->stream, bytes, sizeof(bytes));

	if (n <= 0)
		return n;
	if (nghttp2_session_mem_recv(h->session, (const uint8_t *)bytes, (size_t)n) < 0) {
		h->why = "HTTP/2: protocol error";
		return STREAM_FAIL;
	}
	return n;
}

static ssize_t hand_out(struct h2pipe *h, char *to, size_t len)
{
	size_t n = buf_len(&h->in) < len ? buf_len(&h->in) : len;

	memcpy(to, buf_span(&h->in).p, n);
	buf_consume(&h->in, n);
	size_t head = n < h->head_left ? n : h->head_left;
	h->head_left -= head;
	if (n > head)
		nghttp2_session_consume(h->session, h->id, n - head);
	return push(h) == STREAM_FAIL ? STREAM_FAIL : (ssize_t)n;
}

ssize_t h2pipe_read(struct h2pipe *h, char *to, size_t len)
{
	for (;;) {
		if (push(h) == STREAM_FAIL)
			return STREAM_FAIL;
		/* A head is handed out whole only: a half one has no meaning here. */
		if (buf_len(&h->in) > 0 && h->head_done)
			return hand_out(h, to, len);
		if (h->no_connect) {
			h->why = "HTTP/2: the server does not offer extended CONNECT (RFC 8441)";
			return STREAM_FAIL;
		}
		if (h->ended)
			return h->why != NULL ? STREAM_FAIL : STREAM_EOF;
		ssize_t n = pull(h);
		if (n <= 0)
			return n;
	}
}

ssize_t h2pipe_write(struct h2pipe *h, struct span bytes)
{
	size_t room = buf_len(&h->data) < OUT_HIGH ? OUT_HIGH - buf_len(&h->data) : 0;

	if (bytes.len > room)
		bytes.len = room;
	buf_add_span(&h->data, bytes);
	if (h->deferred && h->id > 0 && buf_len(&h->data) > 0) {
		h->deferred = false;
		nghttp2_session_resume_data(h->session, h->id);
	}
	if (push(h) == STREAM_FAIL)
		return STREAM_FAIL;
	return bytes.len > 0 ? (ssize_t)bytes.len : STREAM_AGAIN;
}

bool h2pipe_wants_write(const struct h2pipe *h)
{
	return buf_len(&h->wire) > 0 || nghttp2_session_want_write(h->session);
}

const char *h2pipe_why(const struct h2pipe *h)
{
	return h->why != NULL ? h->why : h->stream->why;
}

bool h2pipe_no_connect(const struct h2pipe *h)
{
	return h->no_connect;
}
