/* What the files of the ingress module share. For them alone. */
#ifndef CONF_INGRESS_PRIVATE_H
#define CONF_INGRESS_PRIVATE_H

#include "common/conf/ingress.h"
#include "common/conf/rx.h"
#include "common/conf/yaml_decode.h"

struct ingress_index; /* opaque: finds the rule of a request; in ingress_match.c */

struct ingress {
	struct ingress_rule *rules;
	size_t count;
	struct rx **paths; /* the rules' expressions, NULL where there is none; NULL for ingress_single */
	struct ingress_options global;
	struct ingress_index *index; /* NULL for ingress_single */
};

void ingress_options_default(struct ingress_options *o);
void ingress_options_free(struct ingress_options *o);
/* Decode an originRequest into o, which is zeroed or holds what is to be overridden: a yaml_decode_fn. */
bool ingress_options_decode(struct yaml_decode *d, const struct yaml_node *n, void *o);
/* A rule's options: its own keys, then the global ones but for ipRules and access, which count where they stand. Takes
 * what own holds. */
void ingress_options_merge(
	struct ingress_options *out, const struct ingress_options *global, struct ingress_options *own);

/* Sort the rules by hostname, their paths into sets. */
struct ingress_index *ingress_index_new(const struct ingress *in);
void ingress_index_free(struct ingress_index *index);

/* Bytes of automata that it keeps now. */
size_t ingress_matcher_bytes(const struct ingress_matcher *m);

#endif
