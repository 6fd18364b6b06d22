/* The head of a request to a service, as cloudflared writes it. */
#include "tunnel/origin/h1_request.h"
#include "common/proto/http1.h"

/* Go's canonical form, as origins know it from cloudflared: "Content-Type". */
static void add_field(struct buf *out, struct span name, struct span value)
{
	size_t at = buf_len(out);
	bool upper = true;

	if (http1_write_field(out, name, value) < 0)
		return;
	char *p = out->data + out->head + at;
	for (size_t i = 0; i < name.len; i++) {
		if (upper && p[i] >= 'a' && p[i] <= 'z')
			p[i] = (char)(p[i] - 'a' + 'A');
		upper = p[i] == '-';
	}
}

/* Cookie fields are joined into one (RFC 9113, 8.2.3). */
static void add_cookie(struct buf *out, const struct fields *fields)
{
	bool first = true;

	for (size_t i = 0; i < fields->count; i++) {
		if (!span_eq(fields->at[i].name, SPAN("cookie")))
			continue;
		buf_add_str(out, first ? "Cookie: " : "; ");
		buf_add_span(out, fields->at[i].value);
		first = false;
	}
	if (!first)
		buf_add_str(out, "\r\n");
}

/* Does a request of this method without a body say so? (RFC 9110, 8.6) */
static bool says_empty(struct span method)
{
	return span_eq(method, SPAN("POST")) || span_eq(method, SPAN("PUT")) ||
	       span_eq(method, SPAN("PATCH"));
}

/* Whether the body is chunked. */
static bool add_framing(struct buf *out, const struct proxy_request *r, bool may_chunk)
{
	if (r->websocket) {
		buf_add_str(
			out, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-Websocket-Version: 13\r\n");
		return false;
	}
	buf_add_str(out, "Connection: keep-alive\r\n");
	if (r->no_body) {
		if (says_empty(r->method))
			buf_add_str(out, "Content-Length: 0\r\n");
	} else if (r->length_known) {
		http1_write_length(out, r->length);
	} else if (may_chunk) {
		buf_add_str(out, "Transfer-Encoding: chunked\r\n");
		return true;
	} else {
		/* No coding and no length: nothing can be sent. */
		buf_add_str(out, "Content-Length: 0\r\n");
	}
	return false;
}

int h1_request_write(struct buf *out, const struct proxy_request *r, bool may_chunk, bool *chunked)
{
	*chunked = false;
	if (http1_write_request_line(out, r->method, r->path) < 0 ||
		http1_write_field(out, SPAN("Host"), r->authority) < 0)
		return -1;
	for (size_t i = 0; i < r->fields->count; i++) {
		struct span name = r->fields->at[i].name;
		if (!span_eq(name, SPAN("cookie")) && !span_eq(name, SPAN("content-length")) &&
			!span_eq(name, SPAN("host")))
			add_field(out, name, r->fields->at[i].value);
	}
	add_cookie(out, r->fields);
	*chunked = add_framing(out, r, may_chunk);
	return http1_write_end(out);
}
