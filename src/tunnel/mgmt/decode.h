/* Bodies of requests, from JSON. Strict: an object, no key twice, no NUL in a text, nesting bounded; unknown members are
 * ignored, null counts as missing. */
#ifndef MGMT_DECODE_H
#define MGMT_DECODE_H

#include <jansson.h>

#include "common/base/err.h"
#include "common/base/secret.h"

#define DECODE_DEPTH_MAX 32    /* brackets within one another */
#define DECODE_NAME_MAX 100    /* characters of a tunnel's name */
#define DECODE_SECRET_MIN 32   /* bytes */
#define DECODE_SECRET_MAX 1024 /* bytes */

enum decode_result {
	DECODE_OK,
	DECODE_JSON,  /* no JSON, or a member of the wrong type */
	DECODE_VALUE, /* a value out of range */
};

/* To create or to edit a tunnel. */
struct decode_tunnel {
	char *name;           /* NULL: missing */
	struct secret secret; /* empty: missing */
	bool has_source, is_remote;
	bool has_expiry;
	int64_t expires_at; /* microseconds since 1970 */
};
enum decode_result decode_tunnel(struct span json, struct decode_tunnel *out, struct err *err);
void decode_tunnel_free(struct decode_tunnel *t);

/* To route a host name. */
struct decode_route {
	bool is_lb, overwrite;
	char *host; /* never NULL after DECODE_OK */
	char *pool; /* "" unless is_lb */
};
enum decode_result decode_route(struct span json, struct decode_route *out, struct err *err);
void decode_route_free(struct decode_route *r);

/* To set a configuration: the text of "config", an object; to be freed. */
enum decode_result decode_config(struct span json, char **config, struct err *err);

#endif
