/* Set-Cookie as browsers read it (RFC 6265bis, 5.6), one line at a time. */
#ifndef PROTO_COOKIE_H
#define PROTO_COOKIE_H

#include "common/base/span.h"

#define COOKIE_PAIR_MAX 4096             /* bytes of name and value together */
#define COOKIE_ATTRIBUTE_MAX 1024        /* of an attribute's value; a longer one is ignored */
#define COOKIE_AGE_MAX INT64_C(34560000) /* seconds: 400 days, which longer lives are cut to */

struct cookie {
	struct span name, value;
	bool has_equals; /* without "=", all of it is the value of a cookie without a name */
	bool secure, http_only, partitioned;
	bool has_domain, has_path, has_same_site; /* the attribute stands there, whatever its value */
	struct span domain;                       /* without a leading dot; empty: that of the host alone */
	struct span path;                         /* as written */
	struct span same_site;
	struct span expires; /* as written; not parsed */
	bool has_max_age;    /* a number: it beats Expires */
	int64_t max_age;     /* seconds, not above COOKIE_AGE_MAX; 0 or less deletes */
};

enum cookie_fault {
	COOKIE_OK,
	COOKIE_EMPTY,   /* neither name nor value */
	COOKIE_CONTROL, /* a control character in name or value voids it */
	COOKIE_LONG,    /* name and value pass COOKIE_PAIR_MAX */
};

enum cookie_fault cookie_parse(struct span line, struct cookie *out);

/* What the prefix of the name asks for and does not get, so that browsers drop the cookie: the missing part in words, NULL
 * when all is there. Names compare without case. */
const char *cookie_prefix_fault(const struct cookie *c, bool is_https);

/* Does a cookie's domain cover the host: is it the same, or a parent of a name? */
bool cookie_domain_covers(struct span domain, struct span host);

#endif
