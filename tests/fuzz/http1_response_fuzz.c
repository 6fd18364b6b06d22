/* A response head keeps its promises for every method, and reads the same when written again. */
#include "common/proto/http1.h"
#include "fuzz.h"

static void check_framing(const struct http1_response *r, bool head)
{
	bool coded = header_find(&r->fields, SPAN("transfer-encoding")) != NULL;
	bool length = header_find(&r->fields, SPAN("content-length")) != NULL;
	bool bodyless = head || r->status < 200 || r->status == 204 || r->status == 304;

	MUST(!(coded && length));
	MUST(!bodyless || r->framing == HTTP1_NO_BODY);
	MUST(bodyless || (r->framing == HTTP1_CHUNKED) == coded);
	MUST(bodyless || (r->framing == HTTP1_UNTIL_CLOSE) == (!coded && !length));
	MUST(r->framing != HTTP1_UNTIL_CLOSE || !r->keep_alive);
}

static void check_written_again(const struct http1_response *r, struct span method)
{
	struct buf out = {0};
	struct http1_response again = {0};
	struct http1_fault fault;

	MUST(http1_write_status_line(&out, r->status, r->reason) == 0);
	for (size_t i = 0; i < r->fields.count; i++)
		MUST(http1_write_field(&out, r->fields.at[i].name, r->fields.at[i].value) == 0);
	MUST(http1_write_end(&out) == 0);
	MUST(http1_parse_response(buf_span(&out), method, &again, &fault));
	MUST(again.status == r->status && span_eq(again.reason, r->reason));
	MUST(again.fields.count == r->fields.count && again.framing == r->framing &&
		again.length == r->length);
	for (size_t i = 0; i < r->fields.count; i++)
		MUST(span_eq(again.fields.at[i].name, r->fields.at[i].name) &&
			span_eq(again.fields.at[i].value, r->fields.at[i].value));
	http1_response_fini(&again);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct span methods[] = {{"GET", 3}, {"HEAD", 4}};
	struct span in = span_of((const char *)data, size);
	struct http1_response r = {0};
	struct http1_fault fault;
	size_t scanned = 0, len = 0;

	if (size > 0 && http1_find_head(in, &scanned, &len, &fault) == PARSE_OK)
		in.len = len;
	for (size_t i = 0; i < 2; i++) {
		/* Also what was not found whole: it must be refused, not misread. */
		bool ok = http1_parse_response(in, methods[i], &r, &fault);
		MUST(!ok || len > 0);
		if (ok) {
			check_framing(&r, i == 1);
			check_written_again(&r, methods[i]);
		}
	}
	http1_response_fini(&r);
	return 0;
}
