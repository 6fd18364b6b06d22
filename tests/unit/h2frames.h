/* Frames (RFC 9113, 4.1) and header blocks (RFC 7541) made by hand. */
#ifndef H2FRAMES_H
#define H2FRAMES_H

#include "common/base/buf.h"

#define END_STREAM 0x1
#define END_HEADERS 0x4
#define PADDED 0x8
#define PRIORITY 0x20
#define HEADERS 1
#define CONTINUATION 9

static inline void add_frame(struct buf *b, int type, int flags, uint32_t stream, struct span payload)
{
	unsigned char head[9] = {(unsigned char)(payload.len >> 16), (unsigned char)(payload.len >> 8),
		(unsigned char)payload.len, (unsigned char)type, (unsigned char)flags,
		(unsigned char)(stream >> 24), (unsigned char)(stream >> 16), (unsigned char)(stream >> 8),
		(unsigned char)stream};

	buf_add(b, head, sizeof(head));
	buf_add_span(b, payload);
}

/* A whole block in frames of at most `size` payload bytes. */
static inline void add_block(struct buf *b, uint32_t stream, int flags, struct span block, size_t size)
{
	int type = HEADERS;

	do {
		size_t n = block.len < size ? block.len : size;
		add_frame(b, type, flags | (n == block.len ? END_HEADERS : 0), stream, span_of(block.p, n));
		block = span_skip(block, n);
		type = CONTINUATION;
		flags = 0;
	} while (block.len > 0);
}

static inline void add_integer(struct buf *b, unsigned char first, unsigned bits, uint64_t v)
{
	uint64_t mask = (1u << bits) - 1;

	if (v < mask) {
		buf_add_char(b, (char)(first | v));
		return;
	}
	buf_add_char(b, (char)(first | mask));
	for (v -= mask; v >= 0x80; v >>= 7)
		buf_add_char(b, (char)(0x80 | (v & 0x7f)));
	buf_add_char(b, (char)v);
}

/* len bytes of c as a string that is not Huffman-coded. */
static inline void add_string(struct buf *b, char c, size_t len)
{
	add_integer(b, 0, 7, len);
	for (size_t i = 0; i < len; i++)
		buf_add_char(b, c);
}

/* A literal field with a new name; kind is 0x40, 0x10 or 0. */
static inline void add_literal(struct buf *b, int kind, size_t name, size_t value)
{
	buf_add_char(b, (char)kind);
	add_string(b, 'n', name);
	add_string(b, 'v', value);
}

#endif
