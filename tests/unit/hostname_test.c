/* Ports, wildcards and punycode of hostnames. */
#include "common/conf/hostname.h"
#include "test.h"

static void test_split_port(void)
{
	static const struct {
		const char *text, *host; /* NULL: no port */
	} rows[] = {
		{"a:80", "a"},
		{"a:", "a"},
		{":", ""},
		{"[::1]:80", "::1"},
		{"[a]:", "a"},
		{"a", NULL},
		{"", NULL},
		{"a:b:c", NULL},
		{"::1", NULL},
		{"[::1]", NULL},
		{"[::1]80", NULL},
		{"[a:80", NULL},
		{"a]:80", NULL},
		{"[a]]:80", NULL},
		{"[[a]:80", NULL},
		{"a:[80", NULL},
		{"http://a", "http"},
		{"https://a:443", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span host, text = span_str(rows[i].text);
		bool split = hostname_split_port(text, &host);
		CHECK_FOR(split == (rows[i].host != NULL), "%s", rows[i].text);
		CHECK_FOR(span_eq(host, split ? span_str(rows[i].host) : text), "%s", rows[i].text);
	}
}

static void test_wildcards(void)
{
	CHECK(!hostname_has_bad_wildcard(SPAN("*")));
	CHECK(!hostname_has_bad_wildcard(SPAN("*.a")));
	CHECK(!hostname_has_bad_wildcard(SPAN("*a")));
	CHECK(!hostname_has_bad_wildcard(SPAN("a")));
	CHECK(!hostname_has_bad_wildcard(SPAN("")));
	CHECK(hostname_has_bad_wildcard(SPAN("a*")));
	CHECK(hostname_has_bad_wildcard(SPAN("**")));
	CHECK(hostname_has_bad_wildcard(SPAN("*.*.a")));
}

static void test_punycode(void)
{
	static const struct {
		const char *name, *form; /* NULL: none */
	} rows[] = {
		{"Example.COM", "example.com"},
		{"example.com", NULL},
		{"", NULL},
		{"A..B.", "a..b."},
		{"*.Example.com", NULL},
		{"a_b.Example.com", NULL},
		{"ab--cd.Example", NULL},
		{"-a.Example", NULL},
		{"a-.Example", NULL},
		{"A b", NULL},
		{"b\xc3\xbc"
		 "cher.example",
			"xn--bcher-kva.example"},
		{"B\xc3\x9c"
		 "CHER.Example",
			"xn--bcher-kva.example"},
		{"xn--bcher-kva.example", NULL},
		{"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
		{"Xn--a-.example", NULL},
		{"stra\xc3\x9f"
		 "e.example",
			"xn--strae-oqa.example"},
		{"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x80\x82jp", "xn--wgv71a119e.jp"},
		{"\xef\xbc\xa1.example", "a.example"},
		{"a\xc2\xad"
		 "b.example",
			"ab.example"},
		/* What stands for an ASCII character that no label may hold: "*", "_", and a struck "=". */
		{"a\xef\xbc\x8a.example", NULL},
		{"a\xef\xbc\xbf.example", NULL},
		{"a\xe2\x89\xa0.example", NULL},
		{"\xc3\xbc_.example", NULL},
		{"\xff.example", NULL},
		{"\xe2\x98\x83.example", "xn--n3h.example"},
		{"I\xe2\x99\xa5NY.example", "xn--iny-zx5a.example"},
		{"\xe2\x98\x83\xf0\x9f\x98\x80\xe2\x98\x83.example", "xn--n3ha65476a.example"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *form = hostname_punycode(span_str(rows[i].name));
		CHECK_FOR((form != NULL) == (rows[i].form != NULL), "%s", rows[i].name);
		if (form != NULL && rows[i].form != NULL)
			CHECK_FOR(strcmp(form, rows[i].form) == 0, "%s: %s", rows[i].name, form);
		free(form);
	}
}

TEST_MAIN(TEST(test_split_port), TEST(test_wildcards), TEST(test_punycode))
