/* The connector's half of the control conversation: the same whatever the pieces, and what it sends is well-formed. */
#include "fuzz.h"
#include "tunnel/control/register.h"

static const struct rpc_registration registration = {.conn_index = 1,
	.account_tag = {"account", 7},
	.secret = {"secret", 6},
	.tunnel_id = {"0123456789abcdef", 16},
	.client_id = {"fedcba9876543210", 16},
	.features = {{"serialized_headers", 18}},
	.feature_count = 1,
	.version = {"1", 1},
	.arch = {"linux_amd64", 11}};

static bool run(struct control_client *c, struct buf *events)
{
	for (;;) {
		enum control_client_event event = control_client_next(c);
		if (event == CONTROL_CLIENT_NONE)
			return true;
		buf_add_char(events, (char)('0' + event));
		switch (event) {
		case CONTROL_CLIENT_REGISTERED:
			MUST(c->registered.ok && c->registered.uuid.len == RPC_UUID_LEN);
			buf_add_span(events, c->registered.location);
			control_client_configure(c, SPAN("{}"));
			control_client_unregister(c);
			break;
		case CONTROL_CLIENT_REFUSED:
			MUST(!c->registered.ok);
			buf_addf(events, "%d", (int)control_refusal_of(&c->registered));
			break;
		case CONTROL_CLIENT_BROKEN: MUST(c->why[0] != '\0'); return false;
		case CONTROL_CLIENT_NONE:
		case CONTROL_CLIENT_UNREGISTERED:
		case CONTROL_CLIENT_CONFIGURED:
		case CONTROL_CLIENT_NOT_CONFIGURED: break;
		}
	}
}

static void feed(struct buf *out, struct buf *events, const uint8_t *data, size_t size, size_t chunk)
{
	struct control_client c;
	bool going = true;

	control_client_start(&c, out, &registration);
	for (size_t at = 0; at < size && going; at += chunk) {
		size_t n = size - at < chunk ? size - at : chunk;
		control_client_feed(&c, span_of((const char *)data + at, n));
		going = run(&c, events);
	}
	control_client_fini(&c);
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
	struct buf out = {0}, events = {0};

	feed(&out, &events, data, size, size > 0 ? size : 1);
	check_sent(buf_span(&out));
	for (size_t chunk = 1; chunk <= 13; chunk += 6) {
		struct buf split_out = {0}, split_events = {0};
		feed(&split_out, &split_events, data, size, chunk);
		MUST(span_eq(buf_span(&events), buf_span(&split_events)));
		MUST(span_eq(buf_span(&out), buf_span(&split_out)));
		buf_free(&split_out);
		buf_free(&split_events);
	}
	buf_free(&out);
	buf_free(&events);
	return 0;
}
