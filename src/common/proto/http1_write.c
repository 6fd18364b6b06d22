/* Writing HTTP/1.1 messages. Each function appends its part whole or, when it returns -1, nothing. */
#include "common/proto/http1.h"

#define CHUNK_SIZE_MAX 18 /* bytes of a chunk's size line: 16 digits and CRLF */

/* Put s at p, which has the room. The end of it. */
static char *put(char *p, struct span s)
{
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return p + s.len;
}

/* Append three parts. */
static int write_parts(struct buf *out, struct span a, struct span b, struct span c)
{
	size_t len = a.len + b.len + c.len;
	char *p = buf_reserve(out, len);

	if (p == NULL)
		return -1;
	put(put(put(p, a), b), c);
	buf_commit(out, len);
	return 0;
}

int http1_write_request_line(struct buf *out, struct span method, struct span target)
{
	if (!header_is_token(method) || !http1_is_target(target) ||
		buf_reserve(out, method.len + target.len + sizeof("  HTTP/1.1\r\n") - 1) == NULL)
		return -1;
	if (write_parts(out, method, SPAN(" "), target) < 0)
		return -1;
	return buf_add_span(out, SPAN(" HTTP/1.1\r\n"));
}

int http1_write_status_line(struct buf *out, int status, struct span reason)
{
	char start[] = "HTTP/1.1 000 ";

	if (status < 100 || status > 999 || !header_is_value(reason))
		return -1;
	start[9] = (char)('0' + status / 100);
	start[10] = (char)('0' + status / 10 % 10);
	start[11] = (char)('0' + status % 10);
	return write_parts(out, span_of(start, sizeof(start) - 1), reason, SPAN("\r\n"));
}

/* A field whose name and value have been checked. */
static int write_checked(struct buf *out, struct span name, struct span value)
{
	size_t len = name.len + value.len + 4;
	char *p = buf_reserve(out, len);

	if (p == NULL)
		return -1;
	put(put(put(put(p, name), SPAN(": ")), value), SPAN("\r\n"));
	buf_commit(out, len);
	return 0;
}

int http1_write_field(struct buf *out, struct span name, struct span value)
{
	if (!header_is_token(name) || !header_is_value(value))
		return -1;
	return write_checked(out, name, value);
}

int http1_write_length(struct buf *out, uint64_t length)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + length % 10);
	while ((length /= 10) > 0);
	return write_checked(out, SPAN("Content-Length"), span_of(digits + at, sizeof(digits) - at));
}

int http1_write_end(struct buf *out)
{
	return buf_add(out, "\r\n", 2);
}

int http1_write_chunk_start(struct buf *out, uint64_t len)
{
	char line[CHUNK_SIZE_MAX];
	size_t at = sizeof(line) - 2;

	if (len == 0)
		return -1;
	line[at] = '\r';
	line[at + 1] = '\n';
	for (; len > 0; len >>= 4)
		line[--at] = "0123456789abcdef"[len & 15];
	return buf_add(out, line + at, sizeof(line) - at);
}

int http1_write_chunk_end(struct buf *out)
{
	return http1_write_end(out);
}

int http1_write_chunk(struct buf *out, struct span data)
{
	if (data.len == 0)
		return 0;
	if (buf_room(out) < CHUNK_SIZE_MAX + 2 || data.len > buf_room(out) - CHUNK_SIZE_MAX - 2)
		return -1;
	http1_write_chunk_start(out, data.len);
	return write_parts(out, data, SPAN("\r\n"), SPAN(""));
}

bool http1_is_trailer(struct span name)
{
	return header_is_token(name) && !header_is_hop_by_hop(name) &&
	       !span_eq_nocase(name, SPAN("content-length")) && !span_eq_nocase(name, SPAN("host"));
}

int http1_write_last_chunk(struct buf *out, const struct fields *trailers)
{
	size_t len = sizeof("0\r\n\r\n") - 1;

	for (size_t i = 0; trailers != NULL && i < trailers->count; i++) {
		const struct field *f = &trailers->at[i];
		if (!header_is_token(f->name) || !header_is_value(f->value))
			return -1;
		len += f->name.len + f->value.len + 4;
	}
	if (buf_reserve(out, len) == NULL || buf_add(out, "0\r\n", 3) < 0)
		return -1;
	for (size_t i = 0; trailers != NULL && i < trailers->count; i++) {
		const struct field *f = &trailers->at[i];
		if (http1_is_trailer(f->name) && write_checked(out, f->name, f->value) < 0)
			return -1;
	}
	return http1_write_end(out);
}

struct span http1_reason(int status)
{
	switch (status) {
	case 100: return SPAN("Continue");
	case 101: return SPAN("Switching Protocols");
	case 103: return SPAN("Early Hints");
	case 200: return SPAN("OK");
	case 201: return SPAN("Created");
	case 202: return SPAN("Accepted");
	case 203: return SPAN("Non-Authoritative Information");
	case 204: return SPAN("No Content");
	case 205: return SPAN("Reset Content");
	case 206: return SPAN("Partial Content");
	case 300: return SPAN("Multiple Choices");
	case 301: return SPAN("Moved Permanently");
	case 302: return SPAN("Found");
	case 303: return SPAN("See Other");
	case 304: return SPAN("Not Modified");
	case 307: return SPAN("Temporary Redirect");
	case 308: return SPAN("Permanent Redirect");
	case 400: return SPAN("Bad Request");
	case 401: return SPAN("Unauthorized");
	case 403: return SPAN("Forbidden");
	case 404: return SPAN("Not Found");
	case 405: return SPAN("Method Not Allowed");
	case 406: return SPAN("Not Acceptable");
	case 408: return SPAN("Request Timeout");
	case 409: return SPAN("Conflict");
	case 410: return SPAN("Gone");
	case 411: return SPAN("Length Required");
	case 412: return SPAN("Precondition Failed");
	case 413: return SPAN("Content Too Large");
	case 414: return SPAN("URI Too Long");
	case 415: return SPAN("Unsupported Media Type");
	case 416: return SPAN("Range Not Satisfiable");
	case 417: return SPAN("Expectation Failed");
	case 421: return SPAN("Misdirected Request");
	case 422: return SPAN("Unprocessable Content");
	case 426: return SPAN("Upgrade Required");
	case 429: return SPAN("Too Many Requests");
	case 431: return SPAN("Request Header Fields Too Large");
	case 500: return SPAN("Internal Server Error");
	case 501: return SPAN("Not Implemented");
	case 502: return SPAN("Bad Gateway");
	case 503: return SPAN("Service Unavailable");
	case 504: return SPAN("Gateway Timeout");
	case 505: return SPAN("HTTP Version Not Supported");
	default: return SPAN("");
	}
}
