/* Frames whole and byte by byte come to the same end; what is held stays bounded; answers are frames that the other end
 * takes without complaint. The first byte chooses role and compression. */
#include "common/proto/ws_conn.h"
#include "fuzz.h"

#define MESSAGE_MAX 4096

struct end {
	struct ws_conn *conn;
	struct buf messages;
};

static void on_message(void *arg, enum ws_opcode opcode, struct span message)
{
	struct end *e = arg;

	MUST(message.len <= MESSAGE_MAX);
	buf_addf(&e->messages, "%d:%zu:", (int)opcode, message.len);
	buf_add_span(&e->messages, message);
	ws_conn_send(e->conn, opcode, message);
}

static void on_peer_message(void *arg, enum ws_opcode opcode, struct span message)
{
	(void)arg;
	(void)opcode;
	(void)message;
}

static void run(struct end *e, uint8_t choice, struct span in, size_t step)
{
	static const struct ws_conn_fns fns = {.on_message = on_message};
	struct ws_conn_conf conf = {.is_client = choice & 1,
		.message_max = MESSAGE_MAX,
		.deflate = {
			.on = choice & 2, .server_no_context = choice & 4, .client_no_context = choice & 4}};

	*e = (struct end){.conn = ws_conn_new(&conf, &fns, e)};
	/* An answer may be as long as a message; what is fed at once is bounded by the input. */
	while (in.len > 0 && !ws_conn_is_done(e->conn)) {
		size_t n = ws_conn_feed(e->conn, span_of(in.p, in.len < step ? in.len : step));
		if (n == 0)
			break;
		in = span_skip(in, n);
	}
}

static void check_answers(struct end *e, uint8_t choice)
{
	static const struct ws_conn_fns fns = {.on_message = on_peer_message};
	struct ws_conn_conf conf = {.is_client = !(choice & 1),
		.message_max = MESSAGE_MAX,
		.deflate = {
			.on = choice & 2, .server_no_context = choice & 4, .client_no_context = choice & 4}};
	struct ws_conn *peer = ws_conn_new(&conf, &fns, NULL);

	ws_conn_feed(peer, buf_span(ws_conn_out(e->conn)));
	MUST(ws_conn_fault(peer) == NULL);
	ws_conn_free(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct end whole, split;

	if (size == 0)
		return 0;
	struct span in = span_of((const char *)data + 1, size - 1);
	run(&whole, data[0], in, in.len);
	run(&split, data[0], in, 1);
	MUST(span_eq(buf_span(&whole.messages), buf_span(&split.messages)));
	MUST(ws_conn_close_code(whole.conn) == ws_conn_close_code(split.conn));
	MUST(ws_conn_closed_with(whole.conn) == ws_conn_closed_with(split.conn));
	MUST(ws_conn_fault(whole.conn) == ws_conn_fault(split.conn));
	check_answers(&whole, data[0]);
	ws_conn_free(whole.conn);
	ws_conn_free(split.conn);
	buf_free(&whole.messages);
	buf_free(&split.messages);
	return 0;
}
