/* A configuration that the edge sends (cloudflared's orchestration package): JSON of {"version", "config"}, the latter in the
 * shape of a configuration file with durations as whole seconds. */
#ifndef CONF_INGRESS_REMOTE_H
#define CONF_INGRESS_REMOTE_H

#include "common/base/buf.h"
#include "common/conf/ingress.h"

#define INGRESS_REMOTE_MAX ((size_t)2 << 20) /* bytes of JSON */
#define INGRESS_REMOTE_NONE (-1)             /* the version before any was applied */

struct ingress_remote {
	int32_t version;
	struct ingress *ingress; /* never NULL in a good one: without rules every request gets 503 */
	struct ingress_warp warp;
};

enum ingress_remote_result {
	INGRESS_REMOTE_OK,
	INGRESS_REMOTE_BAD,     /* the version is in out, and the rules are no good */
	INGRESS_REMOTE_NO_JSON, /* nor is the rest */
};

/* Parse the whole message. For all but OK, err says why and out has no rules. */
enum ingress_remote_result ingress_remote_parse(
	struct span json, struct ingress_remote *out, struct err *err);
void ingress_remote_free(struct ingress_remote *r);

/* Append the answer: the version in use, and why the one that was sent is not (NULL when that was right). */
int ingress_remote_answer(int32_t version, const char *why, struct buf *out);

#endif
