/* The hostnames of all rules, for questions about one of them. */
#ifndef LINT_NAMES_H
#define LINT_NAMES_H

#include "common/base/map.h"

struct view_rule;

/* Rules by hostname and punycode form, wildcards as they are written; and, by each ending that begins with a dot, how many
 * rules' hostnames have it. Keys are borrowed from the rules. */
struct names {
	struct map rules, under;
	size_t *counts;   /* what the maps point to */
	size_t used, any; /* any: rules for every host */
};

void names_init(struct names *n, const struct view_rule *rules, size_t count);
void names_fini(struct names *n);

/* How many rules name this host, or a wildcard, just so. */
size_t names_count(const struct names *n, struct span host);
/* Does another rule than the one of this host, not counting `any` of those for every host, match some of its hosts? */
bool names_overlap(const struct names *n, const char *host, size_t any);

#endif
