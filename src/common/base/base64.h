/* Base64 (RFC 4648, 4): the standard alphabet, with or without padding. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>

#include "common/base/buf.h"

enum base64_padding {
	BASE64_PADDED,   /* "=" to a multiple of four */
	BASE64_UNPADDED, /* none allowed */
};

/* Characters that len bytes take. */
size_t base64_encoded_len(size_t len, enum base64_padding padding);
/* Append the encoding of bytes. -1 when out's ceiling would be passed. */
int base64_encode(struct span bytes, enum base64_padding padding, struct buf *out);
/* Decode text into at most size bytes at out; *len says how many. False on a foreign character, wrong padding or
 * length, non-zero bits after the last byte, or too little room. Strict: no white space. */
bool base64_decode(struct span text, enum base64_padding padding, void *out, size_t size, size_t *len);

#endif
