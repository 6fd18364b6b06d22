/* What the filter lets through does not depend on how it came, no string of it is longer than the decoder takes, and
 * blocks that have none keep every byte.
 *
 * An input of frames would seldom hold a long string, so it is a recipe: each byte pair of it makes one thing, a piece of
 * a header block or the end of one; the rest is taken as it is. */
#include <string.h>

#include "fuzz.h"
#include "tunnel/h2/blockfilter.h"

#define WIRE_MAX ((size_t)4 << 20)

static void add_frame(struct buf *wire, int type, int flags, struct span payload)
{
	const char head[] = {(char)(payload.len >> 16), (char)(payload.len >> 8), (char)payload.len,
		(char)type, (char)flags, 0, 0, 0, 1};

	buf_add(wire, head, sizeof(head));
	buf_add_span(wire, payload);
}

static void add_integer(struct buf *block, unsigned char first, unsigned bits, size_t v)
{
	size_t mask = ((size_t)1 << bits) - 1;

	buf_add_char(block, (char)(first | (v < mask ? v : mask)));
	if (v < mask)
		return;
	for (v -= mask; v >= 0x80; v >>= 7)
		buf_add_char(block, (char)(0x80 | (v & 0x7f)));
	buf_add_char(block, (char)v);
}

/* A literal field with a value of about 2^(kind/4) bytes. */
static void add_literal(struct buf *block, unsigned char kind)
{
	static const unsigned char first[] = {0x40, 0x10, 0x00, 0x41};
	size_t len = ((size_t)1 << kind / 4 % 18) + kind % 3 - 1;
	char *at;

	buf_add_char(block, (char)first[kind % 4]);
	if (first[kind % 4] != 0x41) {
		add_integer(block, 0, 7, 1);
		buf_add_char(block, 'n');
	}
	add_integer(block, kind & 0x80, 7, len);
	if ((at = buf_reserve(block, len)) != NULL) {
		memset(at, 'v', len);
		buf_commit(block, len);
	}
}

/* Cut the block into frames of `size` and begin a new one. */
static void end_block(struct buf *wire, struct buf *block, size_t size)
{
	struct span rest = buf_span(block);
	int type = 1;

	do {
		size_t n = rest.len < size ? rest.len : size;
		add_frame(wire, type, n == rest.len ? 4 : 0, span_of(rest.p, n));
		rest = span_skip(rest, n);
		type = 9;
	} while (rest.len > 0);
	buf_clear(block);
}

static void cook(const uint8_t *data, size_t size, struct buf *wire)
{
	struct buf block = {0};

	for (; size >= 2 && buf_len(wire) + buf_len(&block) < WIRE_MAX; data += 2, size -= 2)
		switch (data[0] % 8) {
		case 0:
		case 1: add_literal(&block, data[1]); break;
		case 2: buf_add_char(&block, (char)(data[1] | 0x80)); break;
		case 3: end_block(wire, &block, (size_t)data[1] % 64 * 256 + 1); break;
		case 4: add_frame(wire, 0, 0, span_of((const char *)data, 2)); break;
		case 5: buf_add_char(&block, (char)data[1]); break;
		case 6: buf_add_char(wire, (char)data[1]); break;
		case 7: end_block(wire, &block, BLOCKFILTER_FRAME_MAX); break;
		}
	buf_add(wire, data, size);
	buf_free(&block);
}

struct outcome {
	struct buf out;
	bool bad;
	size_t cut;
};

static void filter(struct outcome *o, struct span in, size_t chunk)
{
	struct blockfilter f;
	struct blockfilter_piece piece;
	const char *why = NULL;
	enum parse parsed = PARSE_MORE;

	*o = (struct outcome){0};
	blockfilter_init(&f, false);
	while (in.len > 0 && parsed != PARSE_BAD) {
		struct span part = span_of(in.p, in.len < chunk ? in.len : chunk);
		in = span_skip(in, part.len);
		while ((parsed = blockfilter_next(&f, &part, &piece, &why)) == PARSE_OK) {
			MUST(piece.bytes.len > 0);
			buf_add_span(&o->out, piece.bytes);
			o->cut += piece.was_cut;
		}
		MUST(buf_len(&f.block.kept) <= HPACKCUT_BLOCK_MAX);
	}
	o->bad = parsed == PARSE_BAD;
	MUST(!o->bad || (why != NULL && why[0] != '\0'));
	blockfilter_fini(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, split, again;
	struct buf wire = {0};

	cook(data, size, &wire);
	filter(&whole, buf_span(&wire), SIZE_MAX);
	for (size_t chunk = buf_len(&wire) > 65536 ? 997 : 1; chunk < 5000; chunk = chunk * 11 + 3) {
		filter(&split, buf_span(&wire), chunk);
		MUST(whole.bad == split.bad && whole.cut == split.cut);
		MUST(span_eq(buf_span(&whole.out), buf_span(&split.out)));
		buf_free(&split.out);
	}
	/* What came out passes as it is: nothing is left to be cut. */
	filter(&again, buf_span(&whole.out), SIZE_MAX);
	MUST(again.cut == 0 && !again.bad && span_eq(buf_span(&again.out), buf_span(&whole.out)));
	buf_free(&again.out);
	buf_free(&whole.out);
	buf_free(&wire);
	return 0;
}
