/* Where a target's bytes really go: --connect-to, --resolve and --proxy. */
#ifndef WSCAT_WHERE_H
#define WSCAT_WHERE_H

#include "wscat/env.h"
#include "wscat/target.h"

enum where_proxy {
	WHERE_DIRECT,
	WHERE_HTTP,     /* CONNECT (RFC 9110, 9.3.6) */
	WHERE_SOCKS5,   /* RFC 1928, addresses only: names are resolved here */
	WHERE_SOCKS5_H, /* names are resolved by the proxy */
};

/* All strings are owned. */
struct where {
	char *host, *port;         /* to connect to */
	char *unix_path;           /* in place of them */
	enum where_proxy proxy;    /* what host and port are */
	char *far_host, *far_port; /* what the proxy is asked for; NULL without one */
	char *credentials;         /* "user:password" of the proxy's URL; NULL for none */
};

/* -1 with err when an option is malformed. */
int where_find(
	const struct client_conf *conf, const struct target *target, struct where *out, struct err *err);
/* Are the options well-formed? So that a wrong one is told from a target that cannot be reached. */
int where_check(const struct client_conf *conf, struct err *err);
void where_free(struct where *w);
/* Is this an address, not a name? */
bool where_is_address(const char *host);

#endif
