/* nghttp2's server session, and streams that sessions read and write as they would a socket. */
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/proto/ws.h"
#include "wscat/h2serve.h"

struct h2serve {
	struct node node; /* in serve->h2 */
	struct serve *serve;
	struct stream stream;
	struct loop_io *io;
	nghttp2_session *session;
	struct buf wire;     /* framed, not yet sent */
	struct list streams; /* of struct h2stream */
	struct loop_task flush, over;
	const char *peer; /* owned */
	bool dead;
};

struct h2stream {
	struct node node;
	struct h2serve *conn;
	int32_t id;
	struct session *session; /* NULL: refused, or its session has gone */
	struct buf in, out;
	bool ended;    /* no more comes in */
	bool shut;     /* no more goes out */
	bool deferred; /* nghttp2 waits for out */
	bool held;     /* the answer is: serve --delay */
	struct loop_timer delay;
	/* Of the request: */
	struct fields fields; /* copies, owned by text's life */
	char *text[HEADER_FIELDS_MAX];
	size_t text_count;
	char *method, *protocol, *path;
};

static void conn_flush(struct h2serve *c);

/* --- The stream as a session sees it --- */

static ssize_t virtual_read(struct stream *s, void *p, size_t len)
{
	struct h2stream *t = s->tls;
	size_t n = buf_len(&t->in) < len ? buf_len(&t->in) : len;

	if (n == 0)
		return t->ended ? STREAM_EOF : STREAM_AGAIN;
	memcpy(p, buf_span(&t->in).p, n);
	buf_consume(&t->in, n);
	if (!t->conn->dead) {
		nghttp2_session_consume(t->conn->session, t->id, n);
		loop_defer(t->conn->serve->loop, &t->conn->flush);
	}
	return (ssize_t)n;
}

static void stream_resume(struct h2stream *t)
{
	if (t->deferred && !t->conn->dead) {
		t->deferred = false;
		nghttp2_session_resume_data(t->conn->session, t->id);
	}
	loop_defer(t->conn->serve->loop, &t->conn->flush);
}

static ssize_t virtual_write(struct stream *s, const void *p, size_t len)
{
	struct h2stream *t = s->tls;
	size_t room = buf_len(&t->out) < H2SERVE_OUT_HIGH ? H2SERVE_OUT_HIGH - buf_len(&t->out) : 0;

	if (t->conn->dead)
		return STREAM_FAIL;
	if (len > room)
		len = room;
	if (len == 0)
		return STREAM_AGAIN;
	buf_add(&t->out, p, len);
	stream_resume(t);
	return (ssize_t)len;
}

static void virtual_shutdown(struct stream *s)
{
	struct h2stream *t = s->tls;

	t->shut = true;
	stream_resume(t);
}

static void virtual_close(struct stream *s)
{
	struct h2stream *t = s->tls;

	t->session = NULL;
	if (!t->shut && !t->conn->dead) /* cut (RFC 8441, 5: a reset stands for one) */
		nghttp2_submit_rst_stream(t->conn->session, NGHTTP2_FLAG_NONE, t->id, NGHTTP2_CANCEL);
	loop_defer(t->conn->serve->loop, &t->conn->flush);
}

static const struct stream_ops virtual_ops = {virtual_read, virtual_write, virtual_shutdown, virtual_close};

/* --- nghttp2's callbacks --- */

static void h2stream_free(struct h2stream *t)
{
	list_remove(&t->node);
	loop_timer_fini(&t->delay);
	for (size_t i = 0; i < t->text_count; i++)
		free(t->text[i]);
	header_free(&t->fields);
	free(t->method);
	free(t->protocol);
	free(t->path);
	buf_free(&t->in);
	buf_free(&t->out);
	free(t);
}

static void h2stream_on_delay(void *arg);

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2serve *c = arg;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	struct h2stream *t = mem_alloc(sizeof(*t));
	t->conn = c;
	t->id = frame->hd.stream_id;
	loop_timer_init(&t->delay, c->serve->loop, h2stream_on_delay, t);
	list_push(&c->streams, &t->node);
	nghttp2_session_set_stream_user_data(session, t->id, t);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	struct h2stream *t = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct span n = span_of((const char *)name, name_len), v = span_of((const char *)value, value_len);

	(void)flags;
	(void)arg;
	if (t == NULL || t->session != NULL)
		return 0;
	char **to = span_eq(n, SPAN(":method"))     ? &t->method
		    : span_eq(n, SPAN(":protocol")) ? &t->protocol
		    : span_eq(n, SPAN(":path"))     ? &t->path
						    : NULL;
	if (to != NULL) {
		free(*to);
		*to = mem_spandup(v);
	} else if (n.len > 0 && n.p[0] != ':' && t->text_count + 2 <= HEADER_FIELDS_MAX) {
		char *copy_n = t->text[t->text_count++] = mem_spandup(n);
		char *copy_v = t->text[t->text_count++] = mem_spandup(v);
		header_add(&t->fields, span_str(copy_n), span_str(copy_v));
	}
	return 0;
}

static ssize_t on_data_wanted(nghttp2_session *session, int32_t id, uint8_t *to, size_t len, uint32_t *flags,
	nghttp2_data_source *source, void *arg)
{
	struct h2stream *t = source->ptr;
	size_t n = buf_len(&t->out) < len ? buf_len(&t->out) : len;

	(void)session;
	(void)id;
	(void)arg;
	if (n == 0 && !t->shut) {
		t->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	memcpy(to, buf_span(&t->out).p, n);
	buf_consume(&t->out, n);
	if (t->shut && buf_len(&t->out) == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define NV(n, v)                                                                            \
	{                                                                                   \
		(uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), strlen(n), strlen(v), \
			NGHTTP2_NV_FLAG_NONE                                                \
	}

/* Answer the request: 200 and a session, or a refusal. */
static void h2stream_answer(struct h2stream *t)
{
	struct stream virtual = {
		.ops = &virtual_ops, .fd = -1, .tls = t, .want_read = LOOP_READ, .want_write = LOOP_WRITE};
	nghttp2_data_provider body = {.source.ptr = t, .read_callback = on_data_wanted};
	struct session_offer offer = {.fields = &t->fields, .path = t->path};
	bool asks = t->method != NULL && strcmp(t->method, "CONNECT") == 0 && t->protocol != NULL &&
		    strcmp(t->protocol, "websocket") == 0;
	char status[8], extensions[128];
	int code = asks ? session_offer(t->conn->serve, &offer) : 404;

	snprintf(status, sizeof(status), "%d", code);
	snprintf(extensions, sizeof(extensions), "%.*s", (int)buf_len(&offer.extensions),
		buf_span(&offer.extensions).p);
	nghttp2_nv nv[3] = {NV(":status", status)};
	size_t count = 1;
	if (code == 200 && offer.subprotocol.len > 0)
		nv[count++] = (nghttp2_nv){(uint8_t *)(uintptr_t) "sec-websocket-protocol",
			(uint8_t *)(uintptr_t)offer.subprotocol.p, 22, offer.subprotocol.len,
			NGHTTP2_NV_FLAG_NONE};
	if (code == 200 && extensions[0] != '\0')
		nv[count++] = (nghttp2_nv)NV("sec-websocket-extensions", extensions);
	nghttp2_submit_response(t->conn->session, t->id, nv, count, code == 200 ? &body : NULL);
	if (code == 200)
		t->session = session_start_stream(t->conn->serve, &virtual, t->conn->peer, &offer);
	buf_free(&offer.extensions);
}

static void h2stream_on_delay(void *arg)
{
	struct h2stream *t = arg;

	t->held = false;
	if (t->ended && t->shut) /* reset meanwhile */
		return;
	h2stream_answer(t);
	loop_defer(t->conn->serve->loop, &t->conn->flush);
}

static void h2stream_ask(struct h2stream *t)
{
	int64_t ms = t->conn->serve->conf->delay_ns / DURATION_MS;

	t->held = ms > 0;
	if (t->held)
		loop_timer_start(&t->delay, (uint64_t)ms);
	else
		h2stream_answer(t);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2stream *t = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)arg;
	if (t == NULL)
		return 0;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		t->ended = true;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		h2stream_ask(t);
	return 0;
}

static int on_data(
	nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *arg)
{
	struct h2stream *t = nghttp2_session_get_stream_user_data(session, id);

	(void)flags;
	(void)arg;
	if (t == NULL || (t->session == NULL && !t->held))
		nghttp2_session_consume(session, id, len);
	else
		buf_add(&t->in, data, len); /* the window bounds it */
	return 0;
}

static int on_closed(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct h2stream *t = nghttp2_session_get_stream_user_data(session, id);

	(void)code;
	(void)arg;
	if (t != NULL) {
		t->ended = true;
		t->shut = true;
		nghttp2_session_set_stream_user_data(session, id, NULL);
	}
	return 0;
}

/* --- The connection --- */

/* Let every session take what has come and say what it has to; free streams that are over. */
static void conn_wake(struct h2serve *c)
{
	list_for_each_safe (n, &c->streams) {
		struct h2stream *t = list_entry(n, struct h2stream, node);
		if (t->session != NULL)
			session_wake(t->session);
		if (t->session == NULL && t->ended && t->shut)
			h2stream_free(t);
	}
}

static void conn_free(void *arg)
{
	struct h2serve *c = arg;

	conn_wake(c); /* their reads and writes fail now */
	list_for_each_safe (n, &c->streams)
		h2stream_free(list_entry(n, struct h2stream, node));
	nghttp2_session_del(c->session);
	loop_task_cancel(&c->flush);
	list_remove(&c->node);
	buf_free(&c->wire);
	free((char *)(uintptr_t)c->peer);
	free(c);
}

static void conn_die(struct h2serve *c)
{
	if (c->dead)
		return;
	c->dead = true;
	list_for_each (n, &c->streams)
		list_entry(n, struct h2stream, node)->ended = true;
	loop_unwatch(c->io);
	c->io = NULL;
	stream_close(&c->stream);
	loop_task_cancel(&c->flush);
	loop_defer(c->serve->loop, &c->over);
}

static void conn_flush(struct h2serve *c)
{
	while (!c->dead) {
		if (buf_len(&c->wire) == 0) {
			const uint8_t *bytes;
			ssize_t n = nghttp2_session_mem_send(c->session, &bytes);
			if (n < 0) {
				conn_die(c);
				return;
			}
			if (n == 0)
				break;
			buf_add(&c->wire, bytes, (size_t)n);
		}
		ssize_t n = stream_write(&c->stream, buf_span(&c->wire).p, buf_len(&c->wire));
		if (n == STREAM_AGAIN)
			break;
		if (n < 0) {
			conn_die(c);
			return;
		}
		buf_consume(&c->wire, (size_t)n);
	}
	if (c->dead)
		return;
	if (!nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session)) {
		conn_die(c);
		return;
	}
	loop_arm(c->io, c->stream.want_read | (buf_len(&c->wire) > 0 ? c->stream.want_write : 0u));
}

/* After sessions have run: what they queued goes, and room in the windows lets them go on. */
static void conn_on_flush(void *arg)
{
	struct h2serve *c = arg;

	conn_flush(c);
	if (!c->dead)
		conn_wake(c);
}

static void conn_on_io(void *arg, unsigned events)
{
	struct h2serve *c = arg;
	char bytes[16384];

	(void)events;
	while (!c->dead) {
		ssize_t n = stream_read(&c->stream, bytes, sizeof(bytes));
		if (n == STREAM_AGAIN)
			break;
		if (n <= 0 || nghttp2_session_mem_recv(c->session, (const uint8_t *)bytes, (size_t)n) < 0) {
			conn_die(c);
			return;
		}
	}
	if (c->dead)
		return;
	conn_wake(c);
	conn_flush(c);
}

static nghttp2_session *new_session(struct h2serve *c)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	nghttp2_session *session;

	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		abort(); /* no memory */
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_closed);
	nghttp2_option_set_no_auto_window_update(option, 1);
	if (nghttp2_session_server_new2(&session, callbacks, c, option) != 0)
		abort();
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	return session;
}

void h2serve_start(struct serve *serve, const struct stream *stream, const char *peer)
{
	struct h2serve *c = mem_alloc(sizeof(*c));
	const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2SERVE_STREAMS_MAX}};

	c->serve = serve;
	c->stream = *stream;
	c->peer = mem_strdup(peer);
	list_init(&c->streams);
	c->flush = (struct loop_task){.fn = conn_on_flush, .arg = c};
	c->over = (struct loop_task){.fn = conn_free, .arg = c};
	c->session = new_session(c);
	nghttp2_submit_settings(
		c->session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0]));
	list_push(&serve->h2, &c->node);
	c->io = loop_watch(serve->loop, c->stream.fd, conn_on_io, c);
	conn_on_io(c, LOOP_READ);
}

void h2serve_stop_all(struct serve *serve)
{
	list_for_each_safe (n, &serve->h2) {
		struct h2serve *c = list_entry(n, struct h2serve, node);
		nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
			nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR, NULL, 0);
		loop_defer(serve->loop, &c->flush);
	}
}

void h2serve_cut_all(struct serve *serve)
{
	list_for_each (n, &serve->h2)
		conn_die(list_entry(n, struct h2serve, node));
}
