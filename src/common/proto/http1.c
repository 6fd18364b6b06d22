/* HTTP/1.1 heads: finding and parsing them. Bodies are in http1_body.c, writing is in http1_write.c. */
#include "common/proto/http1.h"
#include "common/proto/url.h"

static bool fault_set(struct http1_fault *fault, int status, const char *why)
{
	*fault = (struct http1_fault){why, status};
	return false;
}

static enum parse fault_bad(struct http1_fault *fault, int status, const char *why)
{
	fault_set(fault, status, why);
	return PARSE_BAD;
}

/* --- Finding --- */

/* An empty line before a request line is skipped (RFC 9112, 2.2), one only. */
static size_t leading_crlf(struct span in)
{
	return span_starts(in, SPAN("\r\n")) ? 2 : 0;
}

enum parse http1_find_head(struct span in, size_t *scanned, size_t *head_len, struct http1_fault *fault)
{
	bool full = in.len >= HTTP1_HEAD_MAX;
	size_t start = leading_crlf(in);
	size_t from = *scanned > start ? *scanned : start;
	size_t at;

	if (full)
		in.len = HTTP1_HEAD_MAX;
	if (from < start + HTTP1_LINE_MAX && in.len >= start + HTTP1_LINE_MAX &&
		memchr(in.p + start, '\n', HTTP1_LINE_MAX) == NULL)
		return fault_bad(fault, 414, "start line too long");
	while ((at = from + span_find(span_skip(in, from), '\n')) < in.len) {
		if (at == start || in.p[at - 1] != '\r')
			return fault_bad(fault, 400, "line ends in a bare LF (RFC 9112, 2.2)");
		if (at == start + 1)
			return fault_bad(fault, 400, "empty line in place of a start line");
		*head_len = from = at + 1;
		if (in.p[at - 2] == '\n')
			return PARSE_OK;
	}
	*scanned = in.len;
	return full ? fault_bad(fault, 431, "head too large") : PARSE_MORE;
}

/* --- Lines --- */

/* Take the next line and its CRLF off *in. */
static bool take_line(struct span *in, struct span *line, struct http1_fault *fault)
{
	size_t nl = span_find(*in, '\n');

	if (nl == in->len || nl == 0 || in->p[nl - 1] != '\r')
		return fault_set(fault, 400, "line does not end in CRLF (RFC 9112, 2.2)");
	*line = span_of(in->p, nl - 1);
	*in = span_skip(*in, nl + 1);
	return true;
}

static bool parse_field(struct span line, struct fields *fields, struct http1_fault *fault)
{
	if (line.len > HTTP1_FIELD_MAX)
		return fault_set(fault, 431, "field too long");
	if (line.p[0] == ' ' || line.p[0] == '\t')
		return fault_set(fault, 400, "folded line (RFC 9112, 5.2)");
	size_t colon = span_find(line, ':');
	struct span name = span_of(line.p, colon);
	if (colon == line.len || !header_is_token(name))
		return fault_set(
			fault, 400, "field name is no token, or space before the colon (RFC 9112, 5.1)");
	struct span value = span_trim(span_skip(line, colon + 1));
	if (!header_is_value(value))
		return fault_set(fault, 400, "control byte in a field value (RFC 9110, 5.5)");
	return header_add(fields, name, value) == 0 || fault_set(fault, 431, "too many fields");
}

bool http1_parse_fields(struct span section, struct fields *fields, struct http1_fault *fault)
{
	struct span line;

	header_clear(fields);
	while (take_line(&section, &line, fault)) {
		if (line.len == 0)
			return section.len == 0 || fault_set(fault, 400, "bytes after the empty line");
		if (!parse_field(line, fields, fault))
			return false;
	}
	return false;
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

/* --- What the fields say of the message --- */

/* The fields that decide about host, framing and connection, gathered in one pass. The value is the last one's. */
struct decisive {
	struct span host, length, coding;
	unsigned hosts, lengths, codings; /* how many of each */
	unsigned options;                 /* elements of Connection */
	bool close, keep_alive;           /* two of them */
	bool expects_continue;
};

static void gather_connection(struct span list, struct decisive *d)
{
	struct span option;

	while (span_next_item(&list, &option)) {
		d->options++;
		d->close = d->close || span_eq_nocase(option, SPAN("close"));
		d->keep_alive = d->keep_alive || span_eq_nocase(option, SPAN("keep-alive"));
	}
}

static void gather_field(const struct field *f, struct decisive *d)
{
	if (span_eq_nocase(f->name, SPAN("host"))) {
		d->host = f->value;
		d->hosts++;
	} else if (span_eq_nocase(f->name, SPAN("content-length"))) {
		d->length = f->value;
		d->lengths++;
	} else if (span_eq_nocase(f->name, SPAN("transfer-encoding"))) {
		d->coding = f->value;
		d->codings++;
	} else if (span_eq_nocase(f->name, SPAN("connection"))) {
		gather_connection(f->value, d);
	} else if (span_eq_nocase(f->name, SPAN("expect"))) {
		d->expects_continue = d->expects_continue || span_eq_nocase(f->value, SPAN("100-continue"));
	}
}

static bool gather(const struct fields *f, struct decisive *d, struct http1_fault *fault)
{
	*d = (struct decisive){0};
	for (size_t i = 0; i < f->count; i++)
		gather_field(&f->at[i], d);
	return d->options <= HEADER_CONNECTION_MAX ||
	       fault_set(fault, 400, "Connection lists too many options");
}

/* Body framing, the one place where it is decided (RFC 9112, 6.3). without is how a message without either field is
 * framed. Stricter than the RFC: a length given twice is refused even when both are equal. */
static bool read_framing(const struct decisive *d, int minor, enum http1_framing without,
	enum http1_framing *framing, uint64_t *length, struct http1_fault *fault)
{
	*length = 0;
	*framing = without;
	if (d->codings > 0) {
		if (d->lengths > 0)
			return fault_set(
				fault, 400, "Content-Length beside Transfer-Encoding (RFC 9112, 6.3)");
		if (minor == 0)
			return fault_set(fault, 400, "Transfer-Encoding in HTTP/1.0 (RFC 9112, 6.1)");
		if (d->codings > 1 || !span_eq_nocase(d->coding, SPAN("chunked")))
			return fault_set(fault, 501, "Transfer-Encoding other than chunked (RFC 9112, 6.1)");
		*framing = HTTP1_CHUNKED;
	} else if (d->lengths > 0) {
		if (d->lengths > 1)
			return fault_set(fault, 400, "Content-Length given twice");
		if (!span_to_u64(d->length, INT64_MAX, length))
			return fault_set(fault, 400, "Content-Length is no number");
		*framing = *length > 0 ? HTTP1_LENGTH : HTTP1_NO_BODY;
	}
	return true;
}

/* RFC 9112, 9.3. */
static bool read_keep_alive(const struct decisive *d, int minor)
{
	return !d->close && (minor > 0 || d->keep_alive);
}

/* --- Requests --- */

bool http1_is_idempotent(struct span method)
{
	static const struct span methods[] = {
		{"GET", 3}, {"HEAD", 4}, {"OPTIONS", 7}, {"TRACE", 5}, {"PUT", 3}, {"DELETE", 6}};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (span_eq(method, methods[i]))
			return true;
	return false;
}

bool http1_is_target(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '#')
			return false;
	return s.len > 0;
}

/* absolute-form: "http://authority/path" (RFC 9112, 3.2.2); its authority is used in place of Host. */
static bool read_absolute(struct http1_request *r, struct http1_fault *fault)
{
	struct url_authority unused;
	size_t scheme, end = 0;

	if (span_starts_nocase(r->target, SPAN("http://")))
		scheme = sizeof("http://") - 1;
	else if (span_starts_nocase(r->target, SPAN("https://")))
		scheme = sizeof("https://") - 1;
	else
		return fault_set(fault, 400, "request target in no known form (RFC 9112, 3.2)");
	struct span rest = span_skip(r->target, scheme);
	while (end < rest.len && rest.p[end] != '/' && rest.p[end] != '?')
		end++;
	r->authority = span_of(rest.p, end);
	r->path = end < rest.len ? span_skip(rest, end) : SPAN("/");
	if (!url_split_authority(r->authority, &unused))
		return fault_set(fault, 400, "request target has no valid host");
	/* "http://host?query" would need a "/" that is not there to point at. */
	return r->path.p[0] == '/' || fault_set(fault, 400, "absolute request target without a path");
}

static bool read_target(struct http1_request *r, const struct decisive *d, struct http1_fault *fault)
{
	struct url_authority unused;

	if (d->hosts > 1)
		return fault_set(fault, 400, "Host given twice (RFC 9112, 3.2)");
	if (d->hosts == 0 && r->minor > 0)
		return fault_set(fault, 400, "no Host (RFC 9112, 3.2)");
	if (d->hosts > 0 && !url_split_authority(d->host, &unused))
		return fault_set(fault, 400, "Host is no host (RFC 9112, 3.2)");
	r->authority = d->hosts > 0 ? d->host : SPAN("");
	r->path = r->target;
	if (r->target.p[0] == '/' || (span_eq(r->target, SPAN("*")) && span_eq(r->method, SPAN("OPTIONS"))))
		return true;
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
	if (r->method.len > HTTP1_METHOD_MAX)
		return fault_set(fault, 501, "method too long");
	if (!http1_is_target(r->target))
		return fault_set(fault, 400, "request target missing, or with a byte that is not allowed");
	return read_version(version, &r->minor, fault);
}

bool http1_parse_request(struct span head, struct http1_request *r, struct http1_fault *fault)
{
	struct decisive d;
	struct span line;

	head = span_skip(head, leading_crlf(head));
	if (!take_line(&head, &line, fault) || !read_request_line(line, r, fault) ||
		!http1_parse_fields(head, &r->fields, fault) || !gather(&r->fields, &d, fault) ||
		!read_target(r, &d, fault) ||
		!read_framing(&d, r->minor, HTTP1_NO_BODY, &r->framing, &r->length, fault))
		return false;
	r->keep_alive = read_keep_alive(&d, r->minor);
	r->expects_continue = r->minor > 0 && d.expects_continue;
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
	r->reason = span_trim(r->reason);
	if (!header_is_value(r->reason))
		return fault_set(fault, 400, "control byte in the reason phrase");
	r->status = (int)status;
	return true;
}

/* RFC 9112, 6.3, 1: such a response ends with its head, whatever its fields say. */
static bool has_no_body(int status, struct span method)
{
	return status < 200 || status == 204 || status == 304 || span_eq(method, SPAN("HEAD"));
}

bool http1_parse_response(
	struct span head, struct span method, struct http1_response *r, struct http1_fault *fault)
{
	struct decisive d;
	struct span line;

	if (!take_line(&head, &line, fault) || !read_status_line(line, r, fault) ||
		!http1_parse_fields(head, &r->fields, fault) || !gather(&r->fields, &d, fault) ||
		!read_framing(&d, r->minor, HTTP1_UNTIL_CLOSE, &r->framing, &r->length, fault))
		return false;
	r->keep_alive = read_keep_alive(&d, r->minor);
	if (!has_no_body(r->status, method)) {
		r->keep_alive = r->keep_alive && r->framing != HTTP1_UNTIL_CLOSE;
		return true;
	}
	/* A server that announces a body where there cannot be one may well send it: nothing may follow. */
	if ((r->status < 200 || r->status == 204) &&
		(r->framing == HTTP1_LENGTH || r->framing == HTTP1_CHUNKED))
		r->keep_alive = false;
	r->framing = HTTP1_NO_BODY;
	return true;
}

void http1_response_fini(struct http1_response *r)
{
	header_free(&r->fields);
}
