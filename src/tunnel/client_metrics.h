/* The connector's metrics, under cloudflared's names. */
#ifndef TUNNEL_CLIENT_METRICS_H
#define TUNNEL_CLIENT_METRICS_H

#include "common/base/buf.h"
#include "tunnel/client_sets.h"
#include "tunnel/origin/origin.h"

/* Calls to the edge of one method. */
struct client_calls {
	uint64_t made, failed;
	struct metrics_histogram latency; /* seconds */
};
#define CLIENT_METHODS (RPC_UPDATE_CONFIGURATION + 1)

void client_calls_init(struct client_calls calls[CLIENT_METHODS]);
void client_calls_count(
	struct client_calls calls[CLIENT_METHODS], enum rpc_method method, uint64_t took_us, bool answered);

/* Append everything. */
void client_metrics_print(const struct client_sets_state *sets, const struct origin_metrics *origin,
	int32_t config_version, const struct client_calls calls[CLIENT_METHODS],
	const uint64_t reloads[CLIENT_RELOADS], struct buf *out);

#endif
