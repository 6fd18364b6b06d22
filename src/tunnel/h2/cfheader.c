/* The serialised response header. */
#include <jansson.h>

#include "common/base/base64.h"
#include "tunnel/h2/cfheader.h"

bool cfheader_is_internal(struct span name)
{
	return span_starts_nocase(name, SPAN("cf-")) &&
	       (span_starts_nocase(name, SPAN("cf-int-")) || span_starts_nocase(name, SPAN("cf-proxy-")) ||
		       span_starts_nocase(name, SPAN("cf-cloudflared-")));
}

static int encode_pair(struct span name, struct span value, struct buf *out)
{
	if (!header_is_token(name) || !header_is_value(value))
		return -1;
	if ((buf_len(out) > 0 && buf_add_char(out, ';') < 0) ||
		base64_encode(name, BASE64_UNPADDED, out) < 0 || buf_add_char(out, ':') < 0)
		return -1;
	return base64_encode(value, BASE64_UNPADDED, out);
}

int cfheader_encode(const struct fields *fields, struct buf *out)
{
	for (size_t i = 0; i < fields->count; i++) {
		const struct field *f = &fields->at[i];
		if (!cfheader_is_internal(f->name) && encode_pair(f->name, f->value, out) < 0)
			return -1;
	}
	return 0;
}

/* Decode one side of a pair behind what bytes holds already; room was reserved for all of it. */
static bool decode_part(struct span text, struct buf *bytes, struct span *out)
{
	char *at = bytes->data + bytes->tail;
	size_t len;

	if (!base64_decode(text, BASE64_UNPADDED, at, bytes->cap - bytes->tail, &len))
		return false;
	buf_commit(bytes, len);
	*out = span_of(at, len);
	return true;
}

/* Decode one pair. NULL, or what is wrong with it. */
static const char *decode_pair(struct span pair, struct buf *bytes, struct fields *out)
{
	struct span name, value, right, left = span_cut(pair, ':', &right);

	/* A second colon is no base64. */
	if (left.len == pair.len || !decode_part(left, bytes, &name) || !decode_part(right, bytes, &value))
		return "response header is not in cloudflared's encoding";
	value = span_trim(value);
	if (!header_is_token(name) || !header_is_value(value))
		return "response header with a byte that HTTP does not allow";
	return header_add(out, name, value) < 0 ? "too many response header fields" : NULL;
}

bool cfheader_decode(struct span text, struct buf *bytes, struct fields *out, const char **why)
{
	header_clear(out);
	*why = NULL;
	/* Three bytes of four characters. Reserved once, since the block must not move under the spans. */
	if (buf_reserve(bytes, text.len / 4 * 3 + 3) == NULL)
		*why = "response header too large";
	while (text.len > 0 && *why == NULL) {
		struct span pair = span_cut(text, ';', &text);
		if (pair.len > 0)
			*why = decode_pair(pair, bytes, out);
	}
	if (*why == NULL && header_count_items(out, SPAN("connection")) > HEADER_CONNECTION_MAX)
		*why = "Connection lists too many options";
	if (*why != NULL)
		header_clear(out);
	return *why == NULL;
}

enum cfheader_source cfheader_source(struct span meta)
{
	enum cfheader_source source = CFHEADER_SOURCE_UNKNOWN;

	if (span_eq(meta, CFHEADER_FROM_ORIGIN))
		return CFHEADER_SOURCE_ORIGIN;
	json_t *object = json_loadb(meta.p != NULL ? meta.p : "", meta.len, JSON_REJECT_DUPLICATES, NULL);
	const char *src = json_string_value(json_object_get(object, "src"));
	if (src != NULL && strcmp(src, "origin") == 0)
		source = CFHEADER_SOURCE_ORIGIN;
	else if (src != NULL && strcmp(src, "cloudflared") == 0)
		source = CFHEADER_SOURCE_CONNECTOR;
	json_decref(object);
	return source;
}
