/* Header rules of a public request: what is dropped, what is ours, what is passed on. Pure but for the request id. */
#ifndef EDGE_FORWARD_HEAD_H
#define EDGE_FORWARD_HEAD_H

#include "tunnel/edge/forward.h"

#define FORWARD_RAY_MAX 48   /* 16 hex digits, "-", the place code, NUL */
#define FORWARD_HOST_MAX 260 /* a host name, NUL included */

/* A request head that owns its bytes. */
struct forward_head {
	struct exchange_head head;
	struct fields fields;
	struct buf text;
	bool no_body;
	unsigned tries;
};

/* Fill *ray: a fresh request id. */
void forward_head_ray(struct edge *e, char ray[FORWARD_RAY_MAX]);
/* Host name of an authority in lower case, without port. False when it is too long. */
bool forward_head_host(struct span authority, char host[FORWARD_HOST_MAX]);
/* Make the head for the connector. Invariants: no internal field of the visitor passes; cf-connecting-ip, cf-ray,
 * cf-visitor, x-forwarded-proto are ours alone; x-forwarded-for is appended to; authority and names are lower case; no
 * hop-by-hop field. */
void forward_head_build(const struct forward_request *r, const char *ray, struct forward_head *out);
/* Put one more field of ours into a built head, once. Whatever of the visitor's a server could take for it is dropped. */
void forward_head_set(struct forward_head *h, struct span name, struct span value);
#define FORWARD_HEAD_SET_MAX 192 /* bytes of both */
void forward_head_free(struct forward_head *h);
/* Drop from a visitor's trailers what he may not say in fields either. */
void forward_head_clean_trailers(struct fields *trailers);

/* The length that response fields announce. False when they contradict each other. */
bool forward_head_length(const struct fields *fields, bool *known, uint64_t *length);
/* Drop from response fields what is not for visitors: hop-by-hop, internal, content-length, cf-ray. */
void forward_head_clean_response(struct fields *fields);

/* Begin a line of the access log: a JSON object that is still open. */
void forward_head_log(const struct forward_request *r, const char *ray, struct buf *out);

#endif
