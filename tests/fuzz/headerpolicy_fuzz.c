/* A policy that is read leaves every response with fields that may be sent. */
#include "common/conf/headerpolicy.h"
#include "fuzz.h"

static void check_fields(const struct fields *f)
{
	for (size_t i = 0; i < f->count; i++)
		MUST(header_is_token(f->at[i].name) && header_is_value(f->at[i].value));
}

/* With a nonce, none of its places is left; what there is then can be judged without one. */
static void check_nonces(const struct headerpolicy *p, struct headerpolicy_subject s, struct fields *f)
{
	struct headerpolicy_scratch scratch = {0}, none = {0};

	s.nonce = SPAN("AAAAAAAAAAAAAAAAAAAAAAAA");
	header_clear(f);
	if (headerpolicy_apply(p, &s, f, &scratch) == 0) {
		for (size_t i = 0; i < f->count; i++)
			MUST(memmem(f->at[i].value.p, f->at[i].value.len, "{nonce}", 7) == NULL);
		s.nonce = (struct span){0};
		headerpolicy_apply(p, &s, f, &none);
		check_fields(f);
	}
	headerpolicy_scratch_free(&scratch);
	headerpolicy_scratch_free(&none);
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
	if (p != NULL)
		check_nonces(p, s, &f);
	headerpolicy_scratch_free(&scratch);
	header_free(&f);
	headerpolicy_free(p);
	return 0;
}
