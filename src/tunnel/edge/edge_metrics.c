/* outbore_edge_*: what the edge counts. */
#include "tunnel/edge/edge_metrics.h"
#include "common/base/version.h"
#include "tunnel/ops/metrics.h"

static void print_responses(const struct edge_metrics *m, struct buf *out)
{
	static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

	metrics_family(out, "outbore_edge_responses_total", "counter",
		"Requests ended, by class of the status sent");
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		buf_addf(out, "outbore_edge_responses_total{class=\"%s\"} %llu\n", classes[i],
			(unsigned long long)m->responses[i]);
}

void edge_metrics_print(const struct edge *e, struct buf *out)
{
	const struct edge_metrics *m = &e->metrics;

	metrics_family(out, "outbore_edge_build_info", "gauge", "Version of this edge");
	metrics_sample(out, "outbore_edge_build_info", "version=\"" VERSION "\"", 1);
	metrics_counter(out, "outbore_edge_requests_total", "Requests read from visitors", m->requests);
	print_responses(m, out);
	metrics_gauge(out, "outbore_edge_requests_active", "Requests under way", (double)m->requests_active);
	metrics_counter(out, "outbore_edge_retries_total", "Requests sent once more over another connection",
		m->retries);
	metrics_counter(
		out, "outbore_edge_rejected_heads_total", "Requests refused as malformed", m->rejected_heads);
	metrics_counter(out, "outbore_edge_oversized_response_heads_total",
		"Response headers too large to take", m->oversized_heads);
	metrics_counter(out, "outbore_edge_websockets_total", "WebSocket upgrades passed on", m->websockets);
	metrics_gauge(out, "outbore_edge_websockets_active", "WebSockets open", (double)m->websockets_active);
	metrics_counter(out, "outbore_edge_request_bytes_total", "Body bytes from visitors", m->bytes_in);
	metrics_counter(out, "outbore_edge_response_bytes_total", "Body bytes to visitors", m->bytes_out);
	metrics_counter(out, "outbore_edge_visitors_accepted_total", "Public connections accepted",
		m->visitors_accepted);
	metrics_gauge(out, "outbore_edge_visitors", "Public connections open", (double)m->visitors);
	metrics_counter(
		out, "outbore_edge_registrations_total", "Tunnel connections registered", m->registrations);
	metrics_counter(out, "outbore_edge_registrations_refused_total", "Registrations refused",
		m->registrations_refused);
	metrics_counter(out, "outbore_edge_tunnel_connections_refused_total",
		"Tunnel connections closed before TLS, too many having yet to register", m->tunnel_refused);
	metrics_counter(out, "outbore_edge_tunnel_connections_lost_total",
		"Tunnel connections that ended without unregistering", m->links_lost);
	metrics_gauge(out, "outbore_edge_tunnel_connections", "Tunnel connections registered now",
		(double)m->links);
	if (e->access_log != NULL)
		metrics_counter(out, "outbore_edge_access_log_dropped_total",
			"Lines that the disk was too slow for", accesslog_dropped(e->access_log));
}
