/* Names and help texts as cloudflared 2025.5.0 exposes them, and three more that dashboards of older ones ask for. */
#include "tunnel/client_metrics.h"
#include "common/base/version.h"
#include "tunnel/ops/metrics.h"

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

static void print_registrations(const struct pool_state *p, struct buf *out)
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
	metrics_gauge(out, "cloudflared_tunnel_max_concurrent_requests_per_tunnel",
		"Largest number of concurrent requests proxied through each tunnel so far",
		(double)m->most_active);
	metrics_gauge(out, "cloudflared_tunnel_active_streams", "Requests and upgraded connections open now",
		(double)m->active);
	metrics_histogram_print(out, "cloudflared_tunnel_response_duration_seconds",
		"Time from a request's arrival to the end of its response, or to the answer of an upgrade",
		&m->duration);
}

void client_metrics_print(const struct pool_state *pool, const struct origin_metrics *origin, struct buf *out)
{
	size_t serving = 0;

	for (size_t i = 0; i < pool->slots; i++)
		serving += pool->slot[i].serving;
	metrics_family(out, "build_info", "gauge", "Build and version information");
	metrics_sample(out, "build_info",
		"goversion=\"\",revision=\"\",type=\"outbore\",version=\"" VERSION "\"", 1);
	metrics_counter(out, "cloudflared_config_local_config_pushes",
		"Number of local configuration pushes to the edge", pool->config_pushes);
	metrics_counter(out, "cloudflared_config_local_config_pushes_errors",
		"Number of errors occurred during local configuration pushes", pool->config_push_failures);
	metrics_gauge(out, "cloudflared_orchestration_config_version", "Configuration Version", -1);
	metrics_gauge(
		out, "cloudflared_tunnel_ha_connections", "Number of active ha connections", (double)serving);
	print_requests(origin, out);
	print_codes(origin, out);
	print_locations(pool, out);
	print_registrations(pool, out);
}
