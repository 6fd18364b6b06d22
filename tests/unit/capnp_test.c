/* Cap'n Proto: pointers that lead where they must not, limits, and what the builder builds. */
#include "test.h"
#include "tunnel/control/capnp.h"

/* --- Messages by hand --- */

/* Up to 40 words as a framed message. */
struct message {
	char bytes[41 * 8];
	struct span framed;
	struct capnp_message m;
	struct capnp_struct root;
};

static void put_word(char *p, uint64_t v)
{
	for (int i = 0; i < 8; i++, v >>= 8)
		p[i] = (char)(v & 0xff);
}

static bool open_words(struct message *msg, const uint64_t *words, size_t count)
{
	put_word(msg->bytes, (uint64_t)count << 32);
	for (size_t i = 0; i < count; i++)
		put_word(msg->bytes + 8 + 8 * i, words[i]);
	/* A block of its own size, so that a word read too far is seen. */
	char *block = malloc(8 + 8 * count);
	memcpy(block, msg->bytes, 8 + 8 * count);
	msg->framed = span_of(block, 8 + 8 * count);
	return capnp_open(&msg->m, msg->framed, &msg->root);
}

static void close_words(struct message *msg)
{
	free((char *)(uintptr_t)msg->framed.p);
}

#define STRUCT(offset, data, pointers) \
	((uint64_t)(uint32_t)((offset)*4) | (uint64_t)(data) << 32 | (uint64_t)(pointers) << 48)
#define LIST(offset, size, count) \
	((uint64_t)(uint32_t)((offset)*4 + 1) | (uint64_t)(size) << 32 | (uint64_t)(count) << 35)
#define FAR 2
#define CAPABILITY(index) (3 | (uint64_t)(index) << 32)

static void frames_are_measured(void)
{
	static const struct {
		struct span in;
		enum parse want;
		size_t len;
	} rows[] = {
		{{"", 0}, PARSE_MORE, 0},
		{{"\0\0\0", 3}, PARSE_MORE, 0},
		{{"\0\0\0\0\1\0\0", 7}, PARSE_MORE, 0},
		{{"\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0", 15}, PARSE_MORE, 0},
		{{"\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 16}, PARSE_OK, 16},
		{{"\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0x", 17}, PARSE_OK, 16},
		{{"\0\0\0\0\0\0\0\0", 8}, PARSE_BAD, 0},         /* no root */
		{{"\1\0\0\0", 4}, PARSE_BAD, 0},                 /* two segments */
		{{"\xff\xff\xff\xff", 4}, PARSE_BAD, 0},         /* 2^32 */
		{{"\0\0\0\0\x7c\0\0\0", 8}, PARSE_BAD, 0},       /* 1000 bytes with the head: 8 too many */
		{{"\0\0\0\0\x7b\0\0\0", 8}, PARSE_MORE, 0},      /* 992 */
		{{"\0\0\0\0\xff\xff\xff\xff", 8}, PARSE_BAD, 0}, /* 2^32 words */
		{{"\0\0\0\0\0\0\0\x80", 8}, PARSE_BAD, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = NULL;
		size_t len = 0;
		enum parse got = capnp_frame(rows[i].in, 999, &len, &why);
		CHECK_FOR(got == rows[i].want, "row %zu", i);
		CHECK_FOR(got != PARSE_OK || len == rows[i].len, "row %zu", i);
		CHECK_FOR((got == PARSE_BAD) == (why != NULL), "row %zu", i);
	}
}

static void roots_other_than_structs_are_refused(void)
{
	static const uint64_t roots[] = {LIST(0, 2, 4), FAR, FAR | 1 << 3, CAPABILITY(0), STRUCT(0, 2, 0),
		STRUCT(0, 0, 2), STRUCT(1, 1, 0), STRUCT(-2, 1, 0), STRUCT(-100, 1, 0),
		STRUCT(0x1fffffff, 1, 0), STRUCT(0, 0xffff, 0xffff)};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		struct message msg;
		uint64_t words[] = {roots[i], 7};
		CHECK_FOR(!open_words(&msg, words, 2), "root %zu", i);
		close_words(&msg);
	}
}

static void scalars_outside_the_struct_are_zero(void)
{
	struct message msg;
	uint64_t words[] = {STRUCT(0, 1, 0), UINT64_C(0x8877665544332211)};

	CHECK(open_words(&msg, words, 2));
	CHECK(capnp_u64(&msg.root, 0) == UINT64_C(0x8877665544332211));
	CHECK(capnp_u32(&msg.root, 4) == 0x88776655 && capnp_u16(&msg.root, 6) == 0x8877);
	CHECK(capnp_u8(&msg.root, 7) == 0x88 && capnp_bit(&msg.root, 0) && !capnp_bit(&msg.root, 1));
	CHECK(capnp_bit(&msg.root, 63) && !capnp_bit(&msg.root, 64));
	CHECK(capnp_u64(&msg.root, 8) == 0 && capnp_u8(&msg.root, 8) == 0 && capnp_u16(&msg.root, 7) == 0);
	/* So are pointers. */
	struct capnp_struct s;
	struct capnp_list l;
	struct span text;
	uint32_t index;
	CHECK(capnp_get_struct(&msg.root, 0, &s) && s.data_words == 0 && capnp_u64(&s, 0) == 0);
	CHECK(capnp_get_list(&msg.root, 9, &l) && l.count == 0);
	CHECK(capnp_get_text(&msg.root, 0, &text) && text.len == 0);
	CHECK(capnp_get_data(&msg.root, 0, &text) && text.len == 0);
	CHECK(!capnp_get_capability(&msg.root, 0, &index));
	close_words(&msg);
	/* A message of nothing but a null root, and a struct of no size. */
	CHECK(open_words(&msg, &(uint64_t){0}, 1) && capnp_u16(&msg.root, 0) == 0);
	close_words(&msg);
	CHECK(open_words(&msg, &(uint64_t){STRUCT(-1, 0, 0)}, 1) && capnp_u16(&msg.root, 0) == 0);
	close_words(&msg);
}

/* One pointer at word 1, three words behind it: how is each kind of getter answered? */
static void pointers_are_checked(void)
{
	static const struct {
		const char *what;
		uint64_t pointer;
		bool as_struct, as_data, as_text, as_list;
	} rows[] = {
		{"null", 0, true, true, true, true},
		{"a struct", STRUCT(0, 1, 2), true, false, false, false},
		{"a struct at the end", STRUCT(2, 1, 0), true, false, false, false},
		{"a struct past the end", STRUCT(2, 1, 1), false, false, false, false},
		{"a struct before the start", STRUCT(-3, 1, 0), false, false, false, false},
		{"the root again", STRUCT(-2, 0, 1), true, false, false, false},
		{"bytes, the last one 0", LIST(0, 2, 24), false, true, true, false},
		{"bytes, the last one not 0", LIST(0, 2, 17), false, true, false, false},
		{"no bytes", LIST(0, 2, 0), false, true, true, false},
		{"bytes past the end", LIST(0, 2, 25), false, false, false, false},
		{"bytes far past the end", LIST(0, 2, 0x1fffffff), false, false, false, false},
		{"no bytes past the end", LIST(9, 2, 0), false, false, false, false},
		{"pointers", LIST(0, 6, 3), false, false, false, true},
		{"pointers past the end", LIST(0, 6, 4), false, false, false, false},
		{"words", LIST(0, 5, 3), false, false, false, false},
		{"bits", LIST(0, 1, 3), false, false, false, false},
		{"nothings", LIST(0, 0, 0x1fffffff), false, false, false, false},
		{"structs without a tag", LIST(0, 7, 2), false, false, false, false},
		{"a far pointer", FAR, false, false, false, false},
		{"a capability", CAPABILITY(0), false, false, false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct message msg;
		struct capnp_struct s;
		struct capnp_list l;
		struct span bytes;
		uint64_t words[] = {STRUCT(0, 0, 1), rows[i].pointer, 1 | LIST(5, 0, 0), 0x41 << 8, 0x41};
		/* The last byte is 0, the 17th is not. */
		CHECK(open_words(&msg, words, 5));
		CHECK_FOR(capnp_get_struct(&msg.root, 0, &s) == rows[i].as_struct, "%s", rows[i].what);
		CHECK_FOR(capnp_get_data(&msg.root, 0, &bytes) == rows[i].as_data, "%s", rows[i].what);
		CHECK_FOR(capnp_get_text(&msg.root, 0, &bytes) == rows[i].as_text, "%s", rows[i].what);
		CHECK_FOR(capnp_get_list(&msg.root, 0, &l) == rows[i].as_list, "%s", rows[i].what);
		close_words(&msg);
	}
}

static void lists_of_structs_are_checked(void)
{
	static const struct {
		const char *what;
		uint64_t pointer, tag;
		bool good;
		size_t count;
	} rows[] = {
		{"two elements", LIST(0, 7, 4), STRUCT(2, 1, 1), true, 2},
		{"none", LIST(0, 7, 0), STRUCT(0, 1, 1), true, 0},
		{"room left over", LIST(0, 7, 4), STRUCT(1, 1, 1), true, 1},
		{"too many elements", LIST(0, 7, 4), STRUCT(3, 1, 1), false, 0},
		{"far too many", LIST(0, 7, 4), STRUCT(0x1fffffff, 0xffff, 0xffff), false, 0},
		{"a negative count", LIST(0, 7, 4), STRUCT(-1, 1, 1), false, 0},
		{"words past the end", LIST(0, 7, 5), STRUCT(2, 1, 1), false, 0},
		{"elements without size", LIST(0, 7, 4), STRUCT(4, 0, 0), true, 4},
		{"more of those than words", LIST(0, 7, 4), STRUCT(5, 0, 0), false, 0},
		{"a list as tag", LIST(0, 7, 4), LIST(2, 2, 1), false, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct message msg;
		struct capnp_list l;
		struct capnp_struct e;
		struct span text;
		uint64_t words[] = {STRUCT(0, 0, 1), rows[i].pointer, rows[i].tag, 11, 0, 22, 0};
		CHECK(open_words(&msg, words, 7));
		bool good = capnp_get_list(&msg.root, 0, &l);
		CHECK_FOR(good == rows[i].good && (!good || l.count == rows[i].count), "%s", rows[i].what);
		if (good && i == 0) {
			CHECK(capnp_list_struct(&l, 0, &e) && capnp_u64(&e, 0) == 11);
			CHECK(capnp_list_struct(&l, 1, &e) && capnp_u64(&e, 0) == 22);
			CHECK(!capnp_list_struct(&l, 2, &e) && !capnp_list_text(&l, 0, &text));
		}
		close_words(&msg);
	}
}

/* A long text that many pointers share: reading it over and over ends. */
static void shared_objects_cannot_amplify(void)
{
	enum { POINTERS = 20, WORDS = 18 };
	uint64_t words[1 + POINTERS + WORDS] = {STRUCT(0, 0, POINTERS)};
	struct message msg;
	struct span text;
	size_t read = 0;

	for (int i = 0; i < POINTERS; i++)
		words[1 + i] = LIST(POINTERS - 1 - i, 2, WORDS * 8);
	CHECK(open_words(&msg, words, 1 + POINTERS + WORDS));
	for (int round = 0; round < 10; round++)
		for (size_t i = 0; i < POINTERS; i++)
			read += capnp_get_text(&msg.root, i, &text);
	CHECK_FOR(read > 5 && read * WORDS <= CAPNP_READ_FACTOR * (1 + POINTERS + WORDS), "%zu texts", read);
	close_words(&msg);
}

/* Also when what is shared has no size at all: each reading costs something. */
static void empty_objects_are_not_free(void)
{
	uint64_t words[] = {STRUCT(0, 0, 1), LIST(0, 6, 0)};
	struct message msg;
	struct capnp_list l;
	size_t read = 0;

	CHECK(open_words(&msg, words, 2));
	while (read < 1000 && capnp_get_list(&msg.root, 0, &l))
		read++;
	CHECK_FOR(read < 20, "%zu", read);
	close_words(&msg);
}

/* A struct that points to itself: the depth ends it. */
static void depth_is_bounded(void)
{
	uint64_t words[40] = {STRUCT(0, 0, 1), STRUCT(-1, 0, 1)};
	struct message msg;
	size_t depth = 1;

	CHECK(open_words(&msg, words, 40));
	for (struct capnp_struct s = msg.root, next; depth < 1000 && capnp_get_struct(&s, 0, &next); s = next)
		depth++;
	CHECK_FOR(depth == CAPNP_DEPTH_MAX, "%zu", depth);
	close_words(&msg);
}

/* --- Building --- */

static void what_is_built_is_read(void)
{
	struct buf out = {0};
	struct capnp_builder b;
	struct capnp_message m;
	struct capnp_struct root, s;
	struct capnp_list l;
	struct span text;
	uint32_t index;
	size_t len;
	const char *why;

	buf_add_str(&out, "before");
	capnp_begin(&b, &out);
	size_t at = capnp_add_struct(&b, 0, 2, 7);
	capnp_set_u64(&b, at, 0, UINT64_C(0x0102030405060708));
	capnp_set_u8(&b, at, 15, 0xff);
	capnp_add_text(&b, at + 2, SPAN("text"));
	capnp_add_data(&b, at + 3, SPAN("12345678"));
	size_t list = capnp_add_pointers(&b, at + 4, 2);
	capnp_add_text(&b, list + 1, SPAN("second"));
	size_t structs = capnp_add_structs(&b, at + 5, 2, 1, 0);
	capnp_set_u32(&b, structs + 1, 4, 77);
	capnp_set_capability(&b, at + 6, 5);
	capnp_add_empty(&b, at + 7);
	capnp_add_text(&b, at + 8, SPAN(""));
	CHECK(capnp_finish(&b) == 0);

	struct span framed = span_skip(buf_span(&out), 6);
	CHECK(capnp_frame(framed, framed.len, &len, &why) == PARSE_OK && len == framed.len);
	CHECK(capnp_open(&m, framed, &root) && capnp_u64(&root, 0) == UINT64_C(0x0102030405060708));
	CHECK(capnp_u64(&root, 8) == UINT64_C(0xff) << 56);
	CHECK(capnp_get_text(&root, 0, &text) && span_eq(text, SPAN("text")));
	CHECK(capnp_get_data(&root, 1, &text) && span_eq(text, SPAN("12345678")));
	CHECK(capnp_get_list(&root, 2, &l) && l.count == 2);
	CHECK(capnp_list_text(&l, 0, &text) && text.len == 0);
	CHECK(capnp_list_text(&l, 1, &text) && span_eq(text, SPAN("second")) &&
		!capnp_list_text(&l, 2, &text));
	CHECK(capnp_get_list(&root, 3, &l) && l.count == 2 && capnp_list_struct(&l, 1, &s) &&
		capnp_u32(&s, 4) == 77);
	CHECK(capnp_get_capability(&root, 4, &index) && index == 5);
	CHECK(capnp_get_struct(&root, 5, &s) && capnp_u64(&s, 0) == 0);
	CHECK(capnp_get_text(&root, 6, &text) && text.len == 0);
	buf_free(&out);
}

/* Whatever the ceiling: all of the message, or nothing. */
static void a_message_past_the_ceiling_leaves_nothing(void)
{
	bool ended = false;

	for (size_t max = 1; max < 200; max++) {
		struct buf out = {.max = max};
		struct capnp_builder b;
		if (buf_add_str(&out, "before") < 0)
			continue;
		capnp_begin(&b, &out);
		size_t at = capnp_add_struct(&b, 0, 1, 2);
		capnp_set_u64(&b, at, 0, 1);
		capnp_add_text(&b, at + 1, SPAN("a text"));
		capnp_add_structs(&b, at + 2, 2, 1, 1);
		bool good = capnp_finish(&b) == 0;
		CHECK_FOR(good == (max >= 6 + 8 * 11), "ceiling %zu", max);
		CHECK_FOR(good || span_eq(buf_span(&out), SPAN("before")), "ceiling %zu", max);
		ended = ended || good;
		buf_free(&out);
	}
	CHECK(ended);
}

TEST_MAIN(TEST(frames_are_measured), TEST(roots_other_than_structs_are_refused),
	TEST(scalars_outside_the_struct_are_zero), TEST(pointers_are_checked),
	TEST(lists_of_structs_are_checked), TEST(shared_objects_cannot_amplify),
	TEST(empty_objects_are_not_free), TEST(depth_is_bounded), TEST(what_is_built_is_read),
	TEST(a_message_past_the_ceiling_leaves_nothing))
