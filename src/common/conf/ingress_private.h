/* What the files of the ingress module share. For them alone. */
#ifndef CONF_INGRESS_PRIVATE_H
#define CONF_INGRESS_PRIVATE_H

#include "common/conf/ingress.h"

struct ingress_index; /* opaque: finds the rule of a request; in ingress_match.c */

struct ingress {
	struct ingress_rule *rules;
	size_t count;
	struct ingress_index *index; /* NULL for a single rule */
};

void ingress_options_default(struct ingress_options *o);
/* A rule's options start as a copy of the global ones, but for ipRules and access. */
void ingress_options_copy(struct ingress_options *to, const struct ingress_options *from);
void ingress_options_free(struct ingress_options *o);

/* Compile the paths and sort the hostnames of all rules. INGRESS_REGEX with *rule when a path is no expression. */
enum ingress_fault ingress_index_new(struct ingress *in, size_t *rule, struct err *err);
void ingress_index_free(struct ingress_index *index);

#endif
