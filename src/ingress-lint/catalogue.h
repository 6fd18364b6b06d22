/* The catalogue of rules: what each finds, why it matters and what to do, with an example. Ids are for ever. */
#ifndef LINT_CATALOGUE_H
#define LINT_CATALOGUE_H

#include "common/base/span.h"

/* In ascending order of weight. */
enum catalogue_severity {
	CATALOGUE_INFO,    /* worth knowing */
	CATALOGUE_WARNING, /* most likely a mistake */
	CATALOGUE_ERROR,   /* refused, or cannot do what it says */
};

struct catalogue_rule {
	const char *id;   /* "IL101"; NULL ends a table */
	const char *name; /* "path-unanchored" */
	enum catalogue_severity severity;
	const char *title, *why, *fix,
		*evidence;      /* a sentence or two each; evidence: issues, and families of the corpus */
	const char *bad, *good; /* files */
};

extern const struct catalogue_rule catalogue_refused[], catalogue_routing[], catalogue_service[],
	catalogue_origin[], catalogue_access[], catalogue_settings[], catalogue_yaml[], catalogue_kube[],
	catalogue_cluster[], catalogue_proxy[];

/* Of an id or a name; NULL when there is none. */
const struct catalogue_rule *catalogue_find(struct span id);
/* The next in the order of ids; the first after NULL, and NULL after the last. */
const struct catalogue_rule *catalogue_next(const struct catalogue_rule *rule);
/* "error" and the like. */
const char *catalogue_severity_name(enum catalogue_severity severity);

#endif
