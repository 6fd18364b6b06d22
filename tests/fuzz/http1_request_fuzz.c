/* A request head is found the same whole and byte by byte, and what is made of it reads the same when written again. */
#include "common/proto/http1.h"
#include "fuzz.h"

static enum parse find(struct span in, size_t step, size_t *head_len, struct http1_fault *fault)
{
	enum parse found = PARSE_MORE;
	size_t scanned = 0;

	for (size_t have = step; found == PARSE_MORE && have <= in.len; have += step)
		found = http1_find_head(span_of(in.p, have), &scanned, head_len, fault);
	return found;
}

static void check_fields(const struct fields *f)
{
	for (size_t i = 0; i < f->count; i++)
		MUST(header_is_token(f->at[i].name) && header_is_value(f->at[i].value));
	MUST(header_count(f, SPAN("host")) <= 1 && header_count(f, SPAN("content-length")) <= 1);
	MUST(header_count_items(f, SPAN("connection")) <= HEADER_CONNECTION_MAX);
}

static void check_framing(const struct http1_request *r)
{
	bool coded = header_find(&r->fields, SPAN("transfer-encoding")) != NULL;
	bool length = header_find(&r->fields, SPAN("content-length")) != NULL;

	MUST(!(coded && length) && r->framing != HTTP1_UNTIL_CLOSE);
	MUST((r->framing == HTTP1_CHUNKED) == coded);
	MUST((r->framing == HTTP1_LENGTH) == (r->length > 0) && (length || r->length == 0));
}

static void check_written_again(const struct http1_request *r)
{
	struct buf out = {0};
	struct http1_request again = {0};
	struct http1_fault fault;

	MUST(http1_write_request_line(&out, r->method, r->target) == 0);
	for (size_t i = 0; i < r->fields.count; i++)
		MUST(http1_write_field(&out, r->fields.at[i].name, r->fields.at[i].value) == 0);
	MUST(http1_write_end(&out) == 0);
	bool ok = http1_parse_request(buf_span(&out), &again, &fault);
	/* It is written as HTTP/1.1, which needs a Host. */
	MUST(ok == (r->minor > 0 || header_find(&r->fields, SPAN("host")) != NULL));
	if (ok) {
		MUST(span_eq(again.method, r->method) && span_eq(again.path, r->path));
		MUST(span_eq(again.authority, r->authority) && again.fields.count == r->fields.count);
		MUST(again.framing == r->framing && again.length == r->length);
		MUST(r->minor == 0 || again.keep_alive == r->keep_alive);
	}
	http1_request_fini(&again);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	struct http1_fault fault = {0}, fault_of_bytes = {0};
	struct http1_request r = {0};
	size_t len = 0, len_of_bytes = 0;
	enum parse whole = size > 0 ? find(in, size, &len, &fault) : PARSE_MORE;

	MUST(find(in, 1, &len_of_bytes, &fault_of_bytes) == whole);
	MUST(whole != PARSE_BAD || fault.status == fault_of_bytes.status);
	if (whole == PARSE_OK) {
		MUST(len == len_of_bytes && len <= size && len <= HTTP1_HEAD_MAX);
		if (http1_parse_request(span_of(in.p, len), &r, &fault)) {
			check_fields(&r.fields);
			check_framing(&r);
			check_written_again(&r);
		} else {
			MUST(fault.status >= 400 && fault.status <= 505 && fault.why != NULL);
		}
	}
	http1_request_fini(&r);
	return 0;
}
