/* Cap'n Proto messages (capnproto.org/encoding.html): a bounded reader and a builder for one-segment messages in the
 * stream framing. Bytes in, bytes out; no I/O, no recursion. */
#ifndef CONTROL_CAPNP_H
#define CONTROL_CAPNP_H

#include "common/base/buf.h"
#include "common/proto/parse.h"

#define CAPNP_DEPTH_MAX 64 /* pointers followed from the root */
#define CAPNP_READ_FACTOR \
	8 /* words read at most, as a multiple of the message: shared objects cannot amplify */

/* --- Framing --- */

/* Is there a whole message at the start of in? With PARSE_OK *len is its length, frame header included. PARSE_BAD when it
 * has several segments, no words, or more than max bytes; *why says which. */
enum parse capnp_frame(struct span in, size_t max, size_t *len, const char **why);

/* --- Reading --- */
struct capnp_message {
	struct span words; /* the segment, borrowed; need not be aligned */
	size_t budget;     /* words that may still be read */
};

/* A struct in a message. Zeroed, every field has its default: what a null pointer stands for. */
struct capnp_struct {
	struct capnp_message *message;
	size_t data, data_words; /* word index and count of the data section */
	size_t pointers, pointer_count;
	unsigned depth;
};

/* A list of pointers or of structs. */
struct capnp_list {
	struct capnp_struct at; /* of the elements: at.pointers is the first */
	size_t count;
	bool composite; /* elements are structs of at.data_words + at.pointer_count words, tag left out */
};

/* Start reading one framed message. False when its root is not a struct. */
bool capnp_open(struct capnp_message *m, struct span framed, struct capnp_struct *root);

/* Scalars by byte or bit offset in the data section; what lies beyond it reads as 0. */
uint64_t capnp_u64(const struct capnp_struct *s, size_t byte);
uint32_t capnp_u32(const struct capnp_struct *s, size_t byte);
uint16_t capnp_u16(const struct capnp_struct *s, size_t byte);
uint8_t capnp_u8(const struct capnp_struct *s, size_t byte);
bool capnp_bit(const struct capnp_struct *s, size_t bit);

/* Follow the index-th pointer. Null, or beyond the pointer section: an empty result. False when the pointer is of another
 * kind, leaves the segment, or a limit is passed. */
bool capnp_get_struct(const struct capnp_struct *s, size_t index, struct capnp_struct *out);
bool capnp_get_data(const struct capnp_struct *s, size_t index, struct span *out);
bool capnp_get_text(const struct capnp_struct *s, size_t index, struct span *out); /* without its NUL */
bool capnp_get_list(const struct capnp_struct *s, size_t index, struct capnp_list *out);
/* The i-th element, i < count: of a list of text, of a list of structs. */
bool capnp_list_text(const struct capnp_list *l, size_t i, struct span *out);
bool capnp_list_struct(const struct capnp_list *l, size_t i, struct capnp_struct *out);
/* A capability pointer's index in the cap table. False when it is none. */
bool capnp_get_capability(const struct capnp_struct *s, size_t index, uint32_t *out);

/* --- Building --- */

/* Objects are allocated one behind the other; a place is a word index in the segment. */
struct capnp_builder {
	struct buf *out; /* borrowed; the message is appended to it */
	size_t start;    /* where the frame begins in out */
	bool failed;     /* out's ceiling was passed */
};

/* Begin a message. The root pointer is word 0. */
void capnp_begin(struct capnp_builder *b, struct buf *out);
/* Make a struct and let the pointer at word `from` lead to it. Returns its first word: data, then pointers. */
size_t capnp_add_struct(struct capnp_builder *b, size_t from, unsigned data_words, unsigned pointers);
/* A struct without data and pointers: it takes no room. */
void capnp_add_empty(struct capnp_builder *b, size_t from);
/* Text gets its NUL. Nothing is written for empty text or data: the pointer stays null. */
void capnp_add_text(struct capnp_builder *b, size_t from, struct span text);
void capnp_add_data(struct capnp_builder *b, size_t from, struct span data);
/* A list of pointers; returns the word of the first. */
size_t capnp_add_pointers(struct capnp_builder *b, size_t from, size_t count);
/* A list of structs; returns the first word of the first one. */
size_t capnp_add_structs(
	struct capnp_builder *b, size_t from, size_t count, unsigned data_words, unsigned pointers);
void capnp_set_capability(struct capnp_builder *b, size_t from, uint32_t index);
/* Scalars: byte offset within the struct whose first word is at. */
void capnp_set_u64(struct capnp_builder *b, size_t at, size_t byte, uint64_t v);
void capnp_set_u32(struct capnp_builder *b, size_t at, size_t byte, uint32_t v);
void capnp_set_u16(struct capnp_builder *b, size_t at, size_t byte, uint16_t v);
void capnp_set_u8(struct capnp_builder *b, size_t at, size_t byte, uint8_t v);
/* Write the frame header. -1 when out's ceiling was passed: out is as it was before capnp_begin. */
int capnp_finish(struct capnp_builder *b);

#endif
