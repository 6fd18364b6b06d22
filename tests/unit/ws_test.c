/* The WebSocket handshake, and the echo fed with frames made by hand. */
#include "common/proto/ws.h"
#include "test.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455, 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void keys_are_sixteen_bytes_of_base64(void)
{
	static const char *const bad[] = {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=",
		"dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZQ== ", "dGhlIHNhbXBsZSBub25jZSE=",
		"dGhlIHNhbXBsZSBub24=", "dGhlIHNhbXBsZSBub25j!Q==", "dGhlIHNhbXBsZSBub25jZQ==dGhl",
		"========================", "dGhlIHNhbXBsZSBub25jZSEh"};

	CHECK(ws_is_key(SPAN(KEY)) && ws_is_key(SPAN("AAAAAAAAAAAAAAAAAAAAAA==")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_FOR(!ws_is_key(span_str(bad[i])), "%s", bad[i]);
}

static void the_accept_is_that_of_the_rfc(void)
{
	char accept[WS_ACCEPT_LEN];

	CHECK(ws_accept(SPAN(KEY), accept) && span_eq(span_of(accept, sizeof(accept)), SPAN(ACCEPT)));
	CHECK(!ws_accept(SPAN("short"), accept) && accept[0] == '\0' && accept[WS_ACCEPT_LEN - 1] == '\0');
}

static void requests_are_judged(void)
{
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
#define KEY_LINE "Sec-WebSocket-Key: " KEY "\r\n"
#define VERSION_LINE "Sec-WebSocket-Version: 13\r\n"
	static const struct {
		const char *head; /* without its empty line */
		enum ws_ask ask;
	} rows[] = {
		{GET UPGRADE KEY_LINE VERSION_LINE, WS_ASK_OPEN},
		{GET UPGRADE KEY_LINE VERSION_LINE "Content-Length: 0\r\n", WS_ASK_OPEN},
		{GET "Connection: upgrade\r\nUpgrade: h2c, websocket\r\n" KEY_LINE VERSION_LINE, WS_ASK_OPEN},
		{GET, WS_ASK_NOTHING},
		{GET KEY_LINE VERSION_LINE, WS_ASK_NOTHING},
		{GET "Upgrade: websocket\r\n" KEY_LINE VERSION_LINE, WS_ASK_NOTHING},
		{GET "Connection: upgrade\r\n" KEY_LINE VERSION_LINE, WS_ASK_NOTHING},
		{GET "Connection: upgrade\r\nUpgrade: h2c\r\n" KEY_LINE VERSION_LINE, WS_ASK_NOTHING},
		{GET "Connection: upgrade\r\nUpgrade: websocket2\r\n" KEY_LINE VERSION_LINE, WS_ASK_NOTHING},
		{"GET / HTTP/1.0\r\n" UPGRADE KEY_LINE VERSION_LINE, WS_ASK_NOTHING},
		{GET UPGRADE KEY_LINE "Sec-WebSocket-Version: 8\r\n", WS_ASK_VERSION},
		{GET UPGRADE KEY_LINE "Sec-WebSocket-Version: 13, 8\r\n", WS_ASK_VERSION},
		{GET UPGRADE KEY_LINE "Sec-WebSocket-Version: 013\r\n", WS_ASK_VERSION},
		{GET UPGRADE KEY_LINE, WS_ASK_BAD},
		{GET UPGRADE KEY_LINE VERSION_LINE VERSION_LINE, WS_ASK_BAD},
		{GET UPGRADE VERSION_LINE, WS_ASK_BAD},
		{GET UPGRADE KEY_LINE KEY_LINE VERSION_LINE, WS_ASK_BAD},
		{GET UPGRADE "Sec-WebSocket-Key: x\r\n" VERSION_LINE, WS_ASK_BAD},
		{GET UPGRADE KEY_LINE VERSION_LINE "Content-Length: 1\r\n", WS_ASK_BAD},
		{GET UPGRADE KEY_LINE VERSION_LINE "Transfer-Encoding: chunked\r\n", WS_ASK_BAD},
		{"POST / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY_LINE VERSION_LINE, WS_ASK_BAD},
	};
#undef GET
#undef UPGRADE
#undef KEY_LINE
#undef VERSION_LINE
	struct http1_request r = {0};
	struct http1_fault fault;
	struct buf head = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span key = {0};
		buf_clear(&head);
		buf_add_str(&head, rows[i].head);
		buf_add_str(&head, "\r\n");
		CHECK_FOR(http1_parse_request(buf_span(&head), &r, &fault), "%s", rows[i].head);
		enum ws_ask ask = ws_read_ask(&r, &key);
		CHECK_FOR(ask == rows[i].ask, "%s: %d", rows[i].head, (int)ask);
		CHECK_FOR(ask != WS_ASK_OPEN || span_eq(key, SPAN(KEY)), "%s", rows[i].head);
	}
	http1_request_fini(&r);
	buf_free(&head);
}

static void only_the_right_answer_is_one(void)
{
	struct field rows[] = {{SPAN("Connection"), SPAN("upgrade")}, {SPAN("upgrade"), SPAN("WebSocket")},
		{SPAN("Sec-Websocket-Accept"), SPAN(ACCEPT)}, {SPAN("sec-websocket-accept"), SPAN(ACCEPT)}};
	struct fields f = {.at = rows, .count = 3};

	CHECK(ws_is_accepted(&f, SPAN(KEY)));
	CHECK(!ws_is_accepted(&f, SPAN("AAAAAAAAAAAAAAAAAAAAAA==")) && !ws_is_accepted(&f, SPAN("")));
	f.count = 4;
	CHECK(!ws_is_accepted(&f, SPAN(KEY)));
	f.count = 2;
	CHECK(!ws_is_accepted(&f, SPAN(KEY)));
	f.count = 3;
	rows[2].value = SPAN("S3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	CHECK(!ws_is_accepted(&f, SPAN(KEY)));
	rows[2].value = SPAN(ACCEPT);
	rows[1].value = SPAN("h2c");
	CHECK(!ws_is_accepted(&f, SPAN(KEY)));
}

/* Append a client's frame (RFC 6455, 5.2). */
static void add_frame(struct buf *b, unsigned first_byte, struct span payload)
{
	static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};

	buf_add_char(b, (char)first_byte);
	if (payload.len < 126) {
		buf_add_char(b, (char)(0x80 | payload.len));
	} else {
		buf_add_char(b, (char)(0x80 | 127));
		for (int shift = 56; shift >= 0; shift -= 8)
			buf_add_char(b, (char)(payload.len >> shift));
	}
	buf_add(b, mask, sizeof(mask));
	for (size_t i = 0; i < payload.len; i++)
		buf_add_char(b, (char)(payload.p[i] ^ mask[i % 4]));
}

/* Feed text: first bytes, then step at a time, until the echo has had enough. */
static bool converse(struct span text, size_t first, size_t step, struct buf *out)
{
	struct ws_echo *e = ws_echo_new();
	bool open = true;

	for (size_t at = 0, n = first; at < text.len && open; at += n, n = step) {
		n = n < text.len - at ? n : text.len - at;
		open = ws_echo_feed(e, span_of(text.p + at, n), out);
	}
	ws_echo_free(e);
	return open;
}

/* The answer to text, which is the same however it is cut; frees text. */
static void check_answer(struct buf *text, bool stays_open, struct span answer, const char *what)
{
	for (size_t first = 0; first <= buf_len(text); first++) {
		struct buf out = {0};
		bool open = converse(buf_span(text), first, first == 0 ? 1 : buf_len(text), &out);
		CHECK_FOR(open == stays_open, "%s cut at %zu", what, first);
		CHECK_FOR(span_eq(buf_span(&out), answer), "%s cut at %zu: %zu bytes", what, first,
			buf_len(&out));
		buf_free(&out);
	}
	buf_free(text);
}

static void messages_are_echoed(void)
{
	struct buf in = {0};

	add_frame(&in, 0x81, SPAN("hello"));
	add_frame(&in, 0x82, SPAN("\x00\xff"));
	add_frame(&in, 0x81, SPAN(""));
	check_answer(&in, true, SPAN("\x81\x05hello\x82\x02\x00\xff\x81\x00"), "messages");
	add_frame(&in, 0x01, SPAN("he"));
	add_frame(&in, 0x89, SPAN("ping"));
	add_frame(&in, 0x00, SPAN("ll"));
	add_frame(&in, 0x80, SPAN("o"));
	check_answer(&in, true, SPAN("\x8a\x04ping\x81\x05hello"), "fragments with a ping between");
	add_frame(&in, 0x81, SPAN("bye"));
	add_frame(&in, 0x88, SPAN("\x03\xe8"));
	add_frame(&in, 0x81, SPAN("after the end"));
	check_answer(&in, false,
		SPAN("\x81\x03"
		     "bye\x88\x02\x03\xe8"),
		"close");
}

static void what_breaks_the_protocol_ends_it(void)
{
	struct buf in = {0};

	buf_add_str(&in, "\x81\x05hello");
	check_answer(&in, false, SPAN("\x88\x02\x03\xea"), "no mask");
	add_frame(&in, 0xc1, SPAN("hello"));
	check_answer(&in, false, SPAN("\x88\x02\x03\xea"), "a reserved bit");
	add_frame(&in, 0x83, SPAN("hello"));
	check_answer(&in, false, SPAN("\x88\x02\x03\xea"), "an unknown opcode");
	add_frame(&in, 0x80, SPAN("hello"));
	check_answer(&in, false, SPAN("\x88\x02\x03\xea"), "a continuation of nothing");
	add_frame(&in, 0x81, SPAN("a\xff"));
	check_answer(&in, false, SPAN("\x88\x02\x03\xef"), "text that is no UTF-8");
}

static void messages_are_bounded(void)
{
	static char zeros[WS_ECHO_MESSAGE_MAX + 1];
	struct buf in = {0}, out = {0}, small = {.max = 4};

	add_frame(&in, 0x82, span_of(zeros, WS_ECHO_MESSAGE_MAX));
	CHECK(converse(buf_span(&in), 1000, 1000, &out) && buf_len(&out) == WS_ECHO_MESSAGE_MAX + 10);
	buf_clear(&in);
	buf_clear(&out);
	add_frame(&in, 0x82, span_of(zeros, WS_ECHO_MESSAGE_MAX + 1));
	CHECK(!converse(buf_span(&in), 1000, 1000, &out));
	CHECK(span_eq(buf_span(&out), SPAN("\x88\x02\x03\xf1")));
	buf_clear(&in);
	buf_clear(&out);
	/* The same in pieces that are each small enough. */
	add_frame(&in, 0x02, span_of(zeros, WS_ECHO_MESSAGE_MAX));
	add_frame(&in, 0x80, span_of(zeros, 1));
	CHECK(!converse(buf_span(&in), 1000, 1000, &out) &&
		span_eq(buf_span(&out), SPAN("\x88\x02\x03\xf1")));
	buf_clear(&in);
	add_frame(&in, 0x82, span_of(zeros, 100));
	CHECK(!converse(buf_span(&in), buf_len(&in), 1, &small) && buf_len(&small) <= 4);
	buf_free(&in);
	buf_free(&out);
	buf_free(&small);
}

TEST_MAIN(TEST(keys_are_sixteen_bytes_of_base64), TEST(the_accept_is_that_of_the_rfc),
	TEST(requests_are_judged), TEST(only_the_right_answer_is_one), TEST(messages_are_echoed),
	TEST(what_breaks_the_protocol_ends_it), TEST(messages_are_bounded))
