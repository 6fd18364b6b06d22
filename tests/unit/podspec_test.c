/* credrotate: what a pod's spec tells of Secrets, Secrets as documents, names. */
#include "common/base/mem.h"
#include "credrotate/podspec.h"
#include "credrotate/secretdoc.h"
#include "credrotate/secretref.h"
#include "test.h"

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	if (value == NULL)
		abort();
	return value;
}

static const char everything[] =
	"{\"volumes\":[{\"name\":\"a\",\"secret\":{\"secretName\":\"s-7\",\"defaultMode\":292}},"
	"{\"name\":\"b\",\"projected\":{\"sources\":[{\"secret\":{\"name\":\"x\"}},{\"secret\":{\"name\":\"s-"
	"7\"}}]}},"
	"{\"name\":\"c\",\"emptyDir\":{}}],"
	"\"containers\":[{\"name\":\"one\",\"env\":[{\"name\":\"P\",\"value\":\"s-7\"},"
	"{\"name\":\"T\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s-7\",\"key\":\"k\"}}}],"
	"\"envFrom\":[{\"prefix\":\"Q\",\"secretRef\":{\"name\":\"y\"}},{\"secretRef\":{\"name\":\"s-7\"}}]},"
	"{\"name\":\"two\"}]}";

static void uses_are_seen_where_they_are(void)
{
	static const struct {
		const char *pod;
		unsigned uses;
	} cases[] = {
		{"{}", 0},
		{"{\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}],\"containers\":[{}]}", 0},
		{"{\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}],"
		 "\"containers\":[{\"volumeMounts\":[{\"name\":\"v\"}]}]}",
			PODSPEC_DIRECTORY},
		{"{\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}],"
		 "\"initContainers\":[{\"volumeMounts\":[{\"name\":\"v\",\"subPath\":\"k\"}]}]}",
			PODSPEC_SUBPATH},
		{"{\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"secret\":{\"name\":\"s\"}}]}}]"
		 ","
		 "\"containers\":[{\"volumeMounts\":[{\"name\":\"v\"},{\"name\":\"w\"}]}]}",
			PODSPEC_DIRECTORY},
		{"{\"containers\":[{\"env\":[{\"name\":\"E\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\"}"
		 "}}]}]}",
			PODSPEC_ENV},
		{"{\"containers\":[{\"envFrom\":[{\"secretRef\":{\"name\":\"s\"}}]}]}", PODSPEC_ENV},
		{"{\"containers\":[{\"env\":[{\"name\":\"E\",\"value\":\"s\"}]}]}", 0},
		{"{\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"other\"}}],"
		 "\"containers\":[{\"volumeMounts\":[{\"name\":\"v\"}]}]}",
			0},
		{"{\"volumes\":3,\"containers\":\"x\"}", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *pod = parse(cases[i].pod);
		CHECK(podspec_uses(pod, "s") == cases[i].uses);
		json_decref(pod);
	}
}

static void versions_of_a_secret_are_told_from_other_names(void)
{
	static const char *const good[] = {"s", "s-1", "s-123456789012345678", "s-0123456789abcdef"};
	static const char *const bad[] = {"", "t", "s-", "s-x", "s2", "s-1-2", "s-1234567890123456789",
		"s-0123456789abcdeg", "s-0123456789abcde", "ss-1"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(podspec_is_version(good[i], "s"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!podspec_is_version(bad[i], "s"));
}

static void all_references_are_switched_and_nothing_else(void)
{
	json_t *pod = parse(everything), *change = podspec_switch(pod, "s", "s-8");
	json_t *wanted = parse(
		"{\"volumes\":[{\"name\":\"a\",\"secret\":{\"secretName\":\"s-8\",\"defaultMode\":292}},"
		"{\"name\":\"b\",\"projected\":{\"sources\":[{\"secret\":{\"name\":\"x\"}},"
		"{\"secret\":{\"name\":\"s-8\"}}]}}],"
		"\"containers\":[{\"name\":\"one\","
		"\"env\":[{\"name\":\"T\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s-8\",\"key\":\"k\"}}}]"
		","
		"\"envFrom\":[{\"prefix\":\"Q\",\"secretRef\":{\"name\":\"y\"}},"
		"{\"secretRef\":{\"name\":\"s-8\"}}]}]}");

	CHECK(json_equal(change, wanted));
	CHECK(strcmp(podspec_find(pod, "s"), "s-7") == 0);
	CHECK(podspec_find(pod, "z") == NULL);
	json_decref(change);
	change = podspec_switch(pod, "z", "z-1");
	CHECK(json_object_size(change) == 0);
	json_decref(change);
	json_decref(wanted);
	json_decref(pod);
}

static void grace_periods_are_read_from_arguments(void)
{
	static const struct {
		const char *words;
		long s;
	} cases[] = {{"[]", 30}, {"[\"--grace-period\", \"90s\"]", 90}, {"[\"--grace-period=1m1ms\"]", 61},
		{"[\"--grace-period\"]", 30}, {"[\"--grace-period\", \"soon\"]", 30},
		{"[\"--grace-periods\", \"9m\"]", 30}, {"[3, \"--grace-period\", 3]", 30}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = mem_printf("{\"containers\":[{\"args\":%s}]}", cases[i].words);
		json_t *pod = parse(text);
		CHECK(podspec_grace_s(pod, 30) == cases[i].s);
		json_decref(pod);
		free(text);
	}
}

static void a_document_keeps_what_is_not_the_secret(void)
{
	json_t *old =
		parse("{\"metadata\":{\"labels\":{\"a\":\"b\"},\"resourceVersion\":\"7\",\"annotations\":{"
		      "\"c\":\"d\",\"kubectl.kubernetes.io/last-applied-configuration\":\"old\","
		      "\"outbore.dev/replaces\":\"older\"}},"
		      "\"type\":\"x/y\",\"immutable\":true,\"data\":{\"k\":\"b2xk\",\"other\":\"AAAA\"}}");
	json_t *wanted = parse("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"n\","
			       "\"namespace\":\"ns\","
			       "\"labels\":{\"a\":\"b\"},\"annotations\":{\"c\":\"d\","
			       "\"outbore.dev/secret-fingerprint\":\"f\"}},"
			       "\"type\":\"x/y\",\"data\":{\"k\":\"bmV3\",\"other\":\"AAAA\"}}");
	struct secretdoc d = {
		.ns = "ns", .name = "n", .key = "k", .fingerprint = "f", .value = SPAN("new"), .old = old};
	struct buf out = {0};
	struct err err;

	CHECK(secretdoc_compose(&d, &out, &err) == 0);
	json_t *made = json_loadb(buf_span(&out).p, buf_len(&out), 0, NULL);
	CHECK(json_equal(made, wanted));
	json_decref(made);
	json_object_set_new(json_object_get(old, "data"), "bad", json_string("\"}, \"x\": {\""));
	buf_wipe(&out);
	CHECK(secretdoc_compose(&d, &out, &err) < 0);
	buf_wipe(&out);
	json_decref(old);
	json_decref(wanted);
}

static void names_cannot_lead_elsewhere(void)
{
	static const char *const bad[] = {
		"", ".", "..", "-a", "a-", "A", "a/b", "a?b", "a%2e", "a b", "\"", "a_b"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!secretref_is_name(span_str(bad[i])));
	CHECK(secretref_is_name(SPAN("a")) && secretref_is_name(SPAN("a-1.b")));
	static const char *const places[] = {"../x#k", "a/..#k", "a/b#..k", "a/b#.", "a/b#k\"", "a/b", "a#k"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct target t = {.text = places[i], .place = places[i]};
		struct secretref ref = {0};
		struct err err;
		CHECK(secretref_parse(&ref, &t, &err) < 0);
	}
}

TEST_MAIN(TEST(uses_are_seen_where_they_are), TEST(versions_of_a_secret_are_told_from_other_names),
	TEST(all_references_are_switched_and_nothing_else), TEST(grace_periods_are_read_from_arguments),
	TEST(a_document_keeps_what_is_not_the_secret), TEST(names_cannot_lead_elsewhere))
