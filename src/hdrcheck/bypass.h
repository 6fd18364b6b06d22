/* Hosts that defeat a policy which allows scripts or plugins from them. */
#ifndef HDRCHECK_BYPASS_H
#define HDRCHECK_BYPASS_H

#include "common/base/err.h"
#include "common/base/span.h"

struct bypass {
	const char *host; /* NULL ends a table */
	const char *path;
};

#define BYPASS_BYTES_MAX ((size_t)16 << 20) /* of a list's file */

struct bypass_list {
	const struct bypass *angular, *jsonp, *flash;
	/* Hosts of jsonp whose endpoints take 'unsafe-eval' to be of use; NULL ends it. */
	const char *const *needs_eval;
	const char *origin; /* where it is from, and of which day */
};

/* That of csp_evaluator, as it was when this was built. */
extern const struct bypass_list bypass_builtin;
/* Read another: a folder with angular.json, jsonp.json and flash.json, each {"urls": [URL, ...]}, the second also with
 * "needsEval": [HOST, ...]; or a file with these as its members, and maybe a "date". NULL with err. */
struct bypass_list *bypass_read(const char *path, struct err *err);
void bypass_free(struct bypass_list *list); /* NULL is fine */

/* The first entry of a table that a source expression allows, NULL when it allows none. Scheme and port do not matter. */
const struct bypass *bypass_find(const struct bypass *table, struct span source);
/* Of scripts: Angular libraries, and JSONP where the list allows what that takes. */
const struct bypass *bypass_script(const struct bypass_list *list, struct span source, bool eval_allowed);

/* Without "scheme://" or "//". */
struct span bypass_without_scheme(struct span source);
/* The host of a source expression, "*" and all; the part of it behind the host. */
struct span bypass_host(struct span source, struct span *path);

#endif
