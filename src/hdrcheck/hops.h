/* The same page at each hop on its way: who added, changed, dropped or doubled a header. */
#ifndef HDRCHECK_HOPS_H
#define HDRCHECK_HOPS_H

#include "hdrcheck/audit.h"
#include "hdrcheck/product.h"

#define HOPS_MAX 16

struct hop {
	const char *name;
	const char *url;
	const struct response *r; /* borrowed */
	enum product product;     /* hops_compare */
};

/* A header at every hop. */
struct hop_row {
	struct span name;
	struct span values[HOPS_MAX]; /* lines joined by " + "; a NULL pointer: not there */
	size_t lines[HOPS_MAX];
	enum hop_change change
		[HOPS_MAX]; /* against the hop behind it; that of the last hop, the application, is SAME */
	const char *look[HOPS_MAX]; /* what to look for in the hop's configuration; NULL: nothing */
};

struct hops {
	struct hop at[HOPS_MAX]; /* from the outside in: the last is the application */
	size_t count;
	struct hop_row *rows;
	size_t row_count;
};

/* Compare the hops. Headers that differ from one answer to the next by nature (Date, Age, ...) are left out. */
void hops_compare(struct arena *a, struct hops *h);
/* Is a header never the same twice (Date), or one connection's own? */
bool hops_is_volatile(struct span name);
const char *hop_change_name(enum hop_change change);
/* The hop that the header as it arrives outside comes from: the innermost from which on it stays the same. NULL when there
 * is no such header. */
const char *hops_origin(const struct hops *h, struct span header);
/* Say of each finding which hop its header comes from, and report what hops do to security headers. */
void check_hops(struct audit *au, const struct hops *h);

#endif
