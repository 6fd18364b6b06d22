/* Spans, buffers, base64, durations, UTF-8, options: what everything else stands on. */
#include "common/base/base64.h"
#include "common/base/buf.h"
#include "common/base/duration.h"
#include "common/base/list.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/opt.h"
#include "common/base/out.h"
#include "common/base/utf8.h"
#include "test.h"

static void spans_are_cut_trimmed_and_compared(void)
{
	struct span rest, list = SPAN(" a, ,b ,, c"), item;

	CHECK(span_eq(span_cut(SPAN("k=v=w"), '=', &rest), SPAN("k")) && span_eq(rest, SPAN("v=w")));
	CHECK(span_eq(span_cut(SPAN("k"), '=', &rest), SPAN("k")) && rest.p == NULL);
	CHECK(span_eq(span_trim(SPAN(" \t x y\t")), SPAN("x y")));
	CHECK(span_eq_nocase(SPAN("WebSocket"), SPAN("websocket")) && !span_eq_nocase(SPAN("a"), SPAN("ab")));
	CHECK(span_next_item(&list, &item) && span_eq(item, SPAN("a")));
	CHECK(span_next_item(&list, &item) && span_eq(item, SPAN("b")));
	CHECK(span_next_item(&list, &item) && span_eq(item, SPAN("c")));
	CHECK(!span_next_item(&list, &item));
	CHECK(span_rfind(SPAN("a:b:c"), ':') == 3 && span_rfind(SPAN("abc"), ':') == 3);
}

/* Each pair of bytes, in words and beside them: only ASCII letters have a case. */
static void case_is_ignored_of_letters_alone(void)
{
	size_t wrong = 0;

	for (int a = 0; a < 256; a++)
		for (int b = 0; b < 256; b++)
			for (size_t at = 0; at < 20; at++) {
				char one[20] = "abcdefghijklmnopqrs", other[20] = "ABCDEFGHIJKLMNOPQRS";
				one[at] = (char)a;
				other[at] = (char)b;
				bool same = span_lower((char)a) == span_lower((char)b);
				for (size_t len = at + 1; len <= 20; len += 7)
					wrong += span_same_nocase(one, other, len) != same;
			}
	CHECK(wrong == 0);
}

static void numbers_have_no_sign_and_no_overflow(void)
{
	static const struct {
		const char *text;
		uint64_t max;
		bool ok;
		uint64_t value;
	} rows[] = {{"0", 9, true, 0}, {"007", 9, true, 7},
		{"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, false, 0}, {"10", 9, false, 0}, {"5", 4, false, 0},
		{"", 9, false, 0}, {"+1", 9, false, 0}, {"-1", 9, false, 0}, {" 1", 9, false, 0},
		{"1a", 99, false, 0}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t n = 0;
		bool ok = span_to_u64(span_str(rows[i].text), rows[i].max, &n);
		CHECK_FOR(ok == rows[i].ok && (!ok || n == rows[i].value), "%s", rows[i].text);
	}
}

static void distance_counts_edits(void)
{
	static const struct {
		const char *a, *b;
		size_t edits;
	} rows[] = {{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"run", "run", 0}, {"rum", "run", 1},
		{"redy", "ready", 1}, {"readyy", "ready", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 2}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span a = span_str(rows[i].a), b = span_str(rows[i].b);
		CHECK_FOR(span_distance(a, b) == rows[i].edits && span_distance(b, a) == rows[i].edits,
			"%s %s", rows[i].a, rows[i].b);
	}
	CHECK(span_distance(SPAN("x"), SPAN("1234567890123456789012345678901234567890123456789")) ==
		SIZE_MAX);
}

static void buffers_borrow_and_keep_the_rest(void)
{
	char lent[] = "0123456789";
	struct buf b = {.max = 10};

	CHECK(buf_lend(&b, lent, 10) == 0 && buf_span(&b).p == lent);
	buf_consume(&b, 7);
	CHECK(buf_settle(&b, lent) == 0);
	memset(lent, 'x', sizeof(lent));
	CHECK(span_eq(buf_span(&b), SPAN("789")));
	/* Behind what is held already they are copied. */
	CHECK(buf_lend(&b, lent, 8) == -1 && buf_lend(&b, lent, 2) == 0 && buf_settle(&b, lent) == 0);
	CHECK(span_eq(buf_span(&b), SPAN("789xx")));
	buf_consume(&b, 5);
	CHECK(buf_lend(&b, lent, 11) == -1 && buf_lend(&b, lent, 4) == 0);
	buf_consume(&b, 4);
	CHECK(buf_settle(&b, lent) == 0 && b.data == NULL && buf_len(&b) == 0);
}

static void buffers_keep_their_ceiling(void)
{
	struct buf b = {.max = 10};

	CHECK(buf_add_str(&b, "0123456") == 0 && buf_add_str(&b, "789x") == -1 && buf_len(&b) == 7);
	buf_consume(&b, 5);
	CHECK(buf_room(&b) == 8 && buf_add_str(&b, "abcdefgh") == 0);
	CHECK(span_eq(buf_span(&b), SPAN("56abcdefgh")) && buf_room(&b) == 0);
	buf_consume(&b, 10);
	buf_release(&b);
	CHECK(b.data == NULL && b.cap == 0);
	CHECK(buf_addf(&b, "%d-%s", 42, "x") == 0 && span_eq(buf_span(&b), SPAN("42-x")));
	buf_free(&b);
}

static void base64_goes_both_ways_and_is_strict(void)
{
	static const struct {
		const char *text;
		enum base64_padding padding;
		const char *bytes; /* NULL: refused */
	} rows[] = {{"", BASE64_PADDED, ""}, {"Zg==", BASE64_PADDED, "f"}, {"Zm8=", BASE64_PADDED, "fo"},
		{"Zm9v", BASE64_PADDED, "foo"}, {"Zg", BASE64_UNPADDED, "f"}, {"Zm8", BASE64_UNPADDED, "fo"},
		{"Zg", BASE64_PADDED, NULL}, {"Zg==", BASE64_UNPADDED, NULL}, {"Zh==", BASE64_PADDED, NULL},
		{"Zm+", BASE64_UNPADDED, NULL}, {"Z", BASE64_UNPADDED, NULL},
		{"Zm 9v", BASE64_UNPADDED, NULL}, {"Zm9_", BASE64_UNPADDED, NULL},
		{"====", BASE64_PADDED, NULL}, {"Zg=a", BASE64_PADDED, NULL}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[16];
		size_t len = 0;
		struct buf again = {0};
		bool ok = base64_decode(span_str(rows[i].text), rows[i].padding, out, sizeof(out), &len);
		CHECK_FOR(ok == (rows[i].bytes != NULL), "%s", rows[i].text);
		if (!ok)
			continue;
		CHECK_FOR(span_eq(span_of(out, len), span_str(rows[i].bytes)), "%s", rows[i].text);
		CHECK(base64_encode(span_of(out, len), rows[i].padding, &again) == 0);
		CHECK_FOR(span_eq(buf_span(&again), span_str(rows[i].text)), "%s", rows[i].text);
		buf_free(&again);
	}
	size_t len;
	char small[2];
	CHECK(!base64_decode(SPAN("Zm9v"), BASE64_PADDED, small, sizeof(small), &len));
}

static void durations_are_those_of_go(void)
{
	static const struct {
		const char *text;
		enum duration_parse result;
		int64_t ns;
	} rows[] = {{"0", DURATION_OK, 0}, {"30s", DURATION_OK, 30 * DURATION_S},
		{"1h30m", DURATION_OK, 5400 * DURATION_S}, {".5s", DURATION_OK, 500 * DURATION_MS},
		{"5.s", DURATION_OK, 5 * DURATION_S}, {"30s30s", DURATION_OK, 60 * DURATION_S},
		{"-1.5s", DURATION_OK, -1500 * DURATION_MS}, {"+1ms", DURATION_OK, DURATION_MS},
		{"1\xc2\xb5s", DURATION_OK, 1000}, {"1\xce\xbcs", DURATION_OK, 1000},
		{"-9223372036854775808ns", DURATION_OK, INT64_MIN},
		{"9223372036854775808ns", DURATION_SYNTAX, 0}, {"", DURATION_SYNTAX, 0},
		{"-", DURATION_SYNTAX, 0}, {"abc", DURATION_SYNTAX, 0}, {".s", DURATION_SYNTAX, 0},
		{"30", DURATION_NO_UNIT, 0}, {"5d", DURATION_UNKNOWN_UNIT, 0}, {"1s2", DURATION_NO_UNIT, 0},
		{"3000000h", DURATION_SYNTAX, 0}, {"0.100000000000000000000h", DURATION_OK, 360 * DURATION_S},
		{"0.3333333333333333333h", DURATION_OK, 1200 * DURATION_S}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t ns = 0;
		enum duration_parse result = duration_parse(span_str(rows[i].text), &ns);
		CHECK_FOR(result == rows[i].result && (result != DURATION_OK || ns == rows[i].ns), "%s",
			rows[i].text);
	}
}

static void durations_are_printed_as_go_does(void)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{0, "0s"},
		{1, "1ns"},
		{1100, "1.1\xc2\xb5s"},
		{2200000, "2.2ms"},
		{1500000000, "1.5s"},
		{60 * DURATION_S, "1m0s"},
		{86400 * DURATION_S, "24h0m0s"},
		{3661 * DURATION_S + 1, "1h1m1.000000001s"},
		{-1500000000, "-1.5s"},
		{INT64_MIN, "-2562047h47m16.854775808s"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[DURATION_TEXT_MAX];
		int64_t ns;
		duration_print(rows[i].ns, text);
		CHECK_FOR(strcmp(text, rows[i].text) == 0, "%s: %s", rows[i].text, text);
		CHECK_FOR(duration_parse(span_str(text), &ns) == DURATION_OK && ns == rows[i].ns, "%s", text);
	}
}

static void maps_find_what_was_put(void)
{
	static char keys[1000][8];
	struct map m = {0};

	CHECK(map_get(&m, SPAN("a")) == NULL);
	for (size_t i = 0; i < 1000; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
		map_put(&m, span_str(keys[i]), &keys[i]);
	}
	map_put(&m, SPAN("k7"), &keys[8]);
	map_put(&m, SPAN(""), &keys[0]);
	CHECK(m.count == 1001 && m.cap >= 2 * m.count);
	for (size_t i = 0; i < 1000; i++)
		CHECK(map_get(&m, span_str(keys[i])) == (i == 7 ? &keys[8] : &keys[i]));
	CHECK(map_get(&m, SPAN("")) == &keys[0] && map_get(&m, SPAN("k1000")) == NULL);
	map_free(&m);
}

static void utf8_is_strict(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		uint32_t c;
	} rows[] = {{"a", 1, 'a'}, {"\xc3\xa9", 2, 0xe9}, {"\xe2\x98\x83", 3, 0x2603},
		{"\xf0\x9f\x98\x80", 4, 0x1f600}, {"\xc0\x80", 0, 0}, {"\xe0\x80\x80", 0, 0},
		{"\xed\xa0\x80", 0, 0}, {"\xf4\x90\x80\x80", 0, 0}, {"\xff", 0, 0}, {"\xc3", 0, 0},
		{"\x80", 0, 0}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t c = 0;
		char back[4];
		size_t n = utf8_decode(span_str(rows[i].bytes), &c);
		CHECK_FOR(n == rows[i].len && (n == 0 || c == rows[i].c), "row %zu", i);
		if (n > 0)
			CHECK(utf8_encode(c, back) == n && memcmp(back, rows[i].bytes, n) == 0);
	}
}

static void escaping_leaves_no_control_byte(void)
{
	struct buf out = {0};

	out_escape(SPAN("ok \xc3\xa9 \x1b[31m \xff \xc2\x9b"), &out);
	CHECK(span_eq(buf_span(&out), SPAN("ok \xc3\xa9 \\x1b[31m \\xff \\xc2\\x9b")));
	buf_free(&out);
}

struct conf {
	bool json;
	const char *name;
	struct opt_list edges;
	int64_t count, wait;
};

static const struct opt options[] = {
	{'j', "json", NULL, "records", OPT_BOOL(struct conf, json), NULL},
	{'n', "name", "NAME", "a name", OPT_TEXT(struct conf, name), "OPT_TEST_NAME"},
	{0, "edge", "HOST:PORT", "an edge", OPT_LIST(struct conf, edges), "OPT_TEST_EDGE"},
	{0, "count", "N", "how many", OPT_NUMBER(struct conf, count, 1, 9), NULL},
	{0, "wait", "D", "how long", OPT_TIME(struct conf, wait, 0, 60 * DURATION_S), NULL},
	{0, "later", "X", "not yet", OPT_REFUSE, NULL},
	{0},
};

/* Parse the words of one line. */
static enum opt_result parse(const char *line, bool first_only, struct conf *conf, int *argc, char **words)
{
	struct opt_program program = {
		.name = "test", .usage = "", .summary = "", .options = options, .first_only = first_only};
	struct opt_seen seen = {0};
	struct err err;
	static char text[256];

	snprintf(text, sizeof(text), "%s", line);
	*argc = 0;
	*conf = (struct conf){0};
	for (char *save, *w = strtok_r(text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		words[(*argc)++] = w;
	char **argv = words;
	enum opt_result result = opt_parse(&program, conf, &seen, argc, &argv, &err);
	if (result == OPT_RUN)
		result = opt_environment(&program, conf, &seen, &err);
	return result;
}

static void options_are_parsed_wherever_they_stand(void)
{
	struct conf c;
	char *words[16];
	int n;

	CHECK(parse("one -j --name=x --edge a:1 two --edge=b:2 --wait 1m -- --json", false, &c, &n, words) ==
		OPT_RUN);
	CHECK(c.json && strcmp(c.name, "x") == 0 && c.edges.count == 2 && c.wait == 60 * DURATION_S);
	CHECK(n == 3 && strcmp(words[0], "one") == 0 && strcmp(words[2], "--json") == 0);
	opt_free(options, &c);
	CHECK(parse("-j run -n x", true, &c, &n, words) == OPT_RUN && n == 3 && c.json && c.name == NULL);
	CHECK(parse("-jnx", false, &c, &n, words) == OPT_RUN && c.json && strcmp(c.name, "x") == 0);
	CHECK(parse("-name x", false, &c, &n, words) == OPT_RUN && strcmp(c.name, "x") == 0);
}

static void bad_options_are_refused(void)
{
	static const char *const rows[] = {"--nope", "--count 0", "--count 10", "--count x", "--wait 5",
		"--wait 61s", "--name", "--later x", "-x", "--json=maybe"};
	struct conf c;
	char *words[16];
	int n;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_FOR(parse(rows[i], false, &c, &n, words) == OPT_BAD, "%s", rows[i]);
}

static void the_environment_comes_behind_the_command_line(void)
{
	struct conf c;
	char *words[16];
	int n;

	setenv("OPT_TEST_NAME", "env", 1);
	setenv("OPT_TEST_EDGE", "a:1,b:2", 1);
	CHECK(parse("", false, &c, &n, words) == OPT_RUN && strcmp(c.name, "env") == 0 && c.edges.count == 2);
	opt_free(options, &c);
	CHECK(parse("--name x --edge c:3", false, &c, &n, words) == OPT_RUN && strcmp(c.name, "x") == 0 &&
		c.edges.count == 1);
	opt_free(options, &c);
	unsetenv("OPT_TEST_NAME");
	unsetenv("OPT_TEST_EDGE");
}

static void a_prefix_makes_variables_of_all_rows(void)
{
	static const struct opt_program prefixed = {
		.name = "test", .usage = "", .summary = "", .options = options, .env_prefix = "OPT_PREFIX_"};
	struct conf c = {0};
	struct opt_seen seen = {0};
	struct err err;

	setenv("OPT_TEST_NAME", "own", 1);
	setenv("OPT_PREFIX_NAME", "not this", 1);
	setenv("OPT_PREFIX_WAIT", "2s", 1);
	CHECK(opt_environment(&prefixed, &c, &seen, &err) == OPT_RUN);
	CHECK(strcmp(c.name, "own") == 0 && c.wait == 2 * DURATION_S);
	setenv("OPT_PREFIX_COUNT", "x", 1);
	CHECK(opt_environment(&prefixed, &c, &(struct opt_seen){0}, &err) == OPT_BAD &&
		strstr(err.text, "OPT_PREFIX_COUNT") != NULL);
	unsetenv("OPT_TEST_NAME");
	unsetenv("OPT_PREFIX_NAME");
	unsetenv("OPT_PREFIX_WAIT");
	unsetenv("OPT_PREFIX_COUNT");
}

TEST_MAIN(TEST(spans_are_cut_trimmed_and_compared), TEST(case_is_ignored_of_letters_alone),
	TEST(numbers_have_no_sign_and_no_overflow), TEST(distance_counts_edits),
	TEST(buffers_keep_their_ceiling), TEST(buffers_borrow_and_keep_the_rest),
	TEST(base64_goes_both_ways_and_is_strict), TEST(durations_are_those_of_go),
	TEST(durations_are_printed_as_go_does), TEST(maps_find_what_was_put), TEST(utf8_is_strict),
	TEST(escaping_leaves_no_control_byte), TEST(options_are_parsed_wherever_they_stand),
	TEST(bad_options_are_refused), TEST(the_environment_comes_behind_the_command_line),
	TEST(a_prefix_makes_variables_of_all_rows))
