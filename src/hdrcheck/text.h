/* Text as the reference tools, which are JavaScript, cut it: their idea of white space, and lengths in characters. All
 * text is UTF-8; header values come from bytes, U+0000 to U+00FF (response.h). */
#ifndef HDRCHECK_TEXT_H
#define HDRCHECK_TEXT_H

#include "common/base/arena.h"

/* Strip white space (ECMA-262, WhiteSpace and LineTerminator) at both ends. */
struct span text_trim(struct span s);
/* Take the next run of characters that are not white space off *rest; false at the end. */
bool text_word(struct span *rest, struct span *word);
/* Take what stands before the next sep off *rest; false when nothing is left. "a;" holds "a" and "". */
bool text_piece(struct span *rest, char sep, struct span *piece);
/* A copy with ASCII letters in lower case. */
struct span text_lower(struct arena *a, struct span s);
/* The first max characters. */
struct span text_first(struct span s, size_t max);
/* Characters, as UTF-16 counts them. */
size_t text_length(struct span s);
/* Is one in the other? The needle is not empty. */
bool text_contains(struct span s, struct span needle);
/* Index of the needle, or s.len. */
size_t text_find(struct span s, struct span needle);

#endif
