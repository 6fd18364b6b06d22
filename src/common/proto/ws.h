/* WebSocket (RFC 6455): the opening handshake from both sides, and a server that echoes. No I/O. */
#ifndef PROTO_WS_H
#define PROTO_WS_H

#include "common/base/buf.h"
#include "common/proto/http1.h"

#define WS_VERSION "13"

#define WS_KEY_LEN 24    /* characters of Sec-WebSocket-Key */
#define WS_ACCEPT_LEN 28 /* characters of Sec-WebSocket-Accept */

/* Base64 of 16 bytes, as Sec-WebSocket-Key must be. */
bool ws_is_key(struct span key);
/* The Sec-WebSocket-Accept that answers key: base64 of SHA-1 of key and the protocol's GUID. Not NUL-terminated. False,
 * and out all zero bytes, when key is none. */
bool ws_accept(struct span key, char out[WS_ACCEPT_LEN]);
/* Do these request fields ask for a WebSocket? (Upgrade: websocket, Connection: upgrade) */
bool ws_is_upgrade(const struct fields *fields);
/* Does this response prove that the origin has read our key, and say that it changes over? The status is not looked at:
 * it is 101 from an origin and 200 through a tunnel. */
bool ws_is_accepted(const struct fields *fields, struct span key);

/* The same for a client that was answered 101, rule by rule (RFC 6455, 4.1): NULL when it holds, else what is wrong, a
 * constant string. */
const char *ws_judge_accept(const struct fields *fields, struct span key);
/* A fresh Sec-WebSocket-Key, NUL-terminated. */
void ws_make_key(char out[WS_KEY_LEN + 1]);

/* What a request asks for. */
enum ws_ask {
	WS_ASK_NOTHING, /* no upgrade to WebSocket */
	WS_ASK_OPEN,    /* an opening handshake in order (RFC 6455, 4.2.1) */
	WS_ASK_VERSION, /* one of a version other than WS_VERSION: 426, Sec-WebSocket-Version (RFC 6455, 4.4) */
	WS_ASK_BAD,     /* one that is not in order: 400 */
};
/* *key is borrowed from r, and valid with WS_ASK_OPEN. */
enum ws_ask ws_read_ask(const struct http1_request *r, struct span *key);

/* --- Echo: sends every message back, answers pings and the closing handshake --- */

#define WS_ECHO_MESSAGE_MAX \
	((size_t)64 * 1024) /* bytes of a message; a longer one ends it with status 1009 */

struct ws_echo; /* opaque */

struct ws_echo *ws_echo_new(void);
/* Take bytes from the client and append the answer to out. False when the conversation is over, in order or not: send
 * what out holds, then end the connection. At most about WS_ECHO_MESSAGE_MAX more is appended than was taken, so who
 * feeds no more while out is long has bounded it. */
bool ws_echo_feed(struct ws_echo *e, struct span in, struct buf *out);
void ws_echo_free(struct ws_echo *e); /* NULL is fine */

#endif
