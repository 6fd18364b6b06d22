/* Header blocks on their way to the HTTP/2 library: what passes, what is framed anew, what is cut, what is refused. */
#include <nghttp2/nghttp2.h>

#include "h2frames.h"
#include "test.h"
#include "tunnel/h2/blockfilter.h"

/* --- Running the filter --- */

struct result {
	struct buf out;
	size_t pieces, cut;
	size_t most_kept; /* bytes that the filter held at a time */
	enum parse end;
	const char *why;
};

/* Feed `in` in chunks of `chunk` bytes after a first one of `first`. */
static void run_split(struct result *r, struct span in, bool from_client, size_t first, size_t chunk)
{
	struct blockfilter f;

	*r = (struct result){.end = PARSE_MORE};
	blockfilter_init(&f, from_client);
	while (in.len > 0 && r->end != PARSE_BAD) {
		size_t n = in.len < first ? in.len : first;
		char *copy = malloc(n); /* of its own, so that a byte read too far is seen */
		memcpy(copy, in.p, n);
		struct span part = span_of(copy, n);
		struct blockfilter_piece piece;
		while ((r->end = blockfilter_next(&f, &part, &piece, &r->why)) == PARSE_OK) {
			CHECK(piece.bytes.len > 0);
			buf_add_span(&r->out, piece.bytes);
			r->pieces++;
			r->cut += piece.was_cut;
		}
		CHECK(r->end == PARSE_BAD || part.len == 0);
		if (f.block.kept.cap > r->most_kept)
			r->most_kept = f.block.kept.cap;
		free(copy);
		in = span_skip(in, n);
		first = chunk;
	}
	blockfilter_fini(&f);
}

static void run(struct result *r, struct span in)
{
	run_split(r, in, false, in.len, in.len);
}

/* The same whatever the splits. */
static void check_everywhere(struct span in, bool from_client, struct span want, size_t cut)
{
	struct result r;

	for (size_t at = 1; at <= in.len; at++) {
		run_split(&r, in, from_client, at, in.len);
		CHECK_FOR(span_eq(buf_span(&r.out), want) && r.end == PARSE_MORE && r.cut == cut,
			"split at %zu of %zu", at, in.len);
		buf_free(&r.out);
	}
	for (size_t chunk = 1; chunk <= 11; chunk++) {
		run_split(&r, in, from_client, chunk, chunk);
		CHECK_FOR(span_eq(buf_span(&r.out), want) && r.cut == cut, "chunks of %zu", chunk);
		buf_free(&r.out);
	}
}

/* --- What passes --- */

static void frames_pass_as_they_are(void)
{
	struct buf in = {0};
	struct blockfilter f;
	struct blockfilter_piece piece;
	const char *why;

	buf_add_str(&in, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	add_frame(&in, 4, 0, 0, SPAN(""));
	add_frame(&in, 8, 0, 0, SPAN("\0\0\1\0"));
	add_frame(&in, HEADERS, END_HEADERS, 1, SPAN("\x82\x86\x84"));
	add_frame(
		&in, HEADERS, END_HEADERS | PADDED | PRIORITY | END_STREAM, 3, SPAN("\2.....\x82\x86\x84pp"));
	add_frame(&in, 0, 0, 1, SPAN("HEADERS and CONTINUATION are only words here"));
	add_frame(&in, 0xfe, 0xff, 77, SPAN("unknown"));
	add_frame(&in, CONTINUATION, 0, 5, SPAN("stray: the library's business"));
	add_frame(&in, 6, 0, 0, SPAN("12345678"));
	check_everywhere(buf_span(&in), true, buf_span(&in), 0);

	/* Given whole, it is one piece, and not a copy. */
	struct span all = buf_span(&in);
	blockfilter_init(&f, true);
	CHECK(blockfilter_next(&f, &all, &piece, &why) == PARSE_OK);
	CHECK(piece.bytes.p == buf_span(&in).p && piece.bytes.len == buf_len(&in) && all.len == 0);
	blockfilter_fini(&f);
	buf_free(&in);
}

/* Clients say which stream of the server's was the last; some send one of their own, or the greatest number. */
static void goaway_of_a_client_loses_its_last_stream(void)
{
	struct buf in = {0}, want = {0};

	buf_add_str(&in, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	buf_add_span(&want, buf_span(&in));
	add_frame(&in, 7, 0, 0, SPAN("\x7f\xff\xff\xff\0\0\0\0debug"));
	add_frame(&in, 7, 0, 0, SPAN("\x7f\xff\xff"));
	add_frame(&in, 6, 0, 0, SPAN("12345678"));
	add_frame(&want, 7, 0, 0, SPAN("\0\0\0\0\0\0\0\0debug"));
	add_frame(&want, 7, 0, 0, SPAN("\x7f\xff\xff"));
	add_frame(&want, 6, 0, 0, SPAN("12345678"));
	check_everywhere(buf_span(&in), true, buf_span(&want), 0);
	/* A server's means something. */
	buf_consume(&in, 24);
	check_everywhere(buf_span(&in), false, buf_span(&in), 0);
	buf_free(&in);
	buf_free(&want);
}

static void a_frame_too_long_is_left_to_the_library(void)
{
	struct buf in = {0}, payload = {0};
	struct result r;

	while (buf_len(&payload) <= BLOCKFILTER_FRAME_MAX)
		buf_add_char(&payload, 'x');
	add_frame(&in, HEADERS, 0, 1, buf_span(&payload));
	add_frame(&in, 0, 0, 1, SPAN("more"));
	run(&r, buf_span(&in));
	CHECK(r.end == PARSE_MORE && span_eq(buf_span(&r.out), buf_span(&in)));
	buf_free(&r.out);
	buf_free(&payload);
	buf_free(&in);
}

/* --- What is framed anew --- */

static void a_block_of_several_frames_becomes_one(void)
{
	struct buf in = {0}, want = {0};

	add_frame(&in, 0, 0, 9, SPAN("before"));
	add_frame(&in, HEADERS, PADDED | PRIORITY | END_STREAM, 7, SPAN("\3PRIOR\x82\x86pad"));
	add_frame(&in, CONTINUATION, 0, 7, SPAN(""));
	add_frame(&in, CONTINUATION, 0, 7, SPAN("\x84\x40\1"));
	add_frame(&in, CONTINUATION, END_HEADERS, 7, SPAN("n\3abc"));
	add_frame(&in, 0, 0, 9, SPAN("after"));
	add_frame(&want, 0, 0, 9, SPAN("before"));
	add_frame(&want, HEADERS, END_STREAM | END_HEADERS, 7, SPAN("\x82\x86\x84\x40\1n\3abc"));
	add_frame(&want, 0, 0, 9, SPAN("after"));
	check_everywhere(buf_span(&in), false, buf_span(&want), 0);
	buf_free(&in);
	buf_free(&want);
}

static void many_small_frames_become_few(void)
{
	struct buf in = {0}, block = {0}, want = {0};
	struct result r;

	for (size_t i = 0; i < 40; i++)
		add_literal(&block, 0x10, 10, 500);
	add_block(&in, 1, 0, buf_span(&block), buf_len(&block) / BLOCKFILTER_FRAMES_MAX + 1);
	add_block(&want, 1, 0, buf_span(&block), BLOCKFILTER_FRAME_MAX);
	run(&r, buf_span(&in));
	CHECK(r.end == PARSE_MORE && r.cut == 0 && span_eq(buf_span(&r.out), buf_span(&want)));
	CHECK(buf_len(&want) == buf_len(&block) + 2 * 9);
	buf_free(&r.out);
	buf_free(&in);
	buf_free(&block);
	buf_free(&want);
}

/* --- What is cut --- */

/* One field with a value of that length, and what becomes of it. */
static void check_value(int kind, size_t value, bool cut)
{
	struct buf block = {0}, in = {0}, kept = {0}, want = {0};
	struct result r;

	buf_add_str(&block, "\x88"); /* :status 200 */
	add_literal(&block, kind, 3, value);
	buf_add_str(&block, "\x82");
	add_block(&in, 1, 0, buf_span(&block), BLOCKFILTER_FRAME_MAX);
	buf_add_str(&kept, "\x88");
	if (cut) {
		buf_add_char(&kept, (char)kind);
		add_string(&kept, 'n', 3);
		add_string(&kept, 'x', kind == 0x40 ? 4096 : 1);
	} else {
		add_literal(&kept, kind, 3, value);
	}
	buf_add_str(&kept, "\x82");
	add_block(&want, 1, 0, buf_span(&kept), BLOCKFILTER_FRAME_MAX);
	for (size_t chunk = 1; chunk < 100000; chunk = chunk * 7 + 1) {
		run_split(&r, buf_span(&in), false, chunk, chunk);
		CHECK_FOR(r.end == PARSE_MORE && r.cut == cut && span_eq(buf_span(&r.out), buf_span(&want)),
			"kind %x, %zu bytes, chunks of %zu", kind, value, chunk);
		/* What is cut is not stored first. */
		CHECK_FOR(!cut || r.most_kept < 32768, "%zu bytes held", r.most_kept);
		buf_free(&r.out);
	}
	buf_free(&block);
	buf_free(&in);
	buf_free(&kept);
	buf_free(&want);
}

static void values_over_64_KiB_are_cut(void)
{
	static const int kinds[] = {0x40, 0x10, 0x00};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		check_value(kinds[i], 65535, false);
		check_value(kinds[i], 65536, false);
		check_value(kinds[i], 65537, true);
		check_value(kinds[i], 1400000, true);
	}
}

static void names_over_64_KiB_are_cut(void)
{
	struct buf block = {0}, in = {0}, want = {0};
	struct result r;

	add_literal(&block, 0, 70000, 80000);
	add_literal(&block, 0x40, 70000, 2);
	add_block(&in, 1, 0, buf_span(&block), BLOCKFILTER_FRAME_MAX);
	buf_clear(&block);
	buf_add(&block, "\0\1x\1x\x40", 6);
	add_string(&block, 'x', 4096);
	add_string(&block, 'v', 2);
	add_block(&want, 1, 0, buf_span(&block), BLOCKFILTER_FRAME_MAX);
	run(&r, buf_span(&in));
	CHECK(r.cut == 1 && span_eq(buf_span(&r.out), buf_span(&want)));
	buf_free(&r.out);
	buf_free(&block);
	buf_free(&in);
	buf_free(&want);
}

/* A megabyte in fields of lawful length: the block is cut down to what we keep, not refused. */
static void many_long_values_are_cut(void)
{
	struct buf block = {0}, in = {0};
	struct result r;

	for (int i = 0; i < 40; i++)
		add_literal(&block, 0x10, 5, 50000);
	buf_add_str(&block, "\x88");
	add_block(&in, 1, 0, buf_span(&block), BLOCKFILTER_FRAME_MAX);
	run(&r, buf_span(&in));
	CHECK(r.end == PARSE_MORE && r.cut == 1);
	CHECK(buf_len(&r.out) < HPACKCUT_KEEP_MAX + 2048 && buf_len(&r.out) > HPACKCUT_KEEP_MAX - 65536);
	CHECK((unsigned char)buf_span(&r.out).p[buf_len(&r.out) - 1] == 0x88);
	buf_free(&r.out);
	buf_free(&block);
	buf_free(&in);
}

/* --- The tables of both ends stay in step --- */

/* Inflate the frames that came out, block after block; the fields as "name: value length|". */
static bool inflate_all(nghttp2_hd_inflater *inflater, struct span frames, struct buf *shown)
{
	while (frames.len >= 9) {
		const unsigned char *p = (const unsigned char *)frames.p;
		size_t len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
		bool last = (p[4] & END_HEADERS) != 0;
		const uint8_t *at = p + 9;
		frames = span_skip(frames, 9 + len);
		for (;;) {
			nghttp2_nv nv;
			int flags = 0;
			ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, at, len, last);
			if (n < 0)
				return false;
			at += n;
			len -= (size_t)n;
			if (flags & NGHTTP2_HD_INFLATE_EMIT)
				buf_addf(shown, "%.*s %zu|", (int)(nv.namelen < 20 ? nv.namelen : 20),
					nv.name, nv.valuelen);
			if (flags & NGHTTP2_HD_INFLATE_FINAL)
				nghttp2_hd_inflate_end_headers(inflater);
			if ((flags & NGHTTP2_HD_INFLATE_FINAL) ||
				(len == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT)))
				break;
		}
	}
	return true;
}

static void a_cut_field_empties_the_table_as_the_original_did(void)
{
	static const unsigned char kinds[] = {0x40, 0x10};

	for (size_t i = 0; i < sizeof(kinds); i++) {
		struct buf in = {0}, block = {0}, shown = {0};
		struct result r;
		nghttp2_hd_inflater *inflater;
		nghttp2_hd_inflate_new(&inflater);
		add_literal(&block, 0x40, 2, 3); /* 62 */
		add_literal(&block, kinds[i], 4, 70000);
		add_literal(&block, 0x40, 5, 6); /* 62; the first is 63, or gone */
		add_block(&in, 1, 0, buf_span(&block), BLOCKFILTER_FRAME_MAX);
		buf_clear(&block);
		buf_add_str(&block, kinds[i] == 0x40 ? "\xbe" : "\xbe\xbf");
		add_block(&in, 3, 0, buf_span(&block), BLOCKFILTER_FRAME_MAX);
		run(&r, buf_span(&in));
		CHECK(r.cut == 1 && inflate_all(inflater, buf_span(&r.out), &shown));
		CHECK_FOR(span_eq(buf_span(&shown), kinds[i] == 0x40
							    ? SPAN("nn 3|nnnn 4096|nnnnn 6|nnnnn 6|")
							    : SPAN("nn 3|nnnn 1|nnnnn 6|nnnnn 6|nn 3|")),
			"%.*s", (int)buf_len(&shown), buf_span(&shown).p);
		/* And 63 is gone. */
		buf_clear(&in);
		add_block(&in, 5, 0, SPAN("\xbf"), BLOCKFILTER_FRAME_MAX);
		CHECK(inflate_all(inflater, buf_span(&in), &shown) == (kinds[i] == 0x10));
		nghttp2_hd_inflate_del(inflater);
		buf_free(&r.out);
		buf_free(&in);
		buf_free(&block);
		buf_free(&shown);
	}
}

/* A real encoder, Huffman coding and all, with small and huge fields in turn. */
static void a_real_encoder_and_decoder_stay_in_step(void)
{
	nghttp2_hd_deflater *deflater;
	nghttp2_hd_inflater *inflater;
	struct buf shown = {0}, want = {0};
	size_t cut = 0;

	nghttp2_hd_deflate_new(&deflater, 4096);
	nghttp2_hd_inflate_new(&inflater);
	for (uint32_t round = 0; round < 60; round++) {
		size_t huge = round % 3 == 1 ? 70000 + round * 3001 : 20000;
		char *value = malloc(huge);
		struct buf in = {0};
		struct result r;
		memset(value, round % 2 ? '~' : 'e', huge); /* 13 bits, 5 bits */
		nghttp2_nv nv[] = {
			{(uint8_t *)":status", (uint8_t *)"200", 7, 3, NGHTTP2_NV_FLAG_NONE},
			{(uint8_t *)"x-round", (uint8_t *)value, 7, 3 + round % 5, NGHTTP2_NV_FLAG_NONE},
			{(uint8_t *)"cf-cloudflared-response-headers", (uint8_t *)value, 31, huge,
				NGHTTP2_NV_FLAG_NONE},
			{(uint8_t *)"x-last", (uint8_t *)value, 6, 2 + round % 3, NGHTTP2_NV_FLAG_NONE},
		};
		size_t bound = nghttp2_hd_deflate_bound(deflater, nv, 4);
		uint8_t *block = malloc(bound);
		ssize_t n = nghttp2_hd_deflate_hd(deflater, block, bound, nv, 4);
		CHECK(n > 0);
		/* '~' takes more room in Huffman code, so it is sent as it is; 'e' takes five eighths. */
		size_t encoded = round % 2 ? huge : huge * 5 / 8;
		bool is_cut = encoded > 65536;
		add_block(&in, 2 * round + 1, 0, span_of((char *)block, (size_t)n), 16384);
		run(&r, buf_span(&in));
		CHECK_FOR(r.cut == is_cut, "round %u", round);
		cut += r.cut;
		buf_clear(&shown);
		buf_clear(&want);
		CHECK(inflate_all(inflater, buf_span(&r.out), &shown));
		buf_addf(&want, ":status 3|x-round %u|cf-cloudflared-respo %zu|x-last %u|", 3 + round % 5,
			is_cut ? (size_t)1 : huge, 2 + round % 3);
		CHECK_FOR(span_eq(buf_span(&shown), buf_span(&want)), "round %u: %.*s", round,
			(int)buf_len(&shown), buf_span(&shown).p);
		buf_free(&r.out);
		buf_free(&in);
		free(block);
		free(value);
	}
	CHECK(cut >= 10);
	nghttp2_hd_deflate_del(deflater);
	nghttp2_hd_inflate_del(inflater);
	buf_free(&shown);
	buf_free(&want);
}

/* --- What is refused --- */

static void broken_blocks_are_refused(void)
{
	static const struct {
		const char *what;
		int type, flags;
		uint32_t stream;
		struct span first, second;
	} rows[] = {
		{"another stream", CONTINUATION, END_HEADERS, 3, {"\x82", 1}, {"\x82", 1}},
		{"a DATA frame", 0, 0, 1, {"\x82", 1}, {"\x82", 1}},
		{"HEADERS again", HEADERS, END_HEADERS, 1, {"\x82", 1}, {"\x82", 1}},
		{"an end within a name", CONTINUATION, END_HEADERS, 1, {"\x40\3", 2}, {"ab", 2}},
		{"an end within a value", CONTINUATION, END_HEADERS, 1, {"\x40\1n\3", 4}, {"ab", 2}},
		{"an end before a value", CONTINUATION, END_HEADERS, 1, {"\x40", 1}, {"\1n", 2}},
		{"an end within an integer", CONTINUATION, END_HEADERS, 1, {"\xff", 1}, {"\x80", 1}},
		{"a length of 2^32", CONTINUATION, END_HEADERS, 1, {"\x40\x7f", 2},
			{"\x81\xff\xff\xff\x0f", 5}},
		{"a padded integer", CONTINUATION, END_HEADERS, 1, {"\xff", 1},
			{"\x80\x80\x80\x80\x80\0", 6}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf in = {0};
		struct result r;
		add_frame(&in, HEADERS, 0, 1, rows[i].first);
		add_frame(&in, rows[i].type, rows[i].flags, rows[i].stream, rows[i].second);
		for (size_t chunk = 1; chunk < 40; chunk++) {
			run_split(&r, buf_span(&in), false, chunk, chunk);
			CHECK_FOR(r.end == PARSE_BAD && r.why != NULL && buf_len(&r.out) == 0, "%s",
				rows[i].what);
			buf_free(&r.out);
		}
		buf_free(&in);
	}
}

static void broken_frames_are_refused(void)
{
	static const struct {
		const char *what;
		int type, flags;
		struct span payload;
	} rows[] = {
		{"no pad length", HEADERS, PADDED, {"", 0}},
		{"no priority", HEADERS, PRIORITY, {"1234", 4}},
		{"padding too long", HEADERS, PADDED, {"\3\x82\x82", 3}},
		{"padding too long behind priority", HEADERS, PADDED | PRIORITY, {"\3.....\x82\x82", 8}},
		{"PUSH_PROMISE", 5, END_HEADERS, {"\0\0\0\2\x82", 5}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf in = {0};
		struct result r;
		add_frame(&in, rows[i].type, rows[i].flags, 1, rows[i].payload);
		for (size_t chunk = 1; chunk < 20; chunk++) {
			run_split(&r, buf_span(&in), false, chunk, chunk);
			CHECK_FOR(r.end == PARSE_BAD && r.why != NULL, "%s", rows[i].what);
			buf_free(&r.out);
		}
		buf_free(&in);
	}
}

static void endless_blocks_are_refused(void)
{
	struct buf in = {0}, indexed = {0}, out = {0};
	struct result r;

	/* CONTINUATION for ever. */
	add_frame(&in, HEADERS, 0, 1, SPAN("\x82"));
	for (size_t i = 0; i < BLOCKFILTER_FRAMES_MAX; i++)
		add_frame(&in, CONTINUATION, 0, 1, SPAN(""));
	run(&r, buf_span(&in));
	CHECK(r.end == PARSE_BAD);
	buf_free(&r.out);
	/* Nothing to cut. */
	while (buf_len(&indexed) <= HPACKCUT_BLOCK_MAX)
		buf_add_char(&indexed, '\x82');
	add_block(&out, 1, 0, buf_span(&indexed), BLOCKFILTER_FRAME_MAX);
	run(&r, buf_span(&out));
	CHECK(r.end == PARSE_BAD && r.most_kept <= 2 * HPACKCUT_BLOCK_MAX);
	buf_free(&r.out);
	/* A CONTINUATION too long. */
	buf_clear(&in);
	add_frame(&in, HEADERS, 0, 1, SPAN("\x82"));
	add_frame(&in, CONTINUATION, 0, 1, span_of(buf_span(&indexed).p, BLOCKFILTER_FRAME_MAX + 1));
	run(&r, buf_span(&in));
	CHECK(r.end == PARSE_BAD);
	buf_free(&r.out);
	buf_free(&in);
	buf_free(&indexed);
	buf_free(&out);
}

TEST_MAIN(TEST(frames_pass_as_they_are), TEST(goaway_of_a_client_loses_its_last_stream),
	TEST(a_frame_too_long_is_left_to_the_library), TEST(a_block_of_several_frames_becomes_one),
	TEST(many_small_frames_become_few), TEST(values_over_64_KiB_are_cut), TEST(names_over_64_KiB_are_cut),
	TEST(many_long_values_are_cut), TEST(a_cut_field_empties_the_table_as_the_original_did),
	TEST(a_real_encoder_and_decoder_stay_in_step), TEST(broken_blocks_are_refused),
	TEST(broken_frames_are_refused), TEST(endless_blocks_are_refused))
