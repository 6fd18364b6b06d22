/* The answer to an opening handshake: accepted only with every mark that RFC 6455, 4.1 asks for, and parameters that are
 * written out again are read the same. */
#include "common/proto/ws.h"
#include "common/proto/ws_deflate.h"
#include "fuzz.h"

#define KEY SPAN("dGhlIHNhbXBsZSBub25jZQ==")

static void check_params(const struct ws_deflate_params *p)
{
	struct ws_deflate_params again;
	struct buf text = {0};
	struct span list, params;

	ws_deflate_write(p, &text);
	list = buf_span(&text);
	span_cut(list, ';', &params);
	MUST(ws_deflate_parse(params, true, &again));
	MUST(again.server_bits == p->server_bits && again.client_bits == p->client_bits);
	MUST(again.server_no_context == p->server_no_context &&
		again.client_no_context == p->client_no_context);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ws_deflate_params offer = {.on = true, .client_bits = WS_DEFLATE_ANY},
				       policy = {.on = true};
	struct http1_response r = {0};
	struct http1_fault fault;
	struct ws_deflate_params agreed;
	size_t scanned = 0, len;
	struct span in = span_of((const char *)data, size);

	if (http1_find_head(in, &scanned, &len, &fault) == PARSE_OK &&
		http1_parse_response(span_of(in.p, len), SPAN("GET"), &r, &fault)) {
		bool ok = ws_judge_accept(&r.fields, KEY) == NULL;
		MUST(ok == ws_is_accepted(&r.fields, KEY));
		if (ws_deflate_judge(&r.fields, &offer, &agreed) == NULL && agreed.on)
			check_params(&agreed);
		ws_deflate_choose(&r.fields, &policy, &agreed);
		if (agreed.on)
			check_params(&agreed);
	}
	http1_response_fini(&r);
	return 0;
}
