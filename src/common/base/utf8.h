/* UTF-8 (RFC 3629), one character at a time. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "common/base/span.h"

/* Decode the first character of s. Its length in bytes, or 0 when s is empty or does not begin with a valid one
 * (overlong forms, surrogates and values past U+10FFFF are invalid). */
size_t utf8_decode(struct span s, uint32_t *c);
/* Are these bytes whole characters, from the first to the last? */
bool utf8_is_whole(struct span s);
/* Encode c, a valid scalar value, into out. The length, 1 to 4. */
size_t utf8_encode(uint32_t c, char out[4]);

#endif
