/* Frames on their way to the HTTP/2 library. What is malformed elsewhere than in a collected block is passed on as it is:
 * the library knows what to do. */
#include "tunnel/h2/blockfilter.h"

enum frame_type {
	FRAME_HEADERS = 1,
	FRAME_PUSH_PROMISE = 5,
	FRAME_GOAWAY = 7,
	FRAME_CONTINUATION = 9,
};

enum frame_flag {
	FLAG_END_STREAM = 0x1,
	FLAG_END_HEADERS = 0x4,
	FLAG_PADDED = 0x8,
	FLAG_PRIORITY = 0x20,
};

struct frame_head {
	size_t len;
	uint8_t type, flags;
	uint32_t stream;
};

static struct frame_head frame_head_of(const uint8_t *p)
{
	return (struct frame_head){.len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2],
		.type = p[3],
		.flags = p[4],
		.stream = ((uint32_t)p[5] << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8]) &
			  0x7fffffff};
}

void blockfilter_init(struct blockfilter *f, bool from_client)
{
	*f = (struct blockfilter){.from_client = from_client, .pass = from_client ? BLOCKFILTER_PREFACE : 0};
}

void blockfilter_fini(struct blockfilter *f)
{
	hpackcut_fini(&f->block);
	buf_free(&f->out);
}

/* --- Framing anew --- */

static int add_frame(struct buf *out, const struct frame_head *h, struct span payload)
{
	uint8_t head[BLOCKFILTER_HEAD] = {(uint8_t)(h->len >> 16), (uint8_t)(h->len >> 8), (uint8_t)h->len,
		h->type, h->flags, (uint8_t)(h->stream >> 24), (uint8_t)(h->stream >> 16),
		(uint8_t)(h->stream >> 8), (uint8_t)h->stream};

	if (buf_add(out, head, sizeof(head)) < 0)
		return -1;
	return buf_add_span(out, payload);
}

/* One HEADERS frame without padding and priority, and as few CONTINUATION frames as it takes. */
static int frame_block(struct blockfilter *f)
{
	struct span rest = buf_span(&f->block.kept);
	struct frame_head h = {
		.type = FRAME_HEADERS, .flags = f->flags & FLAG_END_STREAM, .stream = f->stream};
	int rc = 0;

	do {
		h.len = rest.len < BLOCKFILTER_FRAME_MAX ? rest.len : BLOCKFILTER_FRAME_MAX;
		if (h.len == rest.len)
			h.flags |= FLAG_END_HEADERS;
		rc = add_frame(&f->out, &h, span_of(rest.p, h.len));
		rest = span_skip(rest, h.len);
		h.type = FRAME_CONTINUATION;
		h.flags = 0;
	} while (rest.len > 0 && rc == 0);
	return rc;
}

static enum parse end_block(struct blockfilter *f, struct blockfilter_piece *piece, const char **why)
{
	if (!hpackcut_is_whole(&f->block)) {
		*why = "header block ends within a field";
		return PARSE_BAD;
	}
	if (frame_block(f) < 0) {
		*why = "header block too large";
		return PARSE_BAD;
	}
	*piece = (struct blockfilter_piece){buf_span(&f->out), f->block.was_cut};
	hpackcut_fini(&f->block);
	f->collecting = false;
	return PARSE_OK;
}

/* --- Collecting a block --- */

static enum parse begin_headers(struct blockfilter *f, const struct frame_head *h, const char **why)
{
	size_t lead = h->flags & FLAG_PRIORITY ? 5 : 0, pad = h->flags & FLAG_PADDED ? 1 : 0;

	if (h->len < lead + pad) {
		*why = "HEADERS frame too short (RFC 9113, 6.2)";
		return PARSE_BAD;
	}
	f->collecting = true;
	f->flags = h->flags;
	f->stream = h->stream;
	f->frames = 1;
	f->pad_due = pad > 0;
	f->lead = lead;
	f->fragment = h->len - lead - pad;
	hpackcut_start(&f->block);
	return PARSE_MORE;
}

static enum parse begin_continuation(struct blockfilter *f, const struct frame_head *h, const char **why)
{
	if (h->type != FRAME_CONTINUATION || h->stream != f->stream) {
		*why = "header block interrupted by another frame (RFC 9113, 6.10)";
		return PARSE_BAD;
	}
	if (h->len > BLOCKFILTER_FRAME_MAX || ++f->frames > BLOCKFILTER_FRAMES_MAX) {
		*why = "header block too large";
		return PARSE_BAD;
	}
	f->flags |= h->flags & FLAG_END_HEADERS;
	f->fragment = h->len;
	return PARSE_MORE;
}

/* Skip up to *left bytes. */
static void skip(struct span *in, size_t *left)
{
	size_t n = in->len < *left ? in->len : *left;

	*in = span_skip(*in, n);
	*left -= n;
}

static enum parse take_pad_length(struct blockfilter *f, struct span *in, const char **why)
{
	f->padding = (uint8_t)in->p[0];
	*in = span_skip(*in, 1);
	f->pad_due = false;
	if (f->padding > f->fragment) {
		*why = "padding longer than its frame (RFC 9113, 6.2)";
		return PARSE_BAD;
	}
	f->fragment -= f->padding;
	return PARSE_MORE;
}

/* Read the payload of a frame of the block. */
static enum parse take_payload(struct blockfilter *f, struct span *in, const char **why)
{
	if (f->pad_due)
		return take_pad_length(f, in, why);
	skip(in, &f->lead);
	size_t n = in->len < f->fragment ? in->len : f->fragment;
	if (hpackcut_feed(&f->block, span_of(in->p, n), why) < 0)
		return PARSE_BAD;
	skip(in, &f->fragment);
	skip(in, &f->padding);
	return PARSE_MORE;
}

static bool is_frame_over(const struct blockfilter *f)
{
	return !f->pad_due && f->lead + f->fragment + f->padding == 0;
}

/* --- Following the frames --- */

/* Must the frame be taken apart? */
static bool is_special(const struct blockfilter *f, const struct frame_head *h)
{
	switch (h->type) {
	case FRAME_HEADERS: return !(h->flags & FLAG_END_HEADERS) && h->len <= BLOCKFILTER_FRAME_MAX;
	case FRAME_PUSH_PROMISE: return true;
	case FRAME_GOAWAY: return f->from_client && h->len >= 4;
	default: return false;
	}
}

/* A frame begins. PARSE_OK when it is to be passed on, from what stands in f->head. */
static enum parse begin_frame(struct blockfilter *f, struct span *pass, const char **why)
{
	struct frame_head h = frame_head_of(f->head);

	*pass = span_of((const char *)f->head, BLOCKFILTER_HEAD);
	if (f->collecting)
		return begin_continuation(f, &h, why);
	f->pass = h.len;
	if (!is_special(f, &h))
		return PARSE_OK;
	if (h.type == FRAME_GOAWAY) {
		memset(f->head + BLOCKFILTER_HEAD, 0, 4);
		pass->len += 4;
		f->drop = 4;
		f->pass -= 4;
		return PARSE_OK;
	}
	f->pass = 0;
	if (h.type == FRAME_PUSH_PROMISE) {
		*why = "PUSH_PROMISE, which SETTINGS forbid";
		return PARSE_BAD;
	}
	return begin_headers(f, &h, why);
}

/* Take bytes of a frame head that is not here in one piece, or begins what is collected. */
static bool take_head(struct blockfilter *f, struct span *in)
{
	size_t want = BLOCKFILTER_HEAD - f->head_len, n = in->len < want ? in->len : want;

	memcpy(f->head + f->head_len, in->p, n);
	f->head_len += n;
	*in = span_skip(*in, n);
	return f->head_len == BLOCKFILTER_HEAD;
}

/* The longest beginning of in that is passed on where it lies: whole frames, and the last one as far as it has come. */
static size_t run_of(struct blockfilter *f, struct span in)
{
	size_t n = 0;

	if (f->collecting || f->head_len > 0 || f->drop > 0)
		return 0;
	for (;;) {
		size_t step = f->pass < in.len - n ? f->pass : in.len - n;
		n += step;
		f->pass -= step;
		if (f->pass > 0 || in.len - n < BLOCKFILTER_HEAD)
			return n;
		struct frame_head h = frame_head_of((const uint8_t *)in.p + n);
		if (is_special(f, &h))
			return n;
		f->pass = BLOCKFILTER_HEAD + h.len;
	}
}

/* What is not passed on where it lies: heads, and the payload of a block. */
static enum parse take_apart(
	struct blockfilter *f, struct span *in, struct blockfilter_piece *piece, const char **why)
{
	enum parse parsed;

	if (f->collecting && !is_frame_over(f)) {
		parsed = take_payload(f, in, why);
	} else {
		if (!take_head(f, in))
			return PARSE_MORE;
		f->head_len = 0;
		*piece = (struct blockfilter_piece){0};
		parsed = begin_frame(f, &piece->bytes, why);
	}
	if (parsed != PARSE_MORE)
		return parsed;
	if (is_frame_over(f) && (f->flags & FLAG_END_HEADERS))
		return end_block(f, piece, why);
	return PARSE_MORE;
}

enum parse blockfilter_next(
	struct blockfilter *f, struct span *in, struct blockfilter_piece *piece, const char **why)
{
	buf_free(&f->out);
	while (in->len > 0) {
		skip(in, &f->drop);
		size_t n = run_of(f, *in);
		if (n > 0) {
			*piece = (struct blockfilter_piece){.bytes = {in->p, n}};
			*in = span_skip(*in, n);
			return PARSE_OK;
		}
		enum parse parsed = take_apart(f, in, piece, why);
		if (parsed != PARSE_MORE)
			return parsed;
	}
	return PARSE_MORE;
}
