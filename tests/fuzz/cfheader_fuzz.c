/* A serialised header gives fields that HTTP allows, and the same ones when it is encoded again. */
#include "fuzz.h"
#include "tunnel/h2/cfheader.h"

static void check_encoded_again(const struct fields *f)
{
	struct buf out = {0}, bytes = {0};
	struct fields again = {0};
	const char *why;
	size_t n = 0;

	MUST(cfheader_encode(f, &out) == 0 && cfheader_decode(buf_span(&out), &bytes, &again, &why));
	for (size_t i = 0; i < f->count; i++) {
		if (cfheader_is_internal(f->at[i].name))
			continue;
		MUST(n < again.count);
		MUST(span_eq(again.at[n].name, f->at[i].name) && span_eq(again.at[n].value, f->at[i].value));
		n++;
	}
	MUST(n == again.count);
	header_free(&again);
	buf_free(&bytes);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	struct buf bytes = {.max = 4096};
	struct fields f = {0};
	const char *why = NULL;
	bool ok = cfheader_decode(in, &bytes, &f, &why);

	MUST(ok == (why == NULL) && (ok || f.count == 0) && buf_len(&bytes) <= size);
	for (size_t i = 0; i < f.count; i++)
		MUST(header_is_token(f.at[i].name) && header_is_value(f.at[i].value));
	if (ok)
		check_encoded_again(&f);
	/* The same bytes as the field beside it. */
	MUST(cfheader_source(in) != CFHEADER_SOURCE_ORIGIN || size >= CFHEADER_FROM_ORIGIN.len);
	header_free(&f);
	buf_free(&bytes);
	return 0;
}
