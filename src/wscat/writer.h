/* Whose words are these? Software known by its error pages and by its habits with header fields. */
#ifndef WSCAT_WRITER_H
#define WSCAT_WRITER_H

#include "wscat/hop.h"

/* Who wrote the answer itself: a proxy's own page, or PRODUCT_APP for whatever came through. PRODUCT_UNKNOWN: no answer. */
enum product writer_of(const struct reply *r);
/* Which software the answer came through last; PRODUCT_UNKNOWN when it left no trace. */
enum product writer_front(const struct reply *r);
/* Does the answer look like what a WebSocket library says to a plain GET? */
bool writer_is_plain_answer(const struct reply *r);
/* Same status and same body? Both must have come. */
bool writer_same(const struct reply *a, const struct reply *b);
bool writer_is_html(const struct reply *r);

#endif
