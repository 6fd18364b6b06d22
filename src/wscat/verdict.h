/* From facts to a verdict: which hop, which cause, how sure. */
#ifndef WSCAT_VERDICT_H
#define WSCAT_VERDICT_H

#include "wscat/catalogue.h"
#include "wscat/hop.h"

enum sure {
	SURE_NOT,      /* nothing is claimed */
	SURE_POSSIBLE, /* one of several that look alike */
	SURE_LIKELY,
	SURE_CERTAIN,
};
const char *sure_name(enum sure s);

#define VERDICT_CAUSES_MAX 16
#define VERDICT_CLIENT (-1) /* as a hop: the client, or whoever calls the first hop */
#define VERDICT_NOBODY (-2)

struct verdict {
	bool is_fault; /* something is broken; else it is worth a remark only, or nothing */
	int hop;       /* index, VERDICT_CLIENT or VERDICT_NOBODY */
	enum sure hop_sure;
	const struct cause *cause; /* NULL: unknown */
	enum sure cause_sure;
	const struct cause *candidates[VERDICT_CAUSES_MAX]; /* the best first; the cause among them */
	size_t candidate_count;
	char what[256];     /* what is seen, one sentence */
	char evidence[512]; /* status line, fields, body: what it rests on */
	char where[256];    /* FILE:LINE of the configuration; "" when none */
	char fix[512];      /* the line that mends it; "" when unknown */
};

/* Judge the hops, outermost first. */
void verdict_reach(struct hop *const *hops, size_t count, struct verdict *v);

#endif
