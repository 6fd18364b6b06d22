/* HTTP/1.1 bodies and the writing of messages: what is cut anywhere reads the same, what is written reads back. */
#include "common/proto/http1.h"
#include "test.h"

/* What a body came to. */
struct result {
	enum parse parse; /* PARSE_OK: ended */
	struct buf payload;
	struct buf trailers; /* as they would be written */
	size_t left;         /* bytes after the body */
	bool broken;         /* a promise of the header was not kept */
};

static void result_free(struct result *r)
{
	buf_free(&r->payload);
	buf_free(&r->trailers);
}

/* Feed one piece, in a block of just its size. */
static void feed(struct http1_body *b, struct span piece, struct result *r)
{
	char *block = malloc(piece.len > 0 ? piece.len : 1);
	struct span in = span_of(block, piece.len), data;
	const char *why = NULL;

	memcpy(block, piece.p, piece.len);
	while (in.len > 0 && !b->done && r->parse == PARSE_MORE) {
		enum parse parse = http1_body_next(b, &in, &data, &why);
		if (parse == PARSE_BAD)
			r->parse = PARSE_BAD;
		r->broken = r->broken || (parse == PARSE_BAD) != (why != NULL) ||
			    (parse == PARSE_OK && data.len == 0 && !b->done) ||
			    (parse == PARSE_MORE && (in.len > 0 || data.len > 0));
		if (parse == PARSE_OK)
			buf_add_span(&r->payload, data);
	}
	if (b->done)
		r->left += in.len;
	free(block);
}

/* Feed text: first bytes, then step at a time. */
static struct result decode(
	enum http1_framing framing, uint64_t length, struct span text, size_t first, size_t step)
{
	struct result r = {.parse = PARSE_MORE};
	struct http1_body b = {0};

	http1_body_start(&b, framing, length);
	for (size_t at = 0, n = first; at < text.len && r.parse == PARSE_MORE; at += n, n = step) {
		n = n < text.len - at ? n : text.len - at;
		if (b.done)
			r.left += n;
		else
			feed(&b, span_of(text.p + at, n), &r);
	}
	if (b.done)
		r.parse = PARSE_OK;
	for (size_t i = 0; b.done && i < b.trailers.count; i++)
		http1_write_field(&r.trailers, b.trailers.at[i].name, b.trailers.at[i].value);
	http1_body_fini(&b);
	return r;
}

static bool same(const struct result *a, const struct result *b)
{
	return a->parse == b->parse && !a->broken && !b->broken && a->left == b->left &&
	       span_eq(buf_span(&a->payload), buf_span(&b->payload)) &&
	       span_eq(buf_span(&a->trailers), buf_span(&b->trailers));
}

/* The same byte by byte, and cut in two anywhere. A refused body may have given some payload before. */
static bool cut_does_not_matter(enum http1_framing framing, uint64_t length, struct span text)
{
	struct result whole = decode(framing, length, text, text.len, 1);
	bool ok = true;

	for (size_t first = 0; first <= text.len && ok; first++) {
		struct result cut = decode(framing, length, text, first, first == 0 ? 1 : text.len);
		ok = same(&whole, &cut);
		result_free(&cut);
	}
	result_free(&whole);
	return ok;
}

static void chunks_are_taken_apart(void)
{
	static const struct {
		const char *text, *payload, *trailers;
		size_t left;
	} rows[] = {
		{"0\r\n\r\n", "", "", 0},
		{"5\r\nhello\r\n0\r\n\r\n", "hello", "", 0},
		{"5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "hello", "", 16},
		{"1\r\na\r\n00A\r\n0123456789\r\na\r\n0123456789\r\n0000\r\n\r\n", "a01234567890123456789",
			"", 0},
		{"5;ext\r\nhello\r\n0;a=\"b;c\" ; d\r\n\r\n", "hello", "", 0},
		{"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", "", 0},
		{"000000000000005\r\nhello\r\n0\r\n\r\n", "hello", "", 0},
		{"3\r\nabc\r\n0\r\nX-Sum: 12\r\nY:\r\n\r\nZ", "abc", "X-Sum: 12\r\nY: \r\n", 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span text = span_str(rows[i].text);
		struct result r = decode(HTTP1_CHUNKED, 0, text, text.len, 1);
		CHECK_FOR(r.parse == PARSE_OK && !r.broken && r.left == rows[i].left, "%s", rows[i].text);
		CHECK_FOR(span_eq(buf_span(&r.payload), span_str(rows[i].payload)), "%s", rows[i].text);
		CHECK_FOR(span_eq(buf_span(&r.trailers), span_str(rows[i].trailers)), "%s", rows[i].text);
		CHECK_FOR(cut_does_not_matter(HTTP1_CHUNKED, 0, text), "%s", rows[i].text);
		/* No beginning of it is a body by itself. */
		for (size_t n = 0; n < text.len - r.left; n++) {
			struct result part = decode(HTTP1_CHUNKED, 0, span_of(text.p, n), n, 1);
			CHECK_FOR(part.parse == PARSE_MORE, "%s cut at %zu", rows[i].text, n);
			result_free(&part);
		}
		result_free(&r);
	}
}

static void chunk_tricks_are_refused(void)
{
	static const struct span rows[] = {
#define ROW(text) {text, sizeof(text) - 1}
		ROW("+5\r\nhello\r\n0\r\n\r\n"),
		ROW("-5\r\nhello\r\n0\r\n\r\n"),
		ROW("0x5\r\nhello\r\n0\r\n\r\n"),
		ROW("5 \r\nhello\r\n0\r\n\r\n"),
		ROW(" 5\r\nhello\r\n0\r\n\r\n"),
		ROW("5\t\r\nhello\r\n0\r\n\r\n"),
		ROW("5 ;a\r\nhello\r\n0\r\n\r\n"),
		ROW("5,\r\nhello\r\n0\r\n\r\n"),
		ROW("5_0\r\nhello\r\n"),
		ROW("\r\nhello\r\n0\r\n\r\n"),
		ROW(";a\r\nhello\r\n"),
		ROW("g\r\n"),
		ROW("5\0\r\nhello\r\n"),
		ROW("\xef\xbc\x95\r\nhello\r\n"),
		ROW("\"5\"\r\nhello\r\n"),
		/* Sizes that overflow: 2^64 + 5, 2^60, and many zeros. */
		ROW("10000000000000005\r\nhello\r\n0\r\n\r\n"),
		ROW("1000000000000000\r\n"),
		ROW("ffffffffffffffff\r\n"),
		ROW("0000000000000000\r\n"),
		/* Line ends. */
		ROW("5\nhello\r\n0\r\n\r\n"),
		ROW("5\rhello\r\n0\r\n\r\n"),
		ROW("5\r\nhello\n0\r\n\r\n"),
		ROW("5\r\nhello\r0\r\n\r\n"),
		ROW("5;a\nhello\r\n0\r\n\r\n"),
		ROW("5;a\rb\r\nhello\r\n"),
		ROW("0\n\n"),
		ROW("0\r\n\n"),
		ROW("0\r\n\r\r\n\r\n"),
		ROW("0\r\nX: a\n\r\n"),
		/* Sizes that do not fit the chunk. */
		ROW("5\r\nhello!\r\n0\r\n\r\n"),
		ROW("5\r\nhello!\n0\r\n\r\n"),
		ROW("5\r\nhello\r!0\r\n\r\n"),
		ROW("5\r\nhell\r\n0\r\n\r\n"),
		ROW("5\r\nhello0\r\n\r\n"),
		ROW("5;\x01\r\nhello\r\n"),
		ROW("5;\x7f\r\nhello\r\n"),
		ROW("5;\0\r\nhello\r\n"),
		/* Trailers. */
		ROW("0\r\nX : a\r\n\r\n"),
		ROW("0\r\n X: a\r\n\r\n"),
		ROW("0\r\nX: a\r\n b\r\n\r\n"),
		ROW("0\r\nX\r\n\r\n"),
		ROW("0\r\nX: \0\r\n\r\n"),
		ROW("0\r\nGET / HTTP/1.1\r\n\r\n"),
		ROW("0\r\nContent-Length: 1\r\n\r\n"),
		ROW("0\r\nTransfer-Encoding: chunked\r\n\r\n"),
		ROW("0\r\nHost: b\r\n\r\n"),
		ROW("0\r\nConnection: x\r\n\r\n"),
#undef ROW
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct result r = decode(HTTP1_CHUNKED, 0, rows[i], rows[i].len, 1);
		CHECK_FOR(r.parse == PARSE_BAD && !r.broken, "row %zu: %s", i, rows[i].p);
		CHECK_FOR(cut_does_not_matter(HTTP1_CHUNKED, 0, rows[i]), "row %zu: %s", i, rows[i].p);
		result_free(&r);
	}
}

static enum parse outcome_of(struct buf *b, size_t first, size_t step)
{
	struct result r = decode(HTTP1_CHUNKED, 0, buf_span(b), first, step);
	enum parse parse = r.parse;

	CHECK(!r.broken);
	result_free(&r);
	return parse;
}

static void chunk_limits_are_kept(void)
{
	struct buf b = {0};

	for (size_t over = 0; over < 2; over++) {
		enum parse wanted = over ? PARSE_BAD : PARSE_OK;
		buf_clear(&b);
		/* Twice: the limit is for each chunk. */
		for (int i = 0; i < 2; i++) {
			buf_add_str(&b, i == 0 ? "1;" : "\r\na\r\n0;");
			for (size_t n = 0; n < HTTP1_CHUNK_EXT_MAX + (i == 0 ? 0 : over); n++)
				buf_add_char(&b, 'e');
		}
		buf_add_str(&b, "\r\n\r\n");
		CHECK(outcome_of(&b, buf_len(&b), 1) == wanted && outcome_of(&b, 0, 1) == wanted);

		buf_clear(&b);
		buf_add_str(&b, "0\r\nX:");
		for (size_t n = 0; n < HTTP1_TRAILER_MAX - 6 + over; n++)
			buf_add_char(&b, 't');
		buf_add_str(&b, "\r\n\r\n");
		CHECK(outcome_of(&b, buf_len(&b), 1) == wanted && outcome_of(&b, 0, 1) == wanted);

		buf_clear(&b);
		buf_add_str(&b, "0\r\n");
		for (size_t n = 0; n < HEADER_FIELDS_MAX + over; n++)
			buf_add_str(&b, "a:\r\n");
		buf_add_str(&b, "\r\n");
		CHECK(outcome_of(&b, buf_len(&b), 1) == wanted && outcome_of(&b, 0, 1) == wanted);
	}
	buf_free(&b);
}

static void bodies_end_where_their_framing_says(void)
{
	static const struct {
		enum http1_framing framing;
		uint64_t length;
		const char *text, *payload;
		enum parse parse;
		bool ends_at_close;
	} rows[] = {
		{HTTP1_NO_BODY, 0, "GET", "", PARSE_OK, true},
		{HTTP1_LENGTH, 5, "helloGET", "hello", PARSE_OK, true},
		{HTTP1_LENGTH, 5, "hello", "hello", PARSE_OK, true},
		{HTTP1_LENGTH, 5, "hell", "hell", PARSE_MORE, false},
		{HTTP1_LENGTH, 0, "x", "", PARSE_OK, true},
		{HTTP1_LENGTH, UINT64_MAX, "hello", "hello", PARSE_MORE, false},
		{HTTP1_UNTIL_CLOSE, 0, "0\r\n\r\nx", "0\r\n\r\nx", PARSE_MORE, true},
		{HTTP1_CHUNKED, 0, "5\r\nhello\r\n0\r\n", "hello", PARSE_MORE, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span text = span_str(rows[i].text), in = text, data;
		struct result r = decode(rows[i].framing, rows[i].length, text, text.len, 1);
		struct http1_body b = {0};
		const char *why;
		CHECK_FOR(
			r.parse == rows[i].parse && span_eq(buf_span(&r.payload), span_str(rows[i].payload)),
			"row %zu", i);
		CHECK_FOR(cut_does_not_matter(rows[i].framing, rows[i].length, text), "row %zu", i);
		http1_body_start(&b, rows[i].framing, rows[i].length);
		while (!b.done && in.len > 0)
			CHECK(http1_body_next(&b, &in, &data, &why) != PARSE_BAD);
		CHECK_FOR(http1_body_at_close(&b) == rows[i].ends_at_close, "row %zu", i);
		http1_body_fini(&b);
		result_free(&r);
	}
}

static void a_reader_serves_one_message_after_another(void)
{
	struct http1_body b = {0};
	struct span in = SPAN("3\r\nabc\r\n0\r\nX: 1\r\n\r\nde0\r\n\r\n"), data;
	const char *why;

	http1_body_start(&b, HTTP1_CHUNKED, 0);
	CHECK(http1_body_next(&b, &in, &data, &why) == PARSE_OK && span_eq(data, SPAN("abc")) && !b.done);
	CHECK(http1_body_next(&b, &in, &data, &why) == PARSE_OK && b.done && data.len == 0);
	CHECK(span_eq(header_value(&b.trailers, SPAN("x")), SPAN("1")));
	CHECK(http1_body_next(&b, &in, &data, &why) == PARSE_OK && data.len == 0 && in.len == 7);
	http1_body_start(&b, HTTP1_LENGTH, 2);
	CHECK(b.trailers.count == 0);
	CHECK(http1_body_next(&b, &in, &data, &why) == PARSE_OK && span_eq(data, SPAN("de")) && b.done);
	http1_body_start(&b, HTTP1_CHUNKED, 0);
	CHECK(http1_body_next(&b, &in, &data, &why) == PARSE_OK && b.done && in.len == 0 &&
		b.trailers.count == 0);
	http1_body_fini(&b);
}

static void written_bodies_read_back(void)
{
	struct field rows[] = {{SPAN("X-Sum"), SPAN("a b")}, {SPAN("Content-Length"), SPAN("1")},
		{SPAN("te"), SPAN("trailers")}, {SPAN("Y"), SPAN("")}, {SPAN("HOST"), SPAN("b")}};
	struct fields trailers = {.at = rows, .count = 5};
	struct buf out = {0}, all = {0};

	for (size_t n = 0; n < 5000; n = n * 3 + 1) {
		char data[5000];
		memset(data, (int)('a' + n % 26), sizeof(data));
		CHECK(http1_write_chunk(&out, span_of(data, n)) == 0 && buf_add(&all, data, n) == 0);
	}
	CHECK(http1_write_chunk_start(&out, 0x1a2b) == 0 && span_ends(buf_span(&out), SPAN("\r\n1a2b\r\n")));
	for (size_t i = 0; i < 0x1a2b; i++)
		CHECK(buf_add_char(&out, 'z') == 0 && buf_add_char(&all, 'z') == 0);
	CHECK(http1_write_chunk_end(&out) == 0 && http1_write_last_chunk(&out, &trailers) == 0);
	struct result r = decode(HTTP1_CHUNKED, 0, buf_span(&out), 1, 1000);
	CHECK(r.parse == PARSE_OK && r.left == 0 && span_eq(buf_span(&r.payload), buf_span(&all)));
	CHECK(span_eq(buf_span(&r.trailers), SPAN("X-Sum: a b\r\nY: \r\n")));
	result_free(&r);
	buf_clear(&out);
	CHECK(http1_write_chunk_start(&out, UINT64_MAX) == 0 && http1_write_last_chunk(&out, NULL) == 0);
	CHECK(span_eq(buf_span(&out), SPAN("ffffffffffffffff\r\n0\r\n\r\n")));
	CHECK(http1_write_chunk_start(&out, 0) == -1);
	buf_free(&out);
	buf_free(&all);
}

static void written_heads_read_back(void)
{
	struct buf out = {0};
	struct http1_request request = {0};
	struct http1_response response = {0};
	struct http1_fault fault;

	CHECK(http1_write_request_line(&out, SPAN("PATCH"), SPAN("/a?b")) == 0);
	CHECK(http1_write_field(&out, SPAN("Host"), SPAN("a.example")) == 0);
	CHECK(http1_write_field(&out, SPAN("X"), SPAN("")) == 0 && http1_write_end(&out) == 0);
	CHECK(span_eq(buf_span(&out), SPAN("PATCH /a?b HTTP/1.1\r\nHost: a.example\r\nX: \r\n\r\n")));
	CHECK(http1_parse_request(buf_span(&out), &request, &fault) && request.fields.count == 2);
	buf_clear(&out);
	CHECK(http1_write_status_line(&out, 206, http1_reason(206)) == 0);
	CHECK(http1_write_field(&out, SPAN("ETag"), SPAN("\"\xe9\"")) == 0 && http1_write_end(&out) == 0);
	CHECK(span_eq(buf_span(&out), SPAN("HTTP/1.1 206 Partial Content\r\nETag: \"\xe9\"\r\n\r\n")));
	CHECK(http1_parse_response(buf_span(&out), SPAN("GET"), &response, &fault) && response.status == 206);
	CHECK(http1_reason(299).len == 0 && http1_write_status_line(&out, 299, http1_reason(299)) == 0);
	http1_request_fini(&request);
	http1_response_fini(&response);
	buf_free(&out);
}

static void nothing_unfit_is_written(void)
{
	struct field name = {SPAN("X Y"), SPAN("1")}, value = {SPAN("X"), SPAN("a\r\nb")};
	struct fields one = {.at = &name, .count = 1};
	struct buf out = {0}, small = {.max = 20};

	CHECK(http1_write_request_line(&out, SPAN("G T"), SPAN("/")) == -1);
	CHECK(http1_write_request_line(&out, SPAN(""), SPAN("/")) == -1);
	CHECK(http1_write_request_line(&out, SPAN("GET"), SPAN("")) == -1);
	CHECK(http1_write_request_line(&out, SPAN("GET"), SPAN("/ HTTP/1.1\r\nX: ")) == -1);
	CHECK(http1_write_status_line(&out, 99, SPAN("")) == -1 &&
		http1_write_status_line(&out, 1000, SPAN("")) == -1);
	CHECK(http1_write_status_line(&out, 200, SPAN("OK\r\nX: y")) == -1);
	CHECK(http1_write_field(&out, SPAN("X:"), SPAN("y")) == -1 &&
		http1_write_field(&out, SPAN(""), SPAN("y")) == -1);
	CHECK(http1_write_field(&out, SPAN("X"), SPAN("y\n")) == -1);
	CHECK(http1_write_field(&out, SPAN("X"), SPAN("y\0z")) == -1);
	CHECK(http1_write_field(&out, SPAN("X"), SPAN(" y")) == -1);
	CHECK(http1_write_last_chunk(&out, &one) == -1);
	one.at = &value;
	CHECK(http1_write_last_chunk(&out, &one) == -1 && buf_len(&out) == 0);

	CHECK(http1_write_request_line(&small, SPAN("GET"), SPAN("/123456789")) == -1);
	CHECK(http1_write_status_line(&small, 200, SPAN("fourteen bytes")) == -1);
	CHECK(http1_write_field(&small, SPAN("name"), SPAN("fourteen bytes")) == -1);
	CHECK(http1_write_chunk(&small, SPAN("fourteen bytes")) == -1);
	one.at = &(struct field){SPAN("X"), SPAN("thirteen byte")};
	CHECK(http1_write_last_chunk(&small, &one) == -1 && buf_len(&small) == 0);
	buf_free(&out);
	buf_free(&small);
}

TEST_MAIN(TEST(chunks_are_taken_apart), TEST(chunk_tricks_are_refused), TEST(chunk_limits_are_kept),
	TEST(bodies_end_where_their_framing_says), TEST(a_reader_serves_one_message_after_another),
	TEST(written_bodies_read_back), TEST(written_heads_read_back), TEST(nothing_unfit_is_written))
