/* Field lists, and which bytes RFC 9110 allows in names and values. */
#include "common/proto/header.h"
#include "test.h"

static struct fields list_of(const struct field *rows, size_t count)
{
	struct fields f = {0};

	for (size_t i = 0; i < count; i++)
		CHECK(header_add(&f, rows[i].name, rows[i].value) == 0);
	return f;
}

#define FIELD(n, v)                      \
	{                                \
		{n, sizeof(n) - 1},      \
		{                        \
			v, sizeof(v) - 1 \
		}                        \
	}

static const struct field sample[] = {FIELD("Host", "a.example"), FIELD("Connection", "close, X-Hop"),
	FIELD("X-Hop", "1"), FIELD("Set-Cookie", "a=1"), FIELD("set-cookie", "b=2"),
	FIELD("connection", " ,\tx-other ,,Upgrade"), FIELD("X-Other", "")};
#define SAMPLE_COUNT (sizeof(sample) / sizeof(sample[0]))

static void fields_are_found_whatever_their_case(void)
{
	struct fields f = list_of(sample, SAMPLE_COUNT);

	CHECK(header_find(&f, SPAN("HOST")) == &f.at[0]);
	CHECK(header_find(&f, SPAN("hos")) == NULL && header_find(&f, SPAN("hosts")) == NULL);
	CHECK(span_eq(header_value(&f, SPAN("SET-COOKIE")), SPAN("a=1")));
	CHECK(header_value(&f, SPAN("none")).p == NULL);
	CHECK(header_value(&f, SPAN("x-other")).p != NULL && header_value(&f, SPAN("x-other")).len == 0);
	CHECK(header_count(&f, SPAN("set-cookie")) == 2 && header_count(&f, SPAN("none")) == 0);
	header_free(&f);
	CHECK(f.at == NULL && header_find(&f, SPAN("host")) == NULL);
}

static void lists_are_read_over_all_fields_of_a_name(void)
{
	struct fields f = list_of(sample, SAMPLE_COUNT);

	CHECK(header_has_token(&f, SPAN("connection"), SPAN("CLOSE")));
	CHECK(header_has_token(&f, SPAN("Connection"), SPAN("upgrade")));
	CHECK(!header_has_token(&f, SPAN("connection"), SPAN("x-hop,")));
	CHECK(!header_has_token(&f, SPAN("connection"), SPAN("clos")));
	CHECK(!header_has_token(&f, SPAN("connection"), SPAN("")));
	CHECK(header_count_items(&f, SPAN("CONNECTION")) == 4);
	CHECK(header_count_items(&f, SPAN("x-other")) == 0);
	header_free(&f);
}

static void what_belongs_to_the_connection_is_known(void)
{
	static const char *const bound[] = {"connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
		"Transfer-Encoding", "UPGRADE"};
	static const char *const not_bound[] = {"", "t", "tee", "content-length", "trailers", "host",
		"upgrades", "connections", "transfer_encoding"};
	struct fields f = list_of(sample, SAMPLE_COUNT);

	for (size_t i = 0; i < sizeof(bound) / sizeof(bound[0]); i++)
		CHECK_FOR(header_is_hop_by_hop(span_str(bound[i])), "%s", bound[i]);
	for (size_t i = 0; i < sizeof(not_bound) / sizeof(not_bound[0]); i++)
		CHECK_FOR(!header_is_hop_by_hop(span_str(not_bound[i])), "%s", not_bound[i]);
	CHECK(header_is_connection_bound(&f, SPAN("x-hop")) &&
		header_is_connection_bound(&f, SPAN("X-OTHER")));
	CHECK(header_is_connection_bound(&f, SPAN("te")) && !header_is_connection_bound(&f, SPAN("host")));
	header_free(&f);
}

static void the_list_has_a_ceiling_and_is_reusable(void)
{
	struct fields f = {0};
	size_t n = 0;

	while (header_add(&f, SPAN("a"), SPAN("b")) == 0)
		n++;
	CHECK(n == HEADER_FIELDS_MAX && f.count == n);
	struct field *at = f.at;
	header_clear(&f);
	CHECK(f.count == 0 && header_add(&f, SPAN("a"), SPAN("b")) == 0 && f.at == at);
	header_free(&f);
}

/* What RFC 9110, 5.6.2 writes out. */
static bool is_tchar(int c)
{
	return c != 0 && (strchr("!#$%&'*+-.^_`|~", c) != NULL || (c >= '0' && c <= '9') ||
				 (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
}

/* The byte c at a place in a text of that length. */
static void judge(int c, size_t at, size_t len)
{
	bool control = (c < 0x20 && c != '\t') || c == 0x7f;
	bool space = c == ' ' || c == '\t', edge = at == 0 || at == len - 1;
	bool is_value = !control && !(space && edge);
	struct span s;
	char text[24];

	memset(text, 'x', sizeof(text));
	text[at] = (char)c;
	s = span_of(text, len);
	CHECK_FOR(header_is_token(s) == is_tchar(c), "byte %d at %zu of %zu", c, at, len);
	CHECK_FOR(header_is_value(s) == is_value, "byte %d at %zu of %zu", c, at, len);
	/* A neighbour must not hide it from the comparison by words. */
	text[at > 0 ? at - 1 : at + 1] = at % 2 ? (char)0x80 : (char)0xff;
	CHECK_FOR(header_is_value(s) == is_value, "byte %d at %zu of %zu", c, at, len);
	CHECK_FOR(len == 1 || !header_is_token(s), "byte %d at %zu of %zu", c, at, len);
}

static void every_byte_is_judged_in_names_and_values(void)
{
	for (int c = 0; c < 256; c++)
		for (size_t len = 1; len <= 23; len++)
			for (size_t at = 0; at < len; at++)
				judge(c, at, len);
	CHECK(!header_is_token(SPAN("")) && header_is_value(SPAN("")));
	CHECK(header_is_value(SPAN("a\tb c")) && !header_is_value(SPAN(" ")));
}

TEST_MAIN(TEST(fields_are_found_whatever_their_case), TEST(lists_are_read_over_all_fields_of_a_name),
	TEST(what_belongs_to_the_connection_is_known), TEST(the_list_has_a_ceiling_and_is_reusable),
	TEST(every_byte_is_judged_in_names_and_values))
