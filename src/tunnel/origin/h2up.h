/* Requests to services over HTTP/2, by ALPN (http2Origin): one connection carries many. A service that chooses HTTP/1.1
 * is served over that. */
#ifndef ORIGIN_H2UP_H
#define ORIGIN_H2UP_H

#include "tunnel/origin/proxy.h"
#include "tunnel/origin/service.h"

/* Send the request over an HTTP/2 connection, or find out whether there can be one. p gets its upstream. */
void h2up_start(struct service *s, struct proxy *p, const struct proxy_request *r);
/* Close the service's connections; none carries a request. */
void h2up_close_all(struct service *s);

#endif
