/* Paths, queries and bodies. Bodies may hold secrets: they are written by hand into a block that never moves. */
#include "common/api/api_private.h"
#include "common/base/base64.h"
#include "common/base/utf8.h"

void api_request_account(struct api_request *r, const struct api *a, const char *method, const char *what,
	const struct uuid *id, const char *rest)
{
	char text[UUID_TEXT_LEN + 1];

	*r = (struct api_request){.method = method, .what = what};
	buf_addf(&r->path, "/accounts/%s/cfd_tunnel", a->conf.account);
	if (id != NULL) {
		uuid_print(id, text);
		buf_addf(&r->path, "/%s", text);
	}
	if (rest != NULL)
		buf_addf(&r->path, "/%s", rest);
}

void api_request_routes(struct api_request *r, const struct api *a, const struct uuid *id)
{
	char text[UUID_TEXT_LEN + 1];

	*r = (struct api_request){.method = "PUT", .what = "add route"};
	uuid_print(id, text);
	buf_addf(&r->path, "/zones/%s/tunnels/%s/routes", a->conf.zone, text);
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-_.~", c) != NULL);
}

void api_request_query(struct api_request *r, const char *key, const char *value)
{
	if (value == NULL)
		return;
	buf_addf(&r->path, "%c%s=", r->has_query ? '&' : '?', key);
	r->has_query = true;
	for (; *value != '\0'; value++)
		if (*value == ' ')
			buf_add_char(&r->path, '+');
		else if (is_unreserved(*value))
			buf_add_char(&r->path, *value);
		else
			buf_addf(&r->path, "%%%02X", (unsigned)(unsigned char)*value);
}

/* --- Bodies --- */

void api_request_begin(struct api_request *r, size_t max)
{
	r->has_body = true;
	r->body.max = max;
	buf_reserve(&r->body, max);
	buf_add_char(&r->body, '{');
}

static int too_large(const struct api_request *r, struct err *err)
{
	return err_set(err, "cannot %s: the request would be larger than %zu bytes", r->what, r->body.max);
}

static int add_key(struct api_request *r, const char *key)
{
	if (buf_len(&r->body) > 1 && buf_add_char(&r->body, ',') < 0)
		return -1;
	return buf_addf(&r->body, "\"%s\":", key);
}

static int add_character(struct buf *out, struct span bytes, uint32_t c)
{
	if (c == '"' || c == '\\')
		return buf_addf(out, "\\%c", (char)c);
	if (c < 0x20)
		return buf_addf(out, "\\u%04x", (unsigned)c);
	return buf_add_span(out, bytes);
}

int api_request_text(struct api_request *r, const char *key, const char *value, struct err *err)
{
	struct span left = span_str(value);
	uint32_t c;

	if (add_key(r, key) < 0 || buf_add_char(&r->body, '"') < 0)
		return too_large(r, err);
	while (left.len > 0) {
		size_t len = utf8_decode(left, &c);
		if (len == 0)
			return err_set(err, "cannot %s: \"%s\" is not UTF-8", r->what, key);
		if (add_character(&r->body, span_of(left.p, len), c) < 0)
			return too_large(r, err);
		left = span_skip(left, len);
	}
	return buf_add_char(&r->body, '"') < 0 ? too_large(r, err) : 0;
}

int api_request_secret(struct api_request *r, const char *key, const struct secret *value, struct err *err)
{
	r->sent = value;
	if (add_key(r, key) < 0 || buf_add_char(&r->body, '"') < 0 ||
		base64_encode(span_of((const char *)value->data, value->len), BASE64_PADDED, &r->body) < 0 ||
		buf_add_char(&r->body, '"') < 0)
		return too_large(r, err);
	return 0;
}

int api_request_raw(struct api_request *r, const char *key, struct span json, struct err *err)
{
	if (add_key(r, key) < 0 || buf_add_span(&r->body, json) < 0)
		return too_large(r, err);
	return 0;
}

int api_request_end(struct api_request *r, struct err *err)
{
	return buf_add_char(&r->body, '}') < 0 ? too_large(r, err) : 0;
}

void api_request_free(struct api_request *r)
{
	buf_free(&r->path);
	buf_wipe(&r->body);
}
