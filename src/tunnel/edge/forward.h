/* One public request on its way through a tunnel: chooses the tunnel, sets the header fields, sends it, tries again where
 * that is safe, and hands the answer back. Knows nothing of the public connection's HTTP version. */
#ifndef EDGE_FORWARD_H
#define EDGE_FORWARD_H

#include "tunnel/edge/edge.h"
#include "tunnel/h2/exchange.h"

#define FORWARD_FIELDS_MAX \
	500 /* of a request: with ours and four pseudo-header fields it is still a head for the tunnel */

struct forward; /* opaque; owned by the public connection */

/* A request as a public connection has read it. Borrowed for the call of forward_start. */
struct forward_request {
	struct span method, path, authority;
	const struct fields *fields; /* at most FORWARD_FIELDS_MAX */
	bool has_body;
	bool is_tls;               /* the visitor came over TLS */
	bool wants_continue;       /* Expect: 100-continue of an HTTP/1.1 visitor */
	struct span websocket_key; /* the key of a WebSocket upgrade; empty for other requests */
	struct span client;        /* address of the visitor, without port */
	const char *protocol;      /* "HTTP/1.1", for the log; constant */
};

/* A response head for the visitor. Borrowed for the call. */
struct forward_response {
	int status;
	const struct fields *fields; /* without hop-by-hop fields and without content-length */
	bool no_body;                /* as a 204 or the answer to HEAD */
	bool length_known;
	uint64_t length; /* of the body; of HEAD what it would be */
};

struct forward_events {
	void (*inform)(void *arg, int status); /* a 1xx answer */
	void (*head)(void *arg, const struct forward_response *r);
	/* The origin has taken the upgrade: what follows in both directions is not HTTP. */
	void (*upgraded)(void *arg, const struct fields *fields);
	/* Body bytes, all to be taken; forward_consumed gives them back. */
	void (*body)(void *arg, struct span data);
	void (*end)(void *arg, const struct fields *trailers);
	void (*room)(void *arg); /* forward_write has room again */
	/* The answer cannot be finished: the visitor must see that it is incomplete. After this or `end` no event comes. */
	void (*abort)(void *arg);
};

/* Start. Never calls an event from within. */
struct forward *forward_start(struct edge *e, const struct forward_request *request,
	const struct forward_events *events, void *arg);
/* Body bytes, or those of the upgraded connection; how many were taken. */
size_t forward_write(struct forward *f, struct span data);
size_t forward_room(const struct forward *f);
/* The request's body has ended. Of the trailers, or NULL, those that a visitor may not send are taken out. */
void forward_finish(struct forward *f, struct fields *trailers);
/* The visitor of an upgraded connection has ended its direction. False when that cannot be passed on: cut it short soon. */
bool forward_half_close(struct forward *f);
void forward_consumed(struct forward *f, size_t n);
/* The request id, as in cf-ray. */
struct span forward_ray(const struct forward *f);
/* The public connection is done with it, or gone. NULL is fine. */
void forward_free(struct forward *f);

#endif
