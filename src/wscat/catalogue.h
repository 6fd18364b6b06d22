/* Every known way for a WebSocket to break between client and application. Ids are stable and never used again. */
#ifndef WSCAT_CATALOGUE_H
#define WSCAT_CATALOGUE_H

#include <stddef.h>

struct cause {
	const char *id;
	const char *title; /* what is wrong, one line */
	const char *sees;  /* what a client sees */
	const char *tells; /* the second look that tells it from others */
	const char *fix;   /* the line that mends it, or what to do */
};

/* All of them, in the order of their ids; *count says how many. */
const struct cause *catalogue(size_t *count);
/* NULL when there is no such id; case does not matter. */
const struct cause *catalogue_find(const char *id);

#endif
