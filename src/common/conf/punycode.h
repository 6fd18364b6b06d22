/* Punycode (RFC 3492), encoding alone. */
#ifndef CONF_PUNYCODE_H
#define CONF_PUNYCODE_H

#include "common/base/buf.h"

#define PUNYCODE_MAX 256 /* characters of a label */

/* Append the form of a label, without "xn--". -1 when it is too long. */
int punycode_encode(const uint32_t *label, size_t len, struct buf *out);

#endif
