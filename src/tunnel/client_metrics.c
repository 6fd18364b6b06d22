/* Names and help texts as cloudflared 2025.5.0 exposes them, and three more that dashboards of older ones ask for. */
#include "tunnel/client_metrics.h"
#include "common/base/version.h"
#include "tunnel/ops/metrics.h"

static const double call_bounds[] = {.05, .15, .45, 1.35, 4.05};

void client_calls_init(struct client_calls calls[CLIENT_METHODS])
{
	for (size_t i = 0; i < CLIENT_METHODS; i++)
		calls[i] = (struct client_calls){.latency = METRICS_HISTOGRAM(call_bounds)};
}

void client_calls_count(
	struct client_calls calls[CLIENT_METHODS], enum rpc_method method, uint64_t took_us, bool answered)
{
	calls[method].made++;
	calls[method].failed += !answered;
	metrics_observe(&calls[method].latency, (double)took_us / 1e6);
}

static void print_codes(const struct origin_metrics *m, struct buf *out)
{
	metrics_family(out, "cloudflared_tunnel_response_by_code", "counter",
		"Count of responses by HTTP status code");
	for (int code = 100; code < 1000; code++)
		if (m->by_code[code] > 0)
			buf_addf(out, "cloudflared_tunnel_response_by_code{status_code=\"%d\"} %llu\n", code,
				(unsigned long long)m->by_code[code]);
}

static void print_locations(const struct pool_state *p, struct buf *out)
{
	metrics_family(out, "cloudflared_tunnel_server_locations", "gauge",
		"Where each tunnel is connected to. 1 means current location, 0 means previous locations.");
	for (size_t i = 0; i < p->slots; i++) {
		const struct pool_slot_state *s = &p->slot[i];
		if (s->location[0] == '\0')
			continue;
		buf_addf(
			out, "cloudflared_tunnel_server_locations{connection_id=\"%zu\",edge_location=\"", i);
		for (const char *c = s->location; *c != '\0'; c++)
			if (*c != '"' && *c != '\\' && (unsigned char)*c >= 0x20)
				buf_add_char(out, *c);
		buf_addf(out, "\"} %d\n", s->ready);
	}
}

static void print_registrations(const struct pool_counts *p, struct buf *out)
{
	metrics_family(out, "cloudflared_tunnel_tunnel_register_success", "counter",
		"Count of successful tunnel registrations");
	metrics_sample(out, "cloudflared_tunnel_tunnel_register_success", "rpcName=\"registerConnection\"",
		(double)p->registrations);
	if (p->registration_failures == 0)
		return;
	metrics_family(out, "cloudflared_tunnel_tunnel_register_fail", "counter",
		"Count of tunnel registration errors by type");
	metrics_sample(out, "cloudflared_tunnel_tunnel_register_fail",
		"error=\"dup_edge_conn\",rpcName=\"registerConnection\"", (double)p->duplicates);
	metrics_sample(out, "cloudflared_tunnel_tunnel_register_fail",
		"error=\"server_error\",rpcName=\"registerConnection\"",
		(double)(p->registration_failures - p->duplicates));
}

static const char *const rpc_labels[CLIENT_METHODS] = {
	[RPC_REGISTER] = "handler=\"registration\",method=\"register_connection\"",
	[RPC_UNREGISTER] = "handler=\"registration\",method=\"unregister_connection\"",
	[RPC_UPDATE_CONFIGURATION] = "handler=\"registration\",method=\"update_local_configuration\"",
};

static void print_calls(const struct client_calls *calls, struct buf *out)
{
	metrics_family(out, "cloudflared_rpc_client_operations", "counter",
		"Number of rpc methods by handler requested");
	for (size_t i = 0; i < CLIENT_METHODS; i++)
		metrics_sample(
			out, "cloudflared_rpc_client_operations", rpc_labels[i], (double)calls[i].made);
	metrics_family(out, "cloudflared_rpc_client_failures", "counter",
		"Number of rpc methods failures by handler requested");
	for (size_t i = 0; i < CLIENT_METHODS; i++)
		metrics_sample(
			out, "cloudflared_rpc_client_failures", rpc_labels[i], (double)calls[i].failed);
	metrics_family(out, "cloudflared_rpc_client_latency_secs", "histogram",
		"Latency of rpc methods by handler requested");
	for (size_t i = 0; i < CLIENT_METHODS; i++)
		metrics_histogram_print(
			out, "cloudflared_rpc_client_latency_secs", rpc_labels[i], &calls[i].latency);
	if (calls[RPC_REGISTER].failed == 0)
		return;
	metrics_family(out, "cloudflared_tunnel_tunnel_rpc_fail", "counter",
		"Count of RPC connection errors by type");
	metrics_sample(out, "cloudflared_tunnel_tunnel_rpc_fail",
		"error=\"no_answer\",rpcName=\"registerConnection\"", (double)calls[RPC_REGISTER].failed);
}

static void print_connects(const struct origin_metrics *m, struct buf *out)
{
	metrics_family(out, "cloudflared_proxy_connect_latency", "histogram",
		"Time it takes to establish and acknowledge connections in milliseconds");
	metrics_histogram_print(out, "cloudflared_proxy_connect_latency", NULL, &m->connect_ms);
	metrics_counter(out, "cloudflared_proxy_connect_streams_errors",
		"Total count of failure to establish and acknowledge connections", m->connect_errors);
}

static void print_requests(const struct origin_metrics *m, struct buf *out)
{
	metrics_counter(out, "cloudflared_tunnel_total_requests",
		"Amount of requests proxied through all the tunnels", m->requests);
	metrics_counter(out, "cloudflared_tunnel_requests_total",
		"Amount of requests proxied through all the tunnels", m->requests);
	metrics_counter(
		out, "cloudflared_tunnel_request_errors", "Count of error proxying to origin", m->errors);
	metrics_gauge(out, "cloudflared_tunnel_concurrent_requests_per_tunnel",
		"Concurrent requests proxied through each tunnel", (double)m->active);
	metrics_gauge(out, "cloudflared_tunnel_active_streams", "Requests and upgraded connections open now",
		(double)m->active);
	metrics_family(out, "cloudflared_tunnel_response_duration_seconds", "histogram",
		"Time from a request's arrival to the end of its response, or to the answer of an upgrade");
	metrics_histogram_print(out, "cloudflared_tunnel_response_duration_seconds", NULL, &m->duration);
}

static const char *const reload_labels[CLIENT_RELOADS] = {
	[CLIENT_RELOAD_OK] = "result=\"ok\"",
	[CLIENT_RELOAD_UNCHANGED] = "result=\"unchanged\"",
	[CLIENT_RELOAD_REFUSED] = "result=\"refused\"",
	[CLIENT_RELOAD_UNREADABLE] = "result=\"unreadable\"",
	[CLIENT_RELOAD_OTHER_TUNNEL] = "result=\"other_tunnel\"",
	[CLIENT_RELOAD_SUPERSEDED] = "result=\"superseded\"",
};

static void print_reloads(const uint64_t reloads[CLIENT_RELOADS], struct buf *out)
{
	metrics_family(out, "tunnel_credential_reload_total", "counter",
		"Count of times that the credentials were read again, by how it ended");
	for (size_t i = 0; i < CLIENT_RELOADS; i++)
		metrics_sample(out, "tunnel_credential_reload_total", reload_labels[i], (double)reloads[i]);
}

void client_metrics_print(const struct client_sets_state *sets, const struct origin_metrics *origin,
	int32_t config_version, const struct client_calls calls[CLIENT_METHODS],
	const uint64_t reloads[CLIENT_RELOADS], struct buf *out)
{
	const struct pool_state *pool = sets->newest;
	size_t serving = 0;

	for (size_t i = 0; i < pool->slots; i++)
		serving += pool->slot[i].serving;
	metrics_family(out, "build_info", "gauge", "Build and version information");
	metrics_sample(out, "build_info",
		"goversion=\"\",revision=\"\",type=\"outbore\",version=\"" VERSION "\"", 1);
	metrics_counter(out, "cloudflared_config_local_config_pushes",
		"Number of local configuration pushes to the edge", sets->counts.config_pushes);
	metrics_counter(out, "cloudflared_config_local_config_pushes_errors",
		"Number of errors occurred during local configuration pushes",
		sets->counts.config_push_failures);
	metrics_gauge(
		out, "cloudflared_orchestration_config_version", "Configuration Version", config_version);
	metrics_gauge(
		out, "cloudflared_tunnel_ha_connections", "Number of active ha connections", (double)serving);
	print_requests(origin, out);
	print_codes(origin, out);
	print_connects(origin, out);
	print_locations(pool, out);
	print_registrations(&sets->counts, out);
	print_calls(calls, out);
	print_reloads(reloads, out);
}
