/* A chunked body gives the same payload, trailers and end however it is cut, and reads the same when written again. */
#include "common/proto/http1.h"
#include "fuzz.h"

struct result {
	enum parse parse; /* PARSE_OK: ended */
	size_t taken;     /* bytes of the input that belong to the body */
	struct buf payload;
	struct buf trailers; /* as they would be written */
};

/* Decode in pieces whose lengths are drawn from seed; 0: whole, 1: bytes. */
static struct result decode(struct span text, unsigned seed)
{
	struct result r = {.parse = PARSE_MORE};
	struct http1_body b = {0};
	const char *why = NULL;

	http1_body_start(&b, HTTP1_CHUNKED, 0);
	for (size_t at = 0, n; at < text.len && r.parse == PARSE_MORE; at += n) {
		seed = seed > 1 ? seed * 1103515245 + 12345 : seed;
		n = seed == 0 ? text.len : 1 + (seed >> 16) % 7;
		n = n < text.len - at ? n : text.len - at;
		struct span in = span_of(text.p + at, n), data;
		while (in.len > 0 && r.parse == PARSE_MORE && !b.done) {
			if (http1_body_next(&b, &in, &data, &why) == PARSE_BAD)
				r.parse = PARSE_BAD;
			else
				MUST(buf_add_span(&r.payload, data) == 0);
		}
		r.taken += n - in.len;
		if (b.done)
			r.parse = PARSE_OK;
	}
	MUST((r.parse == PARSE_BAD) == (why != NULL));
	for (size_t i = 0; b.done && i < b.trailers.count; i++)
		MUST(http1_write_field(&r.trailers, b.trailers.at[i].name, b.trailers.at[i].value) == 0);
	http1_body_fini(&b);
	return r;
}

static void result_free(struct result *r)
{
	buf_free(&r->payload);
	buf_free(&r->trailers);
}

static void check_written_again(const struct result *r)
{
	struct buf out = {0}, section = {0};
	struct fields trailers = {0};
	struct http1_fault fault;

	MUST(buf_add_span(&section, buf_span(&r->trailers)) == 0 && http1_write_end(&section) == 0);
	MUST(http1_parse_fields(buf_span(&section), &trailers, &fault));
	MUST(http1_write_chunk(&out, buf_span(&r->payload)) == 0);
	MUST(http1_write_last_chunk(&out, &trailers) == 0);
	struct result again = decode(buf_span(&out), 0);
	MUST(again.parse == PARSE_OK && again.taken == buf_len(&out));
	MUST(span_eq(buf_span(&again.payload), buf_span(&r->payload)));
	MUST(span_eq(buf_span(&again.trailers), buf_span(&r->trailers)));
	result_free(&again);
	header_free(&trailers);
	buf_free(&section);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	struct result whole = decode(in, 0);

	for (unsigned seed = 1; seed < 4; seed++) {
		struct result cut = decode(in, seed);
		MUST(cut.parse == whole.parse);
		MUST(span_eq(buf_span(&cut.payload), buf_span(&whole.payload)));
		MUST(span_eq(buf_span(&cut.trailers), buf_span(&whole.trailers)));
		MUST(whole.parse != PARSE_OK || cut.taken == whole.taken);
		result_free(&cut);
	}
	if (whole.parse == PARSE_OK)
		check_written_again(&whole);
	result_free(&whole);
	return 0;
}
