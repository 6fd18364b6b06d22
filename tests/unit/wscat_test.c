/* Parts of wscat that need no network: readers of configurations, the histogram, scripts, the catalogue, records. */
#include <stdio.h>

#include "test.h"
#include "wscat/catalogue.h"
#include "wscat/conffile.h"
#include "wscat/hist.h"
#include "wscat/hop.h"
#include "wscat/script.h"
#include "wscat/verdict.h"

static bool has(const json_t *list, const char *id)
{
	size_t i;
	json_t *s;

	json_array_foreach(
		(json_t *)list, i, s) if (strcmp(json_string_value(json_object_get(s, "id")), id) == 0 &&
					  !json_is_true(json_object_get(s, "weak"))) return true;
	return false;
}

static void configurations_are_read(void)
{
	static const struct {
		const char *text;
		enum product product;
		const char *finds, *clears; /* an id that must be there, one that must not; NULL: any */
	} rows[] = {
		{"server { listen 80; location /app/ { proxy_pass http://10.0.0.1:3000/; } }", PRODUCT_NGINX,
			"WS-NGINX-01", "WS-NGINX-02"},
		{"server { listen 80; location /app/ { proxy_http_version 1.1; proxy_pass "
		 "http://10.0.0.1:3000/; } }",
			PRODUCT_NGINX, "WS-NGINX-02", "WS-NGINX-01"},
		{"server { listen 80; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "
		 "upgrade;\n"
		 "location /app/ { proxy_set_header X-A b; proxy_pass http://10.0.0.1:3000/; } }",
			PRODUCT_NGINX, "WS-NGINX-05", "WS-NGINX-01"},
		{"server { listen 80; location ~ ^/app { proxy_pass http://10.0.0.1:3000; }\n"
		 "location /app/ { proxy_set_header Upgrade $http_upgrade; proxy_pass http://10.0.0.1:3000/; "
		 "} }",
			PRODUCT_NGINX, "WS-NGINX-06", NULL},
		{"server { listen 80; location /app/ { proxy_set_header Host $host; proxy_pass "
		 "http://10.0.0.1:3000/; } }",
			PRODUCT_NGINX, "WS-NGINX-09", "WS-NGINX-08"},
		{"# no comment; { counts\nserver { listen 80; location /app { proxy_pass "
		 "http://10.0.0.1:3000/; } }",
			PRODUCT_NGINX, "WS-NGINX-11", "WS-NGINX-10"},
		{"server { listen 80; location / { proxy_pass http://10.0.0.9:4000; } }", PRODUCT_NGINX,
			"WS-NGINX-12", NULL},
		{"server { listen 80; location / { location /app/ { proxy_pass http://10.0.0.1:3000; }\n"
		 "location /other/ { proxy_pass http://10.0.0.1:3000/; } } }",
			PRODUCT_NGINX, "WS-NGINX-10", "WS-NGINX-16"},
		{"server { listen 80; location /app/ { proxy_set_header Upgrade $http_upgrade;\n"
		 "location ~ ws$ { proxy_set_header X-A b; proxy_pass http://10.0.0.1:3000; } } }",
			PRODUCT_NGINX, "WS-NGINX-05", "WS-NGINX-16"},
		{"server { listen 80; location ^~ /app/ { return 404; } location ~ ws$ { proxy_pass "
		 "http://10.0.0.1:3000; } }",
			PRODUCT_NGINX, "WS-NGINX-16", "WS-NGINX-01"},
		{"ProxyPass /app/ http://10.0.0.1:3000/", PRODUCT_APACHE, "WS-APACHE-01", "WS-APACHE-12"},
		{"ProxyPass /app/ http://10.0.0.1:3000/ upgrade=websocket", PRODUCT_APACHE, NULL,
			"WS-APACHE-01"},
		{"ProxyPass /app http://10.0.0.1:3000/ \\\n  upgrade=websocket", PRODUCT_APACHE,
			"WS-APACHE-10", "WS-APACHE-01"},
		{"<Proxy balancer://b>\nBalancerMember http://10.0.0.1:3000\n</Proxy>\nProxyPass /app/ "
		 "balancer://b/",
			PRODUCT_APACHE, "WS-APACHE-04", "WS-APACHE-01"},
		{"RewriteEngine On\nRewriteCond %{HTTP:Connection} ^Upgrade$\nRewriteRule ^/app/(.*) "
		 "ws://10.0.0.1:3000/$1 [P]\n"
		 "ProxyPass /app/ http://10.0.0.1:3000/",
			PRODUCT_APACHE, "WS-APACHE-06", "WS-APACHE-01"},
		{"RewriteEngine On\nRewriteRule ^/app/(.*) http://10.0.0.1:3000/$1 [P]", PRODUCT_APACHE,
			"WS-APACHE-05", NULL},
		{"RequestHeader unset Upgrade\nProxyPass /app/ http://10.0.0.1:3000/ upgrade=websocket",
			PRODUCT_APACHE, "WS-APACHE-07", "WS-APACHE-01"},
		{"ProxyPass /app/ !\nProxyPass / http://10.0.0.1:3000/", PRODUCT_APACHE, "WS-APACHE-12",
			NULL},
		{"<VirtualHost *:81>\nProxyPass /app/ http://10.0.0.1:3000/\n</VirtualHost>\n<VirtualHost "
		 "*:80>\n"
		 "ProxyPass /app/ ws://10.0.0.1:3000/\n</VirtualHost>",
			PRODUCT_APACHE, NULL, "WS-APACHE-01"},
		{"frontend f\n  bind :80\n  acl ws hdr(Connection) -i upgrade\n  use_backend b if "
		 "ws\nbackend b\n"
		 "  timeout server 30s\n  server s 10.0.0.1:3000",
			PRODUCT_HAPROXY, "WS-HAPROXY-04", "WS-HAPROXY-05"},
		{"defaults\n  mode http\n  timeout client 30s\nlisten l\n  bind :80\n  timeout tunnel 1h\n  "
		 "server s 10.0.0.1:3000 proto h2",
			PRODUCT_HAPROXY, "WS-HAPROXY-08", "WS-HAPROXY-09"},
		{"frontend f\n  bind :80\n  use_backend b if { path_beg /other }\nbackend b\n  server s "
		 "10.0.0.1:3000",
			PRODUCT_HAPROXY, "WS-HAPROXY-05", NULL},
		{"http://:80 {\n  handle_path /app/* {\n    reverse_proxy 10.0.0.1:3000 {\n      header_up "
		 "-Upgrade\n    }\n  }\n}",
			PRODUCT_CADDY, "WS-CADDY-04", "WS-CADDY-01"},
		{"http://:80 {\n  @ws {\n    header Connection Upgrade\n  }\n  reverse_proxy @ws "
		 "10.0.0.1:3000\n}",
			PRODUCT_CADDY, "WS-CADDY-06", "WS-CADDY-07"},
		{"http://:80 {\n  handle /other/* {\n    reverse_proxy 10.0.0.1:3000\n  }\n  file_server\n}",
			PRODUCT_CADDY, "WS-CADDY-07", NULL},
	};
	const struct conf_question q = {
		.file = "f", .host = "test", .path = "/app/ws", .port = "80", .next = "10.0.0.1:3000"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum product product;
		json_t *list = conf_read(span_str(rows[i].text), &q, &product);
		CHECK_FOR(list != NULL && product == rows[i].product, "%s", rows[i].text);
		CHECK_FOR(rows[i].finds == NULL || has(list, rows[i].finds), "%s", rows[i].text);
		CHECK_FOR(rows[i].clears == NULL || !has(list, rows[i].clears), "%s", rows[i].text);
		json_decref(list);
	}
}

static void times_are_read(void)
{
	CHECK(conf_time(SPAN("60"), 1000) == 60000 && conf_time(SPAN("60"), 1) == 60);
	CHECK(conf_time(SPAN("500ms"), 1000) == 500 && conf_time(SPAN("1h30m"), 1000) == 5400000);
	CHECK(conf_time(SPAN(""), 1) < 0 && conf_time(SPAN("x"), 1) < 0 && conf_time(SPAN("5x"), 1) < 0);
}

static void the_catalogue_is_whole(void)
{
	static const struct {
		const char *prefix;
		int count;
	} groups[] = {{"WS-APACHE", 26}, {"WS-NGINX", 23}, {"WS-HAPROXY", 13}, {"WS-CADDY", 13},
		{"WS-TUNNEL", 14}, {"WS-K8S", 8}, {"WS-APP", 11}};
	size_t count;
	const struct cause *all = catalogue(&count);

	CHECK(count == 108 && catalogue_find("ws-app-01") != NULL && catalogue_find("WS-APP-99") == NULL);
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (int n = 1; n <= groups[g].count; n++) {
			char id[32];
			snprintf(id, sizeof(id), "%s-%02d", groups[g].prefix, n);
			CHECK_FOR(catalogue_find(id) != NULL, "%s", id);
		}
	for (size_t i = 0; i < count; i++)
		CHECK_FOR(all[i].title[0] && all[i].sees[0] && all[i].tells[0] && all[i].fix[0], "%s",
			all[i].id);
}

static void the_histogram_is_close(void)
{
	struct hist h = {0};

	for (uint64_t us = 1; us <= 100000; us++)
		hist_add(&h, us);
	CHECK(h.count == 100000 && h.min_us == 1 && h.max_us == 100000);
	CHECK(hist_at(&h, 1) == 100000);
	for (int percent = 1; percent < 100; percent++) {
		double wanted = percent * 1000.0, got = (double)hist_at(&h, percent / 100.0);
		CHECK_FOR(got >= wanted && got <= wanted * 1.017 + 1, "%d %%: %g", percent, got);
	}
	uint64_t sum = 0;
	for (uint64_t from = 1; from <= 131072; from *= 2)
		sum += hist_between(&h, from == 1 ? 0 : from, from * 2);
	CHECK(sum == 100000);
	hist_add(&h, UINT64_MAX / 2);
	CHECK(hist_at(&h, 1) == UINT64_MAX / 2);
}

static void scripts_are_read(void)
{
	static const char *const bad[] = {"jump", "wait soon", "hex 1", "close 1005", "raw zz"};
	struct err err;
	struct script *s = script_parse(
		SPAN("# hello\nsend a b\n\nhex 00ff\nexpect\nexpect x\nwait 20ms\nclose 4000 bye\ndrop"),
		&err);

	CHECK(s != NULL && s->count == 7);
	if (s != NULL) {
		CHECK(s->steps[0].verb == SCRIPT_SEND && span_eq(s->steps[0].text, SPAN("a b")));
		CHECK(s->steps[1].verb == SCRIPT_HEX && span_eq(s->steps[1].text, span_of("\0\xff", 2)));
		CHECK(s->steps[2].text.p == NULL && span_eq(s->steps[3].text, SPAN("x")));
		CHECK(s->steps[4].wait_ms == 20 && s->steps[5].code == 4000 &&
			span_eq(s->steps[5].text, SPAN("bye")));
	}
	script_free(s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		s = script_parse(span_str(bad[i]), &err);
		CHECK_FOR(s == NULL && strstr(err.text, "line 1") != NULL, "%s: %s", bad[i], err.text);
		script_free(s);
	}
}

/* A hop as a record has it. */
static struct hop *from_text(const char *text)
{
	json_error_t why;
	json_t *json = json_loads(text, 0, &why);
	struct hop *h = hop_from_json(json);

	json_decref(json);
	return h;
}

#define OPEN(name)          \
	"{\"name\":\"" name \
	"\",\"replies\":{\"upgrade\":{\"opened\":true,\"status\":101,\"head\":\"HTTP/1.1 101 x\\n\"}}}"

static void records_come_back_as_they_went(void)
{
	struct hop *h = from_text(
		"{\"name\":\"a\",\"url\":\"ws://x/\",\"later\":{\"kept\":1},\"timings_ms\":{\"dns\":1.5},"
		"\"replies\":{\"upgrade\":{\"status\":403,\"head\":\"HTTP/1.1 403 No\\nServer: "
		"n\\n\",\"body\":\"b\"}}}");
	json_t *once = hop_to_json(h);
	struct hop *again = hop_from_json(once);
	json_t *twice = hop_to_json(again);
	char value[16];

	CHECK(json_equal(once, twice));
	CHECK(json_integer_value(json_object_get(json_object_get(once, "later"), "kept")) == 1);
	CHECK(h->dns_ms == 1.5 && h->replies[ASK_UPGRADE].status == 403 && !hop_is_ok(h));
	CHECK(strcmp(reply_field(&h->replies[ASK_UPGRADE], "server", value, sizeof(value), NULL), "n") == 0);
	json_decref(once);
	json_decref(twice);
	hop_free(h);
	hop_free(again);
}

static void verdicts_are_modest(void)
{
	static const char plain[] =
		"{\"name\":\"p\",\"replies\":{\"upgrade\":{\"status\":400,\"head\":\"HTTP/1.1 400 Bad "
		"Request\\n"
		"Server: nginx/1.22.1\\nSec-Websocket-Version: 13\\n\",\"body\":\"Bad Request\"}}}";
	static const char odd[] = "{\"name\":\"p\",\"replies\":{\"upgrade\":{\"status\":418,\"head\":\"HTTP/"
				  "1.1 418 Teapot\\n\",\"body\":\"\"}}}";
	struct hop *p = from_text(plain), *o = from_text(odd), *app = from_text(OPEN("app"));
	struct hop *broken[] = {p, app}, *unknown[] = {o, app}, *fine[] = {app}, *inside[] = {app, p},
		   *alone[] = {p};
	struct verdict v;

	verdict_reach(broken, 2, &v);
	CHECK(v.hop == 0 && v.hop_sure == SURE_CERTAIN && v.cause_sure == SURE_POSSIBLE &&
		v.candidate_count > 3);
	CHECK(strcmp(v.cause->id, "WS-NGINX-01") == 0);
	verdict_reach(alone, 1, &v);
	CHECK(v.hop == 0 && v.hop_sure < SURE_CERTAIN);
	verdict_reach(unknown, 2, &v);
	CHECK(v.hop == 0 && v.cause == NULL && v.what[0] != '\0');
	verdict_reach(fine, 1, &v);
	CHECK(v.hop == VERDICT_NOBODY && !v.is_fault);
	verdict_reach(inside, 2, &v);
	CHECK(v.hop == VERDICT_NOBODY);
	hop_free(p);
	hop_free(o);
	hop_free(app);
}

/* One hop's facts, and the cause they lead to. */
static void facts_lead_to_causes(void)
{
#define REPLY(status, head, body)                                                                       \
	"{\"name\":\"h\",\"replies\":{\"upgrade\":{\"status\":" #status ",\"head\":\"HTTP/1.1 " #status \
	" x\\n" head "\",\"body\":\"" body "\"}}}"
#define OPENED(more)                                                                             \
	"{\"name\":\"h\"," more                                                                  \
	",\"replies\":{\"upgrade\":{\"opened\":true,\"status\":101,\"head\":\"HTTP/1.1 101 x\\n" \
	"Server: Caddy\\n\"}}}"
#define ASKED(server, more)                                                                             \
	"{\"name\":\"h\",\"replies\":{\"upgrade\":{\"opened\":true,\"status\":101,\"head\":\"HTTP/1.1 " \
	"101 x\\n" server "\"}," more "}}"
	static const struct {
		const char *hop, *cause;
		bool inner_works;
	} rows[] = {
		{ASKED("Server: nginx/1.22.1\\n", "\"with_length\":{\"failure\":\"timeout\"}"), "WS-NGINX-23",
			true},
		{ASKED("",
			 "\"plain\":{\"status\":200,\"head\":\"HTTP/1.1 200 OK\\nServer: Apache/2.4.57\\n\"},"
			 "\"with_length\":{\"failure\":\"timeout\"}"),
			"WS-APACHE-25", true},
		{ASKED("", "\"version_12\":{\"opened\":true,\"status\":101}"), "WS-TUNNEL-09", true},
		{ASKED("",
			 "\"plain\":{\"status\":404,\"head\":\"HTTP/1.1 404 Not Found\\nServer: "
			 "Apache/2.4.57\\n"
			 "Content-Type: text/html; charset=iso-8859-1\\n\",\"body\":\"<!DOCTYPE HTML PUBLIC "
			 "\\\"-//IETF//DTD HTML 2.0//EN\\\">\"}"),
			"WS-APACHE-26", true},
		{ASKED("Server: nginx/1.22.1\\n", "\"http2\":{\"failure\":\"no-connect\"}"), "WS-NGINX-22",
			true},
		{REPLY(530, "", ""), "WS-TUNNEL-04", false},
		{REPLY(404, "", ""), "WS-TUNNEL-05", true},
		{REPLY(502, "", ""), "WS-TUNNEL-01", true},
		{REPLY(404, "", "default backend - 404"), "WS-K8S-03", true},
		{REPLY(308, "Location: https://x/\\n", "<center>nginx</center>"), "WS-K8S-02", true},
		{REPLY(400, "", "Session ID unknown"), "WS-K8S-07", false},
		{REPLY(404, "", "no"), "WS-APP-03", false},
		{REPLY(401, "", "no"), "WS-APP-02", false},
		{REPLY(401, "Server: nginx\\n", "no"), "WS-NGINX-19", true},
		{REPLY(426, "", "Upgrade Required"), "WS-APP-07", false},
		{REPLY(200, "Server: Caddy\\nContent-Length: 0\\n", ""), "WS-CADDY-07", true},
		{REPLY(503, "cache-control: no-cache\\n", "<html><body><h1>503 Service Unavailable</h1>"),
			"WS-HAPROXY-05", true},
		{OPENED("\"messages\":{\"close_code\":3501}"), "WS-APP-10", false},
		{OPENED("\"soak\":{\"ms\":9000,\"drops\":1},\"messages\":{\"close_code\":1001}"),
			"WS-CADDY-11", true},
		{OPENED("\"http\":{\"is_h2\":true},\"product\":\"apache\",\"soak\":{\"ms\":9000,\"silent\":"
			"1}"),
			"WS-APACHE-24", true},
		{OPENED("\"idle\":{\"bound_ms\":9000,\"died_after_ms\":500,\"how\":\"connection reset\"}"),
			"WS-APP-11", false},
	};
	struct hop *inner = from_text(OPEN("inner"));

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hop *h = from_text(rows[i].hop), *hops[] = {h, inner};
		struct verdict v;
		CHECK_FOR(h != NULL, "%s", rows[i].hop);
		verdict_reach(hops, rows[i].inner_works ? 2 : 1, &v);
		CHECK_FOR(v.cause != NULL && strcmp(v.cause->id, rows[i].cause) == 0, "%s: %s", rows[i].cause,
			v.cause != NULL ? v.cause->id : "none");
		CHECK_FOR(v.fix[0] != '\0' && v.what[0] != '\0', "%s", rows[i].cause);
		hop_free(h);
	}
	hop_free(inner);
}

TEST_MAIN(TEST(configurations_are_read), TEST(facts_lead_to_causes), TEST(times_are_read),
	TEST(the_catalogue_is_whole), TEST(the_histogram_is_close), TEST(scripts_are_read),
	TEST(records_come_back_as_they_went), TEST(verdicts_are_modest))
