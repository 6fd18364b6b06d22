/* The serialised response header. */
#include <jansson.h>

#include "common/base/base64.h"
#include "tunnel/h2/cfheader.h"

int cfheader_encode(const struct fields *fields, struct buf *out)
{
	for (size_t i = 0; i < fields->count; i++) {
		if (i > 0 && buf_add_char(out, ';') < 0)
			return -1;
		if (base64_encode(fields->at[i].name, BASE64_UNPADDED, out) < 0 ||
			buf_add_char(out, ':') < 0 ||
			base64_encode(fields->at[i].value, BASE64_UNPADDED, out) < 0)
			return -1;
	}
	return 0;
}

/* Decode one side of a pair behind what bytes holds already; room was reserved for all of it. */
static bool decode_part(struct span text, struct buf *bytes, struct span *out)
{
	size_t len;
	char *at = buf_reserve(bytes, text.len);

	if (at == NULL || !base64_decode(text, BASE64_UNPADDED, at, text.len, &len))
		return false;
	buf_commit(bytes, len);
	*out = span_of(at, len);
	return true;
}

bool cfheader_decode(struct span text, struct buf *bytes, struct fields *out, const char **why)
{
	header_clear(out);
	/* Decoded is shorter than encoded: reserved once, the block does not move under the spans. */
	if (text.len > 0 && buf_reserve(bytes, text.len) == NULL) {
		*why = "response header too large";
		return false;
	}
	while (text.len > 0) {
		struct span value, pair = span_cut(text, ';', &text), name = span_cut(pair, ':', &value);
		if (pair.len == 0)
			continue;
		if (name.len == pair.len || !decode_part(name, bytes, &name) ||
			!decode_part(value, bytes, &value)) {
			*why = "response header is not in cloudflared's encoding";
			return false;
		}
		if (!header_is_token(name) || !header_is_value(value)) {
			*why = "response header with a byte that HTTP does not allow";
			return false;
		}
		if (header_add(out, name, value) < 0) {
			*why = "too many response header fields";
			return false;
		}
	}
	return true;
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
