/* Hosts that defeat a policy which allows scripts or plugins from them. */
#ifndef HDRCHECK_BYPASS_H
#define HDRCHECK_BYPASS_H

#include "common/base/span.h"

struct bypass {
	const char *host; /* NULL ends a table */
	const char *path;
};

extern const struct bypass bypass_angular[], bypass_jsonp[], bypass_flash[];
/* Hosts of bypass_jsonp whose endpoints take 'unsafe-eval' to be of use; NULL ends it. */
extern const char *const bypass_needs_eval[];

/* The first entry of a table that a source expression allows, NULL when it allows none. Scheme and port do not matter. */
const struct bypass *bypass_find(const struct bypass *table, struct span source);
/* Of scripts: Angular libraries, and JSONP where the list allows what that takes. */
const struct bypass *bypass_script(struct span source, bool eval_allowed);

/* Without "scheme://" or "//". */
struct span bypass_without_scheme(struct span source);
/* The host of a source expression, "*" and all; the part of it behind the host. */
struct span bypass_host(struct span source, struct span *path);

#endif
