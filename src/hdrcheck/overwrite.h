/* What an edge that applies a policy takes from an application: its `set` puts one value in the place of another, stronger one
 * or not. */
#ifndef HDRCHECK_OVERWRITE_H
#define HDRCHECK_OVERWRITE_H

#include "common/conf/headerpolicy.h"
#include "hdrcheck/audit.h"

struct overwrite {
	struct span header, was, now;
	bool stronger; /* what was there protects from more */
	unsigned line; /* of the policy's file */
};

struct overwrites {
	struct overwrite *at; /* in the audit's arena */
	size_t count;
};

/* What applying p to r would overwrite: reported, in the name of that hop if it has one. */
void overwrites_find(struct audit *au, const struct headerpolicy *p, const struct response *r,
	const char *hop, struct overwrites *out);
/* Does one value of a header protect from something that the other does not protect from? */
bool overwrite_is_stronger(struct arena *a, struct span header, struct span one, struct span other);

#endif
