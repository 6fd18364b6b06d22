/* The argument of `cloudflared tunnel ingress rule`: which host and path it asks about. */
#ifndef CONF_INGRESS_URL_H
#define CONF_INGRESS_URL_H

#include "common/base/span.h"
#include "common/conf/release.h"

/* Both owned, and NUL-terminated, though they may hold NULs. */
struct ingress_url {
	char *host, *path; /* without port and brackets; decoded */
	size_t host_len, path_len;
};

/* NULL with out filled in, or the class of the reason why that release refuses the text: "url-missing", "url-invalid",
 * "url-no-hostname". */
const char *ingress_url_parse(struct span text, enum release release, struct ingress_url *out);
void ingress_url_free(struct ingress_url *u);

#endif
