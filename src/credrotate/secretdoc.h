/* A Secret as a JSON document, which is valid YAML: composed by hand, so that no library holds the value. */
#ifndef CREDROTATE_SECRETDOC_H
#define CREDROTATE_SECRETDOC_H

#include <jansson.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define SECRETDOC_MAX ((size_t)2 << 20) /* Kubernetes takes Secrets of 1 MiB, before base64 */
#define SECRETDOC_FINGERPRINT "outbore.dev/secret-fingerprint" /* annotations */
#define SECRETDOC_REPLACES "outbore.dev/replaces"

/* All borrowed. Names are those that secretref_parse lets through. */
struct secretdoc {
	const char *ns, *name, *key, *fingerprint;
	struct span value; /* of the key */
	json_t *old;       /* labels, annotations, type and the other keys are taken from it; NULL for none */
	bool is_immutable;
	const char *replaces; /* the Secret that this one comes after; NULL for none */
};

/* Append to out, which is to be wiped. */
int secretdoc_compose(const struct secretdoc *d, struct buf *out, struct err *err);

#endif
