/* The connector's metrics, under cloudflared's names. */
#ifndef TUNNEL_CLIENT_METRICS_H
#define TUNNEL_CLIENT_METRICS_H

#include "common/base/buf.h"
#include "tunnel/link/pool.h"
#include "tunnel/origin/origin.h"

void client_metrics_print(
	const struct pool_state *pool, const struct origin_metrics *origin, struct buf *out);

#endif
