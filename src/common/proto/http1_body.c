/* HTTP/1.1 bodies: by length, chunked (RFC 9112, 7.1), or until the connection closes. */
#include <stdlib.h>

#include "common/proto/http1.h"

#define CHUNK_DIGITS_MAX 15 /* so that no size overflows */

void http1_body_start(struct http1_body *b, enum http1_framing framing, uint64_t length)
{
	b->framing = framing;
	b->state = HTTP1_CHUNK_SIZE;
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

static char take_byte(struct span *in)
{
	char c = in->p[0];

	*in = span_skip(*in, 1);
	return c;
}

/* Take payload, at most b->left bytes. */
static void take_data(struct http1_body *b, struct span *in, struct span *data)
{
	size_t n = in->len < b->left ? in->len : (size_t)b->left;

	*data = span_of(in->p, n);
	*in = span_skip(*in, n);
	b->left -= n;
}

/* --- The chunked coding. Each function takes what it can off *in and gives a reason when that is wrong, else NULL. --- */

static const char *size_byte(struct http1_body *b, char c)
{
	int v = span_hex_digit(c);

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
		b->state = HTTP1_CHUNK_EXT;
	else if (c == '\r')
		b->state = HTTP1_CHUNK_SIZE_LF;
	else
		return "chunk size is no number";
	return NULL;
}

static const char *ext_byte(struct http1_body *b, char c)
{
	if (c == '\r')
		b->state = HTTP1_CHUNK_SIZE_LF;
	else if (((unsigned char)c < 0x20 && c != '\t') || c == 0x7f)
		return "control byte in a chunk extension";
	else if (++b->ext > HTTP1_CHUNK_EXT_MAX)
		return "chunk extension too long";
	return NULL;
}

/* The whole trailer section, as the fields of a head would be. */
static const char *parse_trailers(struct http1_body *b)
{
	struct http1_fault fault;

	if (!http1_parse_fields(buf_span(&b->section), &b->trailers, &fault))
		return fault.why;
	for (size_t i = 0; i < b->trailers.count; i++)
		if (!http1_is_trailer(b->trailers.at[i].name))
			return "field that must not stand in a trailer (RFC 9110, 6.5.1)";
	b->done = true;
	return NULL;
}

/* Take a line of the trailer section, or as much of it as there is. The section is kept until its empty line. */
static const char *take_trailer(struct http1_body *b, struct span *in)
{
	size_t nl = span_find(*in, '\n');
	size_t n = nl < in->len ? nl + 1 : in->len;

	if (buf_add(&b->section, in->p, n) < 0)
		return "trailer section too long";
	*in = span_skip(*in, n);
	struct span all = buf_span(&b->section);
	if (!span_ends(all, SPAN("\n")))
		return NULL;
	if (!span_ends(all, SPAN("\r\n")))
		return "line ends in a bare LF (RFC 9112, 2.2)";
	return all.len == 2 || span_ends(all, SPAN("\r\n\r\n")) ? parse_trailers(b) : NULL;
}

static const char *chunked_step(struct http1_body *b, struct span *in, struct span *data)
{
	switch (b->state) {
	case HTTP1_CHUNK_SIZE: return size_byte(b, take_byte(in));
	case HTTP1_CHUNK_EXT: return ext_byte(b, take_byte(in));
	case HTTP1_CHUNK_SIZE_LF:
		b->state = b->left > 0 ? HTTP1_CHUNK_DATA : HTTP1_CHUNK_TRAILER;
		return take_byte(in) == '\n' ? NULL : "chunk size line ends in a bare CR";
	case HTTP1_CHUNK_DATA:
		take_data(b, in, data);
		if (b->left == 0)
			b->state = HTTP1_CHUNK_DATA_CR;
		return NULL;
	case HTTP1_CHUNK_DATA_CR:
		b->state = HTTP1_CHUNK_DATA_LF;
		return take_byte(in) == '\r' ? NULL : "chunk longer than its size";
	case HTTP1_CHUNK_DATA_LF:
		b->state = HTTP1_CHUNK_SIZE;
		b->digits = 0;
		return take_byte(in) == '\n' ? NULL : "chunk ends in a bare CR";
	case HTTP1_CHUNK_TRAILER: return take_trailer(b, in);
	}
	abort();
}

static enum parse chunked_next(struct http1_body *b, struct span *in, struct span *data, const char **why)
{
	while (in->len > 0 && data->len == 0 && !b->done) {
		*why = chunked_step(b, in, data);
		if (*why != NULL)
			return PARSE_BAD;
	}
	return data->len > 0 || b->done ? PARSE_OK : PARSE_MORE;
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
