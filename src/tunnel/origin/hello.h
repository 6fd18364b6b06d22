/* The built-in test page: shows what arrived, and echoes a WebSocket. */
#ifndef ORIGIN_HELLO_H
#define ORIGIN_HELLO_H

#include "tunnel/origin/proxy.h"

/* Answer the request. p gets its upstream, or has ended. */
void hello_start(struct worker *w, struct proxy *p, const struct proxy_request *r);

#endif
