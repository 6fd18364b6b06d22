/* What of a visitor's header reaches a connector and what of an origin's reaches a visitor: held against random ones. */
#include "common/base/mem.h"
#include "test.h"
#include "tunnel/edge/forward_head.h"
#include "tunnel/h2/cfheader.h"

#define ROUNDS 30000
#define CLIENT "203.0.113.9"
#define RAY "0123456789abcdef-LOC"

/* --- Random headers --- */

static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % n;
}

static const char *const reserved[] = {"cf-cloudflared-proxy-connection-upgrade", "cf-cloudflared-proxy-src",
	"cf-cloudflared-request-headers", "cf-cloudflared-", "cf-int-cloudflared-tracing", "cf-int-x",
	"cf-proxy-y", "cf-warp-tag-id", "cf-warp-tag-anything", "cf-access-jump-destination",
	"cf-connecting-ip", "cf-ray", "cf-visitor", "x-forwarded-proto", "x-forwarded-for", "host"};
static const char *const hop_by_hop[] = {
	"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"};
static const char *const plain[] = {"accept", "cookie", "user-agent", "x-custom", "cf-ipcountry", "cf-raygun",
	"cf-in", "x-forwarded-host", "hostess", "c", "x", "h", "cdn-loop", "content-type", "authorization",
	"x-request-id", "sec-websocket-protocol", "accept-encoding"};
static const char *const connections[] = {"keep-alive", "close", "Upgrade", "x-custom", "X-Custom, cookie",
	"cookie", "close, X-Request-Id", "cf-connecting-ip, x-forwarded-for, cf-ray", ""};
static const char *const values[] = {"", "1", "websocket", "control-stream", "trailers", "gzip, trailers",
	"h2c", "198.51.100.7", "a, b", "\xc3\xa9 and more", "https"};

#define PICK(table) (table)[random_below(sizeof(table) / sizeof((table)[0]))]

/* Append text with letters in random case, and some "-" in a spelling that servers take for the same name. */
static struct span add_spelled(struct buf *out, const char *text, bool respell)
{
	static const char others[] = "_.!~";
	size_t start = buf_len(out);

	for (const char *p = text; *p != '\0'; p++) {
		char c = *p;
		if (c >= 'a' && c <= 'z' && random_below(3) == 0)
			c = (char)(c - 'a' + 'A');
		else if (c == '-' && respell && random_below(3) == 0)
			c = others[random_below(4)];
		buf_add_char(out, c);
	}
	return span_skip(buf_span(out), start);
}

/* A request with up to 12 fields. The bytes are the caller's to free: nothing may point there afterwards. */
struct visit {
	struct forward_request r;
	struct fields fields;
	struct buf text;
};

static void visit_make(struct visit *v)
{
	static const char *const methods[] = {"GET", "POST", "HEAD"};
	static const char *const authorities[] = {"App.Example.COM", "ADMIN.x:8080", "[2001:DB8::1]:80", ""};

	*v = (struct visit){0};
	buf_reserve(&v->text, 4096);
	for (uint32_t n = random_below(13); n > 0; n--) {
		uint32_t kind = random_below(10);
		const char *name = kind < 4 ? PICK(reserved) : kind < 6 ? PICK(hop_by_hop) : PICK(plain);
		struct span spelled = add_spelled(&v->text, name, kind < 4);
		const char *text =
			kind < 6 && strcmp(name, "connection") == 0 ? PICK(connections) : PICK(values);
		size_t start = buf_len(&v->text);
		buf_add_str(&v->text, text);
		header_add(&v->fields, spelled, span_skip(buf_span(&v->text), start));
	}
	v->r = (struct forward_request){.method = span_str(PICK(methods)),
		.path = SPAN("/A%2fb//c/../D?x=Y"),
		.authority = span_str(PICK(authorities)),
		.fields = &v->fields,
		.has_body = random_below(2) == 0,
		.is_tls = random_below(2) == 0,
		.websocket_key = random_below(4) == 0 ? SPAN("dGhlIHNhbXBsZSBub25jZQ==") : SPAN(""),
		.client = SPAN(CLIENT),
		.protocol = "HTTP/1.1"};
}

static void visit_free(struct visit *v)
{
	header_free(&v->fields);
	buf_free(&v->text);
}

/* As the most generous server reads a name: any case, and anything that is no letter or digit the same. */
static void canonical(struct span name, char out[64])
{
	size_t n = name.len < 63 ? name.len : 63;

	for (size_t i = 0; i < n; i++) {
		char c = span_lower(name.p[i]);
		out[i] = '-';
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[i] = c;
	}
	out[n] = '\0';
}

static size_t count_canonical(const struct fields *f, const char *name)
{
	size_t n = 0;
	char text[64];

	for (size_t i = 0; i < f->count; i++) {
		canonical(f->at[i].name, text);
		n += strcmp(text, name) == 0;
	}
	return n;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_one_of(struct span name, const char *const *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_eq_nocase(name, span_str(table[i])))
			return true;
	return false;
}

#define IS_ONE_OF(name, table) is_one_of(name, table, sizeof(table) / sizeof((table)[0]))

static void show(const struct fields *f, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < f->count && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%.*s: %.*s | ", (int)f->at[i].name.len,
			f->at[i].name.p, (int)f->at[i].value.len, f->at[i].value.p);
}

/* --- The invariants --- */

static void check_internal_fields(const struct visit *v, const struct fields *out)
{
	char name[64];

	for (size_t i = 0; i < out->count; i++) {
		const struct field *f = &out->at[i];
		canonical(f->name, name);
		bool ours = v->r.websocket_key.len > 0 && span_eq(f->name, CFHEADER_UPGRADE) &&
			    span_eq(f->value, CFHEADER_WEBSOCKET);
		CHECK_FOR(
			ours || (!has_prefix(name, "cf-cloudflared-") && !has_prefix(name, "cf-int-") &&
					!has_prefix(name, "cf-proxy-") && !has_prefix(name, "cf-warp-tag-") &&
					strcmp(name, "cf-access-jump-destination") != 0 &&
					strcmp(name, "host") != 0),
			"%s", name);
	}
	CHECK(count_canonical(out, "cf-cloudflared-proxy-connection-upgrade") ==
		(v->r.websocket_key.len > 0));
}

static void check_our_fields(const struct visit *v, const struct fields *out)
{
	static const char *const ours[] = {
		"cf-connecting-ip", "cf-ray", "cf-visitor", "x-forwarded-proto", "x-forwarded-for"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		CHECK_FOR(count_canonical(out, ours[i]) == 1, "%s", ours[i]);
	CHECK(span_eq(header_value(out, SPAN("cf-connecting-ip")), SPAN(CLIENT)));
	CHECK(span_eq(header_value(out, SPAN("cf-ray")), SPAN(RAY)));
	CHECK(span_eq(header_value(out, SPAN("cf-visitor")),
		v->r.is_tls ? SPAN("{\"scheme\":\"https\"}") : SPAN("{\"scheme\":\"http\"}")));
	CHECK(span_eq(
		header_value(out, SPAN("x-forwarded-proto")), v->r.is_tls ? SPAN("https") : SPAN("http")));
}

static void check_connection_fields(const struct fields *in, const struct fields *out)
{
	for (size_t i = 0; i < out->count; i++) {
		struct span name = out->at[i].name;
		if (span_eq(name, SPAN("te")))
			CHECK(span_eq(out->at[i].value, SPAN("trailers")) &&
				header_has_token(in, SPAN("te"), SPAN("trailers")));
		else
			CHECK(!header_is_hop_by_hop(name));
		CHECK_FOR(header_is_token(name), "%.*s", (int)name.len, name.p);
		for (size_t k = 0; k < name.len; k++)
			CHECK_FOR(name.p[k] == span_lower(name.p[k]), "%.*s", (int)name.len, name.p);
	}
	CHECK(header_count(out, SPAN("te")) <= 1);
}

/* The addresses that a visitor sends are kept in order, ours is last. */
static void expected_for(const struct fields *in, struct buf *want)
{
	for (size_t i = 0; i < in->count; i++)
		if (span_eq_nocase(in->at[i].name, SPAN("x-forwarded-for")) && in->at[i].value.len > 0) {
			buf_add_span(want, in->at[i].value);
			buf_add_str(want, ", ");
		}
	buf_add_str(want, CLIENT);
}

/* All other fields pass as they are, in their order, but for the case of their names; and nothing else does. */
static void expected_rest(const struct fields *in, struct buf *want)
{
	for (size_t i = 0; i < in->count; i++) {
		if (!IS_ONE_OF(in->at[i].name, plain) ||
			header_has_token(in, SPAN("connection"), in->at[i].name))
			continue;
		for (size_t k = 0; k < in->at[i].name.len; k++)
			buf_add_char(want, span_lower(in->at[i].name.p[k]));
		buf_addf(want, "=%.*s|", (int)in->at[i].value.len, in->at[i].value.p);
	}
}

static void got_rest(const struct fields *out, struct buf *got)
{
	for (size_t i = 0; i < out->count; i++)
		if (IS_ONE_OF(out->at[i].name, plain))
			buf_addf(got, "%.*s=%.*s|", (int)out->at[i].name.len, out->at[i].name.p,
				(int)out->at[i].value.len, out->at[i].value.p);
}

static void invariants_hold_for_random_requests(void)
{
	for (random_state = 1; random_state < ROUNDS; random_state++) {
		uint32_t seed = random_state;
		struct visit v;
		struct forward_head head = {0};
		struct buf want_for = {0}, want_rest = {0}, rest = {0}, authority = {0};
		char shown[2048];
		int before = test_failures;

		visit_make(&v);
		show(&v.fields, shown, sizeof(shown));
		expected_for(&v.fields, &want_for);
		expected_rest(&v.fields, &want_rest);
		for (size_t i = 0; i < v.r.authority.len; i++)
			buf_add_char(&authority, span_lower(v.r.authority.p[i]));
		forward_head_build(&v.r, RAY, &head);
		/* Nothing may point at the visitor's bytes any more. */
		struct fields in = {0};
		struct buf copy = {0};
		buf_reserve(&copy, 4096);
		for (size_t i = 0; i < v.fields.count; i++) {
			size_t at = buf_len(&copy);
			buf_add_span(&copy, v.fields.at[i].name);
			buf_add_span(&copy, v.fields.at[i].value);
			const char *p = buf_span(&copy).p + at;
			header_add(&in, span_of(p, v.fields.at[i].name.len),
				span_of(p + v.fields.at[i].name.len, v.fields.at[i].value.len));
		}
		visit_free(&v);

		check_internal_fields(&v, &head.fields);
		check_our_fields(&v, &head.fields);
		check_connection_fields(&in, &head.fields);
		got_rest(&head.fields, &rest);
		CHECK(span_eq(header_value(&head.fields, SPAN("x-forwarded-for")), buf_span(&want_for)));
		CHECK(span_eq(buf_span(&rest), buf_span(&want_rest)));
		CHECK(span_eq(head.head.authority, buf_span(&authority)));
		CHECK(span_eq(head.head.path, SPAN("/A%2fb//c/../D?x=Y")) &&
			span_eq(head.head.method, v.r.method));
		CHECK(head.no_body == (!v.r.has_body && v.r.websocket_key.len == 0));
		CHECK_FOR(test_failures == before, "seed %u: %s", seed, shown);
		random_state = seed;
		forward_head_free(&head);
		header_free(&in);
		buf_free(&copy);
		buf_free(&want_for);
		buf_free(&want_rest);
		buf_free(&rest);
		buf_free(&authority);
		if (test_failures > 5)
			break;
	}
}

static void a_websocket_loses_what_the_connector_sets_itself(void)
{
	struct field at[] = {{SPAN("Connection"), SPAN("Upgrade")}, {SPAN("Upgrade"), SPAN("websocket")},
		{SPAN("Sec-WebSocket-Version"), SPAN("13")},
		{SPAN("Sec-WebSocket-Key"), SPAN("dGhlIHNhbXBsZSBub25jZQ==")},
		{SPAN("Sec-WebSocket-Protocol"), SPAN("chat")}, {SPAN("Content-Length"), SPAN("0")},
		{SPAN("Origin"), SPAN("http://x")}};
	struct fields fields = {.at = at, .count = 7, .cap = 7};
	struct forward_request r = {.method = SPAN("GET"),
		.path = SPAN("/"),
		.authority = SPAN("x"),
		.fields = &fields,
		.websocket_key = at[3].value,
		.client = SPAN(CLIENT)};
	struct forward_head head = {0};

	forward_head_build(&r, RAY, &head);
	CHECK(header_count(&head.fields, SPAN("sec-websocket-version")) == 0);
	CHECK(header_count(&head.fields, SPAN("content-length")) == 0);
	CHECK(span_eq(header_value(&head.fields, SPAN("sec-websocket-key")), at[3].value));
	CHECK(span_eq(header_value(&head.fields, SPAN("sec-websocket-protocol")), SPAN("chat")));
	CHECK(span_eq(header_value(&head.fields, SPAN("origin")), SPAN("http://x")));
	CHECK(!head.no_body);
	forward_head_free(&head);
}

static void as_many_fields_pass_as_are_let_in(void)
{
	struct fields fields = {0};
	struct forward_request r = {.method = SPAN("GET"),
		.path = SPAN("/"),
		.authority = SPAN("x"),
		.fields = &fields,
		.client = SPAN(CLIENT)};
	struct forward_head head = {0};

	for (size_t i = 0; i < FORWARD_FIELDS_MAX; i++)
		header_add(&fields, SPAN("x-custom"), SPAN("1"));
	forward_head_build(&r, RAY, &head);
	CHECK(header_count(&head.fields, SPAN("x-custom")) == FORWARD_FIELDS_MAX);
	CHECK(header_count(&head.fields, SPAN("cf-ray")) == 1);
	/* With four pseudo-header fields it is still a head that the other end takes. */
	CHECK(head.fields.count + 4 <= HEADER_FIELDS_MAX);
	forward_head_free(&head);
	header_free(&fields);
}

static void one_more_field_of_ours_is_the_only_one_of_its_name(void)
{
	struct fields fields = {0};
	struct forward_request r = {.method = SPAN("GET"),
		.path = SPAN("/"),
		.authority = SPAN("x"),
		.fields = &fields,
		.client = SPAN(CLIENT)};
	struct forward_head head = {0};
	static const char *const theirs[] = {
		"X-CSP-Nonce", "x_csp_nonce", "x-csp.nonce", "x-csp-nonces", "x-csp"};

	for (size_t i = 0; i < 5; i++)
		header_add(&fields, span_str(theirs[i]), SPAN("theirs"));
	for (size_t i = 5; i < FORWARD_FIELDS_MAX; i++)
		header_add(&fields, SPAN("x-custom"), SPAN("1"));
	forward_head_build(&r, RAY, &head);
	size_t before = head.fields.count;
	forward_head_set(&head, SPAN("x-csp-nonce"), SPAN("ours"));
	CHECK(head.fields.count == before - 2);
	CHECK(span_eq(header_value(&head.fields, SPAN("x-csp-nonce")), SPAN("ours")));
	CHECK(header_count(&head.fields, SPAN("x_csp_nonce")) == 0);
	CHECK(header_count(&head.fields, SPAN("x-csp.nonce")) == 0);
	CHECK(header_count(&head.fields, SPAN("x-csp-nonces")) == 1);
	forward_head_free(&head);
	header_free(&fields);
}

static void hosts_are_read_without_port_and_case(void)
{
	static const struct {
		const char *authority, *host;
	} rows[] = {{"App.Example.COM", "app.example.com"}, {"app.example.com:8080", "app.example.com"},
		{"[2001:DB8::1]", "[2001:db8::1]"}, {"[2001:DB8::1]:443", "[2001:db8::1]"}, {"", ""},
		{"a:", "a"}, {"\xc3\x84.x", "\xc3\x84.x"}};
	char host[FORWARD_HOST_MAX], longest[FORWARD_HOST_MAX + 1];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_FOR(forward_head_host(span_str(rows[i].authority), host) &&
				  strcmp(host, rows[i].host) == 0,
			"%s", rows[i].authority);
	memset(longest, 'a', sizeof(longest));
	CHECK(forward_head_host(span_of(longest, FORWARD_HOST_MAX - 1), host));
	CHECK(!forward_head_host(span_of(longest, FORWARD_HOST_MAX), host));
}

/* --- Responses --- */

static void response_lengths_are_judged(void)
{
	static const struct {
		const char *values[2];
		bool good, known;
		uint64_t length;
	} rows[] = {
		{{NULL}, true, false, 0},
		{{"0"}, true, true, 0},
		{{"9223372036854775807"}, true, true, INT64_MAX},
		{{"9223372036854775808"}, false, false, 0},
		{{"5", "5"}, true, true, 5},
		{{"5", "6"}, false, false, 0},
		{{"+5"}, false, false, 0},
		{{"-1"}, false, false, 0},
		{{"5, 5"}, false, false, 0},
		{{""}, false, false, 0},
		{{"0x5"}, false, false, 0},
		{{"5", ""}, false, false, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fields f = {0};
		bool known;
		uint64_t length;
		for (size_t k = 0; k < 2 && rows[i].values[k] != NULL; k++)
			header_add(&f, k == 0 ? SPAN("Content-Length") : SPAN("content-length"),
				span_str(rows[i].values[k]));
		bool good = forward_head_length(&f, &known, &length);
		CHECK_FOR(good == rows[i].good, "row %zu", i);
		CHECK_FOR(!good || (known == rows[i].known && length == rows[i].length), "row %zu", i);
		header_free(&f);
	}
}

static bool is_for_visitors(const struct fields *in, struct span name)
{
	return !header_is_hop_by_hop(name) && !header_has_token(in, SPAN("connection"), name) &&
	       !span_starts_nocase(name, SPAN("cf-int-")) &&
	       !span_starts_nocase(name, SPAN("cf-cloudflared-")) &&
	       !span_starts_nocase(name, SPAN("cf-proxy-")) && !span_eq_nocase(name, SPAN("cf-ray")) &&
	       !span_eq_nocase(name, SPAN("content-length"));
}

static void random_responses_are_cleaned(void)
{
	for (random_state = 1; random_state < ROUNDS; random_state++) {
		uint32_t seed = random_state;
		struct visit v;
		struct buf want = {0}, got = {0};
		char shown[2048];
		visit_make(&v);
		if (random_below(2) == 0)
			header_add(&v.fields, SPAN("Content-Length"), SPAN("5"));
		show(&v.fields, shown, sizeof(shown));
		for (size_t i = 0; i < v.fields.count; i++)
			if (is_for_visitors(&v.fields, v.fields.at[i].name))
				buf_addf(&want, "%.*s=%.*s|", (int)v.fields.at[i].name.len,
					v.fields.at[i].name.p, (int)v.fields.at[i].value.len,
					v.fields.at[i].value.p);
		forward_head_clean_response(&v.fields);
		for (size_t i = 0; i < v.fields.count; i++)
			buf_addf(&got, "%.*s=%.*s|", (int)v.fields.at[i].name.len, v.fields.at[i].name.p,
				(int)v.fields.at[i].value.len, v.fields.at[i].value.p);
		CHECK_FOR(span_eq(buf_span(&got), buf_span(&want)), "%s", shown);
		random_state = seed;
		visit_free(&v);
		buf_free(&want);
		buf_free(&got);
		if (test_failures > 5)
			break;
	}
}

TEST_MAIN(TEST(invariants_hold_for_random_requests), TEST(a_websocket_loses_what_the_connector_sets_itself),
	TEST(as_many_fields_pass_as_are_let_in), TEST(one_more_field_of_ours_is_the_only_one_of_its_name),
	TEST(hosts_are_read_without_port_and_case), TEST(response_lengths_are_judged),
	TEST(random_responses_are_cleaned))
