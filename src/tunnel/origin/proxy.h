/* One request on its way from the tunnel to a service. The tunnel's side is here; the service's side is an upstream,
 * which speaks HTTP/1.1, HTTP/2, or answers by itself. */
#ifndef ORIGIN_PROXY_H
#define ORIGIN_PROXY_H

#include "tunnel/h2/exchange.h"
#include "tunnel/origin/origin.h"
#include "tunnel/worker.h"

struct proxy; /* opaque; frees itself when both sides are done */

/* The request, as the upstream is to send it. Borrowed for the call that starts it. */
struct proxy_request {
	struct span method, path, authority; /* authority is what belongs into Host */
	const struct fields *fields;         /* lower-case names, nothing of the tunnel's own */
	bool no_body;
	bool length_known;
	uint64_t length;
	bool websocket;
	struct origin_via via;
};

/* What the proxy asks of its upstream. */
struct upstream {
	/* Take all of it: the tunnel's window bounds it. proxy_sent gives it back. */
	void (*send)(void *up, struct span data);
	/* The request's body has ended; of an upgraded connection, the visitor's direction. */
	void (*finish)(void *up, const struct fields *trailers);
	/* proxy_room has grown again. */
	void (*resume)(void *up);
	/* The proxy is gone: end or reuse the connection, and forget the proxy. */
	void (*cancel)(void *up);
};

/* Rules and services that proxies use: counted, since they may be replaced before their last request has ended. */
struct proxy_hold {
	size_t count;           /* proxies */
	bool is_retired;        /* it was replaced */
	struct loop_task empty; /* deferred when the last proxy of a retired one is gone */
};

/* --- For whoever starts one --- */

/* Begin: events of x come here from now on. ended: the request has no body. */
struct proxy *proxy_new(struct worker *w, struct origin_metrics *metrics, struct proxy_hold *hold,
	struct exchange *x, bool ended);
/* Hand over the upstream, which may have answered already. */
void proxy_attach(struct proxy *p, const struct upstream *ops, void *up);

/* An upstream that has sent nothing yet gives way to another: what it was given comes to the next proxy_attach. */
void proxy_requeue(struct proxy *p, struct span body, bool ended);

/* --- For upstreams --- */

/* The response head. Hop-by-hop fields are dropped here. end: no body follows; proxy_end is still due. False when it
 * could not be passed on: detached as after proxy_fail. */
bool proxy_head(struct proxy *p, int status, const struct fields *fields, bool end);
/* The service has taken the upgrade. Result as of proxy_head. */
bool proxy_upgraded(struct proxy *p, const struct fields *fields);
void proxy_inform(struct proxy *p, int status);
/* Body bytes, at most proxy_room of them. */
void proxy_body(struct proxy *p, struct span data);
size_t proxy_room(const struct proxy *p);
/* The response is whole. The upstream is detached: `cancel` does not come, p must not be used any more. */
void proxy_end(struct proxy *p, const struct fields *trailers);
/* The service's direction of an upgraded connection has ended; the other goes on. */
void proxy_half_end(struct proxy *p);
/* It cannot be finished: 502 when nothing was answered yet, else a reset. Detached as after proxy_end. */
void proxy_fail(struct proxy *p, const char *why);
/* n bytes of the request's body have moved on. */
void proxy_sent(struct proxy *p, size_t n);
/* Has the tunnel ended its direction? */
bool proxy_request_ended(const struct proxy *p);

#endif
