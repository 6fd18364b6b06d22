/* The edge's metrics as Prometheus text. */
#ifndef EDGE_EDGE_METRICS_H
#define EDGE_EDGE_METRICS_H

#include "tunnel/edge/edge.h"

void edge_metrics_print(const struct edge *e, struct buf *out);

#endif
