/* Requests to services over HTTP/1.1, connections kept for reuse. */
#ifndef ORIGIN_H1_H
#define ORIGIN_H1_H

#include "tunnel/origin/proxy.h"
#include "tunnel/origin/service.h"

/* Send the request over an idle connection or a new one. p gets its upstream. */
void h1_start(struct service *s, struct proxy *p, const struct proxy_request *r);
/* Send it over a connection that is open already, its TLS done; the stream is taken over. */
void h1_adopt(struct service *s, const struct stream *ready, struct proxy *p, const struct proxy_request *r);
/* Close the service's connections; none carries a request. */
void h1_close_all(struct service *s);

#endif
