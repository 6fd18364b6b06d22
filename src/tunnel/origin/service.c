/* Settings of a service, from its rule. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "tunnel/origin/h1.h"
#include "tunnel/origin/h2up.h"
#include "tunnel/origin/service.h"

#define IDLE_DEFAULT_PER_HOST 2 /* Go's, when keepAliveConnections is 0 */

static struct tls_context *service_tls_context(const struct ingress_options *o, bool alpn_h2, struct err *err)
{
	struct tls_client_settings settings = {.ca_extra = o->ca_pool[0] != '\0' ? o->ca_pool : NULL,
		.no_verify = o->no_tls_verify,
		.alpn_h2 = alpn_h2};

	return tls_client_context(&settings, err);
}

int service_init(struct service *s, struct worker *w, struct origin_metrics *metrics,
	const struct ingress_rule *rule, struct err *err)
{
	const struct ingress_options *o = &rule->options;

	*s = (struct service){.worker = w, .metrics = metrics, .rule = rule};
	list_init(&s->idle);
	list_init(&s->running);
	list_init(&s->h2);
	list_init(&s->asking);
	if (!rule->service.tls || (rule->service.kind != INGRESS_HTTP && rule->service.kind != INGRESS_UNIX))
		return 0;
	s->tls = service_tls_context(o, false, err);
	/* matchSNItoHost switches HTTP/2 off, as in cloudflared. */
	if (s->tls != NULL && o->http2_origin && !o->match_sni_to_host)
		s->tls_h2 = service_tls_context(o, true, err);
	if (s->tls == NULL || (s->tls_h2 == NULL && o->http2_origin && !o->match_sni_to_host)) {
		service_fini(s);
		return err_wrap(err, "line %u: caPool", o->where[INGRESS_CA_POOL].line);
	}
	return 0;
}

void service_fini(struct service *s)
{
	h1_close_all(s);
	h2up_close_all(s);
	tls_context_free(s->tls);
	tls_context_free(s->tls_h2);
	s->tls = s->tls_h2 = NULL;
}

/* Whole seconds up: an interval of less would be none. */
static int64_t seconds_of(int64_t ns)
{
	return ns > 0 ? (ns + DURATION_S - 1) / DURATION_S : ns;
}

struct dial *service_dial(struct service *s, dial_fn *fn, void *arg)
{
	const struct ingress_service *to = &s->rule->service;
	const struct ingress_options *o = &s->rule->options;
	struct dial_target target = {.host = to->host,
		.port = to->port,
		.unix_path = to->kind == INGRESS_UNIX ? to->path : NULL,
		.timeout_ms = o->connect_timeout_ns / DURATION_MS,
		.keepalive_s = seconds_of(o->tcp_keep_alive_ns),
		.one_by_one = o->no_happy_eyeballs};

	/* A limit below a millisecond, or a negative one, fails at once. */
	if (o->connect_timeout_ns != 0 && target.timeout_ms < 1)
		target.timeout_ms = 1;
	return dial_start(s->worker->loop, &target, fn, arg);
}

void service_connected(struct service *s, uint64_t start_us)
{
	metrics_observe(&s->metrics->connect_ms, (double)(loop_clock_us() - start_us) / 1000);
}

void service_not_connected(struct service *s)
{
	s->metrics->connect_errors++;
}

static bool is_address(const char *host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

int service_tls(
	struct service *s, struct stream *stream, struct tls_context *tls, struct span host, struct err *err)
{
	const struct ingress_options *o = &s->rule->options;
	char *name;

	if (o->match_sni_to_host)
		name = mem_spandup(span_of(host.p, span_rfind(host, ':')));
	else if (o->origin_server_name[0] != '\0')
		name = mem_strdup(o->origin_server_name);
	else
		name = mem_strdup(s->rule->service.kind == INGRESS_HTTP ? s->rule->service.host : "");
	const char *sni = name[0] != '\0' && !is_address(name) ? name : NULL;
	int rc = tls_connect(stream, tls, sni, name[0] != '\0' ? name : NULL, err);
	free(name);
	return rc;
}

uint64_t service_tls_ms(const struct service *s)
{
	int64_t ns = s->rule->options.tls_timeout_ns;

	if (ns == 0 || s->rule->options.match_sni_to_host)
		return 0;
	return ns < DURATION_MS ? 1 : (uint64_t)(ns / DURATION_MS);
}

size_t service_idle_max(const struct service *s)
{
	int64_t n = s->rule->options.keep_alive_connections;

	if (n == 0)
		return IDLE_DEFAULT_PER_HOST;
	return n > 0 ? (size_t)n : 0;
}

uint64_t service_idle_ms(const struct service *s)
{
	int64_t ns = s->rule->options.keep_alive_timeout_ns;

	if (ns <= 0)
		return 0;
	return ns < DURATION_MS ? 1 : (uint64_t)(ns / DURATION_MS);
}
