/* HPACK, seen from its lengths only: representations (RFC 7541, 6), their integers (5.1) and strings (5.2). */
#include "tunnel/h2/hpackcut.h"

void hpackcut_start(struct hpackcut *h)
{
	*h = (struct hpackcut){.kept.max = HPACKCUT_BLOCK_MAX};
}

void hpackcut_fini(struct hpackcut *h)
{
	buf_free(&h->kept);
}

bool hpackcut_is_whole(const struct hpackcut *h)
{
	return h->state == HPACKCUT_FIELD;
}

/* The bits of the first byte that belong to the integer. */
static uint8_t integer_mask(const struct hpackcut *h)
{
	if (h->state == HPACKCUT_LENGTH || (h->kind & 0x80))
		return 0x7f;
	if (h->kind & 0x40)
		return 0x3f;
	return h->kind & 0x20 ? 0x1f : 0x0f;
}

enum integer {
	INTEGER_MORE,
	INTEGER_DONE,
	INTEGER_BAD, /* past 32 bits, or padded beyond what any peer does */
};

static enum integer take_integer(struct hpackcut *h, uint8_t c)
{
	size_t n = h->prefix_len;

	if (n == sizeof(h->prefix))
		return INTEGER_BAD;
	h->prefix[h->prefix_len++] = c;
	if (n == 0) {
		uint8_t mask = integer_mask(h);
		h->value = c & mask;
		return h->value < mask ? INTEGER_DONE : INTEGER_MORE;
	}
	h->value += (uint64_t)(c & 0x7f) << 7 * (n - 1);
	if (h->value > UINT32_MAX)
		return INTEGER_BAD;
	return c & 0x80 ? INTEGER_MORE : INTEGER_DONE;
}

static void expect_length(struct hpackcut *h, bool is_name)
{
	h->state = HPACKCUT_LENGTH;
	h->is_name = is_name;
	h->prefix_len = 0;
}

/* The index of a field is known: what follows it? */
static int end_index(struct hpackcut *h)
{
	bool literal = (h->kind & 0xc0) == 0x40 || (h->kind & 0xe0) == 0;

	if (buf_add(&h->kept, h->prefix, h->prefix_len) < 0)
		return -1;
	h->indexing = (h->kind & 0xc0) == 0x40;
	if (literal)
		expect_length(h, h->value == 0);
	else
		h->state = HPACKCUT_FIELD; /* indexed, or a new size of the table */
	return 0;
}

static void end_string(struct hpackcut *h)
{
	if (h->is_name)
		expect_length(h, false);
	else
		h->state = HPACKCUT_FIELD;
}

/* Stands for what is left out: one byte, or as many as empty a table. */
static int add_replacement(struct hpackcut *h)
{
	static const uint8_t table_size[] = {0x7f, 0x81, 0x1f}; /* 4096 in 7 bits */
	static const uint8_t one[] = {1, 'x'};

	_Static_assert(HPACKCUT_TABLE_SIZE == 0x7f + 0x01 + (0x1f << 7), "prefix of the replacement");
	if (!h->indexing)
		return buf_add(&h->kept, one, sizeof(one));
	if (buf_add(&h->kept, table_size, sizeof(table_size)) < 0)
		return -1;
	char *at = buf_reserve(&h->kept, HPACKCUT_TABLE_SIZE);
	if (at == NULL)
		return -1;
	memset(at, 'x', HPACKCUT_TABLE_SIZE);
	buf_commit(&h->kept, HPACKCUT_TABLE_SIZE);
	return 0;
}

/* The length of a string is known. One of HPACKCUT_STRING_MAX or more is longer than the table however it is encoded: no
 * code has more than 30 bits. */
static int end_length(struct hpackcut *h)
{
	size_t kept = buf_len(&h->kept);

	h->state = HPACKCUT_STRING;
	h->cutting = h->value > HPACKCUT_STRING_MAX ||
		     (!h->indexing && h->value > 1 && kept + h->value > HPACKCUT_KEEP_MAX);
	h->was_cut = h->was_cut || h->cutting;
	if ((h->cutting ? add_replacement(h) : buf_add(&h->kept, h->prefix, h->prefix_len)) < 0)
		return -1;
	if (h->value == 0)
		end_string(h);
	return 0;
}

static int take_string(struct hpackcut *h, struct span *bytes)
{
	size_t n = bytes->len < h->value ? bytes->len : (size_t)h->value;
	int rc = h->cutting ? 0 : buf_add(&h->kept, bytes->p, n);

	*bytes = span_skip(*bytes, n);
	h->value -= n;
	if (h->value == 0)
		end_string(h);
	return rc;
}

/* One byte of an integer, or the byte before all. */
static int take_byte(struct hpackcut *h, uint8_t c, const char **why)
{
	if (h->state == HPACKCUT_FIELD) {
		h->state = HPACKCUT_INDEX;
		h->kind = c;
		h->prefix_len = 0;
	}
	switch (take_integer(h, c)) {
	case INTEGER_MORE: return 0;
	case INTEGER_BAD: *why = "integer too large in a header block"; return -1;
	case INTEGER_DONE: break;
	}
	return h->state == HPACKCUT_INDEX ? end_index(h) : end_length(h);
}

int hpackcut_feed(struct hpackcut *h, struct span bytes, const char **why)
{
	*why = "header block too large";
	while (bytes.len > 0) {
		int rc;
		if (h->state == HPACKCUT_STRING) {
			rc = take_string(h, &bytes);
		} else {
			rc = take_byte(h, (uint8_t)bytes.p[0], why);
			bytes = span_skip(bytes, 1);
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}
