/* The WebSocket handshake (RFC 6455, 4). */
#ifndef PROTO_WS_H
#define PROTO_WS_H

#include "common/proto/header.h"

#define WS_ACCEPT_LEN 28 /* characters of Sec-WebSocket-Accept */

/* Base64 of 16 bytes, as Sec-WebSocket-Key must be. */
bool ws_is_key(struct span key);
/* The Sec-WebSocket-Accept that answers key: base64 of SHA-1 of key and the protocol's GUID. Not NUL-terminated. */
void ws_accept(struct span key, char out[WS_ACCEPT_LEN]);
/* Do these request fields ask for a WebSocket? (Upgrade: websocket, Connection: upgrade) */
bool ws_is_upgrade(const struct fields *fields);
/* Does this response prove that the origin has read our key? */
bool ws_is_accepted(const struct fields *fields, struct span key);

#endif
