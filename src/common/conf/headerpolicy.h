/* Header policies (header-policy(5)): what an edge adds to responses and takes away, which is what hdrcheck asks of them. A
 * response meets a policy when applying it changes nothing. Read once, then read-only; nothing is allocated for a response. */
#ifndef CONF_HEADERPOLICY_H
#define CONF_HEADERPOLICY_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/proto/header.h"

#define HEADERPOLICY_BYTES_MAX ((size_t)1 << 20) /* of a file */
#define HEADERPOLICY_RULES_MAX 256   /* that are for every host, and for each section of "hosts" */
#define HEADERPOLICY_OPS_MAX 256     /* headers that one rule is about */
#define HEADERPOLICY_HOSTS_MAX 1024  /* sections of "hosts" */
#define HEADERPOLICY_PATTERNS_MAX 64 /* of them, those whose name has a "*" */
#define HEADERPOLICY_NAME_MAX 128    /* bytes of a header's name */
#define HEADERPOLICY_VALUE_MAX 8192  /* of a value */
#define HEADERPOLICY_NONCE_MIN 22    /* characters of base64 that hold 128 bits */
#define HEADERPOLICY_NONCE_MAX 64    /* characters that a nonce may have */
#define HEADERPOLICY_NONCES_MAX 1024 /* times that {nonce} may stand in a file */

struct headerpolicy; /* opaque */

/* Which response it is. */
struct headerpolicy_subject {
	struct span host; /* without port */
	struct span path; /* without query */
	int status;
	struct span
		nonce; /* what {nonce} stands for. A NULL pointer: any valid nonce is as good, so that a value which
			    * has one in that place stays; where none does, {nonce} is written as it is */
};

/* Where values that are made for one response live, until the headers are written. Zero-initialised is empty. */
struct headerpolicy_scratch {
	char hsts[64];
	struct buf text;
};
void headerpolicy_scratch_free(struct headerpolicy_scratch *scratch);

/* A value that `set` took the place of. */
struct headerpolicy_overwrite {
	struct span name, was, now;
	unsigned line; /* of the policy's file */
};

/* Who is told of each, while a policy is applied. */
struct headerpolicy_observer {
	void (*overwritten)(void *arg, const struct headerpolicy_overwrite *o);
	void *arg;
};

/* Parse YAML. NULL with err, which names the line. */
struct headerpolicy *headerpolicy_parse(struct span yaml, struct err *err);
void headerpolicy_free(struct headerpolicy *p); /* NULL is fine */

/* The request header, in lower case, that tells an application the nonce of the response to come; a NULL pointer when no value
 * of the policy has {nonce}. */
struct span headerpolicy_nonce_header(const struct headerpolicy *p);

/* Edit the headers of a response. What is added is borrowed from p and the scratch, until the scratch is used again. Responses
 * of status 1xx stay as they are; values with {nonce} stay out of a 304, which would put a nonce before a body that has
 * another. -1 when there would be more fields than HEADER_FIELDS_MAX: then the headers are part of the way. */
int headerpolicy_apply(const struct headerpolicy *p, const struct headerpolicy_subject *s,
	struct fields *headers, struct headerpolicy_scratch *scratch);
/* The same, with somebody looking on. */
int headerpolicy_apply_observed(const struct headerpolicy *p, const struct headerpolicy_subject *s,
	struct fields *headers, struct headerpolicy_scratch *scratch,
	const struct headerpolicy_observer *observer);

#endif
