/* The HTTP/2 library seen from outside. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/secret.h"
#include "tunnel/h2/session_private.h"

#define RESET_BURST 100000 /* RST_STREAM frames the peer may send at once; the peer is authenticated */
#define RESET_RATE 10000   /* and per second after that */

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
