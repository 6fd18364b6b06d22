/* A captured response, head and HTML, through every parser and check: what comes out is a record that reads back, and the same
 * each time. */
#include <jansson.h>

#include "fuzz.h"
#include "hdrcheck/show.h"

static char *judge(const struct response *r, const struct names *names, int algorithm)
{
	struct audit au;

	audit_run(&au, r, names, algorithm);
	struct show_target t = {.url = "https://a.example/", .audit = &au};
	json_t *record = show_record(&t);
	MUST(record != NULL && audit_score(&au) >= 0 && audit_score(&au) <= 100);
	for (size_t i = 0; i < au.count; i++)
		MUST(au.findings[i].column <= au.findings[i].value.len + 1);
	char *text = json_dumps(record, JSON_COMPACT);
	MUST(text != NULL);
	json_decref(record);
	audit_fini(&au);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err;
	struct names *names = names_new(NULL, NULL, &err);
	struct arena a = {0};
	struct response r;

	if (response_from_curl(&a, SPAN("https://a.example/"), span_of((const char *)data, size), &r, &err) ==
		0) {
		r.has_cors = true; /* the same headers as an answer to a preflight */
		r.cors_status = r.status;
		r.cors_origin = SPAN(RESPONSE_PROBE_ORIGIN);
		for (size_t i = 0; i < r.headers.count; i++)
			header_add(&r.cors, r.headers.at[i].name, r.headers.at[i].value);
		char *one = judge(&r, names, 6), *two = judge(&r, names, 6);
		MUST(strcmp(one, two) == 0);
		free(one);
		free(two);
		free(judge(&r, names, 4));
	}
	response_fini(&r);
	arena_free(&a);
	names_free(names);
	return 0;
}
