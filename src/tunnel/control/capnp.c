/* Cap'n Proto: every pointer is checked against its segment, every number is read byte by byte. */
#include "tunnel/control/capnp.h"

enum pointer_kind {
	POINTER_STRUCT,
	POINTER_LIST,
	POINTER_FAR,
	POINTER_OTHER,
};

enum list_size {
	LIST_BYTES = 2,
	LIST_POINTERS = 6,
	LIST_COMPOSITE = 7,
};

#define WORD ((size_t)8)

static uint64_t load(const char *p, size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = bytes; i > 0; i--)
		v = v << 8 | (unsigned char)p[i - 1];
	return v;
}

static void store(char *p, size_t bytes, uint64_t v)
{
	for (size_t i = 0; i < bytes; i++, v >>= 8)
		p[i] = (char)(v & 0xff);
}

/* --- Framing --- */

enum parse capnp_frame(struct span in, size_t max, size_t *len, const char **why)
{
	if (in.len < 4)
		return PARSE_MORE;
	if (load(in.p, 4) != 0) {
		*why = "message with several segments";
		return PARSE_BAD;
	}
	if (in.len < WORD)
		return PARSE_MORE;
	uint64_t words = load(in.p + 4, 4);
	if (words == 0) {
		*why = "message without a root";
		return PARSE_BAD;
	}
	if (max < WORD || words > (max - WORD) / WORD) {
		*why = "message too large";
		return PARSE_BAD;
	}
	*len = (size_t)words * WORD + WORD;
	return in.len >= *len ? PARSE_OK : PARSE_MORE;
}

/* --- Reading --- */

static size_t message_words(const struct capnp_message *m)
{
	return m->words.len / WORD;
}

static uint64_t message_word(const struct capnp_message *m, size_t i)
{
	return load(m->words.p + i * WORD, WORD);
}

/* Charge for reading words at a place. False when they leave the segment or the budget is spent. */
static bool message_claim(struct capnp_message *m, size_t at, size_t words)
{
	size_t total = message_words(m);

	if (at > total || words > total - at || words + 1 > m->budget)
		return false;
	m->budget -= words + 1;
	return true;
}

/* Where a struct or list pointer at word `at` leads: its target word. False outside the segment. */
static bool pointer_target(const struct capnp_message *m, size_t at, uint64_t pointer, size_t *target)
{
	int64_t offset = (int32_t)(uint32_t)(pointer & 0xffffffff) >> 2;
	int64_t to = (int64_t)at + 1 + offset;

	if (to < 0 || (uint64_t)to > message_words(m))
		return false;
	*target = (size_t)to;
	return true;
}

static bool follow_struct(struct capnp_message *m, size_t at, unsigned depth, struct capnp_struct *out)
{
	uint64_t pointer = message_word(m, at);

	*out = (struct capnp_struct){.message = m, .depth = depth};
	if (pointer == 0)
		return true;
	size_t data = (pointer >> 32) & 0xffff, pointers = pointer >> 48;
	size_t target;
	if ((pointer & 3) != POINTER_STRUCT || depth > CAPNP_DEPTH_MAX)
		return false;
	if (data + pointers == 0)
		return true;
	if (!pointer_target(m, at, pointer, &target) || !message_claim(m, target, data + pointers))
		return false;
	out->data = target;
	out->data_words = data;
	out->pointers = target + data;
	out->pointer_count = pointers;
	return true;
}

bool capnp_open(struct capnp_message *m, struct span framed, struct capnp_struct *root)
{
	m->words = span_skip(framed, WORD);
	m->budget = message_words(m) * CAPNP_READ_FACTOR;
	return message_words(m) > 0 && (message_word(m, 0) & 3) == POINTER_STRUCT &&
	       follow_struct(m, 0, 1, root);
}

static uint64_t struct_scalar(const struct capnp_struct *s, size_t byte, size_t bytes)
{
	if (byte + bytes > s->data_words * WORD)
		return 0;
	return load(s->message->words.p + s->data * WORD + byte, bytes);
}

uint64_t capnp_u64(const struct capnp_struct *s, size_t byte)
{
	return struct_scalar(s, byte, 8);
}

uint32_t capnp_u32(const struct capnp_struct *s, size_t byte)
{
	return (uint32_t)struct_scalar(s, byte, 4);
}

uint16_t capnp_u16(const struct capnp_struct *s, size_t byte)
{
	return (uint16_t)struct_scalar(s, byte, 2);
}

uint8_t capnp_u8(const struct capnp_struct *s, size_t byte)
{
	return (uint8_t)struct_scalar(s, byte, 1);
}

bool capnp_bit(const struct capnp_struct *s, size_t bit)
{
	return (struct_scalar(s, bit / 8, 1) >> (bit % 8) & 1) != 0;
}

bool capnp_get_struct(const struct capnp_struct *s, size_t index, struct capnp_struct *out)
{
	*out = (struct capnp_struct){.message = s->message, .depth = s->depth + 1};
	if (index >= s->pointer_count)
		return true;
	return follow_struct(s->message, s->pointers + index, s->depth + 1, out);
}

/* A list of bytes at a pointer. */
static bool follow_bytes(struct capnp_message *m, size_t at, unsigned depth, struct span *out)
{
	uint64_t pointer = message_word(m, at);
	size_t target, count = pointer >> 35;

	*out = SPAN("");
	if (pointer == 0)
		return true;
	if ((pointer & 3) != POINTER_LIST || (pointer >> 32 & 7) != LIST_BYTES || depth > CAPNP_DEPTH_MAX)
		return false;
	if (!pointer_target(m, at, pointer, &target) || !message_claim(m, target, (count + WORD - 1) / WORD))
		return false;
	*out = span_of(m->words.p + target * WORD, count);
	return true;
}

static bool follow_text(struct capnp_message *m, size_t at, unsigned depth, struct span *out)
{
	if (!follow_bytes(m, at, depth, out))
		return false;
	if (out->len == 0)
		return true;
	if (out->p[out->len - 1] != '\0')
		return false;
	out->len--;
	return true;
}

bool capnp_get_data(const struct capnp_struct *s, size_t index, struct span *out)
{
	*out = SPAN("");
	return index >= s->pointer_count || follow_bytes(s->message, s->pointers + index, s->depth + 1, out);
}

bool capnp_get_text(const struct capnp_struct *s, size_t index, struct span *out)
{
	*out = SPAN("");
	return index >= s->pointer_count || follow_text(s->message, s->pointers + index, s->depth + 1, out);
}

/* The tag word of a composite list says how many elements there are and how large. */
static bool open_composite(struct capnp_message *m, size_t target, size_t words, struct capnp_list *out)
{
	if (target >= message_words(m) || !message_claim(m, target, words + 1))
		return false;
	uint64_t tag = message_word(m, target);
	size_t count = (tag & 0xffffffff) >> 2, data = tag >> 32 & 0xffff, pointers = tag >> 48;
	if ((tag & 3) != POINTER_STRUCT || count * (data + pointers) > words)
		return false;
	/* Elements that take no room would make a list of any length from nothing. */
	if (data + pointers == 0 && count > words)
		return false;
	out->count = count;
	out->composite = true;
	out->at.data = target + 1;
	out->at.data_words = data;
	out->at.pointers = target + 1 + data;
	out->at.pointer_count = pointers;
	return true;
}

bool capnp_get_list(const struct capnp_struct *s, size_t index, struct capnp_list *out)
{
	struct capnp_message *m = s->message;
	size_t target;

	*out = (struct capnp_list){.at = {.message = m, .depth = s->depth + 1}};
	if (index >= s->pointer_count)
		return true;
	uint64_t pointer = message_word(m, s->pointers + index);
	size_t count = pointer >> 35;
	if (pointer == 0)
		return true;
	if ((pointer & 3) != POINTER_LIST || s->depth + 1 > CAPNP_DEPTH_MAX ||
		!pointer_target(m, s->pointers + index, pointer, &target))
		return false;
	switch (pointer >> 32 & 7) {
	case LIST_COMPOSITE: return open_composite(m, target, count, out);
	case LIST_POINTERS:
		out->count = out->at.pointer_count = count;
		out->at.pointers = target;
		return message_claim(m, target, count);
	default: return false;
	}
}

bool capnp_list_text(const struct capnp_list *l, size_t i, struct span *out)
{
	*out = SPAN("");
	return !l->composite && i < l->count &&
	       follow_text(l->at.message, l->at.pointers + i, l->at.depth + 1, out);
}

bool capnp_list_struct(const struct capnp_list *l, size_t i, struct capnp_struct *out)
{
	if (!l->composite || i >= l->count)
		return false;
	size_t step = i * (l->at.data_words + l->at.pointer_count);
	*out = l->at;
	out->data += step;
	out->pointers += step;
	return true;
}

bool capnp_get_capability(const struct capnp_struct *s, size_t index, uint32_t *out)
{
	if (index >= s->pointer_count)
		return false;
	uint64_t pointer = message_word(s->message, s->pointers + index);
	*out = (uint32_t)(pointer >> 32);
	return (pointer & 0xffffffff) == POINTER_OTHER;
}

/* --- Building --- */

/* The segment so far, in words. */
static size_t builder_words(const struct capnp_builder *b)
{
	return (buf_len(b->out) - b->start) / WORD - 1;
}

static char *builder_at(const struct capnp_builder *b, size_t word)
{
	return b->out->data + b->out->head + b->start + (word + 1) * WORD;
}

/* Append zeroed words; their index. */
static size_t builder_grow(struct capnp_builder *b, size_t words)
{
	size_t at = builder_words(b);
	char *p = b->failed ? NULL : buf_reserve(b->out, words * WORD);

	if (p == NULL) {
		b->failed = true;
		return 0;
	}
	memset(p, 0, words * WORD);
	buf_commit(b->out, words * WORD);
	return at;
}

static void builder_set_word(struct capnp_builder *b, size_t word, uint64_t v)
{
	if (!b->failed)
		store(builder_at(b, word), WORD, v);
}

static uint64_t offset_bits(size_t from, size_t to)
{
	return (uint64_t)(to - from - 1) << 2;
}

static void builder_list(struct capnp_builder *b, size_t from, size_t to, enum list_size size, size_t count)
{
	builder_set_word(
		b, from, offset_bits(from, to) | POINTER_LIST | (uint64_t)size << 32 | (uint64_t)count << 35);
}

void capnp_begin(struct capnp_builder *b, struct buf *out)
{
	*b = (struct capnp_builder){.out = out, .start = buf_len(out)};
	char *p = buf_reserve(out, 2 * WORD);
	if (p == NULL) {
		b->failed = true;
		return;
	}
	memset(p, 0, 2 * WORD);
	buf_commit(out, 2 * WORD);
}

size_t capnp_add_struct(struct capnp_builder *b, size_t from, unsigned data_words, unsigned pointers)
{
	size_t at = builder_grow(b, data_words + pointers);

	builder_set_word(
		b, from, offset_bits(from, at) | (uint64_t)data_words << 32 | (uint64_t)pointers << 48);
	return at;
}

void capnp_add_empty(struct capnp_builder *b, size_t from)
{
	/* Offset -1: the struct is where its pointer is, and takes nothing. */
	builder_set_word(b, from, 0xfffffffc);
}

static void builder_bytes(struct capnp_builder *b, size_t from, struct span bytes, size_t count)
{
	size_t at = builder_grow(b, (count + WORD - 1) / WORD);

	if (b->failed)
		return;
	memcpy(builder_at(b, at), bytes.p, bytes.len);
	builder_list(b, from, at, LIST_BYTES, count);
}

void capnp_add_text(struct capnp_builder *b, size_t from, struct span text)
{
	if (text.len > 0)
		builder_bytes(b, from, text, text.len + 1);
}

void capnp_add_data(struct capnp_builder *b, size_t from, struct span data)
{
	if (data.len > 0)
		builder_bytes(b, from, data, data.len);
}

size_t capnp_add_pointers(struct capnp_builder *b, size_t from, size_t count)
{
	size_t at = builder_grow(b, count);

	builder_list(b, from, at, LIST_POINTERS, count);
	return at;
}

size_t capnp_add_structs(
	struct capnp_builder *b, size_t from, size_t count, unsigned data_words, unsigned pointers)
{
	size_t words = count * (data_words + pointers);
	size_t tag = builder_grow(b, words + 1);

	builder_list(b, from, tag, LIST_COMPOSITE, words);
	builder_set_word(
		b, tag, (uint64_t)count << 2 | (uint64_t)data_words << 32 | (uint64_t)pointers << 48);
	return tag + 1;
}

void capnp_set_capability(struct capnp_builder *b, size_t from, uint32_t index)
{
	builder_set_word(b, from, POINTER_OTHER | (uint64_t)index << 32);
}

static void builder_scalar(struct capnp_builder *b, size_t at, size_t byte, size_t bytes, uint64_t v)
{
	if (!b->failed)
		store(builder_at(b, at) + byte, bytes, v);
}

void capnp_set_u64(struct capnp_builder *b, size_t at, size_t byte, uint64_t v)
{
	builder_scalar(b, at, byte, 8, v);
}

void capnp_set_u32(struct capnp_builder *b, size_t at, size_t byte, uint32_t v)
{
	builder_scalar(b, at, byte, 4, v);
}

void capnp_set_u16(struct capnp_builder *b, size_t at, size_t byte, uint16_t v)
{
	builder_scalar(b, at, byte, 2, v);
}

void capnp_set_u8(struct capnp_builder *b, size_t at, size_t byte, uint8_t v)
{
	builder_scalar(b, at, byte, 1, v);
}

int capnp_finish(struct capnp_builder *b)
{
	if (b->failed) {
		b->out->tail = b->out->head + b->start;
		return -1;
	}
	store(b->out->data + b->out->head + b->start + 4, 4, builder_words(b));
	return 0;
}
