/* A key of a Kubernetes Secret: NAMESPACE/NAME#KEY. */
#ifndef CREDROTATE_SECRETREF_H
#define CREDROTATE_SECRETREF_H

#include "credrotate/target.h"

struct secretref {
	char *ns, *name, *key;   /* owned */
	char *path, *patch_path; /* owned; of the Secret at the API server */
};

/* From t->place. Names are held to what Kubernetes allows, so that they need no escaping anywhere. */
int secretref_parse(struct secretref *ref, const struct target *t, struct err *err);
/* The same key of another Secret there. */
void secretref_move(struct secretref *ref, const char *name);
void secretref_free(struct secretref *ref);
/* Lower-case letters, digits, - and ., a letter or digit at both ends: what Kubernetes calls most objects by. */
bool secretref_is_name(struct span s);
/* The object, to be released. */
enum kube_result secretref_get(const struct secretref *ref, struct kube *k, json_t **object, struct err *err);
/* The value under the key, decoded. */
int secretref_value(const struct secretref *ref, json_t *object, struct secret *out, struct err *err);
/* The same secret? In constant time. */
bool secretref_same(struct span a, const struct secret *b);

#endif
