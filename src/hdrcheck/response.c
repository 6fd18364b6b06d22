/* Responses from records and from captures; joined values. */
#include "hdrcheck/response.h"
#include "common/base/buf.h"
#include "common/base/utf8.h"
#include "hdrcheck/text.h"

/* Names of which clients keep the first line only (Node.js, which the Observatory runs on; most are singletons of
 * RFC 9110). */
static const char *const singletons[] = {"age", "authorization", "content-length", "content-type", "etag",
	"expires", "from", "host", "if-modified-since", "if-unmodified-since", "last-modified", "location",
	"max-forwards", "proxy-authorization", "referer", "retry-after", "server", "user-agent"};

static bool is_singleton(const char *name)
{
	for (size_t i = 0; i < sizeof(singletons) / sizeof(singletons[0]); i++)
		if (span_eq_nocase(span_str(name), span_str(singletons[i])))
			return true;
	return false;
}

struct span response_value(struct arena *a, const struct fields *headers, const char *name)
{
	struct span wanted = span_str(name);
	size_t count = header_count(headers, wanted), len = 0, at = 0;

	if (count < 2 || is_singleton(name))
		return header_value(headers, wanted);
	for (size_t i = 0; i < headers->count; i++)
		len += headers->at[i].value.len + 2;
	char *joined = arena_alloc(a, len);
	bool first = true;
	for (size_t i = 0; i < headers->count; i++) {
		const struct field *f = &headers->at[i];
		if (!span_eq_nocase(f->name, wanted))
			continue;
		if (!first) {
			joined[at++] = ',';
			joined[at++] = ' ';
		}
		first = false;
		memcpy(joined + at, f->value.p, f->value.len);
		at += f->value.len;
	}
	return span_of(joined, at);
}

/* Append the value in which each nonce is the same; of a cookie its name. */
static void add_stable(struct buf *out, const struct field *f)
{
	struct span v = f->value, nonce = SPAN("'nonce-");

	if (span_eq_nocase(f->name, SPAN("set-cookie"))) {
		buf_add(out, v.p, span_find(v, '='));
		return;
	}
	while (v.len > 0) {
		size_t at = text_find(v, nonce);
		bool found = at < v.len;
		buf_add(out, v.p, at);
		v = span_skip(v, at);
		if (!found)
			break;
		buf_add_span(out, nonce);
		v = span_skip(v, nonce.len);
		v = span_skip(v, span_find(v, '\''));
	}
}

struct span response_stable(struct arena *a, const struct fields *headers, struct span name)
{
	struct buf all = {0};
	bool first = true;

	for (size_t i = 0; i < headers->count; i++) {
		if (!span_eq_nocase(headers->at[i].name, name))
			continue;
		buf_add_str(&all, first ? "" : " + ");
		add_stable(&all, &headers->at[i]);
		first = false;
	}
	struct span out = {0};
	if (!first)
		out = arena_copy(a, buf_span(&all));
	buf_free(&all);
	return out;
}

struct span response_type(const struct response *r)
{
	struct span rest, value = header_value(&r->headers, SPAN("content-type"));

	return span_cut(value, ';', &rest);
}

struct span response_text(struct arena *a, struct span bytes)
{
	char *p = arena_alloc(a, 2 * bytes.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < bytes.len; i++)
		len += utf8_encode((unsigned char)bytes.p[i], p + len);
	return span_of(p, len);
}

/* --- Records --- */

static struct span json_text(struct arena *a, const json_t *in)
{
	struct span s = {json_string_value(in), json_string_length(in)};

	return s.p != NULL ? arena_copy(a, s) : s;
}

static int read_headers(struct arena *a, const json_t *in, struct fields *out, struct err *err)
{
	size_t i;
	json_t *pair;

	if (!json_is_array(in))
		return err_set(err, "\"headers\" is not a list of [name, value]");
	json_array_foreach(in, i, pair)
	{
		struct span name = json_text(a, json_array_get(pair, 0));
		struct span value = json_text(a, json_array_get(pair, 1));
		if (json_array_size(pair) != 2 || name.p == NULL || value.p == NULL)
			return err_set(err, "header %zu is not [name, value]", i + 1);
		if (header_add(out, name, span_trim(value)) < 0)
			return err_set(err, "more than %d headers", HEADER_FIELDS_MAX);
	}
	return 0;
}

static int read_status(const json_t *in, int *out, struct err *err)
{
	json_int_t n = json_integer_value(in);

	if (!json_is_integer(in) || n < 100 || n > 999)
		return err_set(err, "\"status\" is not a status code");
	*out = (int)n;
	return 0;
}

static int read_chain(struct arena *a, const json_t *in, struct response *r, struct err *err)
{
	size_t i;
	json_t *step;

	r->has_http_chain = json_is_array(in) && json_array_size(in) > 0;
	if (in != NULL && !json_is_array(in) && !json_is_null(in))
		return err_set(err, "\"http_chain\" is not a list of [URL, status]");
	json_array_foreach(in, i, step)
	{
		struct response_step s = {.url = json_text(a, json_array_get(step, 0))};
		s.status = (int)json_integer_value(json_array_get(step, 1));
		if (s.url.p == NULL)
			return err_set(err, "step %zu of \"http_chain\" has no URL", i + 1);
		r->http_chain = arena_more(a, r->http_chain, r->http_chain_count, sizeof(s));
		r->http_chain[r->http_chain_count++] = s;
	}
	return 0;
}

static int read_cors(struct arena *a, const json_t *in, struct response *r, struct err *err)
{
	if (!json_is_object(in))
		return 0;
	r->has_cors = true;
	r->cors_origin = json_text(a, json_object_get(in, "origin"));
	if (read_status(json_object_get(in, "status"), &r->cors_status, err) < 0 ||
		read_headers(a, json_object_get(in, "headers"), &r->cors, err) < 0)
		return err_wrap(err, "cors");
	return 0;
}

/* "https" when it is given, else what the URL says. */
static int read_https(const json_t *in, struct response *r, struct err *err)
{
	static const char *const names[] = {
		[HTTPS_VALID] = "valid", [HTTPS_INVALID] = "invalid", [HTTPS_NONE] = "none"};
	const char *text = json_string_value(in);

	r->https = url_is_tls(r->url.scheme) ? HTTPS_VALID : HTTPS_NONE;
	if (in == NULL || json_is_null(in))
		return 0;
	for (size_t i = 0; text != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0) {
			r->https = (enum response_https)i;
			return 0;
		}
	return err_set(err, "\"https\" is none of valid, invalid and none");
}

/* "http_version" is told by few. */
static int read_version(const json_t *in)
{
	const char *text = json_string_value(in);

	if (text == NULL)
		return 0;
	return strcmp(text, "2") == 0     ? 20
	       : strcmp(text, "1.1") == 0 ? 11
	       : strcmp(text, "1.0") == 0 ? 10
					  : 0;
}

static int set_url(struct response *r, struct span url, struct err *err)
{
	r->request_url = url;
	if (url.p == NULL)
		return err_set(err, "\"request_url\" is missing");
	if (url_parse(url, &r->url, err) < 0)
		return err_wrap(err, "request_url");
	r->host = r->url.host;
	return 0;
}

int response_from_json(struct arena *a, const json_t *in, struct response *r, struct err *err)
{
	*r = (struct response){0};
	if (!json_is_object(in))
		return err_set(err, "the response is not an object");
	if (set_url(r, json_text(a, json_object_get(in, "request_url")), err) < 0)
		return -1;
	struct span host = json_text(a, json_object_get(in, "host"));
	if (host.p != NULL)
		r->host = host;
	if (read_https(json_object_get(in, "https"), r, err) < 0 ||
		read_status(json_object_get(in, "status"), &r->status, err) < 0 ||
		read_chain(a, json_object_get(in, "http_chain"), r, err) < 0 ||
		read_cors(a, json_object_get(in, "cors"), r, err) < 0)
		return -1;
	r->http_version = read_version(json_object_get(in, "http_version"));
	r->body = json_text(a, json_object_get(in, "body_snippet"));
	return read_headers(a, json_object_get(in, "headers"), &r->headers, err);
}

/* --- Captures of curl -i --- */

/* Take a line, without its end, off *rest. */
static struct span take_line(struct span *rest)
{
	struct span line = span_cut(*rest, '\n', rest);

	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

int response_version(struct span status_line)
{
	static const struct {
		struct span text;
		int version;
	} versions[] = {
		{{"HTTP/1.0 ", 9}, 10}, {{"HTTP/1.1 ", 9}, 11}, {{"HTTP/2 ", 7}, 20}, {{"HTTP/2.0 ", 9}, 20}};

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (span_starts(status_line, versions[i].text))
			return versions[i].version;
	return 0;
}

static int read_status_line(struct span line, int *status, struct err *err)
{
	struct span code, rest;
	uint64_t n;

	span_cut(line, ' ', &rest);
	code = span_cut(rest, ' ', &rest);
	if (!span_starts(line, SPAN("HTTP/")) || !span_to_u64(code, 999, &n) || n < 100)
		return err_set(err, "not a capture of curl -i: a status line is expected");
	*status = (int)n;
	return 0;
}

int response_from_curl(
	struct arena *a, struct span url, struct span text, struct response *r, struct err *err)
{
	*r = (struct response){0};
	if (set_url(r, url, err) < 0)
		return -1;
	r->https = url_is_tls(r->url.scheme) ? HTTPS_VALID : HTTPS_NONE;
	do { /* each head: of a proxy's CONNECT, of 100, of redirects that -L followed */
		header_clear(&r->headers);
		struct span first = take_line(&text);
		if (read_status_line(first, &r->status, err) < 0)
			return -1;
		r->http_version = response_version(first);
		for (struct span line = take_line(&text); line.len > 0; line = take_line(&text)) {
			struct span value, name = span_cut(line, ':', &value);
			if (value.p == NULL || !header_is_token(name))
				return err_set(
					err, "not a capture of curl -i: a line of the head is no header");
			if (header_add(&r->headers, name, response_text(a, span_trim(value))) < 0)
				return err_set(err, "more than %d headers", HEADER_FIELDS_MAX);
		}
	} while (span_starts(text, SPAN("HTTP/")));
	r->body = text.p != NULL ? text : SPAN("");
	return 0;
}

void response_fini(struct response *r)
{
	header_free(&r->headers);
	header_free(&r->cors);
	header_free(&r->again);
}
