/* HTTP/1.1 heads: which are taken and as what, which are refused, and that it does not matter how they are cut. */
#include "common/proto/http1.h"
#include "test.h"

/* What became of a head. */
struct outcome {
	enum parse found;
	size_t head_len; /* found */
	bool ok;         /* found and parsed */
	struct http1_fault fault;
};

/* Show the finder more and more of text: first bytes, then step more each time. Every view is a block of just its
 * size, so that the sanitizer sees a byte read too many. */
static struct outcome find(struct span text, size_t first, size_t step)
{
	struct outcome o = {.found = PARSE_MORE};
	size_t scanned = 0;

	for (size_t have = first; o.found == PARSE_MORE; have += step) {
		if (have > text.len)
			have = text.len;
		char *block = malloc(have > 0 ? have : 1);
		memcpy(block, text.p, have);
		o.found = http1_find_head(span_of(block, have), &scanned, &o.head_len, &o.fault);
		free(block);
		if (have == text.len)
			break;
	}
	return o;
}

static struct outcome read_request(struct span text, size_t first, size_t step, struct http1_request *r)
{
	struct outcome o = find(text, first, step);

	if (o.found == PARSE_OK)
		o.ok = http1_parse_request(span_of(text.p, o.head_len), r, &o.fault);
	return o;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	if (a->found != b->found || a->ok != b->ok)
		return false;
	if (!a->ok && a->found != PARSE_MORE)
		return a->fault.status == b->fault.status && strcmp(a->fault.why, b->fault.why) == 0;
	return a->found == PARSE_MORE || a->head_len == b->head_len;
}

/* The same outcome whole, byte by byte, and cut in two anywhere. */
static bool cut_does_not_matter(struct span text)
{
	struct http1_request r = {0};
	struct outcome whole = read_request(text, text.len, 1, &r), o = read_request(text, 0, 1, &r);
	bool ok = same(&whole, &o);

	for (size_t at = 0; at < text.len && ok; at++) {
		o = read_request(text, at, text.len, &r);
		ok = same(&whole, &o);
	}
	http1_request_fini(&r);
	return ok;
}

static void requests_are_read(void)
{
	static const struct {
		const char *text;
		const char *method, *path, *authority;
		enum http1_framing framing;
		uint64_t length;
		bool keep_alive, expects_continue;
		size_t fields;
	} rows[] = {
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", "a", HTTP1_NO_BODY, 0, true, false, 1},
		{"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", "a", HTTP1_NO_BODY, 0, true, false, 1},
		{"POST /a%2Fb//c/../d?x=%zz&y=1 HTTP/1.1\r\nhost:a.example:8080\r\nContent-Length: "
		 "5\r\n\r\nhello",
			"POST", "/a%2Fb//c/../d?x=%zz&y=1", "a.example:8080", HTTP1_LENGTH, 5, true, false,
			2},
		{"PUT /x HTTP/1.1\r\nHost: \t [::1]:80 \t\r\nTransfer-Encoding: Chunked\r\nExpect: "
		 "100-Continue\r\n"
		 "Connection: Close\r\n\r\n",
			"PUT", "/x", "[::1]:80", HTTP1_CHUNKED, 0, false, true, 4},
		{"GET / HTTP/1.0\r\n\r\n", "GET", "/", "", HTTP1_NO_BODY, 0, false, false, 0},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nExpect: 100-continue\r\n\r\n", "GET", "/", "",
			HTTP1_NO_BODY, 0, true, false, 2},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x, close\r\n\r\n", "GET", "/", "a",
			HTTP1_NO_BODY, 0, false, false, 2},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST", "/", "a", HTTP1_NO_BODY,
			0, true, false, 2},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", "POST", "/",
			"a", HTTP1_LENGTH, INT64_MAX, true, false, 2},
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "*", "a", HTTP1_NO_BODY, 0, true, false,
			1},
		{"GET http://B.example:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/p?q", "B.example:81",
			HTTP1_NO_BODY, 0, true, false, 1},
		{"GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", "b", HTTP1_NO_BODY, 0, true, false,
			1},
		{"M!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: a\r\n\r\n", "M!#$%&'*+-.^_`|~", "/", "a",
			HTTP1_NO_BODY, 0, true, false, 1},
		{"GET /\xc3\xa9{}|\\^\"<> HTTP/1.7\r\nHost: a\r\nX: \xff\x80 \t y\r\nEmpty:\r\n\r\n", "GET",
			"/\xc3\xa9{}|\\^\"<>", "a", HTTP1_NO_BODY, 0, true, false, 3},
	};
	struct http1_request r = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span text = span_str(rows[i].text);
		struct outcome o = read_request(text, text.len, 1, &r);
		CHECK_FOR(o.ok, "%s: %s", rows[i].text, o.fault.why);
		if (!o.ok)
			continue;
		CHECK_FOR(span_eq(r.method, span_str(rows[i].method)), "%s", rows[i].text);
		CHECK_FOR(span_eq(r.path, span_str(rows[i].path)), "%s", rows[i].text);
		CHECK_FOR(span_eq(r.authority, span_str(rows[i].authority)), "%s", rows[i].text);
		CHECK_FOR(r.framing == rows[i].framing && r.length == rows[i].length, "%s", rows[i].text);
		CHECK_FOR(
			r.keep_alive == rows[i].keep_alive && r.expects_continue == rows[i].expects_continue,
			"%s", rows[i].text);
		CHECK_FOR(r.fields.count == rows[i].fields, "%s", rows[i].text);
		CHECK_FOR(cut_does_not_matter(text), "%s", rows[i].text);
	}
	http1_request_fini(&r);
}

/* A row of refused text, which may hold NUL. */
#define BAD(status, text)                        \
	{                                        \
		{text, sizeof(text) - 1}, status \
	}
struct bad {
	struct span text;
	int status;
};

static void check_bad_requests(const struct bad *rows, size_t count)
{
	struct http1_request r = {0};

	for (size_t i = 0; i < count; i++) {
		struct outcome o = read_request(rows[i].text, rows[i].text.len, 1, &r);
		CHECK_FOR(!o.ok && o.found != PARSE_MORE && o.fault.status == rows[i].status,
			"row %zu: %d %s\n%s", i, o.ok ? 0 : o.fault.status, o.ok ? "accepted" : o.fault.why,
			rows[i].text.p);
		CHECK_FOR(cut_does_not_matter(rows[i].text), "row %zu: %s", i, rows[i].text.p);
	}
	http1_request_fini(&r);
}

static void malformed_requests_are_refused(void)
{
	static const struct bad rows[] = {
		/* Line ends. */
		BAD(400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
		BAD(400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "\r\n\nGET / HTTP/1.1\r\n"),
		BAD(400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
		/* Start line. */
		BAD(400, "GET\r\nHost: a\r\n\r\n"),
		BAD(400, "GET /\r\nHost: a\r\n\r\n"),
		BAD(400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
		BAD(400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET / x HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "G\0T / HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET /#f HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET / HTTP/11\r\nHost: a\r\n\r\n"),
		BAD(400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
		BAD(400, "GET / HTTP/1,1\r\nHost: a\r\n\r\n"),
		BAD(505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
		BAD(505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
		BAD(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		BAD(501, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: a\r\n\r\n"),
		/* Target. */
		BAD(400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET a.example:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(501, "CONNECT a.example:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET x/y HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET http://b:x/ HTTP/1.1\r\nHost: a\r\n\r\n"),
		BAD(400, "GET http://b/ HTTP/1.1\r\n\r\n"),
		/* Fields. */
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX: abcdefgh\x0b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX: abcdefghijk\x7f\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX\xc3: b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\n(X): b\r\n\r\n"),
		/* Host. */
		BAD(400, "GET / HTTP/1.1\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
		BAD(400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
		BAD(400, "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
		BAD(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
	};

	check_bad_requests(rows, sizeof(rows) / sizeof(rows[0]));
}

/* Requests that two hops could cut in different places, or that are known to have been cut so. */
static void smuggled_requests_are_refused(void)
{
#define HEAD "POST / HTTP/1.1\r\nHost: a\r\n"
	static const struct bad rows[] = {
		/* CL.TE and TE.CL. */
		BAD(400, HEAD "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"),
		BAD(400, HEAD "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n12\r\n"),
		BAD(400, HEAD "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"),
		BAD(400, HEAD "Content-Length: 6\r\nTransfer-Encoding: identity\r\n\r\n"),
		/* TE.TE. */
		BAD(501, HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding: xchunked\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding: chunked, chunked\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding: chunked, gzip\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding: ,chunked\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding: \"chunked\"\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding: chunked;q=1\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding:\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding: identity\r\n\r\n"),
		BAD(501, HEAD "Transfer-Encoding: chunked\xa0\r\n\r\n"),
		BAD(400, HEAD "Transfer-Encoding : chunked\r\n\r\n"),
		BAD(400, HEAD "Transfer-Encoding\r\n : chunked\r\n\r\n"),
		BAD(400, HEAD "Transfer-Encoding: \x0b"
			      "chunked\r\n\r\n"),
		BAD(400, HEAD " Transfer-Encoding: chunked\r\n\r\n"),
		BAD(400, HEAD "X: a\nTransfer-Encoding: chunked\r\n\r\n"),
		BAD(400, HEAD "X: a\rTransfer-Encoding: chunked\r\n\r\n"),
		BAD(400, HEAD "Transfer-Encoding:\r\n chunked\r\n\r\n"),
		BAD(400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
		/* Lengths. */
		BAD(400, HEAD "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
		BAD(400, HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
		BAD(400, HEAD "Content-Length: 5, 5\r\n\r\n"),
		BAD(400, HEAD "Content-Length: +5\r\n\r\n"),
		BAD(400, HEAD "Content-Length: -5\r\n\r\n"),
		BAD(400, HEAD "Content-Length: 0x5\r\n\r\n"),
		BAD(400, HEAD "Content-Length: 5 \x0b\r\n\r\n"),
		BAD(400, HEAD "Content-Length: 5 5\r\n\r\n"),
		BAD(400, HEAD "Content-Length: 5a\r\n\r\n"),
		BAD(400, HEAD "Content-Length:\r\n\r\n"),
		BAD(400, HEAD "Content-Length: \"5\"\r\n\r\n"),
		BAD(400, HEAD "Content-Length: 5.0\r\n\r\n"),
		BAD(400, HEAD "Content-Length: 9223372036854775808\r\n\r\n"),
		BAD(400, HEAD "Content-Length: 18446744073709551621\r\n\r\n"),
		BAD(400, HEAD "Content-Length: 99999999999999999999999999999999999999\r\n\r\n"),
		BAD(400, HEAD "Content-Length : 5\r\n\r\n"),
		BAD(400, HEAD "Content_Length: 5\r\nContent-Length : 6\r\n\r\n"),
	};
#undef HEAD

	check_bad_requests(rows, sizeof(rows) / sizeof(rows[0]));
}

static void unfinished_requests_wait(void)
{
	static const char *const rows[] = {"", "\r", "\r\n", "\r\nG", "GET / HTTP/1.1", "GET / HTTP/1.1\r",
		"GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\n\r", "GET / HTTP/1.1\r\nHost: a\r\n\r"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span text = span_str(rows[i]);
		CHECK_FOR(find(text, text.len, 1).found == PARSE_MORE, "%s", rows[i]);
		CHECK_FOR(find(text, 0, 1).found == PARSE_MORE, "%s", rows[i]);
	}
	size_t scanned = 0, head_len = 0;
	struct http1_fault fault;
	struct span two = SPAN("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	CHECK(http1_find_head(two, &scanned, &head_len, &fault) == PARSE_OK && head_len == two.len / 2);
}

/* Start with text, go on with n times filler, end with text. */
static struct span blown_up(struct buf *b, const char *start, char filler, size_t n, const char *end)
{
	buf_clear(b);
	buf_add_str(b, start);
	for (size_t i = 0; i < n; i++)
		buf_add_char(b, filler);
	buf_add_str(b, end);
	return buf_span(b);
}

static int status_of(struct span text, size_t first, size_t step)
{
	struct http1_request r = {0};
	struct outcome o = read_request(text, first, step, &r);

	http1_request_fini(&r);
	if (o.ok)
		return 0;
	return o.found == PARSE_MORE ? -1 : o.fault.status;
}

static void limits_are_kept_however_it_comes(void)
{
#define LINE_REST " HTTP/1.1\r\nHost: a\r\n\r\n"
	const size_t line = HTTP1_LINE_MAX - strlen("GET / HTTP/1.1\r\n");
	const size_t field = HTTP1_FIELD_MAX - strlen("X:");
	static const char two_fields[] = "GET / HTTP/1.1\r\nHost: a\r\nY: ";
	struct buf b = {0};

	CHECK(status_of(blown_up(&b, "GET /", 'x', line, LINE_REST), buf_len(&b), 1) == 0);
	CHECK(status_of(blown_up(&b, "GET /", 'x', line + 1, LINE_REST), buf_len(&b), 1) == 414);
	CHECK(status_of(buf_span(&b), 0, 7) == 414);
	CHECK(status_of(blown_up(&b, "GET /", 'x', line + 11, "\n"), buf_len(&b), 1) == 414);
	CHECK(status_of(blown_up(&b, "GET /", 'x', HTTP1_LINE_MAX, ""), 100, 100) == 414);
	CHECK(status_of(blown_up(&b, "GET /", 'x', HTTP1_LINE_MAX - 6, ""), 100, 100) == -1);

	CHECK(status_of(blown_up(&b, "GET / HTTP/1.1\r\nHost: a\r\nX:", 'x', field, "\r\n\r\n"), 0, 4096) ==
		0);
	CHECK(status_of(blown_up(&b, "GET / HTTP/1.1\r\nHost: a\r\nX:", 'x', field + 1, "\r\n\r\n"), 0,
		      4096) == 431);

	const size_t head = HTTP1_HEAD_MAX - strlen(two_fields);
	CHECK(status_of(blown_up(&b, two_fields, 'y', head, ""), 0, 1000) == 431);
	CHECK(status_of(blown_up(&b, two_fields, 'y', head - 1, ""), 0, 1000) == -1);
	CHECK(status_of(blown_up(&b, two_fields, 'y', head - 3, "\r\n\r\n"), buf_len(&b), 1) == 431);
	CHECK(status_of(blown_up(&b, two_fields, 'y', head + 99, "\n\r\n"), buf_len(&b), 1) == 431);
	CHECK(status_of(buf_span(&b), 0, 1000) == 431);

	buf_clear(&b);
	buf_add_str(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (size_t i = 1; i < HEADER_FIELDS_MAX; i++)
		buf_add_str(&b, "a:\r\n");
	buf_add_str(&b, "\r\n");
	CHECK(status_of(buf_span(&b), 0, 1000) == 0);
	b.tail -= 2; /* takes the empty line back */
	buf_add_str(&b, "a:\r\n\r\n");
	CHECK(status_of(buf_span(&b), 0, 1000) == 431);
	CHECK(status_of(blown_up(&b, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close", ',', 9000, "\r\n\r\n"),
		      0, 999) == 0);
	buf_clear(&b);
	buf_add_str(&b, "GET / HTTP/1.1\r\nHost: a\r\nConnection: a");
	for (size_t i = 0; i < HEADER_CONNECTION_MAX; i++)
		buf_add_str(&b, ",b");
	buf_add_str(&b, "\r\n\r\n");
	CHECK(status_of(buf_span(&b), buf_len(&b), 1) == 400);
	buf_free(&b);
}

static void a_head_is_not_searched_again(void)
{
	struct buf b = {0};
	struct span text = blown_up(&b, "GET / HTTP/1.1\r\nX: ", 'x', 30000, "");
	size_t scanned = 0, head_len;
	struct http1_fault fault;

	/* What was looked at is not needed any more: only the last two bytes are. */
	CHECK(http1_find_head(text, &scanned, &head_len, &fault) == PARSE_MORE && scanned == text.len);
	buf_add_str(&b, "\r\n\r\n");
	memset(b.data + 20, '\n', 1000);
	CHECK(http1_find_head(buf_span(&b), &scanned, &head_len, &fault) == PARSE_OK &&
		head_len == buf_len(&b));
	buf_free(&b);
}

static void responses_are_read(void)
{
	static const struct {
		const char *text, *method;
		int status;
		const char *reason;
		enum http1_framing framing;
		uint64_t length; /* with HTTP1_LENGTH */
		bool keep_alive;
	} rows[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "GET", 200, "OK", HTTP1_LENGTH, 5, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", 200, "OK", HTTP1_NO_BODY, 0, true},
		{"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", "POST", 200, "", HTTP1_CHUNKED, 0,
			true},
		{"HTTP/1.1 200\r\n\r\n", "GET", 200, "", HTTP1_UNTIL_CLOSE, 0, false},
		{"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", "GET", 200, "OK", HTTP1_LENGTH, 5, false},
		{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n", "GET", 200, "OK",
			HTTP1_LENGTH, 5, true},
		{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", "GET", 200, "OK", HTTP1_UNTIL_CLOSE, 0,
			false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", 200, "OK", HTTP1_NO_BODY, 0, true},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", 200, "OK", HTTP1_NO_BODY, 0,
			true},
		{"HTTP/1.1 200 OK\r\n\r\n", "HEAD", 200, "OK", HTTP1_NO_BODY, 0, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "head", 200, "OK", HTTP1_LENGTH, 5, true},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET", 304, "Not Modified",
			HTTP1_NO_BODY, 0, true},
		{"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204, "No Content", HTTP1_NO_BODY, 0, true},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "GET", 204, "No Content",
			HTTP1_NO_BODY, 0, true},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "GET", 204, "No Content",
			HTTP1_NO_BODY, 0, false},
		{"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", 204, "No Content",
			HTTP1_NO_BODY, 0, false},
		{"HTTP/1.1 100 Continue\r\n\r\n", "POST", 100, "Continue", HTTP1_NO_BODY, 0, true},
		{"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "GET", 103, "Early Hints", HTTP1_NO_BODY,
			0, true},
		{"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n", "GET", 101,
			"Switching Protocols", HTTP1_NO_BODY, 0, true},
		{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", "GET", 200, "OK",
			HTTP1_LENGTH, 5, false},
		{"HTTP/1.1 999 \xc3\xa9 a\tb\r\nContent-Length: 1\r\n\r\n", "GET", 999, "\xc3\xa9 a\tb",
			HTTP1_LENGTH, 1, true},
	};
	struct http1_response r = {0};
	struct http1_fault fault;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span text = span_str(rows[i].text);
		for (size_t at = 0; at < text.len; at++) {
			struct outcome o = find(text, at, text.len);
			CHECK_FOR(
				o.found == PARSE_OK && o.head_len == text.len, "%s at %zu", rows[i].text, at);
		}
		bool ok = http1_parse_response(text, span_str(rows[i].method), &r, &fault);
		CHECK_FOR(ok, "%s", rows[i].text);
		CHECK_FOR(r.status == rows[i].status && span_eq(r.reason, span_str(rows[i].reason)), "%s",
			rows[i].text);
		CHECK_FOR(r.framing == rows[i].framing && r.keep_alive == rows[i].keep_alive, "%s",
			rows[i].text);
		CHECK_FOR(r.framing != HTTP1_LENGTH || r.length == rows[i].length, "%s", rows[i].text);
	}
	http1_response_fini(&r);
}

static void malformed_responses_are_refused(void)
{
	static const struct span rows[] = {
#define ROW(text) {text, sizeof(text) - 1}
		ROW("\r\nHTTP/1.1 200 OK\r\n\r\n"),
		ROW("HTTP/1.1 20 OK\r\n\r\n"),
		ROW("HTTP/1.1 2000 OK\r\n\r\n"),
		ROW("HTTP/1.1 099 OK\r\n\r\n"),
		ROW("HTTP/1.1  200 OK\r\n\r\n"),
		ROW("HTTP/1.1 +20 OK\r\n\r\n"),
		ROW("HTTP/1.1 2x0 OK\r\n\r\n"),
		ROW("HTTP/1.1\r\n\r\n"),
		ROW("ICY 200 OK\r\n\r\n"),
		ROW("HTTP/2 200 OK\r\n\r\n"),
		ROW("HTTP/1.1 200 O\0K\r\n\r\n"),
		ROW("HTTP/1.1 200 O\rK\r\n\r\n"),
		ROW("HTTP/1.1 200 OK\r\nX : a\r\n\r\n"),
		ROW("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"),
		ROW("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
		ROW("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
		ROW("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
		ROW("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
		ROW("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
		ROW("HTTP/1.1 200 OK\r\n\r\nx"),
		ROW("HTTP/1.1 200 OK\r\n"),
		ROW("HTTP/1.1 200 OK"),
		ROW("HTTP/1.1 200 OK\nX: a\n\n"),
		ROW("HTTP/1.1 200 OK\r\nX: a\n\r\n"),
		ROW(""),
		ROW("\n"),
#undef ROW
	};
	struct http1_response r = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http1_fault fault = {0};
		CHECK_FOR(!http1_parse_response(rows[i], SPAN("GET"), &r, &fault) && fault.why != NULL,
			"row %zu", i);
	}
	http1_response_fini(&r);
}

TEST_MAIN(TEST(requests_are_read), TEST(malformed_requests_are_refused), TEST(smuggled_requests_are_refused),
	TEST(unfinished_requests_wait), TEST(limits_are_kept_however_it_comes),
	TEST(a_head_is_not_searched_again), TEST(responses_are_read), TEST(malformed_responses_are_refused))
