/* The edge's half of the control conversation: the same whatever the pieces, and what it sends is well-formed. */
#include "fuzz.h"
#include "tunnel/control/register.h"

struct outcome {
	struct buf out;
	struct buf events;
};

static bool run(struct control_server *s, struct outcome *o)
{
	static const struct rpc_registered ok = {
		.ok = true, .uuid = {"0123456789abcdef", 16}, .location = {"LOC", 3}};

	for (;;) {
		enum control_server_event event = control_server_next(s);
		buf_add_char(&o->events, (char)('0' + event));
		switch (event) {
		case CONTROL_SERVER_NONE: o->events.tail--; return true;
		case CONTROL_SERVER_REGISTER:
			MUST(s->registration.feature_count <= RPC_FEATURES_MAX);
			buf_addf(&o->events, "%u", s->registration.conn_index);
			control_server_answer(s, &ok);
			break;
		case CONTROL_SERVER_CONFIGURE: buf_addf(&o->events, "%zu", s->config.len); break;
		case CONTROL_SERVER_UNREGISTER: control_server_unregistered(s); break;
		case CONTROL_SERVER_GONE: return false;
		case CONTROL_SERVER_BROKEN: MUST(s->why != NULL && s->why[0] != '\0'); return false;
		}
	}
}

static void feed(struct outcome *o, const uint8_t *data, size_t size, size_t chunk)
{
	struct control_server s;
	bool going = true;

	*o = (struct outcome){0};
	control_server_start(&s, &o->out);
	for (size_t at = 0; at < size && going; at += chunk) {
		size_t n = size - at < chunk ? size - at : chunk;
		control_server_feed(&s, span_of((const char *)data + at, n));
		going = run(&s, o);
		MUST(s.open_count <= CONTROL_QUESTIONS_MAX);
	}
	control_server_fini(&s);
}

static void check_sent(struct span out)
{
	const char *why;
	size_t len;

	while (out.len > 0) {
		struct capnp_message message;
		struct rpc_message m;
		MUST(capnp_frame(out, out.len, &len, &why) == PARSE_OK);
		MUST(rpc_decode(&message, span_of(out.p, len), &m) && m.kind != RPC_UNKNOWN);
		out = span_skip(out, len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, split;

	feed(&whole, data, size, size > 0 ? size : 1);
	check_sent(buf_span(&whole.out));
	for (size_t chunk = 1; chunk <= 13; chunk += 6) {
		feed(&split, data, size, chunk);
		MUST(span_eq(buf_span(&whole.events), buf_span(&split.events)));
		MUST(span_eq(buf_span(&whole.out), buf_span(&split.out)));
		buf_free(&split.out);
		buf_free(&split.events);
	}
	buf_free(&whole.out);
	buf_free(&whole.events);
	return 0;
}
