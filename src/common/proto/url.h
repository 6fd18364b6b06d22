/* URLs of http, https, ws and wss, and HOST:PORT (RFC 3986, 3.2). Strict: no user name or password, no empty host, no
 * percent-encoding in the host. Spans point into the text that was parsed. */
#ifndef PROTO_URL_H
#define PROTO_URL_H

#include "common/base/err.h"
#include "common/base/span.h"

#define URL_MAX ((size_t)8192) /* bytes of a URL */
#define URL_HOST_MAX 253       /* bytes of a host name (RFC 1035, 2.3.4, without the final dot) */

/* host [":" port]. */
struct url_authority {
	struct span host; /* without brackets */
	bool ipv6;        /* host is an IPv6 address, and stood in brackets */
	int port;         /* -1: none was given */
};

enum url_scheme {
	URL_HTTP,
	URL_HTTPS,
	URL_WS,
	URL_WSS,
};

struct url {
	enum url_scheme scheme;
	struct span authority; /* as written: what belongs into Host */
	struct span host;      /* without brackets */
	bool ipv6;
	uint16_t port;     /* given, or the scheme's default */
	struct span path;  /* "/" when there is none */
	struct span query; /* without "?"; a NULL pointer when there is none */
};

/* Split and check host [":" port], as in Host (RFC 9110, 7.2). The host is an IPv6 address in brackets, an IPv4
 * address, or labels of letters, digits, "-" and "_"; an empty port counts as none. */
bool url_split_authority(struct span text, struct url_authority *out);

/* Parse an absolute URL. A fragment is refused. -1 with err saying what is wrong. */
int url_parse(struct span text, struct url *out, struct err *err);
/* Does the scheme mean TLS? */
bool url_is_tls(enum url_scheme scheme);

/* Parse HOST:PORT as options take it: "127.0.0.1:0", "[::1]:8443", "localhost:7844". The port must be there; the host
 * may be empty (":8080"), which stands for every address: for the caller to allow. */
int url_parse_address(struct span text, struct url_authority *out, struct err *err);

#endif
