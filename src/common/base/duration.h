/* Durations as Go writes them: "1h30m", "500ms", "-1.5s". */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stdbool.h>

#include "common/base/span.h"

#define DURATION_MS INT64_C(1000000)
#define DURATION_S (INT64_C(1000) * DURATION_MS)

enum duration_parse {
	DURATION_OK,
	DURATION_SYNTAX,       /* not a duration, or out of range: Go's "invalid duration" */
	DURATION_NO_UNIT,      /* a number without a unit, but for a bare 0 */
	DURATION_UNKNOWN_UNIT, /* "5d" */
};

/* Signed sequence of decimal numbers, each with an optional fraction and a unit of ns, us, µs, μs, ms, s, m, h; a
 * bare "0" is fine. Nanoseconds in *ns. (Go, time.ParseDuration.) */
enum duration_parse duration_parse(struct span text, int64_t *ns);

#define DURATION_TEXT_MAX 32
/* As Go's Duration.String: "1h30m0s", "1.5s", "250ms", "0s". */
void duration_print(int64_t ns, char out[DURATION_TEXT_MAX]);

#endif
