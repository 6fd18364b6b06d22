/* Configurations as the edge sends them. */
#include <jansson.h>

#include "common/base/duration.h"
#include "common/conf/ingress_remote.h"
#include "test.h"

static enum ingress_remote_result parse(const char *json, struct ingress_remote *r, struct err *err)
{
	err->text[0] = '\0';
	return ingress_remote_parse(span_str(json), r, err);
}

static void the_example(void)
{
	struct ingress_remote r;
	struct err err;

	CHECK(parse("{\"version\": 3,\n \"config\": {\n"
		    "  \"ingress\": [ {\"hostname\": \"app.example.com\", \"path\": \"^/api\", \"service\":\n"
		    "   \"http://127.0.0.1:9000\", \"originRequest\": {\"connectTimeout\": 10, "
		    "\"noTLSVerify\": true}},\n"
		    "   {\"service\": \"http_status:404\"} ],\n"
		    "  \"originRequest\": {\"keepAliveConnections\": 50, \"keepAliveTimeout\": null},\n"
		    "  \"warp-routing\": {\"enabled\": true, \"connectTimeout\": 7} } }",
		      &r, &err) == INGRESS_REMOTE_OK);
	CHECK(r.version == 3 && ingress_count(r.ingress) == 2);
	const struct ingress_rule *rule = ingress_rule(r.ingress, 0);
	CHECK(strcmp(rule->hostname, "app.example.com") == 0 && strcmp(rule->path, "^/api") == 0);
	CHECK(strcmp(rule->service.host, "127.0.0.1") == 0 && strcmp(rule->service.port, "9000") == 0);
	CHECK(rule->options.connect_timeout_ns == 10 * DURATION_S && rule->options.no_tls_verify);
	CHECK(rule->options.keep_alive_connections == 50);
	CHECK(rule->options.keep_alive_timeout_ns == 90 * DURATION_S);
	CHECK(ingress_rule(r.ingress, 1)->service.status == 404);
	CHECK(r.warp.connect_timeout_ns == 7 * DURATION_S);
	ingress_remote_free(&r);
}

static void without_rules_all_get_503(void)
{
	static const char *const texts[] = {"{\"version\":1,\"config\":{}}",
		"{\"version\":1,\"config\":{\"ingress\":[]}}",
		"{\"version\":1,\"config\":{\"ingress\":null}}",
		"{\"version\":1,\"config\":{\"metrics\":7,\"unknown\":[]}}"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ingress_remote r;
		struct err err;
		CHECK_FOR(parse(texts[i], &r, &err) == INGRESS_REMOTE_OK, "%s: %s", texts[i], err.text);
		CHECK(r.ingress != NULL && ingress_count(r.ingress) == 1 &&
			ingress_rule(r.ingress, 0)->service.status == 503);
		ingress_remote_free(&r);
	}
}

#define RULES(rule) "{\"version\":5,\"config\":{\"ingress\":[" rule "]}}"
#define OPTIONS(o) RULES("{\"service\":\"http://a:1\",\"originRequest\":{" o "}}")

static void bad_ones(void)
{
	static const struct {
		const char *text;
		enum ingress_remote_result result;
		const char *why;
	} rows[] = {
		{"", INGRESS_REMOTE_NO_JSON, "no JSON"},
		{"{", INGRESS_REMOTE_NO_JSON, "no JSON"},
		{"[]", INGRESS_REMOTE_NO_JSON, "version"},
		{"{\"version\":\"3\"}", INGRESS_REMOTE_NO_JSON, "version"},
		{"{\"version\":2147483648,\"config\":{}}", INGRESS_REMOTE_NO_JSON, "version"},
		{"{\"version\":-2147483649,\"config\":{}}", INGRESS_REMOTE_NO_JSON, "version"},
		{"{\"version\":1.5,\"config\":{}}", INGRESS_REMOTE_NO_JSON, "version"},
		{"{\"version\":5}", INGRESS_REMOTE_BAD, "config"},
		{"{\"version\":5,\"config\":[]}", INGRESS_REMOTE_BAD, "config"},
		{"{\"version\":5,\"config\":{\"ingress\":7}}", INGRESS_REMOTE_BAD, ""},
		{RULES("7"), INGRESS_REMOTE_BAD, ""},
		{RULES("{\"hostname\":\"a.test\",\"service\":\"http://a:1\"}"), INGRESS_REMOTE_BAD, "last"},
		{RULES("{\"service\":\"http://a:1/x\"}"), INGRESS_REMOTE_BAD, "path"},
		{RULES("{\"path\":\"(\",\"service\":\"http://a:1\"},{\"service\":\"http://a:1\"}"),
			INGRESS_REMOTE_BAD, ""},
		{OPTIONS("\"connectTimeout\":\"10s\""), INGRESS_REMOTE_BAD, "rule 1: connectTimeout"},
		{OPTIONS("\"tlsTimeout\":1.5"), INGRESS_REMOTE_BAD, "rule 1: tlsTimeout"},
		{OPTIONS("\"tcpKeepAlive\":9223372036854775807"), INGRESS_REMOTE_BAD, ""},
		{OPTIONS("\"noTLSVerify\":[]"), INGRESS_REMOTE_BAD, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ingress_remote r;
		struct err err;
		CHECK_FOR(parse(rows[i].text, &r, &err) == rows[i].result, "%s", rows[i].text);
		CHECK_FOR(err.text[0] != '\0' && strstr(err.text, rows[i].why) != NULL, "%s: %s",
			rows[i].text, err.text);
		CHECK_FOR(r.ingress == NULL, "%s", rows[i].text);
		CHECK_FOR(rows[i].result != INGRESS_REMOTE_BAD || r.version == 5, "%s", rows[i].text);
	}
}

/* What JSON and YAML write differently. */
static void texts_are_taken_as_they_are(void)
{
	struct ingress_remote r;
	struct err err;

	CHECK(parse(OPTIONS("\"httpHostHeader\":\"\\u00e9\\\"\\\\ # & *x: yes \\ud83d\\ude00\","
			    "\"originServerName\":\"1\",\"noTLSVerify\":false"),
		      &r, &err) == INGRESS_REMOTE_OK);
	const struct ingress_options *o = &ingress_rule(r.ingress, 0)->options;
	CHECK_FOR(strcmp(o->http_host_header, "\xc3\xa9\"\\ # & *x: yes \xf0\x9f\x98\x80") == 0, "%s",
		o->http_host_header);
	CHECK(strcmp(o->origin_server_name, "1") == 0);
	ingress_remote_free(&r);
}

static void too_large(void)
{
	static char text[INGRESS_REMOTE_MAX + 2];
	struct ingress_remote r;
	struct err err;

	memset(text, ' ', sizeof(text) - 1);
	CHECK(ingress_remote_parse(span_of(text, INGRESS_REMOTE_MAX + 1), &r, &err) ==
		INGRESS_REMOTE_NO_JSON);
	CHECK(strstr(err.text, "larger") != NULL);
	memcpy(text, "{\"version\":1,\"config\":{}}", 25);
	CHECK(ingress_remote_parse(span_of(text, INGRESS_REMOTE_MAX), &r, &err) == INGRESS_REMOTE_OK);
	ingress_remote_free(&r);
}

static void answers(void)
{
	struct buf out = {0};

	CHECK(ingress_remote_answer(3, NULL, &out) == 0);
	CHECK(span_eq(buf_span(&out), SPAN("{\"lastAppliedVersion\":3,\"err\":null}")));
	buf_clear(&out);
	CHECK(ingress_remote_answer(-1, "no \"rules\"", &out) == 0);
	CHECK(span_eq(buf_span(&out),
		SPAN("{\"lastAppliedVersion\":-1,\"err\":{\"message\":\"no \\\"rules\\\"\"}}")));
	buf_clear(&out);
	CHECK(ingress_remote_answer(0, "\xff", &out) == 0);
	CHECK(span_eq(buf_span(&out), SPAN("{\"lastAppliedVersion\":0,\"err\":{}}")));
	buf_free(&out);
}

TEST_MAIN(TEST(the_example), TEST(without_rules_all_get_503), TEST(bad_ones),
	TEST(texts_are_taken_as_they_are), TEST(too_large), TEST(answers))
