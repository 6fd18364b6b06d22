/* A configuration on its way from the edge: a stream of the type update-configuration (cloudflared, connection/http2.go). */
#ifndef ORIGIN_NEWRULES_H
#define ORIGIN_NEWRULES_H

#include "tunnel/origin/origin.h"

/* Take over the exchange: gather its body, of at most INGRESS_REMOTE_MAX bytes, apply it, answer. */
void newrules_start(struct origin *o, struct exchange *x, bool end);

#endif
