/* URLs, authorities and addresses: what is taken, what is refused, and into which parts. */
#include "common/proto/url.h"
#include "test.h"

/* Copies text to a block of just its size, so that the sanitizer sees a byte read too many. */
static struct span exact(const char *text, char **block)
{
	size_t len = strlen(text);

	*block = malloc(len > 0 ? len : 1);
	memcpy(*block, text, len);
	return span_of(*block, len);
}

static void urls_are_taken_apart(void)
{
	static const struct {
		const char *text;
		enum url_scheme scheme;
		const char *authority, *host;
		bool ipv6;
		uint16_t port;
		const char *path;
		const char *query; /* NULL: none */
	} rows[] = {
		{"http://a.example", URL_HTTP, "a.example", "a.example", false, 80, "/", NULL},
		{"https://a.example/", URL_HTTPS, "a.example", "a.example", false, 443, "/", NULL},
		{"WS://A.Example:8080/x/y?z=1&u", URL_WS, "A.Example:8080", "A.Example", false, 8080, "/x/y",
			"z=1&u"},
		{"wss://h?q", URL_WSS, "h", "h", false, 443, "/", "q"},
		{"wss://h/?", URL_WSS, "h", "h", false, 443, "/", ""},
		{"http://127.0.0.1:1/?a?b", URL_HTTP, "127.0.0.1:1", "127.0.0.1", false, 1, "/", "a?b"},
		{"http://[::1]/", URL_HTTP, "[::1]", "::1", true, 80, "/", NULL},
		{"http://[::ffff:1.2.3.4]:65535", URL_HTTP, "[::ffff:1.2.3.4]:65535", "::ffff:1.2.3.4", true,
			65535, "/", NULL},
		{"http://[::1]:", URL_HTTP, "[::1]:", "::1", true, 80, "/", NULL},
		{"http://h:/a", URL_HTTP, "h:", "h", false, 80, "/a", NULL},
		{"http://my_host.local./a%2Fb//c", URL_HTTP, "my_host.local.", "my_host.local.", false, 80,
			"/a%2Fb//c", NULL},
		{"http://h/a@b:c", URL_HTTP, "h", "h", false, 80, "/a@b:c", NULL},
		{"http://0x7f.example", URL_HTTP, "0x7f.example", "0x7f.example", false, 80, "/", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct url u;
		struct err err;
		char *block;
		bool ok = url_parse(exact(rows[i].text, &block), &u, &err) == 0;
		CHECK_FOR(ok, "%s", rows[i].text);
		if (ok) {
			CHECK_FOR(u.scheme == rows[i].scheme && u.ipv6 == rows[i].ipv6 &&
					  u.port == rows[i].port,
				"%s", rows[i].text);
			CHECK_FOR(span_eq(u.authority, span_str(rows[i].authority)), "%s", rows[i].text);
			CHECK_FOR(span_eq(u.host, span_str(rows[i].host)), "%s", rows[i].text);
			CHECK_FOR(span_eq(u.path, span_str(rows[i].path)), "%s", rows[i].text);
			CHECK_FOR((u.query.p == NULL) == (rows[i].query == NULL) &&
					  span_eq(u.query, span_str(rows[i].query)),
				"%s", rows[i].text);
		}
		free(block);
	}
	CHECK(url_is_tls(URL_HTTPS) && url_is_tls(URL_WSS) && !url_is_tls(URL_HTTP) && !url_is_tls(URL_WS));
}

static void urls_that_are_none_are_refused_with_a_reason(void)
{
	static const char *const rows[] = {"", "http", "http:", "http:/", "http://", "https:///",
		"http://:80", "http://?q", "a.example", "//a.example", "ftp://a.example", "httpx://a",
		"http//a", "http://a b", " http://a", "http://a ", "http://a/b c", "http://a/\tb",
		"http://a\n", "http://a/#f", "http://a#", "http://u@a", "http://u:p@a/", "http://a:x",
		"http://a:80x", "http://a:+80", "http://a:-1", "http://a:65536", "http://a:0",
		"http://a:000080", "http://a:80:80", "http://::1", "http://[::1", "http://[::1]x",
		"http://[]", "http://[a]", "http://[1.2.3.4]", "http://[::1%25lo]", "http://[v1.a]",
		"http://a..b", "http://.a", "http://a%41", "http://a,b", "http://a\\b", "http://\xc3\xa9",
		"http://1.2.3", "http://1.2.3.4.5", "http://256.1.1.1", "http://127.1", "http://2130706433",
		"http://a.1", "http://a/\x7f", "http://a<b"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct url u;
		struct err err = {{0}};
		char *block;
		bool ok = url_parse(exact(rows[i], &block), &u, &err) == 0;
		CHECK_FOR(!ok, "%s", rows[i]);
		CHECK_FOR(err.text[0] != '\0', "%s", rows[i]);
		free(block);
	}
}

static void lengths_are_limited(void)
{
	static char text[URL_MAX + 2];
	struct url u;
	struct err err;
	struct url_authority a;
	char name[256];

	memset(text, 'x', sizeof(text));
	memcpy(text, "http://h/", 9);
	CHECK(url_parse(span_of(text, URL_MAX), &u, &err) == 0);
	CHECK(url_parse(span_of(text, URL_MAX + 1), &u, &err) == -1);
	memset(name, 'x', sizeof(name));
	for (size_t i = 63; i < sizeof(name); i += 64)
		name[i] = '.';
	CHECK(url_split_authority(span_of(name, 253), &a) && !url_split_authority(span_of(name, 254), &a));
	CHECK(url_split_authority(span_of(name, 63), &a) && !url_split_authority(span_of("x", 0), &a));
	name[63] = 'x';
	CHECK(!url_split_authority(span_of(name, 64), &a));
}

static void addresses_have_a_port(void)
{
	static const struct {
		const char *text;
		const char *host; /* NULL: refused */
		bool ipv6;
		int port;
	} rows[] = {{"127.0.0.1:0", "127.0.0.1", false, 0}, {"[::1]:8443", "::1", true, 8443},
		{":8080", "", false, 8080}, {"localhost:7844", "localhost", false, 7844},
		{"[::]:65535", "::", true, 65535}, {"localhost", NULL, false, 0},
		{"localhost:", NULL, false, 0}, {"::1:8443", NULL, false, 0}, {"[::1]", NULL, false, 0},
		{"[::1]8443", NULL, false, 0}, {"[::1:8443", NULL, false, 0}, {"", NULL, false, 0},
		{":", NULL, false, 0}, {"[]:1", NULL, false, 0}, {"a:65536", NULL, false, 0},
		{"a:99999999999999999999", NULL, false, 0}, {"a:1 ", NULL, false, 0},
		{"a b:1", NULL, false, 0}, {"http://a:1", NULL, false, 0}, {"a:1/", NULL, false, 0},
		{"[127.0.0.1]:1", NULL, false, 0}, {"8080", NULL, false, 0}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct url_authority a;
		struct err err = {{0}};
		char *block;
		bool ok = url_parse_address(exact(rows[i].text, &block), &a, &err) == 0;
		CHECK_FOR(ok == (rows[i].host != NULL), "%s", rows[i].text);
		CHECK_FOR(!ok || (span_eq(a.host, span_str(rows[i].host)) && a.ipv6 == rows[i].ipv6 &&
					 a.port == rows[i].port),
			"%s", rows[i].text);
		CHECK_FOR(ok || err.text[0] != '\0', "%s", rows[i].text);
		free(block);
	}
}

static void hosts_of_requests_are_split(void)
{
	struct url_authority a;

	CHECK(url_split_authority(SPAN("a.example"), &a) && a.port == -1 && !a.ipv6);
	CHECK(url_split_authority(SPAN("a.example:0"), &a) && a.port == 0);
	CHECK(url_split_authority(SPAN("[2001:db8::1]:443"), &a) && a.ipv6 && a.port == 443 &&
		span_eq(a.host, SPAN("2001:db8::1")));
	CHECK(!url_split_authority(SPAN(""), &a) && !url_split_authority(SPAN(":80"), &a));
	CHECK(!url_split_authority(SPAN("a\0b"), &a) && !url_split_authority(SPAN("[::1\0]"), &a));
	CHECK(!url_split_authority(SPAN("."), &a) && !url_split_authority(SPAN("a.."), &a));
}

TEST_MAIN(TEST(urls_are_taken_apart), TEST(urls_that_are_none_are_refused_with_a_reason),
	TEST(lengths_are_limited), TEST(addresses_have_a_port), TEST(hosts_of_requests_are_split))
