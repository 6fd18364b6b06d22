/* Service texts of ingress rules: "http://host:port", "unix:/path", "http_status:404" and the rest. */
#ifndef CONF_SERVICETEXT_H
#define CONF_SERVICETEXT_H

#include "common/conf/ingress.h"

/* Parse a service as cloudflared's ingress.go does, in its order of forms; URLs as Go's net/url. bastion: bastionMode is
 * in effect, so that what is no other form is not parsed at all. INGRESS_OK, or the fault with its message. out is filled
 * only when it is INGRESS_OK; servicetext_free then frees it. */
enum ingress_fault servicetext_parse(
	struct span text, bool bastion, enum release release, struct ingress_service *out, struct err *err);
void servicetext_free(struct ingress_service *s);

#endif
