/* Captures of curl -i: a response that was read is read again from what it says. */
#include "common/base/buf.h"
#include "common/base/utf8.h"
#include "fuzz.h"
#include "hdrcheck/response.h"

/* Each character of a value was one byte. */
static void add_bytes(struct buf *out, struct span text)
{
	while (text.len > 0) {
		uint32_t c;
		size_t n = utf8_decode(text, &c);
		MUST(n > 0 && c <= 0xff);
		buf_add_char(out, (char)c);
		text = span_skip(text, n);
	}
}

static void write_capture(const struct response *r, struct buf *out)
{
	buf_addf(out, "HTTP/1.1 %d \r\n", r->status);
	for (size_t i = 0; i < r->headers.count; i++) {
		buf_add_span(out, r->headers.at[i].name);
		buf_add_str(out, ": ");
		add_bytes(out, r->headers.at[i].value);
		buf_add_str(out, "\r\n");
	}
	buf_add_str(out, "\r\n");
	buf_add_span(out, r->body);
}

static void check_again(struct arena *a, const struct response *r)
{
	struct buf text = {0};
	struct response again;
	struct err err;

	write_capture(r, &text);
	MUST(response_from_curl(a, r->request_url, buf_span(&text), &again, &err) == 0);
	MUST(again.status == r->status && again.headers.count == r->headers.count &&
		span_eq(again.body, r->body));
	for (size_t i = 0; i < r->headers.count; i++)
		MUST(span_eq(again.headers.at[i].name, r->headers.at[i].name) &&
			span_eq(again.headers.at[i].value, r->headers.at[i].value));
	response_fini(&again);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = {0};
	struct response r;
	struct err err = {0};

	int rc = response_from_curl(
		&a, SPAN("https://a.example/"), span_of((const char *)data, size), &r, &err);
	MUST((rc < 0) == (err.text[0] != '\0'));
	if (rc == 0)
		check_again(&a, &r);
	response_fini(&r);
	arena_free(&a);
	return 0;
}
