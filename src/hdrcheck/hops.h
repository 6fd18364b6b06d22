/* The same page at each hop on its way: who added, changed, dropped or doubled a header. */
#ifndef HDRCHECK_HOPS_H
#define HDRCHECK_HOPS_H

#include "hdrcheck/response.h"

#define HOPS_MAX 16

enum hop_change {
	HOP_SAME,
	HOP_ADDED,   /* the hop behind it has no such header */
	HOP_REMOVED, /* the hop behind it has it */
	HOP_CHANGED, /* as many lines, another value */
	HOP_DOUBLED, /* more lines than the hop behind it has, and more than one */
	HOP_FEWER,   /* some of the lines are gone */
	HOP_RECASED, /* the name is spelt differently */
};

struct hop {
	const char *name;
	const char *url;
	const struct response *r; /* borrowed */
};

/* A header at every hop. */
struct hop_row {
	struct span name;
	struct span values[HOPS_MAX]; /* lines joined by " + "; a NULL pointer: not there */
	size_t lines[HOPS_MAX];
	enum hop_change change
		[HOPS_MAX]; /* against the hop behind it; that of the last hop, the application, is SAME */
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

#endif
