/* A policy that is read leaves every response with fields that may be sent. */
#include "common/conf/headerpolicy.h"
#include "fuzz.h"

static void check_fields(const struct fields *f)
{
	for (size_t i = 0; i < f->count; i++)
		MUST(header_is_token(f->at[i].name) && header_is_value(f->at[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct field given[] = {
		{{"Content-Type", 12}, {"text/html; charset=utf-8", 24}},
		{{"Strict-Transport-Security", 25}, {"max-age=5; preload", 18}},
		{{"Content-Security-Policy", 23}, {"default-src 'self'; object-src 'none'", 37}},
		{{"X-Frame-Options", 15}, {"DENY", 4}},
	};
	struct err err = {0};
	struct headerpolicy *p = headerpolicy_parse(span_of((const char *)data, size), &err);
	struct headerpolicy_subject s = {SPAN("app.example"), SPAN("/a/b"), 200, {0}};
	struct headerpolicy_scratch scratch = {0};
	struct fields f = {0};

	MUST((p == NULL) == (err.text[0] != '\0'));
	for (size_t n = 0; p != NULL && n <= sizeof(given) / sizeof(given[0]); n++) {
		header_clear(&f);
		for (size_t i = 0; i < n; i++)
			header_add(&f, given[i].name, given[i].value);
		headerpolicy_apply(p, &s, &f, &scratch);
		check_fields(&f);
	}
	header_free(&f);
	headerpolicy_free(p);
	return 0;
}
