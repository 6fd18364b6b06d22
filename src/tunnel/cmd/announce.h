/* The record that says an edge is ready. */
#ifndef CMD_ANNOUNCE_H
#define CMD_ANNOUNCE_H

#include "common/base/out.h"
#include "tunnel/edge/edge.h"

/* {"event": "ready", "listen": [{"role", "address"}]}. The caller owns it. */
json_t *announce_record(const struct edge *e);
/* Add one more address to it. */
void announce_add(json_t *record, const char *role, const char *address);

#endif
