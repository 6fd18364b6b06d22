/* Every finding that hdrcheck knows: one row each. */
#ifndef HDRCHECK_RULES_H
#define HDRCHECK_RULES_H

#include <stddef.h>

enum severity {
	SEVERITY_INFO,
	SEVERITY_WARNING,
	SEVERITY_ERROR,
};

struct rule {
	const char *id; /* stable */
	enum severity severity;
	const char *header; /* "" when it is about none in particular */
	const char *why;    /* what browsers do because of it, and what to do about it */
	const char *source; /* RFC or specification */
};

/* All of them, sorted by subject. */
extern const struct rule rules[];
extern const size_t rules_count;

/* The rule of that id; NULL when there is none. */
const struct rule *rule_find(const char *id);
const char *severity_name(enum severity severity);

#endif
