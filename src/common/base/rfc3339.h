/* Times as text: RFC 3339, section 5.6. Microseconds since 1970 UTC, as the management API has them. */
#ifndef BASE_RFC3339_H
#define BASE_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

#define RFC3339_TEXT_MAX 40 /* bytes of a printed time, NUL included */

/* "2026-01-02T03:04:05.123456Z"; offsets are taken, digits past microseconds are cut. Years 1 to 9999; a leap second
 * counts as the one before. False when it is none. */
bool rfc3339_parse(struct span s, int64_t *us);
/* UTC with as many digits of the fraction as it needs, or with exactly `digits` (0 to 6) unless that is negative. */
void rfc3339_print(int64_t us, int digits, char out[RFC3339_TEXT_MAX]);
/* The clock. */
int64_t rfc3339_now(void);

#endif
