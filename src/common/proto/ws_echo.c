/* A WebSocket server that sends every message back. wslay does the frames; bytes go in and out by memory alone. */
#include <stdlib.h>
#include <wslay/wslay.h>

#include "common/base/mem.h"
#include "common/proto/ws.h"

struct ws_echo {
	wslay_event_context_ptr ctx;
	struct span in;  /* what wslay has not taken yet; borrowed during ws_echo_feed */
	struct buf *out; /* borrowed likewise */
	bool failed;     /* no memory, or out's ceiling is reached */
};

static ssize_t echo_on_recv(wslay_event_context_ptr ctx, uint8_t *to, size_t len, int flags, void *arg)
{
	struct ws_echo *e = arg;

	(void)flags;
	if (e->in.len == 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (len > e->in.len)
		len = e->in.len;
	memcpy(to, e->in.p, len);
	e->in = span_skip(e->in, len);
	return (ssize_t)len;
}

static ssize_t echo_on_send(
	wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags, void *arg)
{
	struct ws_echo *e = arg;

	(void)flags;
	if (buf_add(e->out, data, len) < 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
		return -1;
	}
	return (ssize_t)len;
}

/* A whole message. Pings and the closing handshake are answered by wslay, which puts its answers before queued
 * messages: what is not written at once is lost when a close comes with the same bytes. */
static void echo_on_message(
	wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *message, void *arg)
{
	struct ws_echo *e = arg;
	struct wslay_event_msg back = {message->opcode, message->msg, message->msg_length};

	if (wslay_is_ctrl_frame(message->opcode))
		return;
	if (wslay_event_queue_msg(ctx, &back) != 0 || wslay_event_send(ctx) != 0)
		e->failed = true;
}

struct ws_echo *ws_echo_new(void)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = echo_on_recv,
		.send_callback = echo_on_send,
		.on_msg_recv_callback = echo_on_message,
	};
	struct ws_echo *e = mem_alloc(sizeof(*e));

	if (wslay_event_context_server_init(&e->ctx, &callbacks, e) != 0)
		abort(); /* no memory */
	wslay_event_config_set_max_recv_msg_length(e->ctx, WS_ECHO_MESSAGE_MAX);
	return e;
}

bool ws_echo_feed(struct ws_echo *e, struct span in, struct buf *out)
{
	e->in = in;
	e->out = out;
	if (wslay_event_recv(e->ctx) != 0 || wslay_event_send(e->ctx) != 0)
		e->failed = true;
	e->in = SPAN("");
	e->out = NULL;
	return !e->failed && wslay_event_want_read(e->ctx);
}

void ws_echo_free(struct ws_echo *e)
{
	if (e == NULL)
		return;
	wslay_event_context_free(e->ctx);
	free(e);
}
