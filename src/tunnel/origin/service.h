/* One ingress rule's service as the connector uses it: TLS settings, and the connections that are kept for reuse. */
#ifndef ORIGIN_SERVICE_H
#define ORIGIN_SERVICE_H

#include "common/conf/ingress.h"
#include "common/net/dial.h"
#include "common/net/tls.h"
#include "tunnel/origin/origin.h"
#include "tunnel/worker.h"

struct service {
	struct worker *worker;           /* borrowed */
	struct origin_metrics *metrics;  /* borrowed */
	const struct ingress_rule *rule; /* borrowed */
	struct tls_context *tls;         /* HTTP/1.1 only, no ALPN; NULL without TLS */
	struct tls_context *tls_h2;      /* offers h2 too; NULL unless http2Origin is in effect */
	struct list idle;                /* HTTP/1.1 connections between requests, the newest first */
	size_t idle_count;
	struct list running; /* and those in use, or being opened */
	struct list h2;      /* HTTP/2 connections */
	struct list asking;  /* requests whose connection has yet to say whether it speaks HTTP/2 */
	bool only_h1;        /* it was offered HTTP/2 and chose HTTP/1.1 */
};

/* Make it. -1 when caPool cannot be read. */
int service_init(struct service *s, struct worker *w, struct origin_metrics *metrics,
	const struct ingress_rule *rule, struct err *err);
/* Close every connection. */
void service_fini(struct service *s);

/* Start connecting. */
struct dial *service_dial(struct service *s, dial_fn *fn, void *arg);
/* Count a connection that is ready for a request, TLS included, or one that has failed before; start_us is when
 * service_dial was called, by loop_clock_us. */
void service_connected(struct service *s, uint64_t start_us);
void service_not_connected(struct service *s);
/* Put TLS on a connected stream; host is that of the request, for matchSNItoHost. */
int service_tls(
	struct service *s, struct stream *stream, struct tls_context *tls, struct span host, struct err *err);
/* Milliseconds for the handshake; 0: no limit. */
uint64_t service_tls_ms(const struct service *s);
/* How many idle connections are kept, and for how long (0: for ever). */
size_t service_idle_max(const struct service *s);
uint64_t service_idle_ms(const struct service *s);

#endif
