/* The WebSocket handshake. */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/proto/ws.h"

bool ws_is_key(struct span key)
{
	unsigned char bytes[16];
	size_t len;

	return key.len == WS_KEY_LEN && base64_decode(key, BASE64_PADDED, bytes, sizeof(bytes), &len) &&
	       len == 16;
}

bool ws_accept(struct span key, char out[WS_ACCEPT_LEN])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
	unsigned char text[WS_KEY_LEN + sizeof(guid) - 1];
	unsigned char digest[SHA_DIGEST_LENGTH];
	unsigned char base64[WS_ACCEPT_LEN + 1]; /* a NUL is written as well */

	memset(out, 0, WS_ACCEPT_LEN);
	if (!ws_is_key(key))
		return false;
	memcpy(text, key.p, WS_KEY_LEN);
	memcpy(text + WS_KEY_LEN, guid, sizeof(guid) - 1);
	SHA1(text, sizeof(text), digest);
	EVP_EncodeBlock(base64, digest, sizeof(digest));
	memcpy(out, base64, WS_ACCEPT_LEN);
	return true;
}

bool ws_is_upgrade(const struct fields *fields)
{
	return header_has_token(fields, SPAN("connection"), SPAN("upgrade")) &&
	       header_has_token(fields, SPAN("upgrade"), SPAN("websocket"));
}

enum ws_ask ws_read_ask(const struct http1_request *r, struct span *key)
{
	const struct fields *f = &r->fields;

	/* HTTP/1.0 has no Upgrade (RFC 9110, 7.8). */
	if (r->minor == 0 || !ws_is_upgrade(f))
		return WS_ASK_NOTHING;
	*key = header_value(f, SPAN("sec-websocket-key"));
	/* A body would be frames to one hop and a body to the other. */
	if (!span_eq(r->method, SPAN("GET")) || r->framing != HTTP1_NO_BODY ||
		header_count(f, SPAN("sec-websocket-key")) != 1 || !ws_is_key(*key) ||
		header_count(f, SPAN("sec-websocket-version")) != 1)
		return WS_ASK_BAD;
	if (!span_eq(header_value(f, SPAN("sec-websocket-version")), SPAN(WS_VERSION)))
		return WS_ASK_VERSION;
	return WS_ASK_OPEN;
}

bool ws_is_accepted(const struct fields *fields, struct span key)
{
	static const struct span name = {"sec-websocket-accept", 20};
	char expected[WS_ACCEPT_LEN];

	return header_count(fields, name) == 1 && ws_is_upgrade(fields) && ws_accept(key, expected) &&
	       span_eq(header_value(fields, name), span_of(expected, WS_ACCEPT_LEN));
}

const char *ws_judge_accept(const struct fields *fields, struct span key)
{
	static const struct span name = {"sec-websocket-accept", 20};
	char expected[WS_ACCEPT_LEN];

	if (!header_has_token(fields, SPAN("upgrade"), SPAN("websocket")))
		return header_count(fields, SPAN("upgrade")) > 0
			       ? "Upgrade names something other than websocket"
			       : "no Upgrade field";
	if (!header_has_token(fields, SPAN("connection"), SPAN("upgrade")))
		return "Connection does not list upgrade";
	if (header_count(fields, name) == 0)
		return "no Sec-WebSocket-Accept field";
	if (header_count(fields, name) > 1)
		return "Sec-WebSocket-Accept is there twice";
	if (!ws_accept(key, expected) ||
		!span_eq(header_value(fields, name), span_of(expected, WS_ACCEPT_LEN)))
		return "Sec-WebSocket-Accept does not answer our key";
	return NULL;
}

void ws_make_key(char out[WS_KEY_LEN + 1])
{
	unsigned char bytes[16];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		abort();
	EVP_EncodeBlock((unsigned char *)out, bytes, sizeof(bytes));
}
