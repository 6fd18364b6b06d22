/* Strict-Transport-Security as browsers read it (RFC 6797, 6.1): one error voids the field. */
#ifndef PROTO_HSTS_H
#define PROTO_HSTS_H

#include "common/base/span.h"

#define HSTS_AGE_MAX INT64_C(100000000000) /* seconds; larger numbers are cut to it */

enum hsts_fault {
	HSTS_OK,
	HSTS_SYNTAX,     /* a name or value that is no token, a quote that does not end, a comma */
	HSTS_REPEATED,   /* a directive stands there twice */
	HSTS_NO_AGE,     /* max-age is missing */
	HSTS_BAD_AGE,    /* max-age is no number */
	HSTS_FLAG_VALUE, /* includeSubDomains has a value */
};

struct hsts {
	int64_t max_age; /* seconds */
	bool subdomains, preload;
	struct span unknown; /* the last directive that means nothing */
	size_t at;           /* of a fault: bytes from the beginning */
};

enum hsts_fault hsts_parse(struct span value, struct hsts *out);
/* What the fault is, in words. */
const char *hsts_fault_text(enum hsts_fault fault);
/* Does a ask for as much as b, or more? Both are good. */
bool hsts_at_least(const struct hsts *a, const struct hsts *b);

#endif
