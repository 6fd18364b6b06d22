/* Configurations as JSON: what cloudflared pushed (tests/vectors/tunnel/21), and the view of /config. */
#include <ctype.h>
#include <jansson.h>

#include "common/base/fsx.h"
#include "common/conf/ingress_json.h"
#include "test.h"

static void parse(const char *text, struct ingress_file *f)
{
	struct ingress_error error;

	CHECK_FOR(ingress_parse(span_str(text), f, &error) == INGRESS_OK, "%s", error.err.text);
}

static json_t *load(const struct buf *text)
{
	json_error_t why;
	json_t *object = json_loadb(buf_span(text).p, buf_len(text), 0, &why);

	CHECK_FOR(object != NULL, "%.*s: %s", (int)buf_len(text), buf_span(text).p, why.text);
	return object;
}

/* The JSON in the vector: what stands from the first brace, hexadecimal, to the last. */
static json_t *load_vector(void)
{
	struct buf file = {0}, bytes = {0};
	struct err err;
	char hex[3] = "";
	size_t n = 0;

	CHECK(fsx_read("tests/vectors/tunnel/21-call-update-local-configuration.hex", &file, &err) == 0);
	for (size_t i = 0; i < buf_len(&file); i++) {
		char c = buf_span(&file).p[i];
		if (!isxdigit((unsigned char)c))
			continue;
		hex[n++] = c;
		if (n == 2)
			buf_add_char(&bytes, (char)strtoul(hex, NULL, 16));
		n %= 2;
	}
	struct span all = buf_span(&bytes);
	size_t from = span_find(all, '{'), to = span_rfind(all, '}');
	CHECK(from < to);
	json_error_t why;
	json_t *object = json_loadb(all.p + from, to - from + 1, 0, &why);
	CHECK_FOR(object != NULL, "%s", why.text);
	buf_free(&file);
	buf_free(&bytes);
	return object;
}

static void test_vector(void)
{
	static const struct ingress_flag flags[] = {{"edge-ip-version", "auto"}, {"metrics", "127.0.0.1:0"},
		{"no-autoupdate", "true"}, {"protocol", "http2"}};
	struct err err;
	struct buf out = {0};
	struct ingress *in = ingress_single(SPAN("http://127.0.0.1:9000"), &err);

	CHECK(in != NULL && ingress_json_local(in, NULL, flags, 4, &out) == 0);
	json_t *ours = load(&out), *theirs = load_vector();
	/* Of 2023.7.0 alone. */
	json_object_del(json_object_get(theirs, "warp-routing"), "enabled");
	CHECK(json_equal(ours, theirs));
	json_decref(ours);
	json_decref(theirs);
	buf_free(&out);
	ingress_free(in);
}

/* What was parsed and written again. */
static void check_local(const char *yaml, const char *json)
{
	struct ingress_file f;
	struct buf out = {0};

	parse(yaml, &f);
	CHECK(ingress_json_local(f.ingress, &f.warp, NULL, 0, &out) == 0);
	CHECK_FOR(span_eq(buf_span(&out), span_str(json)), "%.*s", (int)buf_len(&out), buf_span(&out).p);
	buf_free(&out);
	ingress_file_free(&f);
}

static void test_local(void)
{
	check_local("ingress: [{service: 'HTTP://A'}]",
		"{\"ingress\":[{\"service\":\"http://A\",\"originRequest\":{}}],\"warp-routing\":{}}");
	check_local(
		"ingress:\n"
		"- {hostname: a, path: ^/, service: 'tcp://b', originRequest: {connectTimeout: 1500ms}}\n"
		"- {service: socks-proxy, originRequest: {ipRules: [{prefix: 10.0.0.0/8, ports: [80]}]}}\n"
		"originRequest: {noTLSVerify: true, tlsTimeout: 10s, caPool: ''}\n"
		"warp-routing: {connectTimeout: 1m, maxActiveFlows: 9}\n",
		"{\"ingress\":[{\"hostname\":\"a\",\"path\":\"^/\",\"service\":\"tcp://"
		"b:7864\",\"originRequest\":"
		"{\"connectTimeout\":1.5,\"noTLSVerify\":true}},{\"service\":\"socks-proxy\","
		"\"originRequest\":"
		"{\"noTLSVerify\":true,\"ipRules\":[{\"prefix\":\"10.0.0.0/"
		"8\",\"ports\":[80],\"allow\":false}]}}],"
		"\"warp-routing\":{\"connectTimeout\":60,\"maxActiveFlows\":9}}");
	check_local("ingress: [{service: 'http://a', originRequest: {access: {required: true, teamName: t, "
		    "audTag: [x]}}}]",
		"{\"ingress\":[{\"service\":\"http://a\",\"originRequest\":{\"access\":{\"required\":true,"
		"\"teamName\":\"t\",\"audTag\":[\"x\"]}}}],\"warp-routing\":{}}");
}

static void test_view(void)
{
	struct ingress_file f;
	struct buf out = {0};

	parse("ingress: [{service: 'http://a'}]\noriginRequest: {connectTimeout: 7s}\n", &f);
	CHECK(ingress_json_view(f.ingress, NULL, -1, &out) == 0);
	json_t *view = load(&out), *config = json_object_get(view, "config");
	json_t *rule = json_array_get(json_object_get(config, "ingress"), 0);
	json_t *options = json_object_get(rule, "originRequest");
	CHECK(json_integer_value(json_object_get(view, "version")) == -1);
	CHECK(json_is_null(json_object_get(rule, "path")));
	CHECK(strcmp(json_string_value(json_object_get(rule, "hostname")), "") == 0);
	CHECK(json_object_size(options) == INGRESS_KEYS);
	CHECK(json_integer_value(json_object_get(options, "connectTimeout")) == 7);
	CHECK(json_integer_value(json_object_get(options, "keepAliveTimeout")) == 90);
	CHECK(json_equal(options, json_object_get(config, "originRequest")));
	json_decref(view);
	buf_free(&out);
	ingress_file_free(&f);
}

TEST_MAIN(TEST(test_vector), TEST(test_local), TEST(test_view))
