/* Values of headers: structured fields, cookies, Strict-Transport-Security. */
#include "common/proto/cookie.h"
#include "common/proto/hsts.h"
#include "common/proto/sfield.h"
#include "test.h"

/* --- Structured fields (RFC 9651) --- */

static void items_are_read_and_others_refused(void)
{
	static const struct {
		const char *text;
		int kind; /* -1: refused */
		const char *value;
	} rows[] = {
		{"same-origin", SFIELD_TOKEN, "same-origin"},
		{" a ", SFIELD_TOKEN, "a"},
		{"*x/y:z", SFIELD_TOKEN, "*x/y:z"},
		{"a; report-to=\"x\"", SFIELD_TOKEN, "a"},
		{"\"a\\\"b\"", SFIELD_STRING, "a\\\"b"},
		{"42", SFIELD_INTEGER, "42"},
		{"-1.250", SFIELD_DECIMAL, "-1.250"},
		{"999999999999999", SFIELD_INTEGER, "999999999999999"},
		{"?1", SFIELD_BOOLEAN, "1"},
		{":aGk=:", SFIELD_BYTES, "aGk="},
		{"@1659578233", SFIELD_DATE, "1659578233"},
		{"%\"f%c3%bc\"", SFIELD_DISPLAY, "f%c3%bc"},
		{"", -1, NULL},
		{"a, a", -1, NULL},
		{"a b", -1, NULL},
		{"\"a", -1, NULL},
		{"\"\x80\"", -1, NULL},
		{"\"a\\n\"", -1, NULL},
		{"1000000000000000", -1, NULL},
		{"1.", -1, NULL},
		{"1.2345", -1, NULL},
		{"-", -1, NULL},
		{"?2", -1, NULL},
		{":a*:", -1, NULL},
		{"@1.5", -1, NULL},
		{"%\"%C3\"", -1, NULL},
		{"a;A=1", -1, NULL},
		{"a; =1", -1, NULL},
		{"'a'", -1, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sfield item;
		bool good = sfield_item(span_str(rows[i].text), &item);
		CHECK_FOR(good == (rows[i].kind >= 0), "%s", rows[i].text);
		if (good && rows[i].kind >= 0) {
			CHECK_FOR((int)item.kind == rows[i].kind, "%s", rows[i].text);
			CHECK_FOR(span_eq(item.text, span_str(rows[i].value)), "%s", rows[i].text);
		}
	}
}

static void dictionaries_are_read_member_by_member(void)
{
	struct span rest = SPAN("a=(self \"https://x\";p=1), b, c=*;q ,\tb=()"), key, inner;
	struct sfield v, item;

	CHECK(sfield_dictionary_next(&rest, &key, &v) == SFIELD_NEXT);
	CHECK(span_eq(key, SPAN("a")) && v.kind == SFIELD_INNER_LIST);
	inner = v.text;
	CHECK(sfield_inner_next(&inner, &item) && item.kind == SFIELD_TOKEN &&
		span_eq(item.text, SPAN("self")));
	CHECK(sfield_inner_next(&inner, &item) && item.kind == SFIELD_STRING && item.params.len > 0);
	CHECK(!sfield_inner_next(&inner, &item));
	CHECK(sfield_dictionary_next(&rest, &key, &v) == SFIELD_NEXT);
	CHECK(span_eq(key, SPAN("b")) && v.kind == SFIELD_BOOLEAN && v.text.len == 0);
	CHECK(sfield_dictionary_next(&rest, &key, &v) == SFIELD_NEXT);
	CHECK(v.kind == SFIELD_TOKEN && span_eq(v.text, SPAN("*")));
	inner = v.params;
	CHECK(sfield_param_next(&inner, &key, &item) && span_eq(key, SPAN("q")) &&
		!sfield_param_next(&inner, &key, &item));
	CHECK(sfield_dictionary_next(&rest, &key, &v) == SFIELD_NEXT && v.kind == SFIELD_INNER_LIST &&
		v.text.len == 0);
	CHECK(sfield_dictionary_next(&rest, &key, &v) == SFIELD_END);
}

static void a_syntax_error_is_where_the_rest_begins(void)
{
	static const struct {
		const char *text;
		size_t at;
	} rows[] = {
		{"geolocation 'none'", 12},
		{"geolocation=(),", 14},
		{"a=(), B=()", 6},
		{"a=('self')", 3},
		{"a=(x", 4},
		{"a=(x\"y\")", 4},
		{"a=(), ,b=()", 6},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span all = span_str(rows[i].text), rest = all, key;
		struct sfield v;
		enum sfield_step step;
		while ((step = sfield_dictionary_next(&rest, &key, &v)) == SFIELD_NEXT)
			;
		CHECK_FOR(step == SFIELD_BAD, "%s", rows[i].text);
		CHECK_FOR((size_t)(rest.p - all.p) == rows[i].at, "%s: %zu", rows[i].text,
			(size_t)(rest.p - all.p));
	}
}

static void lists_are_read(void)
{
	struct span rest = SPAN("a, (b c);d, \"e\"");
	struct sfield v;

	CHECK(sfield_list_next(&rest, &v) == SFIELD_NEXT && v.kind == SFIELD_TOKEN);
	CHECK(sfield_list_next(&rest, &v) == SFIELD_NEXT && v.kind == SFIELD_INNER_LIST);
	CHECK(sfield_list_next(&rest, &v) == SFIELD_NEXT && v.kind == SFIELD_STRING);
	CHECK(sfield_list_next(&rest, &v) == SFIELD_END);
}

/* --- Strict-Transport-Security (RFC 6797) --- */

static void hsts_is_void_as_a_whole_with_one_error(void)
{
	static const struct {
		const char *text;
		enum hsts_fault fault;
		int64_t age;
		bool subdomains;
	} rows[] = {
		{"max-age=31536000", HSTS_OK, 31536000, false},
		{"max-age=3600;includeSubdomains", HSTS_OK, 3600, true},
		{"max-age=\"7\" ; includeSubDomains ; preload", HSTS_OK, 7, true},
		{";; max-age = 5 ;", HSTS_OK, 5, false},
		{"MAX-AGE=0", HSTS_OK, 0, false},
		{"max-age=99999999999999999999", HSTS_OK, HSTS_AGE_MAX, false},
		{"max-age=1; includeSubDomain", HSTS_OK, 1, false},
		{"max-age=1; x=\"a;b\"", HSTS_OK, 1, false},
		{"", HSTS_NO_AGE, 0, false},
		{"includeSubDomains", HSTS_NO_AGE, 0, false},
		{"max-age", HSTS_BAD_AGE, 0, false},
		{"max-age=", HSTS_BAD_AGE, 0, false},
		{"max-age=-1", HSTS_BAD_AGE, 0, false},
		{"max-age=1.5", HSTS_BAD_AGE, 0, false},
		{"max-age=1a", HSTS_BAD_AGE, 0, false},
		{"max-age==1", HSTS_BAD_AGE, 0, false},
		{"max-age='1'", HSTS_BAD_AGE, 0, false},
		{"max-age=1 abc", HSTS_SYNTAX, 0, false},
		{"max-age=1, max-age=1", HSTS_SYNTAX, 0, false},
		{"max-age=1; max-age=1", HSTS_REPEATED, 0, false},
		{"max-age=1; includeSubDomains; INCLUDESUBDOMAINS", HSTS_REPEATED, 0, false},
		{"max-age=1; includeSubDomains=true", HSTS_FLAG_VALUE, 0, false},
		{"max-age=1; includeSubDomains=\"\"", HSTS_FLAG_VALUE, 0, false},
		{"max-age=\"1", HSTS_BAD_AGE, 0, false},
		{"max-age=1; \xe2\x80\x9cx", HSTS_SYNTAX, 0, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hsts h;
		enum hsts_fault fault = hsts_parse(span_str(rows[i].text), &h);
		CHECK_FOR(fault == rows[i].fault, "%s: %s", rows[i].text, hsts_fault_text(fault));
		if (fault == HSTS_OK)
			CHECK_FOR(h.max_age == rows[i].age && h.subdomains == rows[i].subdomains, "%s",
				rows[i].text);
	}
}

/* --- Cookies (RFC 6265bis) --- */

static void cookies_are_read_by_their_last_attributes(void)
{
	struct cookie c;

	CHECK(cookie_parse(SPAN(" a = b=c ; Path=/x; path=/; Domain=.E.example; SECURE=no; HttpOnly; "
				"SameSite=Lax; Max-Age=-5"),
		      &c) == COOKIE_OK);
	CHECK(span_eq(c.name, SPAN("a")) && span_eq(c.value, SPAN("b=c")) && span_eq(c.path, SPAN("/")));
	CHECK(span_eq(c.domain, SPAN("E.example")) && c.secure && c.http_only &&
		span_eq(c.same_site, SPAN("Lax")));
	CHECK(c.has_max_age && c.max_age == -5);
	CHECK(cookie_parse(SPAN("lonely"), &c) == COOKIE_OK && !c.has_equals && c.name.len == 0);
	CHECK(cookie_parse(SPAN("a=b; max-age=99999999999"), &c) == COOKIE_OK && c.max_age == COOKIE_AGE_MAX);
	CHECK(cookie_parse(SPAN("a=b; max-age=1x"), &c) == COOKIE_OK && !c.has_max_age);
	CHECK(cookie_parse(SPAN("; Secure"), &c) == COOKIE_EMPTY);
	CHECK(cookie_parse(SPAN("a=\x01"), &c) == COOKIE_CONTROL);
}

static void prefixes_ask_for_what_they_promise(void)
{
	static const struct {
		const char *line, *lacks;
	} rows[] = {
		{"__Host-a=1; Secure; Path=/", NULL},
		{"__host-a=1; Path=/", "Secure"},
		{"__Host-a=1; Secure; Path=/x", "Path=/"},
		{"__Host-a=1; Secure; Path=/; Domain=a.example", "no Domain"},
		{"__Secure-a=1", "Secure"},
		{"__Http-a=1; Secure", "HttpOnly"},
		{"__Host-Http-a=1; Secure; HttpOnly", "Path=/"},
		{"__Secure-a", "a name"},
		{"plain=1", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cookie c;
		CHECK(cookie_parse(span_str(rows[i].line), &c) == COOKIE_OK);
		const char *lacks = cookie_prefix_fault(&c, true);
		CHECK_FOR((lacks == NULL) == (rows[i].lacks == NULL) &&
				  (lacks == NULL || strcmp(lacks, rows[i].lacks) == 0),
			"%s", rows[i].line);
	}
	CHECK(cookie_domain_covers(SPAN("a.example"), SPAN("b.A.example")));
	CHECK(!cookie_domain_covers(SPAN("a.example"), SPAN("ba.example")));
	CHECK(!cookie_domain_covers(SPAN("0.0.1"), SPAN("127.0.0.1")));
}

TEST_MAIN(TEST(items_are_read_and_others_refused), TEST(dictionaries_are_read_member_by_member),
	TEST(a_syntax_error_is_where_the_rest_begins), TEST(lists_are_read),
	TEST(hsts_is_void_as_a_whole_with_one_error), TEST(cookies_are_read_by_their_last_attributes),
	TEST(prefixes_ask_for_what_they_promise))
