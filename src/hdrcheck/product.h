/* Which server a hop is, as far as its answers tell, and the line of that server's configuration that does a thing to a
 * header. */
#ifndef HDRCHECK_PRODUCT_H
#define HDRCHECK_PRODUCT_H

#include "hdrcheck/response.h"

enum product {
	PRODUCT_NGINX,
	PRODUCT_APACHE,
	PRODUCT_HAPROXY,
	PRODUCT_CADDY,
	PRODUCT_EDGE, /* `tunnel edge`, or another that sends cf-ray */
	PRODUCT_UNKNOWN,
};

enum hop_change {
	HOP_SAME,
	HOP_ADDED,   /* the hop behind it has no such header */
	HOP_REMOVED, /* the hop behind it has it */
	HOP_CHANGED, /* as many lines, another value */
	HOP_DOUBLED, /* more lines than the hop behind it has, and more than one */
	HOP_FEWER,   /* some of the lines are gone */
	HOP_RECASED, /* the name is spelt differently */
};

/* From what it makes of the answer of the hop behind it. */
enum product product_of(const struct response *here, const struct response *behind);
const char *product_label(enum product product);
/* What to look for in its configuration; of an unknown one, in that of each. NULL: nothing is configured. */
const char *product_look(struct arena *a, enum product product, enum hop_change change, struct span header);

#endif
