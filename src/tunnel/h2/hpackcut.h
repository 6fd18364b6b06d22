/* Walks HPACK header blocks (RFC 7541) without decoding them, and cuts strings out that are too long for the decoder
 * behind it, so that they cost their own message and not the connection. Tables stay in step: a string that would have
 * entered the dynamic table is replaced by one too large for it, as the original was. */
#ifndef H2_HPACKCUT_H
#define H2_HPACKCUT_H

#include "common/base/buf.h"

#define HPACKCUT_STRING_MAX ((uint32_t)65536) /* encoded bytes of a name or value; the decoder's limit */
#define HPACKCUT_KEEP_MAX \
	((size_t)512 * 1024) /* past it strings that enter no table are cut whatever their length */
#define HPACKCUT_BLOCK_MAX \
	((size_t)1024 * 1024)    /* of what is kept of a block; past it the block is refused */
#define HPACKCUT_TABLE_SIZE 4096 /* our SETTINGS_HEADER_TABLE_SIZE: the default */

enum hpackcut_state {
	HPACKCUT_FIELD,  /* at the first byte of a representation */
	HPACKCUT_INDEX,  /* in its integer */
	HPACKCUT_LENGTH, /* in a string's length */
	HPACKCUT_STRING, /* in a string */
};

struct hpackcut {
	enum hpackcut_state state;
	bool indexing;     /* the field enters the dynamic table */
	bool is_name;      /* the string is a name: a value follows */
	bool cutting;      /* the string is left out */
	bool was_cut;      /* something of this block was */
	uint8_t kind;      /* first byte of the representation */
	uint8_t prefix[6]; /* bytes of the integer so far */
	size_t prefix_len;
	uint64_t value; /* of that integer; then bytes of the string to come */
	struct buf kept;
};

void hpackcut_start(struct hpackcut *h);
/* Take the next bytes of the block. -1, with a constant reason, when it is malformed or too large. */
int hpackcut_feed(struct hpackcut *h, struct span bytes, const char **why);
/* May the block end here? */
bool hpackcut_is_whole(const struct hpackcut *h);
void hpackcut_fini(struct hpackcut *h);

#endif
