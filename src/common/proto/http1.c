/* HTTP/1.1 heads: finding, parsing and writing them. Bodies are in http1_body.c. */
#include "common/proto/http1.h"

static bool fault_set(struct http1_fault *fault, int status, const char *why)
{
	*fault = (struct http1_fault){why, status};
	return false;
}

/* --- Finding --- */

/* An empty line before a request line is skipped (RFC 9112, 2.2), one only. */
static size_t head_leading_crlf(struct span in)
{
	return in.len >= 2 && in.p[0] == '\r' && in.p[1] == '\n' ? 2 : 0;
}

enum parse http1_find_head(struct span in, size_t *scanned, size_t *head_len, struct http1_fault *fault)
{
	size_t start = head_leading_crlf(in);

	if (*scanned < start)
		*scanned = start;
	for (;;) {
		const char *from = in.p + *scanned;
		const char *nl = *scanned < in.len ? memchr(from, '\n', in.len - *scanned) : NULL;
		if (nl == NULL)
			break;
		size_t at = (size_t)(nl - in.p);
		if (at == 0 || in.p[at - 1] != '\r') {
			fault_set(fault, 400, "line ends in a bare LF (RFC 9112, 2.2)");
			return PARSE_BAD;
		}
		bool first_line = *scanned == start;
		if (nl - from == 1 && !first_line) {
			*head_len = at + 1;
			if (*head_len <= HTTP1_HEAD_MAX)
				return PARSE_OK;
			fault_set(fault, 431, "head too large");
			return PARSE_BAD;
		}
		if (nl - from == 1) {
			fault_set(fault, 400, "empty line in place of a start line");
			return PARSE_BAD;
		}
		if (first_line && at - start > HTTP1_LINE_MAX) {
			fault_set(fault, 414, "start line too long");
			return PARSE_BAD;
		}
		*scanned = at + 1;
	}
	if (*scanned == start && in.len - start > HTTP1_LINE_MAX) {
		fault_set(fault, 414, "start line too long");
		return PARSE_BAD;
	}
	if (in.len > HTTP1_HEAD_MAX) {
		fault_set(fault, 431, "head too large");
		return PARSE_BAD;
	}
	return PARSE_MORE;
}

/* --- Field lines --- */

/* The next line of a section whose lines all end in CRLF. */
static struct span take_line(struct span *in)
{
	size_t nl = span_find(*in, '\n');
	struct span line = span_of(in->p, nl > 0 ? nl - 1 : 0);

	*in = nl < in->len ? span_skip(*in, nl + 1) : span_skip(*in, in->len);
	return line;
}

/* All field lines up to the empty one. */
static bool parse_fields(struct span in, struct fields *fields, struct http1_fault *fault)
{
	header_clear(fields);
	while (in.len > 0) {
		struct span line = take_line(&in);
		if (line.len == 0)
			return in.len == 0 || fault_set(fault, 400, "bytes after the empty line");
		if (line.p[0] == ' ' || line.p[0] == '\t')
			return fault_set(fault, 400, "folded line (RFC 9112, 5.2)");
		size_t colon = span_find(line, ':');
		struct span name = span_of(line.p, colon);
		if (colon == line.len || !header_is_token(name))
			return fault_set(fault, 400,
				"field name is no token, or space before the colon (RFC 9112, 5.1)");
		struct span value = span_trim(span_skip(line, colon + 1));
		if (!header_is_value(value))
			return fault_set(fault, 400, "control byte in a field value (RFC 9110, 5.5)");
		if (header_add(fields, name, value) < 0)
			return fault_set(fault, 431, "too many fields");
	}
	return fault_set(fault, 400, "no empty line");
}

/* --- Body framing, the one place where it is decided (RFC 9112, 6) --- */

/* All Content-Length fields must hold one and the same number (RFC 9110, 8.6). */
static bool read_length(const struct fields *f, uint64_t *length, struct http1_fault *fault)
{
	bool have = false;

	for (size_t i = 0; i < f->count; i++) {
		uint64_t n;
		if (!span_eq_nocase(f->at[i].name, SPAN("content-length")))
			continue;
		if (!span_to_u64(f->at[i].value, INT64_MAX, &n))
			return fault_set(fault, 400, "Content-Length is no number");
		if (have)
			return fault_set(fault, 400, "Content-Length given twice");
		have = true;
		*length = n;
	}
	return true;
}

/* Transfer-Encoding must be exactly one "chunked", in HTTP/1.1, without Content-Length. */
static bool check_coding(const struct fields *f, int minor, bool has_length, struct http1_fault *fault)
{
	if (header_count(f, SPAN("transfer-encoding")) != 1 ||
		!span_eq_nocase(header_value(f, SPAN("transfer-encoding")), SPAN("chunked")))
		return fault_set(fault, 501, "Transfer-Encoding other than chunked (RFC 9112, 6.1)");
	if (minor == 0)
		return fault_set(fault, 400, "Transfer-Encoding in HTTP/1.0 (RFC 9112, 6.1)");
	if (has_length)
		return fault_set(fault, 400, "Content-Length beside Transfer-Encoding (RFC 9112, 6.3)");
	return true;
}

static bool read_framing(const struct fields *f, int minor, enum http1_framing without,
	enum http1_framing *framing, uint64_t *length, struct http1_fault *fault)
{
	bool has_length = header_find(f, SPAN("content-length")) != NULL;

	*length = 0;
	if (!read_length(f, length, fault))
		return false;
	if (header_find(f, SPAN("transfer-encoding")) != NULL) {
		*framing = HTTP1_CHUNKED;
		return check_coding(f, minor, has_length, fault);
	}
	if (!has_length)
		*framing = without;
	else
		*framing = *length > 0 ? HTTP1_LENGTH : HTTP1_NO_BODY;
	return true;
}

static bool read_keep_alive(const struct fields *f, int minor)
{
	if (header_has_token(f, SPAN("connection"), SPAN("close")))
		return false;
	return minor >= 1 || header_has_token(f, SPAN("connection"), SPAN("keep-alive"));
}

/* "HTTP/1.0" or "HTTP/1.1". */
static bool read_version(struct span s, int *minor, struct http1_fault *fault)
{
	if (s.len != 8 || !span_starts(s, SPAN("HTTP/")) || s.p[6] != '.' || s.p[5] < '0' || s.p[5] > '9' ||
		s.p[7] < '0' || s.p[7] > '9')
		return fault_set(fault, 400, "no HTTP version");
	if (s.p[5] != '1')
		return fault_set(fault, 505, "HTTP version other than 1.x");
	/* A later minor version is treated as 1.1 (RFC 9110, 2.5). */
	*minor = s.p[7] == '0' ? 0 : 1;
	return true;
}

/* --- Requests --- */

/* Visible ASCII and, as browsers send them, bytes above it; no space, no control byte. */
static bool is_target(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f)
			return false;
	return s.len > 0;
}

/* uri-host [":" port], no userinfo (RFC 9110, 4.2.4, 7.2). An empty host is allowed by the grammar and useless: refused. */
static bool is_authority(struct span s)
{
	struct span host = s;
	size_t colon = span_rfind(s, ':');

	if (colon < s.len && span_find(span_skip(s, colon), ']') == s.len - colon) {
		uint64_t port;
		struct span digits = span_skip(s, colon + 1);
		if (digits.len > 0 && !span_to_u64(digits, 65535, &port))
			return false;
		host = span_of(s.p, colon);
	}
	if (host.len == 0)
		return false;
	if (host.p[0] == '[')
		return host.len > 2 && host.p[host.len - 1] == ']' && span_find(host, '/') == host.len;
	for (size_t i = 0; i < host.len; i++)
		if (strchr("/\\?#@[]:<>\"{}|^` ,", host.p[i]) != NULL || (unsigned char)host.p[i] <= 0x20 ||
			(unsigned char)host.p[i] >= 0x7f)
			return false;
	return true;
}

/* absolute-form: "http://authority/path" (RFC 9112, 3.2.2); its authority replaces Host. */
static bool read_absolute(struct http1_request *r, struct http1_fault *fault)
{
	size_t scheme = span_starts_nocase(r->target, SPAN("http://"))    ? 7
			: span_starts_nocase(r->target, SPAN("https://")) ? 8
									  : 0;
	if (scheme == 0)
		return fault_set(fault, 400, "request target in no known form (RFC 9112, 3.2)");
	struct span rest = span_skip(r->target, scheme);
	size_t end = 0;
	while (end < rest.len && rest.p[end] != '/' && rest.p[end] != '?')
		end++;
	r->authority = span_of(rest.p, end);
	r->path = span_skip(rest, end);
	if (!is_authority(r->authority))
		return fault_set(fault, 400, "request target has no valid host");
	if (r->path.len > 0 && r->path.p[0] == '?')
		return fault_set(fault, 400, "absolute request target without a path");
	if (r->path.len == 0)
		r->path = SPAN("/");
	return true;
}

static bool read_target(struct http1_request *r, struct http1_fault *fault)
{
	const struct field *host = header_find(&r->fields, SPAN("host"));

	if (header_count(&r->fields, SPAN("host")) > 1)
		return fault_set(fault, 400, "Host given twice (RFC 9112, 3.2)");
	if (host == NULL && r->minor > 0)
		return fault_set(fault, 400, "no Host (RFC 9112, 3.2)");
	if (host != NULL && !is_authority(host->value))
		return fault_set(fault, 400, "Host is no host");
	r->authority = host != NULL ? host->value : SPAN("");
	if (r->target.p[0] == '/' || (span_eq(r->target, SPAN("*")) && span_eq(r->method, SPAN("OPTIONS")))) {
		r->path = r->target;
		return true;
	}
	if (span_eq(r->method, SPAN("CONNECT")))
		return fault_set(fault, 501, "CONNECT is not offered");
	return read_absolute(r, fault);
}

/* "METHOD SP target SP HTTP/1.x", single spaces only. */
static bool read_request_line(struct span line, struct http1_request *r, struct http1_fault *fault)
{
	struct span rest, version;

	r->method = span_cut(line, ' ', &rest);
	r->target = span_cut(rest, ' ', &version);
	if (!header_is_token(r->method))
		return fault_set(fault, 400, "method is no token");
	if (!is_target(r->target))
		return fault_set(fault, 400, "request target missing or with a control byte");
	return read_version(version, &r->minor, fault);
}

bool http1_parse_request(struct span head, struct http1_request *r, struct http1_fault *fault)
{
	head = span_skip(head, head_leading_crlf(head));
	if (!read_request_line(take_line(&head), r, fault) || !parse_fields(head, &r->fields, fault) ||
		!read_target(r, fault) ||
		!read_framing(&r->fields, r->minor, HTTP1_NO_BODY, &r->framing, &r->length, fault))
		return false;
	r->keep_alive = read_keep_alive(&r->fields, r->minor);
	r->expects_continue =
		r->minor > 0 && header_has_token(&r->fields, SPAN("expect"), SPAN("100-continue"));
	return true;
}

void http1_request_fini(struct http1_request *r)
{
	header_free(&r->fields);
}

/* --- Responses --- */

/* "HTTP/1.x SP 3DIGIT SP reason"; the last space is often missing when there is no reason. */
static bool read_status_line(struct span line, struct http1_response *r, struct http1_fault *fault)
{
	struct span rest, code, version = span_cut(line, ' ', &rest);
	uint64_t status;

	if (!read_version(version, &r->minor, fault))
		return false;
	code = span_cut(rest, ' ', &r->reason);
	if (code.len != 3 || !span_to_u64(code, 999, &status) || status < 100)
		return fault_set(fault, 400, "no status code");
	if (r->reason.len > 0 && !header_is_value(span_trim(r->reason)))
		return fault_set(fault, 400, "control byte in the reason phrase");
	r->status = (int)status;
	return true;
}

static bool response_has_no_body(int status, struct span method)
{
	return status < 200 || status == 204 || status == 304 || span_eq(method, SPAN("HEAD"));
}

bool http1_parse_response(
	struct span head, struct span method, struct http1_response *r, struct http1_fault *fault)
{
	if (!read_status_line(take_line(&head), r, fault) || !parse_fields(head, &r->fields, fault) ||
		!read_framing(&r->fields, r->minor, HTTP1_UNTIL_CLOSE, &r->framing, &r->length, fault))
		return false;
	if (response_has_no_body(r->status, method))
		r->framing = HTTP1_NO_BODY;
	r->keep_alive = read_keep_alive(&r->fields, r->minor) && r->framing != HTTP1_UNTIL_CLOSE;
	return true;
}

void http1_response_fini(struct http1_response *r)
{
	header_free(&r->fields);
}

/* --- Writing --- */

static int write_line(struct buf *out, struct span a, struct span b, struct span c)
{
	char *p = buf_reserve(out, a.len + b.len + c.len + 2);

	if (p == NULL)
		return -1;
	memcpy(p, a.p, a.len);
	memcpy(p + a.len, b.p, b.len);
	if (c.len > 0)
		memcpy(p + a.len + b.len, c.p, c.len);
	memcpy(p + a.len + b.len + c.len, "\r\n", 2);
	buf_commit(out, a.len + b.len + c.len + 2);
	return 0;
}

int http1_write_request_line(struct buf *out, struct span method, struct span target)
{
	if (!header_is_token(method) || !is_target(target) || buf_add_span(out, method) < 0 ||
		buf_add_char(out, ' ') < 0)
		return -1;
	return write_line(out, target, SPAN(" HTTP/1.1"), SPAN(""));
}

int http1_write_status_line(struct buf *out, int status, struct span reason)
{
	char start[] = "HTTP/1.1 000 ";

	if (status < 100 || status > 999 || !header_is_value(reason))
		return -1;
	start[9] = (char)('0' + status / 100);
	start[10] = (char)('0' + status / 10 % 10);
	start[11] = (char)('0' + status % 10);
	return write_line(out, span_of(start, 13), reason, SPAN(""));
}

int http1_write_field(struct buf *out, struct span name, struct span value)
{
	if (!header_is_token(name) || !header_is_value(value))
		return -1;
	return write_line(out, name, SPAN(": "), value);
}

int http1_write_end(struct buf *out)
{
	return buf_add(out, "\r\n", 2);
}

int http1_write_chunk(struct buf *out, struct span data)
{
	if (data.len == 0)
		return 0;
	if (buf_room(out) < data.len + 32 || buf_addf(out, "%zx\r\n", data.len) < 0)
		return -1;
	return write_line(out, data, SPAN(""), SPAN(""));
}

int http1_write_last_chunk(struct buf *out, const struct fields *trailers)
{
	if (buf_add(out, "0\r\n", 3) < 0)
		return -1;
	for (size_t i = 0; trailers != NULL && i < trailers->count; i++)
		if (http1_write_field(out, trailers->at[i].name, trailers->at[i].value) < 0)
			return -1;
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
