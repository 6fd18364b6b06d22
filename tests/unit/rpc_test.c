/* The messages of the control stream against what cloudflared sent and took (tests/vectors/tunnel). */
#include "tunnel/control/rpc.h"
#include "vector.h"

#define ACCOUNT "0123456789abcdef0123456789abcdef"
#define TUNNEL_A "\x11\x11\x11\x11\x22\x22\x33\x33\x44\x44\x55\x55\x55\x55\x55\x55"
#define TUNNEL_B "\xf0\xe1\xd2\xc3\xb4\xa5\x96\x87\x78\x69\x5a\x4b\x3c\x2d\x1e\x0f"
#define SECRET_A                                                           \
	"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f" \
	"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
#define LOOPBACK "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1"
#define LOOPBACK_6 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define UUID_DETAILS "\xaa\xaa\xaa\xaa\xbb\xbb\xcc\xcc\xdd\xdd\xee\xee\xee\xee\xee\xee"

struct decoded {
	struct buf bytes;
	struct capnp_message message;
	struct rpc_message m;
};

static bool decode(struct decoded *d, const char *name)
{
	size_t len = 0;
	const char *why;

	*d = (struct decoded){0};
	vector_read(name, &d->bytes);
	CHECK_FOR(
		capnp_frame(buf_span(&d->bytes), 65536, &len, &why) == PARSE_OK && len == buf_len(&d->bytes),
		"%s", name);
	return rpc_decode(&d->message, buf_span(&d->bytes), &d->m);
}

static void every_vector_is_decoded(void)
{
	static const struct {
		const char *name;
		enum rpc_kind kind;
		uint32_t id;
		int method; /* of calls; -1: none */
		bool on_answer, is_exception, has_capability;
	} rows[] = {
		{"01-bootstrap", RPC_BOOTSTRAP, 0, -1, false, false, false},
		{"02-return-bootstrap", RPC_RETURN, 0, -1, false, false, true},
		{"03-register-a-idx0-2023.7.0", RPC_CALL, 1, 0, true, false, false},
		{"04-register-a-idx1-2023.7.0", RPC_CALL, 1, 0, true, false, false},
		{"05-register-a-idx0-2025.5.0", RPC_CALL, 1, 0, true, false, false},
		{"06-register-a-idx1-2025.5.0", RPC_CALL, 1, 0, true, false, false},
		{"07-register-b-extra-feature-2023.7.0", RPC_CALL, 1, 0, true, false, false},
		{"08-register-b-ipv6-2025.5.0", RPC_CALL, 1, 0, true, false, false},
		{"09-register-a-attempt1-2025.5.0", RPC_CALL, 1, 0, true, false, false},
		{"10-register-a-attempt2-2025.5.0", RPC_CALL, 1, 0, true, false, false},
		{"11-return-register-ok-local", RPC_RETURN, 1, -1, false, false, false},
		{"12-return-register-ok-remote", RPC_RETURN, 1, -1, false, false, false},
		{"13-return-register-error-dup", RPC_RETURN, 1, -1, false, false, false},
		{"14-return-register-error-unauthorized", RPC_RETURN, 1, -1, false, false, false},
		{"15-return-register-error-permanent", RPC_RETURN, 1, -1, false, false, false},
		{"16-return-register-error-retry", RPC_RETURN, 1, -1, false, false, false},
		{"17-return-register-exception", RPC_RETURN, 1, -1, false, true, false},
		{"18-finish-q0", RPC_FINISH, 0, -1, false, false, false},
		{"19-finish-q1", RPC_FINISH, 1, -1, false, false, false},
		{"20-finish-q1-cancelled", RPC_FINISH, 1, -1, false, false, false},
		{"21-call-update-local-configuration", RPC_CALL, 1, 2, false, false, false},
		{"22-return-empty", RPC_RETURN, 1, -1, false, false, false},
		{"23-call-unregister", RPC_CALL, 1, 1, false, false, false},
		{"24-release", RPC_RELEASE, 0, -1, false, false, false},
		{"25-abort", RPC_ABORT, 0, -1, false, false, false},
		{"26-register-imported-cap-q0", RPC_CALL, 0, 0, false, false, false},
		{"27-return-register-error-dup-a0", RPC_RETURN, 0, -1, false, false, false},
		{"28-register-minimal", RPC_CALL, 1, 0, false, false, false},
		{"29-unregister-minimal", RPC_CALL, 3, 1, false, false, false},
		{"30-return-bootstrap-minimal", RPC_RETURN, 0, -1, false, false, true},
		{"31-return-register-ok-minimal", RPC_RETURN, 1, -1, false, false, false},
		{"32-return-empty-minimal", RPC_RETURN, 1, -1, false, false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decoded d;
		CHECK_FOR(decode(&d, rows[i].name), "%s", rows[i].name);
		CHECK_FOR(d.m.kind == rows[i].kind && d.m.id == rows[i].id, "%s", rows[i].name);
		CHECK_FOR(d.m.kind != RPC_CALL ||
				  (d.m.interface == RPC_REGISTRATION && d.m.method == rows[i].method &&
					  d.m.on_answer == rows[i].on_answer && d.m.target == 0),
			"%s", rows[i].name);
		CHECK_FOR(d.m.is_exception == rows[i].is_exception, "%s", rows[i].name);
		CHECK_FOR(d.m.has_capability == rows[i].has_capability && d.m.capability == 0, "%s",
			rows[i].name);
		buf_free(&d.bytes);
	}
	struct decoded d;
	CHECK(decode(&d, "17-return-register-exception") && span_eq(d.m.reason, SPAN("boom")));
	buf_free(&d.bytes);
	CHECK(decode(&d, "25-abort") && span_eq(d.m.reason, SPAN("rpc: shutdown")));
	buf_free(&d.bytes);
}

static void every_registration_is_read(void)
{
	static const struct {
		const char *name;
		uint8_t index, attempts;
		bool is_b;
		size_t features;
		struct span version, ip;
	} rows[] = {
		{"03-register-a-idx0-2023.7.0", 0, 0, false, 5, {"2023.7.0", 8}, {LOOPBACK, 16}},
		{"04-register-a-idx1-2023.7.0", 1, 0, false, 5, {"2023.7.0", 8}, {LOOPBACK, 16}},
		{"05-register-a-idx0-2025.5.0", 0, 0, false, 5, {"2025.5.0", 8}, {LOOPBACK, 16}},
		{"06-register-a-idx1-2025.5.0", 1, 0, false, 5, {"2025.5.0", 8}, {LOOPBACK, 16}},
		{"07-register-b-extra-feature-2023.7.0", 0, 0, true, 6, {"2023.7.0", 8}, {LOOPBACK, 16}},
		{"08-register-b-ipv6-2025.5.0", 0, 0, true, 5, {"2025.5.0", 8}, {LOOPBACK_6, 16}},
		{"09-register-a-attempt1-2025.5.0", 0, 1, false, 5, {"2025.5.0", 8}, {LOOPBACK, 16}},
		{"10-register-a-attempt2-2025.5.0", 0, 2, false, 5, {"2025.5.0", 8}, {LOOPBACK, 16}},
		{"26-register-imported-cap-q0", 0, 0, false, 5, {"2025.5.0", 8}, {LOOPBACK, 16}},
		{"28-register-minimal", 2, 0, false, 2, {"0.1-min", 7}, {LOOPBACK, 16}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decoded d;
		struct rpc_registration r;
		char secret_b[48];
		bool has_serialized = false;
		CHECK(decode(&d, rows[i].name));
		CHECK_FOR(rpc_decode_registration(&d.m.params, &r), "%s", rows[i].name);
		for (size_t k = 0; k < sizeof(secret_b); k++)
			secret_b[k] = (char)(0xff - k);
		CHECK_FOR(r.conn_index == rows[i].index && r.attempts == rows[i].attempts &&
				  !r.replace_existing,
			"%s", rows[i].name);
		CHECK_FOR(span_eq(r.account_tag, rows[i].is_b ? SPAN("acct-two") : SPAN(ACCOUNT)), "%s",
			rows[i].name);
		CHECK_FOR(span_eq(r.tunnel_id, rows[i].is_b ? SPAN(TUNNEL_B) : SPAN(TUNNEL_A)), "%s",
			rows[i].name);
		CHECK_FOR(span_eq(r.secret, rows[i].is_b ? span_of(secret_b, 48) : SPAN(SECRET_A)), "%s",
			rows[i].name);
		CHECK_FOR(r.client_id.len == 16 && span_eq(r.version, rows[i].version) &&
				  span_eq(r.arch, SPAN("linux_amd64")) && span_eq(r.local_ip, rows[i].ip),
			"%s", rows[i].name);
		CHECK_FOR(r.feature_count == rows[i].features, "%s", rows[i].name);
		for (size_t k = 0; k < r.feature_count; k++)
			has_serialized = has_serialized || span_eq(r.features[k], SPAN("serialized_headers"));
		CHECK_FOR(has_serialized, "%s", rows[i].name);
		buf_free(&d.bytes);
	}
}

static void every_answer_to_a_registration_is_read(void)
{
	static const struct {
		const char *name;
		struct rpc_registered want;
	} rows[] = {
		{"11-return-register-ok-local",
			{.ok = true, .uuid = {UUID_DETAILS, 16}, .location = {"TST01", 5}}},
		{"12-return-register-ok-remote", {.ok = true,
							 .uuid = {UUID_DETAILS, 16},
							 .location = {"TST01", 5},
							 .remotely_managed = true}},
		{"13-return-register-error-dup", {.cause = {"EDUPCONN", 8}}},
		{"27-return-register-error-dup-a0", {.cause = {"EDUPCONN", 8}}},
		{"14-return-register-error-unauthorized",
			{.cause = {"Unauthorized: Invalid tunnel secret", 35}}},
		{"15-return-register-error-permanent", {.cause = {"Tunnel not found", 16}}},
		{"16-return-register-error-retry",
			{.cause = {"please wait", 11}, .should_retry = true, .retry_after_ns = 5000000000}},
		{"31-return-register-ok-minimal",
			{.ok = true,
				.uuid = {"\xaa\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16},
				.location = {"HND", 3}}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decoded d;
		struct rpc_registered r;
		const struct rpc_registered *want = &rows[i].want;
		CHECK(decode(&d, rows[i].name));
		CHECK_FOR(rpc_decode_registered(&d.m.results, &r), "%s", rows[i].name);
		CHECK_FOR(r.ok == want->ok && r.remotely_managed == want->remotely_managed &&
				  r.should_retry == want->should_retry &&
				  r.retry_after_ns == want->retry_after_ns,
			"%s", rows[i].name);
		CHECK_FOR(span_eq(r.uuid, want->uuid) && span_eq(r.location, want->location) &&
				  span_eq(r.cause, want->cause),
			"%s", rows[i].name);
		buf_free(&d.bytes);
	}
}

static void the_configuration_is_read(void)
{
	struct decoded d;
	struct span json = SPAN("");

	CHECK(decode(&d, "21-call-update-local-configuration"));
	CHECK(rpc_decode_configuration(&d.m.params, &json) && json.len == 218);
	CHECK(span_starts(json, SPAN("{\"__configuration_flags\":{")) &&
		span_ends(json, SPAN("\"warp-routing\":{\"enabled\":false}}")));
	buf_free(&d.bytes);
}

/* --- Encoding --- */

static const struct rpc_registration minimal = {.conn_index = 2,
	.account_tag = {ACCOUNT, 32},
	.secret = {SECRET_A, 32},
	.tunnel_id = {TUNNEL_A, 16},
	.client_id = {"\x0f\x33\xe2\x89\x16\xc5\x42\x62\x86\x6b\xc6\x91\xdf\xb8\xe1\x3c", 16},
	.features = {{"allow_remote_config", 19}, {"serialized_headers", 18}},
	.feature_count = 2,
	.version = {"0.1-min", 7},
	.arch = {"linux_amd64", 11},
	.local_ip = {LOOPBACK, 16}};

static int encode(const char *name, struct buf *out)
{
	struct rpc_registered ok = {.ok = true,
		.uuid = {"\xaa\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16},
		.location = {"HND", 3}};

	switch (strtol(name, NULL, 10)) {
	case 1: return rpc_bootstrap(out, 0);
	case 18: return rpc_finish(out, 0);
	case 19: return rpc_finish(out, 1);
	case 24: return rpc_release(out, 0, 1);
	case 25: return rpc_abort(out, SPAN("rpc: shutdown"));
	case 28: return rpc_call_register(out, 1, 0, &minimal);
	case 29: return rpc_call_unregister(out, 3, 0);
	case 30: return rpc_return_bootstrap(out, 0, 0);
	case 31: return rpc_return_registered(out, 1, &ok);
	case 32: return rpc_return_empty(out, 1);
	}
	return -1;
}

/* What both versions of cloudflared, or an edge by a Cap'n Proto library, have taken. */
static void what_we_send_is_the_vector_byte_for_byte(void)
{
	static const char *const names[] = {"01-bootstrap", "18-finish-q0", "19-finish-q1", "24-release",
		"25-abort", "28-register-minimal", "29-unregister-minimal", "30-return-bootstrap-minimal",
		"31-return-register-ok-minimal", "32-return-empty-minimal"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf want = {0}, got = {0};
		vector_read(names[i], &want);
		CHECK_FOR(encode(names[i], &got) == 0, "%s", names[i]);
		CHECK_FOR(span_eq(buf_span(&got), buf_span(&want)), "%s", names[i]);
		/* Nothing is left where it does not fit. */
		struct buf small = {.max = buf_len(&want) - 1};
		CHECK_FOR(encode(names[i], &small) == -1 && buf_len(&small) == 0, "%s", names[i]);
		buf_free(&want);
		buf_free(&got);
		buf_free(&small);
	}
}

static void what_is_encoded_decodes_the_same(void)
{
	static const struct rpc_registered errors[] = {
		{.cause = {"EDUPCONN", 8}},
		{.cause = {"wait", 4}, .should_retry = true, .retry_after_ns = -1},
		{.ok = true, .uuid = {UUID_DETAILS, 16}, .remotely_managed = true},
	};
	struct capnp_message message;
	struct rpc_message m;
	struct rpc_registered r;
	struct span json = SPAN("");

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct buf out = {0};
		CHECK(rpc_return_registered(&out, 9, &errors[i]) == 0);
		CHECK(rpc_decode(&message, buf_span(&out), &m) && m.kind == RPC_RETURN && m.id == 9);
		CHECK(rpc_decode_registered(&m.results, &r) && r.ok == errors[i].ok &&
			span_eq(r.cause, errors[i].cause) && r.should_retry == errors[i].should_retry &&
			r.retry_after_ns == errors[i].retry_after_ns && span_eq(r.uuid, errors[i].uuid) &&
			r.location.len == 0 && r.remotely_managed == errors[i].remotely_managed);
		buf_free(&out);
	}
	struct buf out = {0};
	CHECK(rpc_call_update_configuration(&out, 4, 3, SPAN("{\"a\":1}")) == 0);
	CHECK(rpc_decode(&message, buf_span(&out), &m) && m.kind == RPC_CALL && m.id == 4 && m.target == 3);
	CHECK(m.method == RPC_UPDATE_CONFIGURATION && rpc_decode_configuration(&m.params, &json));
	CHECK(span_eq(json, SPAN("{\"a\":1}")));
	buf_clear(&out);
	CHECK(rpc_return_exception(&out, 5, RPC_UNIMPLEMENTED_METHOD, SPAN("no")) == 0);
	CHECK(rpc_decode(&message, buf_span(&out), &m) && m.is_exception && m.id == 5 &&
		span_eq(m.reason, SPAN("no")));
	buf_clear(&out);
	CHECK(rpc_unimplemented(&out) == 0);
	CHECK(rpc_decode(&message, buf_span(&out), &m) && m.kind == RPC_UNIMPLEMENTED);
	buf_free(&out);
}

/* --- Damage --- */

/* Every byte of every vector changed: it is read as something else or refused, within the message. */
static void damaged_messages_are_read_within_their_bounds(void)
{
	static const char *const names[] = {"02-return-bootstrap", "03-register-a-idx0-2023.7.0",
		"11-return-register-ok-local", "16-return-register-error-retry",
		"17-return-register-exception", "21-call-update-local-configuration", "25-abort",
		"28-register-minimal"};
	static const unsigned char changes[] = {0x01, 0x02, 0x04, 0x80, 0xff};
	size_t refused = 0, read = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf whole = {0};
		vector_read(names[i], &whole);
		for (size_t at = 8; at < buf_len(&whole); at++)
			for (size_t k = 0; k < sizeof(changes); k++) {
				struct capnp_message message;
				struct rpc_message m;
				struct rpc_registration r;
				struct rpc_registered answer;
				struct span json;
				char *copy = malloc(buf_len(&whole));
				memcpy(copy, buf_span(&whole).p, buf_len(&whole));
				copy[at] = (char)(copy[at] ^ changes[k]);
				if (!rpc_decode(&message, span_of(copy, buf_len(&whole)), &m)) {
					refused++;
				} else if (m.kind == RPC_CALL) {
					read += rpc_decode_registration(&m.params, &r) +
						rpc_decode_configuration(&m.params, &json);
				} else if (m.kind == RPC_RETURN && !m.is_exception && !m.has_capability) {
					read += rpc_decode_registered(&m.results, &answer);
				}
				free(copy);
			}
		buf_free(&whole);
	}
	CHECK_FOR(refused > 500 && read > 500, "%zu refused, %zu read", refused, read);
}

TEST_MAIN(TEST(every_vector_is_decoded), TEST(every_registration_is_read),
	TEST(every_answer_to_a_registration_is_read), TEST(the_configuration_is_read),
	TEST(what_we_send_is_the_vector_byte_for_byte), TEST(what_is_encoded_decodes_the_same),
	TEST(damaged_messages_are_read_within_their_bounds))
