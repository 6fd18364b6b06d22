/* The WebSocket handshake. */
#include <openssl/sha.h>

#include "common/base/base64.h"
#include "common/proto/ws.h"

bool ws_is_key(struct span key)
{
	unsigned char bytes[16];
	size_t len;

	return key.len == 24 && base64_decode(key, BASE64_PADDED, bytes, sizeof(bytes), &len) && len == 16;
}

void ws_accept(struct span key, char out[WS_ACCEPT_LEN])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char digest[SHA_DIGEST_LENGTH];
	struct buf text = {0};

	buf_add_span(&text, key);
	buf_add_str(&text, guid);
	SHA1((const unsigned char *)buf_span(&text).p, buf_len(&text), digest);
	buf_clear(&text);
	base64_encode(span_of((const char *)digest, sizeof(digest)), BASE64_PADDED, &text);
	memcpy(out, buf_span(&text).p, WS_ACCEPT_LEN);
	buf_free(&text);
}

bool ws_is_upgrade(const struct fields *fields)
{
	return header_has_token(fields, SPAN("connection"), SPAN("upgrade")) &&
	       header_has_token(fields, SPAN("upgrade"), SPAN("websocket"));
}

bool ws_is_accepted(const struct fields *fields, struct span key)
{
	char expected[WS_ACCEPT_LEN];

	ws_accept(key, expected);
	return header_count(fields, SPAN("sec-websocket-accept")) == 1 &&
	       span_eq(header_value(fields, SPAN("sec-websocket-accept")), span_of(expected, WS_ACCEPT_LEN));
}
