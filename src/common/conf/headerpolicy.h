/* Header policies (header-policy(5)): what an edge adds to responses and takes away, which is what hdrcheck asks of them. A
 * response meets a policy when applying it changes nothing. Read once, then read-only; nothing is allocated for a response. */
#ifndef CONF_HEADERPOLICY_H
#define CONF_HEADERPOLICY_H

#include "common/base/err.h"
#include "common/proto/header.h"

#define HEADERPOLICY_BYTES_MAX ((size_t)1 << 20) /* of a file */
#define HEADERPOLICY_RULES_MAX 256
#define HEADERPOLICY_NAME_MAX 128   /* bytes of a header's name */
#define HEADERPOLICY_VALUE_MAX 8192 /* of a value */

struct headerpolicy; /* opaque */

/* Which response it is. */
struct headerpolicy_subject {
	struct span host; /* without port */
	struct span path; /* without query */
	int status;
};

/* Where values that are made for one response live, until the headers are written. */
struct headerpolicy_scratch {
	char hsts[64];
};

/* Parse YAML. NULL with err, which names the line. */
struct headerpolicy *headerpolicy_parse(struct span yaml, struct err *err);
void headerpolicy_free(struct headerpolicy *p); /* NULL is fine */

/* Edit the headers of a response. What is added is borrowed from p and the scratch. Responses of status 1xx stay as they are.
 * -1 when there would be more fields than HEADER_FIELDS_MAX: then the headers are part of the way. */
int headerpolicy_apply(const struct headerpolicy *p, const struct headerpolicy_subject *s,
	struct fields *headers, struct headerpolicy_scratch *scratch);

#endif
