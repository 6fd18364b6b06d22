/* One end of an open WebSocket (RFC 6455): frames in and out by memory alone. wslay does the frames, ws_deflate the
 * compression. What a peer can make it hold is bounded by message_max and WS_CONN_OUT_HIGH. */
#ifndef PROTO_WS_CONN_H
#define PROTO_WS_CONN_H

#include "common/proto/ws_deflate.h"

enum ws_opcode {
	WS_CONT = 0x0,
	WS_TEXT = 0x1,
	WS_BINARY = 0x2,
	WS_CLOSE = 0x8,
	WS_PING = 0x9,
	WS_PONG = 0xA,
};

enum ws_code { /* RFC 6455, 7.4.1 */
	WS_CODE_NORMAL = 1000,
	WS_CODE_AWAY = 1001,
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_NONE = 1005,     /* a close frame without a code; never sent */
	WS_CODE_ABNORMAL = 1006, /* no close frame at all; never sent */
	WS_CODE_NOT_UTF8 = 1007,
	WS_CODE_TOO_BIG = 1009,
};

#define WS_CONTROL_MAX 125 /* bytes of a ping's, pong's or close's payload */
#define WS_CONN_OUT_HIGH \
	((size_t)64 * 1024) /* bytes waiting to be sent at which a server takes no more input */

struct ws_conn_conf {
	bool is_client;
	size_t message_max; /* bytes of a message received, after inflating; longer ones end it with 1009 */
	struct ws_deflate_params deflate; /* as agreed */
	bool no_pong;                     /* leave pings unanswered */
	struct ws_deflate_pool *pool;     /* borrowed, must outlive the connection; may be NULL */
	size_t fragment;                  /* send messages in frames of so many bytes; 0: in one */
};

/* Called during ws_conn_feed; payloads are borrowed for the call. Any may be NULL. on_message and on_control may send. */
struct ws_conn_fns {
	void (*on_message)(void *arg, enum ws_opcode opcode, struct span message);
	void (*on_control)(void *arg, enum ws_opcode opcode, struct span payload); /* pings and pongs */
};

struct ws_conn; /* opaque */
struct ws_conn *ws_conn_new(const struct ws_conn_conf *conf, const struct ws_conn_fns *fns, void *arg);
void ws_conn_free(struct ws_conn *c); /* NULL is fine */

/* Take bytes from the peer; returns how many. Fewer than given: a server's output is long, or input is paused, or the
 * conversation is over. */
size_t ws_conn_feed(struct ws_conn *c, struct span in);
/* No callback comes while paused. Feed again afterwards, be it with nothing: some input may have been taken already. */
void ws_conn_pause(struct ws_conn *c, bool paused);
/* What is to be sent. The caller consumes it, and may append bytes of its own (frames that break the rules). */
struct buf *ws_conn_out(struct ws_conn *c);

/* Queue a message, ping or pong. -1 when the closing handshake has begun, or a control payload is too long. */
int ws_conn_send(struct ws_conn *c, enum ws_opcode opcode, struct span payload);
/* Queue a close frame; code WS_CODE_NONE sends none. -1 when one was sent already, or code or reason may not be sent. */
int ws_conn_close(struct ws_conn *c, int code, struct span reason);

/* Did ws_conn_feed stop before its input was used up? Then feed again, be it with nothing, once there is room. */
bool ws_conn_is_stalled(const struct ws_conn *c);
/* Between the frames of a message, or of a frame? Then the end of the stream cuts something off. */
bool ws_conn_is_inside(const struct ws_conn *c);
/* No more input is wanted: a close frame came, or we failed the connection. */
bool ws_conn_is_done(const struct ws_conn *c);
/* The close frame that came: its code, WS_CODE_NONE when it had none, WS_CODE_ABNORMAL while there is none. */
int ws_conn_close_code(const struct ws_conn *c);
/* Its reason; borrowed. */
struct span ws_conn_close_reason(const struct ws_conn *c);
/* Our close frame has been queued: its code (WS_CODE_NONE when without one), 0 when there is none. */
int ws_conn_closed_with(const struct ws_conn *c);
/* What the peer did wrong, a constant string; NULL when nothing. The code sent for it is ws_conn_closed_with's. */
const char *ws_conn_fault(const struct ws_conn *c);

/* May this code stand in a close frame? (RFC 6455, 7.4) */
bool ws_code_may_be_sent(int code);
/* And this reason, with a code? It must fit and be UTF-8. */
bool ws_reason_may_be_sent(struct span reason);
/* The code's usual name, "" for an unknown one. */
const char *ws_code_name(int code);

#endif
