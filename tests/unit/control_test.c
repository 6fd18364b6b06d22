/* The conversation on the control stream: both halves against each other, and each against what cloudflared and edges
 * said to it; whole, byte by byte, and split anywhere. */
#include "common/base/secret.h"
#include "tunnel/control/register.h"
#include "vector.h"

#define TUNNEL_A "\x11\x11\x11\x11\x22\x22\x33\x33\x44\x44\x55\x55\x55\x55\x55\x55"
#define UUID_DETAILS "\xaa\xaa\xaa\xaa\xbb\xbb\xcc\xcc\xdd\xdd\xee\xee\xee\xee\xee\xee"

static const struct rpc_registered accepted = {
	.ok = true, .uuid = {UUID_DETAILS, 16}, .location = {"TST01", 5}};

static const struct rpc_registration registration = {.conn_index = 3,
	.account_tag = {"0123456789abcdef0123456789abcdef", 32},
	.secret = {"the secret of thirty-two bytes!!", 32},
	.tunnel_id = {TUNNEL_A, 16},
	.client_id = {"client id, 16 b.", 16},
	.features = {{"serialized_headers", 18}},
	.feature_count = 1,
	.version = {"0.1", 3},
	.arch = {"linux_amd64", 11},
	.local_ip = {"\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16},
	.attempts = 7};

/* --- The edge's half --- */

struct server {
	struct control_server s;
	struct buf out;
	struct buf events; /* a letter each */
	bool refuses;
	const char *why;
};

/* Answer what has come so far. */
static void server_run(struct server *v)
{
	for (;;) {
		switch (control_server_next(&v->s)) {
		case CONTROL_SERVER_NONE: return;
		case CONTROL_SERVER_REGISTER: {
			const struct rpc_registration *r = &v->s.registration;
			struct rpc_registered no = {.cause = SPAN("EDUPCONN")};
			CHECK(r->tunnel_id.len == 16 && r->account_tag.len > 0 && r->secret.len >= 32);
			buf_addf(&v->events, "R%u", r->conn_index);
			control_server_answer(&v->s, v->refuses ? &no : &accepted);
			break;
		}
		case CONTROL_SERVER_CONFIGURE: buf_addf(&v->events, "C%zu", v->s.config.len); break;
		case CONTROL_SERVER_UNREGISTER:
			buf_add_char(&v->events, 'U');
			control_server_unregistered(&v->s);
			break;
		case CONTROL_SERVER_GONE: buf_add_char(&v->events, 'G'); return;
		case CONTROL_SERVER_BROKEN:
			buf_add_char(&v->events, 'B');
			v->why = v->s.why;
			return;
		}
	}
}

static void server_start(struct server *v)
{
	*v = (struct server){0};
	control_server_start(&v->s, &v->out);
}

static void server_end(struct server *v)
{
	control_server_fini(&v->s);
	buf_free(&v->out);
	buf_free(&v->events);
}

/* Feed the bytes in a first piece and pieces after it. */
static void server_feed(struct server *v, struct span in, size_t first, size_t chunk)
{
	while (in.len > 0) {
		size_t n = in.len < first ? in.len : first;
		control_server_feed(&v->s, span_of(in.p, n));
		server_run(v);
		in = span_skip(in, n);
		first = chunk;
	}
}

/* The vectors, one after the other. */
static void read_all(struct buf *out, const char *const *names)
{
	for (; *names != NULL; names++)
		vector_read(*names, out);
}

/* A whole life as cloudflared leads it, in both forms of the call; each split. */
static void cloudflareds_words_are_understood(void)
{
	static const char *const pipelined[] = {"01-bootstrap", "05-register-a-idx0-2025.5.0", "18-finish-q0",
		"19-finish-q1", "21-call-update-local-configuration", "19-finish-q1", "23-call-unregister",
		"19-finish-q1", "24-release", "25-abort", NULL};
	static const char *const imported[] = {"01-bootstrap", "18-finish-q0", "26-register-imported-cap-q0",
		"18-finish-q0", "21-call-update-local-configuration", "19-finish-q1", "23-call-unregister",
		"19-finish-q1", "25-abort", NULL};
	static const char *const late[] = {
		"01-bootstrap", "06-register-a-idx1-2025.5.0", "23-call-unregister", NULL};
	static const struct {
		const char *const *names;
		const char *events;
	} rows[] = {{pipelined, "R0C218UG"}, {imported, "R0C218UG"}};

	for (size_t i = 0; i < 2; i++) {
		struct buf in = {0}, want = {0};
		struct server v;
		read_all(&in, rows[i].names);
		server_start(&v);
		server_feed(&v, buf_span(&in), buf_len(&in), 1);
		buf_add_span(&want, buf_span(&v.out));
		CHECK_FOR(span_eq(buf_span(&v.events), span_str(rows[i].events)), "%.*s",
			(int)buf_len(&v.events), buf_span(&v.events).p);
		server_end(&v);
		for (size_t at = 1; at < buf_len(&in); at++) {
			server_start(&v);
			server_feed(&v, buf_span(&in), at, buf_len(&in));
			CHECK_FOR(span_eq(buf_span(&v.events), span_str(rows[i].events)) &&
					  span_eq(buf_span(&v.out), buf_span(&want)),
				"split at %zu", at);
			server_end(&v);
		}
		server_start(&v);
		server_feed(&v, buf_span(&in), 1, 1);
		CHECK(span_eq(buf_span(&v.events), span_str(rows[i].events)) &&
			span_eq(buf_span(&v.out), buf_span(&want)));
		server_end(&v);
		buf_free(&in);
		buf_free(&want);
	}
	/* Question 1 is still open: it cannot be asked again. */
	struct buf in = {0};
	struct server v;
	read_all(&in, late);
	server_start(&v);
	server_feed(&v, buf_span(&in), buf_len(&in), 1);
	CHECK(span_eq(buf_span(&v.events), SPAN("R1B")));
	server_end(&v);
	buf_free(&in);
}

/* Bytes that both versions of cloudflared have taken. */
static void the_edges_answers_are_the_vectors(void)
{
	static const char *const in_names[] = {"01-bootstrap", "05-register-a-idx0-2025.5.0", "18-finish-q0",
		"19-finish-q1", "23-call-unregister", NULL};
	static const char *const out_names[] = {"30-return-bootstrap-minimal",
		"31-return-register-ok-minimal", "32-return-empty-minimal", NULL};
	struct buf in = {0}, want = {0};
	struct server v;
	struct rpc_registered hnd = {.ok = true,
		.uuid = {"\xaa\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16},
		.location = {"HND", 3}};

	read_all(&in, in_names);
	read_all(&want, out_names);
	server_start(&v);
	control_server_feed(&v.s, buf_span(&in));
	CHECK(control_server_next(&v.s) == CONTROL_SERVER_REGISTER);
	control_server_answer(&v.s, &hnd);
	server_run(&v);
	CHECK(span_eq(buf_span(&v.events), SPAN("U")) && span_eq(buf_span(&v.out), buf_span(&want)));
	server_end(&v);
	buf_free(&in);
	buf_free(&want);
}

/* A call that the connector gives up: its Finish comes before the Return, which is sent all the same. */
static void a_finish_may_come_before_the_return(void)
{
	static const char *const names[] = {"01-bootstrap", "05-register-a-idx0-2025.5.0",
		"20-finish-q1-cancelled", "18-finish-q0", NULL};
	struct buf in = {0};
	struct server v;

	read_all(&in, names);
	server_start(&v);
	control_server_feed(&v.s, buf_span(&in));
	CHECK(control_server_next(&v.s) == CONTROL_SERVER_REGISTER);
	size_t before = buf_len(&v.out);
	CHECK(control_server_next(&v.s) == CONTROL_SERVER_NONE); /* the two Finish */
	control_server_answer(&v.s, &accepted);
	CHECK(buf_len(&v.out) > before);
	/* The id is free again. */
	buf_clear(&in);
	vector_read("21-call-update-local-configuration", &in);
	control_server_feed(&v.s, buf_span(&in));
	CHECK(control_server_next(&v.s) == CONTROL_SERVER_CONFIGURE);
	server_end(&v);
	buf_free(&in);
}

static void secrets_do_not_stay(void)
{
	struct buf in = {0};
	struct server v;

	vector_read("01-bootstrap", &in);
	vector_read("05-register-a-idx0-2025.5.0", &in);
	server_start(&v);
	control_server_feed(&v.s, buf_span(&in));
	CHECK(control_server_next(&v.s) == CONTROL_SERVER_REGISTER && v.s.registration.secret.len == 32);
	control_server_answer(&v.s, &accepted);
	CHECK(control_server_next(&v.s) == CONTROL_SERVER_NONE && v.s.in.data == NULL);
	server_end(&v);
	buf_free(&in);
}

/* What the server does with the messages of `in`, of a registered connector when wanted. */
static void check_server(const char *what, struct span in, bool registered, const char *events)
{
	struct buf before = {0};
	struct server v;

	for (int chunk = 0; chunk < 2; chunk++) {
		server_start(&v);
		if (registered) {
			buf_clear(&before);
			vector_read("01-bootstrap", &before);
			vector_read("05-register-a-idx0-2025.5.0", &before);
			vector_read("18-finish-q0", &before);
			vector_read("19-finish-q1", &before);
			server_feed(&v, buf_span(&before), buf_len(&before), 1);
			buf_clear(&v.events);
			buf_clear(&v.out);
		}
		server_feed(&v, in, chunk == 0 ? in.len : 1, chunk == 0 ? in.len : 1);
		size_t n = buf_len(&v.events);
		/* Broken once is broken for good: the rest is of no interest. */
		if (n > 1 && buf_span(&v.events).p[0] == 'B')
			n = 1;
		CHECK_FOR(span_eq(span_of(buf_span(&v.events).p, n), span_str(events)), "%s: %.*s", what,
			(int)buf_len(&v.events), buf_span(&v.events).p);
		CHECK_FOR((strchr(events, 'B') != NULL) == (v.why != NULL), "%s", what);
		server_end(&v);
	}
	buf_free(&before);
}

/* The kind of the first message in out, and of a Return whether it is an exception. */
static enum rpc_kind first_kind(const struct buf *out, bool *is_exception, uint32_t *id)
{
	struct capnp_message message;
	struct rpc_message m = {.kind = RPC_UNKNOWN};
	const char *why;
	size_t len;

	if (capnp_frame(buf_span(out), 65536, &len, &why) == PARSE_OK)
		CHECK(rpc_decode(&message, span_of(buf_span(out).p, len), &m));
	*is_exception = m.is_exception;
	*id = m.id;
	return m.kind;
}

/* A message of that kind with an empty body. */
static void add_message(struct buf *out, unsigned kind, uint32_t id)
{
	struct capnp_builder b;

	capnp_begin(&b, out);
	size_t root = capnp_add_struct(&b, 0, 1, 1);
	capnp_set_u16(&b, root, 0, (uint16_t)kind);
	size_t body = capnp_add_struct(&b, root + 1, 1, 1);
	capnp_set_u32(&b, body, 0, id);
	capnp_finish(&b);
}

/* A call as we send them, with one thing changed. */
static void add_call(struct buf *out, uint32_t question, uint16_t method, uint64_t interface, uint32_t target)
{
	size_t start = buf_len(out);

	rpc_call_unregister(out, question, target);
	char *p = out->data + out->head + start;
	p[0x24] = (char)(method & 0xff);
	p[0x25] = (char)(method >> 8);
	for (int i = 0; i < 8; i++)
		p[0x28 + i] = (char)(interface >> 8 * i);
}

static void calls_that_lead_nowhere_are_exceptions(void)
{
	static const struct {
		const char *what;
		uint16_t method;
		uint64_t interface;
		uint32_t target;
	} rows[] = {
		{"an unknown method", 3, RPC_REGISTRATION, 0},
		{"a method far out", 0xffff, RPC_REGISTRATION, 0},
		{"another interface", 0, UINT64_C(0xea58385c65416035), 0},
		{"another capability", 1, RPC_REGISTRATION, 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf in = {0};
		struct server v;
		bool is_exception;
		uint32_t id;
		add_call(&in, 40, rows[i].method, rows[i].interface, rows[i].target);
		check_server(rows[i].what, buf_span(&in), true, "");
		server_start(&v);
		server_feed(&v, buf_span(&in), buf_len(&in), 1);
		CHECK_FOR(first_kind(&v.out, &is_exception, &id) == RPC_RETURN && is_exception && id == 40,
			"%s", rows[i].what);
		server_end(&v);
		buf_free(&in);
	}
	/* And the answer of a question that was no bootstrap. */
	struct buf in = {0};
	vector_read("05-register-a-idx0-2025.5.0", &in);
	check_server("an answer that is not there", buf_span(&in), false, "");
	buf_free(&in);
}

static void unknown_messages_are_unimplemented(void)
{
	static const unsigned kinds[] = {7, 9, 10, 11, 12, 13, 14, 1000, 65535};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct buf in = {0};
		struct server v;
		bool is_exception;
		uint32_t id;
		add_message(&in, kinds[i], 1);
		check_server("an unknown kind", buf_span(&in), true, "");
		server_start(&v);
		server_feed(&v, buf_span(&in), buf_len(&in), 1);
		CHECK_FOR(first_kind(&v.out, &is_exception, &id) == RPC_UNIMPLEMENTED, "kind %u", kinds[i]);
		server_end(&v);
		buf_free(&in);
	}
	/* To an Unimplemented nothing is said, nor to answers to questions that were never asked. */
	static const unsigned quiet[] = {0, 3, 5, 6};
	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
		struct buf in = {0};
		struct server v;
		add_message(&in, quiet[i], 1);
		server_start(&v);
		server_feed(&v, buf_span(&in), buf_len(&in), 1);
		CHECK_FOR(buf_len(&v.out) == 0 && buf_len(&v.events) == 0, "kind %u", quiet[i]);
		server_end(&v);
		buf_free(&in);
	}
}

static void what_breaks_the_protocol_breaks_the_connection(void)
{
	struct buf in = {0};

	check_server("several segments", SPAN("\1\0\0\0\1\0\0\0"), false, "B");
	check_server("no root", SPAN("\0\0\0\0\0\0\0\0"), true, "B");
	check_server("a message of 2 GiB", SPAN("\0\0\0\0\0\0\0\x10"), false, "B");
	check_server("one of 2 GiB later", SPAN("\0\0\0\0\0\0\0\x10"), true, "B");
	check_server("64 KiB and a word", SPAN("\0\0\0\0\0\x20\0\0"), false, "B");
	check_server("64 KiB", SPAN("\0\0\0\0\xff\x1f\0\0"), false, "");
	check_server("a root that is a list", SPAN("\0\0\0\0\1\0\0\0\1\0\0\0\2\0\0\0"), true, "B");
	check_server("a far pointer", SPAN("\0\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0"), true, "B");
	add_message(&in, RPC_BOOTSTRAP, 5);
	add_message(&in, RPC_BOOTSTRAP, 5);
	check_server("a question asked twice", buf_span(&in), true, "B");
	buf_clear(&in);
	for (uint32_t i = 0; i < CONTROL_QUESTIONS_MAX; i++)
		add_message(&in, RPC_BOOTSTRAP, i);
	check_server("as many questions as are allowed", buf_span(&in), true, "");
	add_message(&in, RPC_BOOTSTRAP, 99);
	check_server("one more", buf_span(&in), true, "B");
	buf_free(&in);
}

/* Questions are asked and finished for ever, and no answer is taken: that is not collected for ever. */
static void answers_that_are_not_taken_are_bounded(void)
{
	struct buf in = {0};
	struct server v;

	server_start(&v);
	for (uint32_t i = 0; i < 100; i++) {
		add_message(&in, RPC_BOOTSTRAP, i);
		rpc_finish(&in, i);
	}
	for (int i = 0; i < 200 && v.why == NULL; i++)
		server_feed(&v, buf_span(&in), buf_len(&in), 1);
	CHECK(v.why != NULL);
	CHECK_FOR(buf_len(&v.out) <= 2 * CONTROL_UNSENT_MAX, "%zu", buf_len(&v.out));
	server_end(&v);
	buf_free(&in);
}

static void large_configurations_are_for_the_registered(void)
{
	struct buf in = {0}, json = {0};

	while (buf_len(&json) < (size_t)1 << 20)
		buf_add_str(&json, "{}         ");
	rpc_call_update_configuration(&in, 1, 0, buf_span(&json));
	struct server v;
	for (int registered = 0; registered < 2; registered++) {
		server_start(&v);
		if (registered) {
			struct buf before = {0};
			vector_read("01-bootstrap", &before);
			vector_read("26-register-imported-cap-q0", &before);
			before.data[before.head + buf_len(&before) - 528 + 0x20] = 9; /* question 9 */
			server_feed(&v, buf_span(&before), buf_len(&before), 1);
			buf_free(&before);
		}
		server_feed(&v, buf_span(&in), 1000, 16384);
		CHECK((v.why == NULL) == registered);
		if (registered)
			CHECK(span_starts(buf_span(&v.events), SPAN("R0C1048")));
		server_end(&v);
	}
	buf_free(&in);
	buf_free(&json);
}

/* --- The connector's half --- */

struct client {
	struct control_client c;
	struct buf out, events;
	struct buf cause;
	bool broken;
};

static void client_run(struct client *v)
{
	for (;;) {
		switch (control_client_next(&v->c)) {
		case CONTROL_CLIENT_NONE: return;
		case CONTROL_CLIENT_REGISTERED:
			buf_addf(&v->events, "R%.*s", (int)v->c.registered.location.len,
				v->c.registered.location.p);
			break;
		case CONTROL_CLIENT_REFUSED:
			buf_addf(&v->events, "F%d", (int)control_refusal_of(&v->c.registered));
			buf_add_span(&v->cause, v->c.registered.cause);
			break;
		case CONTROL_CLIENT_UNREGISTERED: buf_add_char(&v->events, 'U'); break;
		case CONTROL_CLIENT_CONFIGURED: buf_add_char(&v->events, 'C'); break;
		case CONTROL_CLIENT_NOT_CONFIGURED: buf_add_char(&v->events, 'N'); break;
		case CONTROL_CLIENT_BROKEN:
			buf_add_char(&v->events, 'B');
			v->broken = true;
			CHECK(v->c.why[0] != '\0');
			return;
		}
	}
}

static void client_start(struct client *v)
{
	*v = (struct client){0};
	control_client_start(&v->c, &v->out, &registration);
}

static void client_end(struct client *v)
{
	control_client_fini(&v->c);
	buf_free(&v->out);
	buf_free(&v->events);
	buf_free(&v->cause);
}

static void client_feed(struct client *v, struct span in, size_t first, size_t chunk)
{
	while (in.len > 0 && !v->broken) {
		size_t n = in.len < first ? in.len : first;
		control_client_feed(&v->c, span_of(in.p, n));
		client_run(v);
		in = span_skip(in, n);
		first = chunk;
	}
}

static void every_answer_of_an_edge_is_understood(void)
{
	static const struct {
		const char *name, *events, *cause;
	} rows[] = {
		{"11-return-register-ok-local", "RTST01", ""},
		{"12-return-register-ok-remote", "RTST01", ""},
		{"31-return-register-ok-minimal", "RHND", ""},
		{"13-return-register-error-dup", "F0", "EDUPCONN"},
		{"14-return-register-error-unauthorized", "F1", "Unauthorized: Invalid tunnel secret"},
		{"16-return-register-error-retry", "F2", "please wait"},
		{"15-return-register-error-permanent", "F3", "Tunnel not found"},
		{"17-return-register-exception", "F3", "boom"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int minimal = 0; minimal < 2; minimal++) {
			struct buf in = {0};
			vector_read(minimal ? "30-return-bootstrap-minimal" : "02-return-bootstrap", &in);
			vector_read(rows[i].name, &in);
			for (size_t at = 1; at <= buf_len(&in); at++) {
				struct client v;
				client_start(&v);
				client_feed(&v, buf_span(&in), at, at % 3 == 0 ? 1 : buf_len(&in));
				CHECK_FOR(span_eq(buf_span(&v.events), span_str(rows[i].events)),
					"%s at %zu: %.*s", rows[i].name, at, (int)buf_len(&v.events),
					buf_span(&v.events).p);
				CHECK(span_eq(buf_span(&v.cause), span_str(rows[i].cause)));
				client_end(&v);
			}
			buf_free(&in);
		}
}

static void an_edge_that_breaks_the_protocol_is_left(void)
{
	static const struct {
		const char *what;
		const char *names[3];
		struct span raw;
	} rows[] = {
		{"registered before bootstrapped", {"11-return-register-ok-local"}, {"", 0}},
		{"bootstrap answered twice", {"02-return-bootstrap", "02-return-bootstrap"}, {"", 0}},
		{"bootstrap answered with nothing", {"27-return-register-error-dup-a0"}, {"", 0}},
		{"an abort", {"02-return-bootstrap", "25-abort"}, {"", 0}},
		{"answered twice",
			{"02-return-bootstrap", "11-return-register-ok-local", "11-return-register-ok-local"},
			{"", 0}},
		{"several segments", {NULL}, {"\1\0\0\0", 4}},
		{"2 GiB", {NULL}, {"\0\0\0\0\0\0\0\x10", 8}},
		{"a far pointer", {"02-return-bootstrap"}, {"\0\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0", 16}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t chunk = 1; chunk < 2000; chunk *= 37) {
			struct buf in = {0};
			struct client v;
			for (size_t k = 0; k < 3 && rows[i].names[k] != NULL; k++)
				vector_read(rows[i].names[k], &in);
			buf_add_span(&in, rows[i].raw);
			client_start(&v);
			client_feed(&v, buf_span(&in), chunk, chunk);
			CHECK_FOR(v.broken, "%s", rows[i].what);
			client_end(&v);
			buf_free(&in);
		}
}

/* An edge that calls us: we export nothing. */
static void calls_to_the_connector_are_exceptions(void)
{
	struct buf in = {0};
	struct client v;
	bool is_exception;
	uint32_t id;

	add_call(&in, 12, 0, UINT64_C(0xb48edfbdaa25db04), 0);
	client_start(&v);
	buf_clear(&v.out);
	client_feed(&v, buf_span(&in), 5, 7);
	CHECK(!v.broken && first_kind(&v.out, &is_exception, &id) == RPC_RETURN && is_exception && id == 12);
	client_end(&v);
	buf_free(&in);
}

static void refusals_are_told_apart(void)
{
	static const struct {
		const char *cause;
		bool retry;
		enum control_refusal kind;
	} rows[] = {
		{"EDUPCONN", false, CONTROL_DUPLICATE},
		{"EDUPCONN ", false, CONTROL_PERMANENT},
		{"Unauthorized: x", false, CONTROL_UNAUTHORIZED},
		{"tunnel: Unauthorized", true, CONTROL_UNAUTHORIZED},
		{"unauthorized", false, CONTROL_PERMANENT},
		{"busy", true, CONTROL_RETRYABLE},
		{"", false, CONTROL_PERMANENT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rpc_registered r = {.cause = span_str(rows[i].cause), .should_retry = rows[i].retry};
		CHECK_FOR(control_refusal_of(&r) == rows[i].kind, "%s", rows[i].cause);
	}
}

/* --- Both halves --- */

/* Carry what each has said to the other until both are silent. */
static void converse(struct client *c, struct server *s, size_t chunk)
{
	while (buf_len(&c->out) + buf_len(&s->out) > 0) {
		struct buf up = c->out, down = s->out;
		c->out = s->out = (struct buf){0};
		server_feed(s, buf_span(&up), chunk, chunk);
		client_feed(c, buf_span(&down), chunk, chunk);
		buf_free(&up);
		buf_free(&down);
	}
}

static void both_halves_understand_each_other(void)
{
	static const size_t chunks[] = {1, 2, 3, 7, 8, 9, 100, 65536};

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		struct client c;
		struct server s;
		client_start(&c);
		server_start(&s);
		converse(&c, &s, chunks[i]);
		CHECK(span_eq(buf_span(&c.events), SPAN("RTST01")) &&
			span_eq(buf_span(&s.events), SPAN("R3")));
		/* One call at a time: the second waits, and unregistering goes first. */
		control_client_configure(&c.c, SPAN("{\"one\":1}"));
		control_client_configure(&c.c, SPAN("{\"two\":22}"));
		control_client_unregister(&c.c);
		converse(&c, &s, chunks[i]);
		CHECK(span_eq(buf_span(&c.events), SPAN("RTST01CUC")) &&
			span_eq(buf_span(&s.events), SPAN("R3C9UC10")));
		control_client_goodbye(&c.c);
		converse(&c, &s, chunks[i]);
		CHECK(span_eq(buf_span(&s.events), SPAN("R3C9UC10G")) && !c.broken && s.s.open_count == 0);
		client_end(&c);
		server_end(&s);
	}
}

static void a_refusal_reaches_the_connector(void)
{
	struct client c;
	struct server s;

	client_start(&c);
	server_start(&s);
	s.refuses = true;
	converse(&c, &s, 5);
	CHECK(span_eq(buf_span(&c.events), SPAN("F0")) && !s.s.is_registered && !c.c.is_registered);
	client_end(&c);
	server_end(&s);
}

TEST_MAIN(TEST(cloudflareds_words_are_understood), TEST(the_edges_answers_are_the_vectors),
	TEST(a_finish_may_come_before_the_return), TEST(secrets_do_not_stay),
	TEST(calls_that_lead_nowhere_are_exceptions), TEST(unknown_messages_are_unimplemented),
	TEST(what_breaks_the_protocol_breaks_the_connection), TEST(answers_that_are_not_taken_are_bounded),
	TEST(large_configurations_are_for_the_registered), TEST(every_answer_of_an_edge_is_understood),
	TEST(an_edge_that_breaks_the_protocol_is_left), TEST(calls_to_the_connector_are_exceptions),
	TEST(refusals_are_told_apart), TEST(both_halves_understand_each_other),
	TEST(a_refusal_reaches_the_connector))
