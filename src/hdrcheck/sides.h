/* What stands beside a page, held against it: which headers a missing page, an asset, a 304 or plain HTTP lacks, and where the
 * same page is another one. */
#ifndef HDRCHECK_SIDES_H
#define HDRCHECK_SIDES_H

#include "hdrcheck/audit.h"
#include "hdrcheck/fetch.h"

struct side {
	enum fetch_side side;
	const struct response *r; /* borrowed */
	struct span *lacks;       /* headers that the page has, and that count here as well */
	size_t lack_count;
	struct span *differs; /* headers that have another value, of what should be the same page */
	size_t differ_count;
};

struct sides {
	struct side at[FETCH_SIDES];
	size_t count;
};

/* Judge the answers (those of status 0 are none), and report what is not said of the page already. */
void sides_judge(struct audit *au, const struct response answers[FETCH_SIDES], struct sides *out);
const char *side_name(enum fetch_side side);

#endif
