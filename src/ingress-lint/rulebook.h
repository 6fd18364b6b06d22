/* The catalogue of rules: what each finds, why it matters and what to do, with an example. Ids are for ever. */
#ifndef LINT_RULEBOOK_H
#define LINT_RULEBOOK_H

#include "common/base/span.h"

/* In ascending order of weight. */
enum rulebook_severity {
	RULEBOOK_INFO,    /* worth knowing */
	RULEBOOK_WARNING, /* most likely a mistake */
	RULEBOOK_ERROR,   /* refused, or cannot do what it says */
};

struct rulebook_rule {
	const char *id;   /* "IL101"; NULL ends a table */
	const char *name; /* "path-unanchored" */
	enum rulebook_severity severity;
	const char *title, *why, *fix,
		*evidence;      /* a sentence or two each; evidence: issues, and families of the corpus */
	const char *bad, *good; /* files */
};

extern const struct rulebook_rule rulebook_refused[], rulebook_routing[], rulebook_service[],
	rulebook_origin[], rulebook_access[], rulebook_settings[], rulebook_yaml[], rulebook_kube[],
	rulebook_cluster[], rulebook_proxy[];

/* Of an id or a name; NULL when there is none. */
const struct rulebook_rule *rulebook_find(struct span id);
/* The next in the order of ids; the first after NULL, and NULL after the last. */
const struct rulebook_rule *rulebook_next(const struct rulebook_rule *rule);
/* "error" and the like. */
const char *rulebook_severity_name(enum rulebook_severity severity);

#endif
