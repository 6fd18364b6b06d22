/* Two ends of a WebSocket joined by memory, with and without compression; and bytes made by hand. */
#include "common/base/mem.h"
#include "common/proto/ws_conn.h"
#include "test.h"

/* What an end has been told. */
struct seen {
	struct ws_conn *conn;
	struct buf messages; /* each after its opcode's digit, ended by "|" */
	size_t count, pings, pongs;
	bool echo;
};

static void on_message(void *arg, enum ws_opcode opcode, struct span message)
{
	struct seen *s = arg;

	s->count++;
	buf_addf(&s->messages, "%d", (int)opcode);
	buf_add_span(&s->messages, message);
	buf_add_char(&s->messages, '|');
	if (s->echo)
		ws_conn_send(s->conn, opcode, message);
}

static void on_control(void *arg, enum ws_opcode opcode, struct span payload)
{
	struct seen *s = arg;

	(void)payload;
	s->pings += opcode == WS_PING;
	s->pongs += opcode == WS_PONG;
}

static const struct ws_conn_fns fns = {on_message, on_control};

static struct ws_conn *make(struct seen *s, bool is_client, struct ws_deflate_params deflate, size_t fragment)
{
	struct ws_conn_conf conf = {
		.is_client = is_client, .message_max = 1 << 20, .deflate = deflate, .fragment = fragment};

	*s = (struct seen){.conn = ws_conn_new(&conf, &fns, s)};
	return s->conn;
}

static void drop(struct seen *s)
{
	ws_conn_free(s->conn);
	buf_free(&s->messages);
}

/* Carry what one end has to say to the other, at most step bytes at a time. */
static bool carry(struct seen *from, struct seen *to, size_t step)
{
	struct buf *out = ws_conn_out(from->conn);
	bool moved = false;

	while (buf_len(out) > 0 && !ws_conn_is_done(to->conn)) {
		struct span s = buf_span(out);
		size_t n = ws_conn_feed(to->conn, span_of(s.p, s.len < step ? s.len : step));
		if (n == 0)
			break;
		buf_consume(out, n);
		moved = true;
	}
	return moved;
}

static void carry_all(struct seen *a, struct seen *b, size_t step)
{
	for (bool more = true; more;) {
		more = carry(a, b, step);
		more = carry(b, a, step) || more;
		/* What was left for want of room. */
		struct seen *both[] = {a, b};
		for (int i = 0; i < 2; i++) {
			if (!ws_conn_is_stalled(both[i]->conn) || buf_len(ws_conn_out(both[i]->conn)) > 0)
				continue;
			ws_conn_feed(both[i]->conn, SPAN(""));
			more = true;
		}
	}
}

static const struct ws_deflate_params agreements[] = {
	{0}, {.on = true}, {.on = true, .server_no_context = true, .client_no_context = true},
	{.on = true, .server_bits = 9, .client_bits = 9},
	{.on = true, .server_bits = 15, .client_bits = 8}, /* a window that zlib cannot make */
};
#define AGREEMENTS (sizeof(agreements) / sizeof(agreements[0]))

static void messages_go_there_and_back(void)
{
	static const size_t steps[] = {1, 7, 4096, 1 << 20};
	char *big = mem_alloc(300000);
	struct seen client, server;

	for (size_t i = 0; i < 300000; i++)
		big[i] = (char)('a' + i * i % 23);
	for (size_t a = 0; a < AGREEMENTS; a++) {
		for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
			make(&client, true, agreements[a], 0);
			make(&server, false, agreements[a], s == 2 ? 100 : 0);
			server.echo = true;
			CHECK(ws_conn_send(client.conn, WS_TEXT, SPAN("hello")) == 0);
			CHECK(ws_conn_send(client.conn, WS_BINARY, SPAN("")) == 0);
			CHECK(ws_conn_send(client.conn, WS_TEXT,
				      span_of(big, steps[s] == 1 ? 3000 : 300000)) == 0);
			CHECK(ws_conn_send(client.conn, WS_PING, SPAN("p")) == 0);
			carry_all(&client, &server, steps[s]);
			CHECK_FOR(server.count == 3 && client.count == 3, "agreement %zu, step %zu: %zu, %zu",
				a, steps[s], server.count, client.count);
			CHECK(span_eq(buf_span(&client.messages), buf_span(&server.messages)));
			CHECK(span_starts(buf_span(&client.messages), SPAN("1hello|2|1a")));
			CHECK(server.pings == 1 && client.pongs == 1);
			drop(&client);
			drop(&server);
		}
	}
	free(big);
}

static void a_close_is_answered(void)
{
	struct seen client, server;

	make(&client, true, agreements[0], 0);
	make(&server, false, agreements[0], 0);
	CHECK(ws_conn_close_code(server.conn) == WS_CODE_ABNORMAL && ws_conn_closed_with(server.conn) == 0);
	CHECK(ws_conn_close(client.conn, 4001, SPAN("enough")) == 0);
	CHECK(ws_conn_close(client.conn, 1000, SPAN("")) < 0);
	CHECK(ws_conn_send(client.conn, WS_TEXT, SPAN("late")) < 0);
	carry_all(&client, &server, 1);
	CHECK(ws_conn_is_done(server.conn) && ws_conn_close_code(server.conn) == 4001);
	CHECK(span_eq(ws_conn_close_reason(server.conn), SPAN("enough")));
	CHECK(ws_conn_is_done(client.conn) && ws_conn_close_code(client.conn) == 4001);
	CHECK(ws_conn_closed_with(server.conn) == 4001 && ws_conn_fault(server.conn) == NULL);
	drop(&client);
	drop(&server);
}

static void only_some_codes_may_be_sent(void)
{
	static const int good[] = {1000, 1003, 1007, 1014, 3000, 4999},
			 bad[] = {0, 999, 1004, 1005, 1006, 1015, 2999, 5000};
	struct seen s;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK_FOR(ws_code_may_be_sent(good[i]), "%d", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_FOR(!ws_code_may_be_sent(bad[i]), "%d", bad[i]);
	make(&s, true, agreements[0], 0);
	CHECK(ws_conn_close(s.conn, 1005 + 1, SPAN("")) < 0 && ws_conn_close(s.conn, 1000, SPAN("\xff")) < 0);
	CHECK(ws_conn_closed_with(s.conn) == 0 && buf_len(ws_conn_out(s.conn)) == 0);
	CHECK(ws_conn_close(s.conn, WS_CODE_NONE, SPAN("")) == 0 && buf_len(ws_conn_out(s.conn)) == 6);
	drop(&s);
}

/* Every sentence that a peer may be told fits into a close frame with its code. */
static void faults_are_told(void)
{
	static const struct {
		struct span bytes; /* from the server */
		int code;
	} rows[] = {
		{SPAN("\x81\x81\1\2\3\4x"), 1002},
		{SPAN("\x91\x00"), 1002},
		{SPAN("\xc1\x00"), 1002},
		{SPAN("\x83\x00"), 1002},
		{SPAN("\x80\x00"), 1002},
		{SPAN("\x01\x01"
		      "a\x81\x01z"),
			1002},
		{SPAN("\x09\x00"), 1002},
		{SPAN("\x89\x7e\x00\x7e"), 1002},
		{SPAN("\x81\x7e\x00\x01x"), 1002},
		{SPAN("\x88\x01x"), 1002},
		{SPAN("\x88\x02\x03\xed"), 1002},
		{SPAN("\x88\x03\x03\xe8\xff"), 1007},
		{SPAN("\x81\x01\xff"), 1007},
		{SPAN("\x01\x02\xe2\x82\x80\x01z"), 1007},
		{SPAN("\x82\x7f\x00\x00\x00\x00\x80\x00\x00\x00x"), 1009},
	};
	struct seen s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make(&s, true, agreements[0], 0);
		ws_conn_feed(s.conn, rows[i].bytes);
		CHECK_FOR(ws_conn_is_done(s.conn) && ws_conn_fault(s.conn) != NULL, "row %zu", i);
		CHECK_FOR(ws_conn_closed_with(s.conn) == rows[i].code, "row %zu: %d", i,
			ws_conn_closed_with(s.conn));
		CHECK_FOR(buf_len(ws_conn_out(s.conn)) > 8, "row %zu", i);
		CHECK(s.count == 0 || i == 0);
		drop(&s);
	}
}

static void input_waits_while_paused_or_unread(void)
{
	struct seen client, server;
	char text[1000];

	memset(text, 'x', sizeof(text));
	make(&client, true, agreements[0], 0);
	make(&server, false, agreements[0], 0);
	ws_conn_pause(server.conn, true);
	ws_conn_send(client.conn, WS_TEXT, SPAN("one"));
	CHECK(!carry(&client, &server, 4096) && server.count == 0 && ws_conn_is_stalled(server.conn));
	ws_conn_pause(server.conn, false);
	CHECK(carry(&client, &server, 4096) && server.count == 1 && !ws_conn_is_stalled(server.conn));
	/* An echo that nobody reads stops at the high mark. */
	server.echo = true;
	for (int i = 0; i < 500; i++)
		ws_conn_send(client.conn, WS_BINARY, span_of(text, sizeof(text)));
	carry(&client, &server, 1 << 20);
	CHECK(ws_conn_is_stalled(server.conn) && buf_len(ws_conn_out(server.conn)) < WS_CONN_OUT_HIGH + 2000);
	carry_all(&client, &server, 4096);
	CHECK(client.count == 500 && server.count == 501);
	drop(&client);
	drop(&server);
}

static void an_answer_is_held_against_the_offer(void)
{
	static const struct {
		const char *answer;
		struct ws_deflate_params offered;
		bool ok;
	} rows[] = {
		{"permessage-deflate", {.on = true}, true},
		{"permessage-deflate; server_no_context_takeover", {.on = true}, true},
		{"permessage-deflate; client_max_window_bits=10", {.on = true, .client_bits = WS_DEFLATE_ANY},
			true},
		{"permessage-deflate; client_max_window_bits=10", {.on = true}, false},
		{"permessage-deflate; client_max_window_bits=12", {.on = true, .client_bits = 10}, false},
		{"permessage-deflate; server_max_window_bits=12", {.on = true, .server_bits = 10}, false},
		{"permessage-deflate", {.on = true, .server_bits = 10}, false},
		{"permessage-deflate", {.on = true, .server_no_context = true}, false},
		{"permessage-deflate; server_max_window_bits=08", {.on = true}, false},
		{"permessage-deflate; server_max_window_bits=7", {.on = true}, false},
		{"permessage-deflate; server_max_window_bits", {.on = true}, false},
		{"permessage-deflate; server_max_window_bits=\"9\"", {.on = true}, true},
		{"permessage-deflate, permessage-deflate", {.on = true}, false},
		{"x-webkit-deflate-frame", {.on = true}, false},
		{"permessage-deflate", {0}, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fields fields = {0};
		struct ws_deflate_params agreed;
		header_add(&fields, SPAN("Sec-WebSocket-Extensions"), span_str(rows[i].answer));
		bool ok = ws_deflate_judge(&fields, &rows[i].offered, &agreed) == NULL;
		CHECK_FOR(ok == rows[i].ok, "%s", rows[i].answer);
		CHECK_FOR(!ok || agreed.on, "%s", rows[i].answer);
		header_free(&fields);
	}
}

static void a_server_takes_the_first_offer_it_can(void)
{
	static const struct {
		const char *offers, *answer; /* NULL: none */
	} rows[] = {
		{"permessage-deflate", "permessage-deflate"},
		{"permessage-deflate; client_max_window_bits", "permessage-deflate"},
		{"permessage-deflate; client_max_window_bits=11",
			"permessage-deflate; client_max_window_bits=11"},
		{"permessage-deflate; x=1, permessage-deflate; server_max_window_bits=9",
			"permessage-deflate; server_max_window_bits=9"},
		{"foo, bar; baz=\"a,b;c\", permessage-deflate", "permessage-deflate"},
		{"permessage-deflate; server_max_window_bits=16", NULL},
		{"permessage-deflate; server_no_context_takeover=1", NULL},
		{"foo", NULL},
		{"", NULL},
	};
	const struct ws_deflate_params policy = {.on = true};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fields fields = {0};
		struct ws_deflate_params agreed;
		struct buf text = {0};
		header_add(&fields, SPAN("sec-websocket-extensions"), span_str(rows[i].offers));
		ws_deflate_choose(&fields, &policy, &agreed);
		CHECK_FOR(agreed.on == (rows[i].answer != NULL), "%s", rows[i].offers);
		ws_deflate_write(&agreed, &text);
		if (rows[i].answer != NULL)
			CHECK_FOR(span_eq(buf_span(&text), span_str(rows[i].answer)), "%s", rows[i].offers);
		buf_free(&text);
		header_free(&fields);
	}
}

TEST_MAIN(TEST(messages_go_there_and_back), TEST(a_close_is_answered), TEST(only_some_codes_may_be_sent),
	TEST(faults_are_told), TEST(input_waits_while_paused_or_unread),
	TEST(an_answer_is_held_against_the_offer), TEST(a_server_takes_the_first_offer_it_can))
