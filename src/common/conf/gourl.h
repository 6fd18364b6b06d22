/* URLs as Go's net/url.Parse takes and refuses them: services, and the argument of `ingress-lint rule`. */
#ifndef CONF_GOURL_H
#define CONF_GOURL_H

#include "common/base/span.h"
#include "common/conf/release.h"

/* What url.Parse finds; spans point into the text. */
struct gourl {
	struct span scheme, host, path; /* host with its port; all as written */
	struct span query, fragment;    /* a NULL pointer when absent */
	struct span userinfo;           /* the same */
};

/* NULL, or the reason for refusing the text of the Go that the release was built with. From Go 1.26 on brackets hold an
 * IPv6 address and nothing else, and the host of http and https has one colon at most outside of them. */
const char *gourl_parse(struct span text, enum release release, struct gourl *u);
/* Hostname() and Port(): brackets are taken off, the port is what follows the last colon if it is digits. */
void gourl_split_host(struct span host, struct span *name, struct span *port);
/* The bytes of a host or path that gourl_parse accepted, with its escapes resolved; NUL-terminated, but may hold NULs: *len
 * counts them. To be freed. */
char *gourl_unescape(struct span s, size_t *len);

#endif
