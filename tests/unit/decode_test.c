/* Bodies of the management API's requests. */
#include "test.h"
#include "tunnel/mgmt/decode.h"

#define B32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void tunnels_are_read_or_refused(void)
{
	static const struct {
		const char *json;
		enum decode_result result;
	} rows[] = {
		{"{}", DECODE_OK},
		{"{\"name\":\"a\"}", DECODE_OK},
		{"{\"name\":null,\"tunnel_secret\":null}", DECODE_OK},
		{"{\"name\":\"\xc3\xa4 b\",\"other\":[1,{\"x\":2}]}", DECODE_OK},
		{"{\"tunnel_secret\":\"" B32 "\"}", DECODE_OK},
		{"{\"tunnel_secret\":\"\"}", DECODE_OK},
		{"{\"config_src\":\"local\"}", DECODE_OK},
		{"{\"previous_tunnel_secret_expires_at\":\"2026-01-02T03:04:05Z\"}", DECODE_OK},
		{"", DECODE_JSON},
		{"[]", DECODE_JSON},
		{"{\"name\":", DECODE_JSON},
		{"{\"name\":\"a\"} x", DECODE_JSON},
		{"{\"name\":\"a\",\"name\":\"b\"}", DECODE_JSON},
		{"{\"x\":{\"y\":1,\"y\":2}}", DECODE_JSON},
		{"{\"name\":1}", DECODE_JSON},
		{"{\"tunnel_secret\":[\"a\"]}", DECODE_JSON},
		{"{\"name\":\"a\\u0000b\"}", DECODE_JSON},
		{"{\"name\":\"\xff\"}", DECODE_JSON},
		{"{\"previous_tunnel_secret_expires_at\":1767323045}", DECODE_JSON},
		{"{\"name\":\"\"}", DECODE_VALUE},
		{"{\"name\":\"a\\nb\"}", DECODE_VALUE},
		{"{\"name\":\"a\\u0085b\"}", DECODE_VALUE},
		{"{\"name\":\"11111111-2222-3333-4444-555555555555\"}", DECODE_VALUE},
		{"{\"tunnel_secret\":\"QUFB\"}", DECODE_VALUE},
		{"{\"tunnel_secret\":\"____________________________________________\"}", DECODE_VALUE},
		{"{\"config_src\":\"Local\"}", DECODE_VALUE},
		{"{\"previous_tunnel_secret_expires_at\":\"\"}", DECODE_VALUE},
		{"{\"previous_tunnel_secret_expires_at\":\"tomorrow\"}", DECODE_VALUE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decode_tunnel t;
		struct err err = {{0}};
		CHECK_FOR(decode_tunnel(span_str(rows[i].json), &t, &err) == rows[i].result, "%s: %s",
			rows[i].json, err.text);
		CHECK_FOR((err.text[0] == '\0') == (rows[i].result == DECODE_OK), "%s", rows[i].json);
		decode_tunnel_free(&t);
	}
}

static void names_are_counted_in_characters(void)
{
	struct decode_tunnel t;
	struct err err;
	char json[512];

	for (int count = 100; count <= 101; count++) {
		int n = snprintf(json, sizeof(json), "{\"name\":\"");
		for (int i = 0; i < count; i++)
			n += snprintf(json + n, sizeof(json) - (size_t)n, "\xc3\xa4");
		snprintf(json + n, sizeof(json) - (size_t)n, "\"}");
		CHECK_FOR(
			decode_tunnel(span_str(json), &t, &err) == (count == 100 ? DECODE_OK : DECODE_VALUE),
			"%d", count);
		decode_tunnel_free(&t);
	}
}

/* Brackets within one another, all closed again. */
static void nesting_is_bounded(void)
{
	struct decode_tunnel t;
	struct err err;
	char json[200];

	for (int depth = 30; depth <= 33; depth++) {
		int n = snprintf(json, sizeof(json), "{\"x\":");
		for (int i = 1; i < depth; i++)
			json[n++] = '[';
		for (int i = 1; i < depth; i++)
			json[n++] = ']';
		json[n++] = '}';
		CHECK_FOR(decode_tunnel(span_of(json, (size_t)n), &t, &err) ==
				  (depth <= DECODE_DEPTH_MAX ? DECODE_OK : DECODE_JSON),
			"%d", depth);
		decode_tunnel_free(&t);
	}
	CHECK(decode_tunnel(SPAN("{\"x\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"}"), &t,
		      &err) == DECODE_OK);
	decode_tunnel_free(&t);
}

static void a_message_shows_no_secret(void)
{
	struct decode_tunnel t;
	struct err err;

	CHECK(decode_tunnel(SPAN("{\"tunnel_secret\":\"verysecret\" verysecret"), &t, &err) == DECODE_JSON);
	CHECK(strstr(err.text, "verysecret") == NULL);
	CHECK(decode_tunnel(SPAN("{\"tunnel_secret\":\"verysecret\"}"), &t, &err) == DECODE_VALUE);
	CHECK(strstr(err.text, "verysecret") == NULL);
}

static void routes_are_read_or_refused(void)
{
	static const struct {
		const char *json;
		enum decode_result result;
	} rows[] = {
		{"{\"type\":\"dns\",\"user_hostname\":\"a.example\"}", DECODE_OK},
		{"{\"type\":\"lb\",\"lb_name\":\"a.example\",\"lb_pool\":\"p\"}", DECODE_OK},
		{"{\"type\":\"dns\"}", DECODE_VALUE},
		{"{\"type\":\"mx\",\"user_hostname\":\"a\"}", DECODE_VALUE},
		{"{\"user_hostname\":\"a\"}", DECODE_VALUE},
		{"{\"type\":\"lb\",\"lb_name\":\"a.example\"}", DECODE_VALUE},
		{"{\"type\":\"dns\",\"user_hostname\":7}", DECODE_JSON},
		{"{\"type\":\"dns\",\"user_hostname\":\"a\",\"overwrite_existing\":\"yes\"}", DECODE_JSON},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decode_route r;
		struct err err;
		CHECK_FOR(
			decode_route(span_str(rows[i].json), &r, &err) == rows[i].result, "%s", rows[i].json);
		decode_route_free(&r);
	}
}

static void a_configuration_is_an_object(void)
{
	struct err err;
	char *text;

	CHECK(decode_config(SPAN("{\"config\":{\"ingress\":[]}}"), &text, &err) == DECODE_OK);
	CHECK(text != NULL && strcmp(text, "{\"ingress\":[]}") == 0);
	free(text);
	CHECK(decode_config(SPAN("{\"config\":null}"), &text, &err) == DECODE_JSON && text == NULL);
	CHECK(decode_config(SPAN("{\"config\":[]}"), &text, &err) == DECODE_JSON && text == NULL);
}

TEST_MAIN(TEST(tunnels_are_read_or_refused), TEST(names_are_counted_in_characters), TEST(nesting_is_bounded),
	TEST(a_message_shows_no_secret), TEST(routes_are_read_or_refused), TEST(a_configuration_is_an_object))
