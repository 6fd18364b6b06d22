/* Line editing with history on a terminal, by libedit, beside whatever else is printed. */
#ifndef WSCAT_TERM_H
#define WSCAT_TERM_H

#include "common/net/loop.h"

struct term; /* opaque */

/* line is borrowed for the call; NULL is the end of the input. */
typedef void term_fn(void *arg, const char *line);
/* Takes over the terminal until term_free. */
struct term *term_new(struct loop *loop, term_fn *fn, void *arg);
/* Give the screen's last line back and take it again, around other output. NULL is fine for all three. */
void term_hide(struct term *t);
void term_show(struct term *t);
void term_free(struct term *t);

#endif
