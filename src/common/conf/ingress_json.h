/* A configuration as JSON: what connector 0 tells the edge, and what /config shows. Durations are seconds. */
#ifndef CONF_INGRESS_JSON_H
#define CONF_INGRESS_JSON_H

#include "common/base/buf.h"
#include "common/conf/ingress.h"

/* A flag that was given, for "__configuration_flags". */
struct ingress_flag {
	const char *name;
	const char *value;
};

/* Append the body of updateLocalConfiguration (orchestration/config.go): the rules with what differs from the defaults,
 * the global originRequest worked into each. warp may be NULL. A text that is no UTF-8 is left out. -1 when out is full. */
int ingress_json_local(const struct ingress *in, const struct ingress_warp *warp,
	const struct ingress_flag *flags, size_t flag_count, struct buf *out);
/* Append the answer to /config (orchestration/orchestrator.go): every key of every rule. version: -1 for local rules. */
int ingress_json_view(
	const struct ingress *in, const struct ingress_warp *warp, int32_t version, struct buf *out);

#endif
