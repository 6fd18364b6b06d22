/* The serialised response header, both ways, and who made a response. */
#include "common/base/base64.h"
#include "test.h"
#include "tunnel/h2/cfheader.h"

#define EXAMPLE "Q29udGVudC1UeXBl:dGV4dC9wbGFpbg;U2V0LUNvb2tpZQ:YT0x;U2V0LUNvb2tpZQ:Yj0y"

/* The decoded fields as "name=value|". */
static bool decode(struct span text, struct buf *shown, const char **why)
{
	struct buf bytes = {0};
	struct fields f = {0};
	char *block = malloc(text.len > 0 ? text.len : 1);

	memcpy(block, text.p, text.len);
	buf_clear(shown);
	bool ok = cfheader_decode(span_of(block, text.len), &bytes, &f, why);
	CHECK(ok || f.count == 0);
	memset(block, '!', text.len); /* nothing may point there */
	free(block);
	for (size_t i = 0; i < f.count; i++) {
		buf_add_span(shown, f.at[i].name);
		buf_add_char(shown, '=');
		buf_add_span(shown, f.at[i].value);
		buf_add_char(shown, '|');
	}
	header_free(&f);
	buf_free(&bytes);
	return ok;
}

static void headers_are_decoded(void)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{"", ""}, {EXAMPLE, "Content-Type=text/plain|Set-Cookie=a=1|Set-Cookie=b=2|"}, {"WA:", "X=|"},
		{";;WA:;;WA:eA;", "X=|X=x|"}, {"WA:IHkg", "X=y|"}, /* " y " */
		{"WA:CQ", "X=|"},                                  /* a tab */
		{"WA:w6kgeA", "X=\xc3\xa9 x|"},                    /* bytes above ASCII */
	};
	struct buf shown = {0};
	const char *why;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_FOR(decode(span_str(rows[i].text), &shown, &why), "%s: %s", rows[i].text, why);
		CHECK_FOR(span_eq(buf_span(&shown), span_str(rows[i].shown)), "%s", rows[i].text);
	}
	buf_free(&shown);
}

static void malformed_headers_are_refused(void)
{
	static const char *const rows[] = {"WA", "WA:eA:", "WA:eA:eA", ":", ":eA", "WA=:eA",
		"WA:eA==", "WA:eB", "WA:e", "WA:e A", "WA:e\nA", "WA:eA;X", "W-:eA", "WA:eA,WA:eA", " WA:eA",
		"WDo:eA",          /* X: */
		"WCA:eA",          /* X and a space */
		"OnN0YXR1cw:MjAw", /* :status */
		"WAA:eA",          /* X and NUL */
		"WA:eAB5",         /* x NUL y */
		"WA:eA0KWTog",     /* x CR LF Y: */
		"WA:Cg", "WA:eAp5", "WA:eA15", "WA:fw", "WA:eAh5"};
	struct buf shown = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = NULL;
		CHECK_FOR(!decode(span_str(rows[i]), &shown, &why) && why != NULL, "%s", rows[i]);
		/* Behind a good pair, too. */
		struct buf two = {0};
		buf_add_str(&two, "WA:eA;");
		buf_add_str(&two, rows[i]);
		CHECK_FOR(!decode(buf_span(&two), &shown, &why), "%s", rows[i]);
		buf_free(&two);
	}
	buf_free(&shown);
}

/* Every byte, as the name and within the value. */
static void every_decoded_byte_is_judged(void)
{
	struct buf shown = {0};
	const char *why;

	for (int c = 0; c < 256; c++) {
		char name[1] = {(char)c}, value[3] = {'a', (char)c, 'b'};
		struct buf text = {0};
		base64_encode(span_of(name, 1), BASE64_UNPADDED, &text);
		buf_add_str(&text, ":eA");
		CHECK_FOR(decode(buf_span(&text), &shown, &why) == header_is_token(span_of(name, 1)),
			"byte %d", c);
		buf_clear(&text);
		buf_add_str(&text, "WA:");
		base64_encode(span_of(value, 3), BASE64_UNPADDED, &text);
		CHECK_FOR(decode(buf_span(&text), &shown, &why) == header_is_value(span_of(value, 3)),
			"byte %d", c);
		buf_free(&text);
	}
	buf_free(&shown);
}

static void decoding_is_bounded(void)
{
	struct buf text = {0}, shown = {0}, bytes = {.max = 30};
	struct fields f = {0};
	const char *why;

	CHECK(!cfheader_decode(SPAN(EXAMPLE), &bytes, &f, &why) && f.count == 0);
	bytes.max = 100;
	CHECK(cfheader_decode(SPAN(EXAMPLE), &bytes, &f, &why) && f.count == 3);
	for (size_t i = 0; i < HEADER_FIELDS_MAX; i++)
		buf_add_str(&text, "WA:;");
	CHECK(decode(buf_span(&text), &shown, &why));
	buf_add_str(&text, "WA:");
	CHECK(!decode(buf_span(&text), &shown, &why));
	/* Connection: a,a,... */
	buf_clear(&text);
	buf_add_str(&text, "Q29ubmVjdGlvbg:");
	for (size_t i = 0; i < HEADER_CONNECTION_MAX; i++)
		buf_add_str(&text, i % 2 ? "LGEs" : "YSxh"); /* ",a," and "a,a" */
	CHECK(!decode(buf_span(&text), &shown, &why));
	buf_free(&text);
	buf_free(&shown);
	buf_free(&bytes);
	header_free(&f);
}

static void headers_are_encoded(void)
{
	struct field rows[] = {{SPAN("Content-Type"), SPAN("text/plain")}, {SPAN("CF-Int-X"), SPAN("1")},
		{SPAN("cf-cloudflared-proxy-src"), SPAN("1")}, {SPAN("Set-Cookie"), SPAN("a=1")},
		{SPAN("Cf-Proxy-Y"), SPAN("1")}, {SPAN("Set-Cookie"), SPAN("b=2")}};
	struct fields f = {.at = rows, .count = sizeof(rows) / sizeof(rows[0])};
	struct buf out = {0}, small = {.max = strlen(EXAMPLE) - 1};

	CHECK(cfheader_encode(&f, &out) == 0 && span_eq(buf_span(&out), SPAN(EXAMPLE)));
	CHECK(cfheader_encode(&f, &small) == -1);
	buf_clear(&out);
	CHECK(cfheader_encode(&(struct fields){0}, &out) == 0 && buf_len(&out) == 0);
	rows[0].value = SPAN("a\r\nb");
	CHECK(cfheader_encode(&f, &out) == -1);
	rows[0] = (struct field){SPAN("a b"), SPAN("c")};
	buf_clear(&out);
	CHECK(cfheader_encode(&f, &out) == -1);
	CHECK(!cfheader_is_internal(SPAN("cf-ray")) && !cfheader_is_internal(SPAN("cf-int")));
	buf_free(&out);
	buf_free(&small);
}

static void what_is_encoded_decodes_the_same(void)
{
	char value[97];
	struct buf out = {0}, bytes = {0};
	struct fields f = {0};
	const char *why;

	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char)(i % 2 ? 0x21 + i % 94 : 0x80 + i);
	for (size_t n = 0; n <= sizeof(value); n++) {
		struct field one = {span_of("abcdefghij", 1 + n % 10), span_of(value, n)};
		buf_clear(&out);
		buf_clear(&bytes);
		CHECK(cfheader_encode(&(struct fields){.at = &one, .count = 1}, &out) == 0);
		CHECK_FOR(cfheader_decode(buf_span(&out), &bytes, &f, &why) && f.count == 1, "%zu bytes", n);
		CHECK_FOR(
			span_eq(f.at[0].name, one.name) && span_eq(f.at[0].value, one.value), "%zu bytes", n);
	}
	buf_free(&out);
	buf_free(&bytes);
	header_free(&f);
}

static void the_source_of_a_response_is_read(void)
{
	static const struct {
		const char *meta;
		enum cfheader_source source;
	} rows[] = {
		{"{\"src\":\"origin\"}", CFHEADER_SOURCE_ORIGIN},
		{"{\"src\":\"cloudflared\"}", CFHEADER_SOURCE_CONNECTOR},
		{"{\"src\":\"cloudflared\",\"flow_rate_limited\":true}", CFHEADER_SOURCE_CONNECTOR},
		{" { \"later\" : [1], \"src\" : \"origin\" } ", CFHEADER_SOURCE_ORIGIN},
		{"", CFHEADER_SOURCE_UNKNOWN},
		{"origin", CFHEADER_SOURCE_UNKNOWN},
		{"\"origin\"", CFHEADER_SOURCE_UNKNOWN},
		{"{}", CFHEADER_SOURCE_UNKNOWN},
		{"{\"src\":\"Origin\"}", CFHEADER_SOURCE_UNKNOWN},
		{"{\"src\":1}", CFHEADER_SOURCE_UNKNOWN},
		{"{\"src\":[\"origin\"]}", CFHEADER_SOURCE_UNKNOWN},
		{"[{\"src\":\"origin\"}]", CFHEADER_SOURCE_UNKNOWN},
		{"{\"Src\":\"origin\"}", CFHEADER_SOURCE_UNKNOWN},
		{"{\"src\":\"origin\",\"src\":\"cloudflared\"}", CFHEADER_SOURCE_UNKNOWN},
		{"{\"src\":\"origin\"", CFHEADER_SOURCE_UNKNOWN},
		{"{\"src\":\"origin\"}x", CFHEADER_SOURCE_UNKNOWN},
		{"{\"src\":\"origin\\u0000\"}", CFHEADER_SOURCE_UNKNOWN},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_FOR(cfheader_source(span_str(rows[i].meta)) == rows[i].source, "%s", rows[i].meta);
	CHECK(cfheader_source((struct span){NULL, 0}) == CFHEADER_SOURCE_UNKNOWN);
	CHECK(cfheader_source(CFHEADER_FROM_CONNECTOR) == CFHEADER_SOURCE_CONNECTOR);
}

TEST_MAIN(TEST(headers_are_decoded), TEST(malformed_headers_are_refused), TEST(every_decoded_byte_is_judged),
	TEST(decoding_is_bounded), TEST(headers_are_encoded), TEST(what_is_encoded_decodes_the_same),
	TEST(the_source_of_a_response_is_read))
