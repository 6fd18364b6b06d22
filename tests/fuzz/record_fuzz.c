/* Responses from records: judged, written as a record, and read from that, a response is the same. */
#include <jansson.h>

#include "fuzz.h"
#include "hdrcheck/show.h"

static void check_same(const struct response *a, const struct response *b)
{
	MUST(a->status == b->status && a->https == b->https && span_eq(a->request_url, b->request_url) &&
		span_eq(a->host, b->host) && a->headers.count == b->headers.count &&
		a->has_http_chain == b->has_http_chain && a->has_cors == b->has_cors);
	for (size_t i = 0; i < a->headers.count; i++)
		MUST(span_eq(a->headers.at[i].name, b->headers.at[i].name));
}

static void check_again(struct arena *a, const struct response *r, const struct names *names)
{
	struct audit au;
	struct response again;
	struct err err = {0};

	audit_run(&au, r, names, 6);
	struct show_target t = {.url = "https://a.example/", .audit = &au};
	json_t *record = show_record(&t);
	MUST(record != NULL);
	MUST(response_from_json(a, json_object_get(record, "response"), &again, &err) == 0);
	check_same(r, &again);
	response_fini(&again);
	json_decref(record);
	audit_fini(&au);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	struct names *names = names_new(NULL, NULL, &err);
	json_error_t why;
	json_t *in = json_loadb((const char *)data, size, JSON_ALLOW_NUL, &why);
	struct arena a = {0};
	struct response r = {0};

	if (in != NULL) {
		int rc = response_from_json(&a, in, &r, &err);
		MUST((rc < 0) == (err.text[0] != '\0'));
		if (rc == 0)
			check_again(&a, &r, names);
	}
	response_fini(&r);
	json_decref(in);
	arena_free(&a);
	names_free(names);
	return 0;
}
