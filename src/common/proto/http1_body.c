/* HTTP/1.1 bodies: by length, chunked (RFC 9112, 7.1), or until the connection closes. */
#include "common/proto/http1.h"

/* Where the chunked decoder stands. */
enum chunk_state {
	CHUNK_SIZE,    /* hexadecimal digits */
	CHUNK_EXT,     /* after ';' up to CR */
	CHUNK_SIZE_LF, /* LF that ends the size line */
	CHUNK_DATA,    /* payload */
	CHUNK_DATA_CR, /* CR after the payload */
	CHUNK_DATA_LF, /* LF after the payload */
	CHUNK_TRAILER, /* trailer section up to its empty line */
};

#define CHUNK_DIGITS_MAX 15 /* so that no size overflows */

void http1_body_start(struct http1_body *b, enum http1_framing framing, uint64_t length)
{
	b->framing = framing;
	b->state = CHUNK_SIZE;
	b->left = framing == HTTP1_LENGTH ? length : 0;
	b->digits = b->ext = 0;
	b->done = framing == HTTP1_NO_BODY || (framing == HTTP1_LENGTH && length == 0);
	b->section.max = HTTP1_TRAILER_MAX;
	buf_clear(&b->section);
	header_clear(&b->trailers);
}

void http1_body_fini(struct http1_body *b)
{
	buf_free(&b->section);
	header_free(&b->trailers);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = span_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Take payload, at most b->left bytes. */
static void take_data(struct http1_body *b, struct span *in, struct span *data)
{
	size_t n = in->len < b->left ? in->len : (size_t)b->left;

	*data = span_of(in->p, n);
	*in = span_skip(*in, n);
	b->left -= n;
}

static const char *size_byte(struct http1_body *b, char c)
{
	int v = hex_value(c);

	if (v >= 0) {
		if (++b->digits > CHUNK_DIGITS_MAX)
			return "chunk size too large";
		b->left = b->left << 4 | (uint64_t)v;
		return NULL;
	}
	if (b->digits == 0)
		return "chunk size is no number";
	b->ext = 0;
	if (c == ';')
		b->state = CHUNK_EXT;
	else if (c == '\r')
		b->state = CHUNK_SIZE_LF;
	else
		return "chunk size is no number";
	return NULL;
}

static const char *ext_byte(struct http1_body *b, char c)
{
	if (c == '\r')
		b->state = CHUNK_SIZE_LF;
	else if ((unsigned char)c < 0x20 && c != '\t')
		return "control byte in a chunk extension";
	else if (++b->ext > HTTP1_CHUNK_EXT_MAX)
		return "chunk extension too long";
	return NULL;
}

/* One byte of framing. A reason when it is wrong. */
static const char *framing_byte(struct http1_body *b, char c)
{
	switch ((enum chunk_state)b->state) {
	case CHUNK_SIZE: return size_byte(b, c);
	case CHUNK_EXT: return ext_byte(b, c);
	case CHUNK_SIZE_LF:
		if (c != '\n')
			return "chunk size line ends in a bare CR";
		b->state = b->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
		return NULL;
	case CHUNK_DATA_CR: b->state = CHUNK_DATA_LF; return c == '\r' ? NULL : "chunk longer than its size";
	case CHUNK_DATA_LF:
		b->state = CHUNK_SIZE;
		b->digits = 0;
		return c == '\n' ? NULL : "chunk ends in a bare CR";
	case CHUNK_DATA:
	case CHUNK_TRAILER: break;
	}
	return "unreachable chunk state";
}

/* The trailer section, kept until its empty line, then parsed as the fields of a head would be. */
static const char *take_trailer(struct http1_body *b, struct span *in)
{
	while (in->len > 0 && !b->done) {
		size_t nl = span_find(*in, '\n');
		size_t n = nl < in->len ? nl + 1 : in->len;
		if (buf_add(&b->section, in->p, n) < 0)
			return "trailer section too long";
		*in = span_skip(*in, n);
		struct span all = buf_span(&b->section);
		if (nl + 1 == n && (all.len < 2 || all.p[all.len - 2] != '\r'))
			return "line ends in a bare LF (RFC 9112, 2.2)";
		b->done = span_eq(all, SPAN("\r\n")) || span_ends(all, SPAN("\r\n\r\n"));
	}
	if (!b->done)
		return NULL;
	struct span all = buf_span(&b->section), line;
	while (all.len > 2) {
		size_t nl = span_find(all, '\n');
		line = span_of(all.p, nl - 1);
		all = span_skip(all, nl + 1);
		size_t colon = span_find(line, ':');
		struct span name = span_of(line.p, colon);
		if (colon == line.len || !header_is_token(name))
			return "trailer field name is no token";
		struct span value = span_trim(span_skip(line, colon + 1));
		if (!header_is_value(value) || header_add(&b->trailers, name, value) < 0)
			return "trailer field not allowed";
	}
	return NULL;
}

static enum parse chunked_next(struct http1_body *b, struct span *in, struct span *data, const char **why)
{
	*why = NULL;
	while (in->len > 0 && *why == NULL && !b->done) {
		if (b->state == CHUNK_DATA) {
			take_data(b, in, data);
			if (b->left == 0)
				b->state = CHUNK_DATA_CR;
			return PARSE_OK;
		}
		if (b->state == CHUNK_TRAILER) {
			*why = take_trailer(b, in);
			continue;
		}
		if (b->state == CHUNK_SIZE && b->digits == 0)
			b->left = 0;
		*why = framing_byte(b, in->p[0]);
		*in = span_skip(*in, 1);
	}
	if (*why != NULL)
		return PARSE_BAD;
	return b->done ? PARSE_OK : PARSE_MORE;
}

enum parse http1_body_next(struct http1_body *b, struct span *in, struct span *data, const char **why)
{
	*data = SPAN("");
	if (b->done)
		return PARSE_OK;
	switch (b->framing) {
	case HTTP1_NO_BODY: b->done = true; return PARSE_OK;
	case HTTP1_CHUNKED: return chunked_next(b, in, data, why);
	case HTTP1_LENGTH:
		take_data(b, in, data);
		b->done = b->left == 0;
		break;
	case HTTP1_UNTIL_CLOSE:
		*data = *in;
		*in = span_skip(*in, in->len);
		break;
	}
	return data->len > 0 || b->done ? PARSE_OK : PARSE_MORE;
}

bool http1_body_at_close(struct http1_body *b)
{
	if (b->framing == HTTP1_UNTIL_CLOSE)
		b->done = true;
	return b->done;
}
