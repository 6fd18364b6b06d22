/* Asking a proxy to connect: HTTP CONNECT (RFC 9110, 9.3.6) and SOCKS5 (RFC 1928, 1929). No I/O. */
#ifndef WSCAT_PROXY_H
#define WSCAT_PROXY_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/proto/parse.h"
#include "wscat/where.h"

struct proxy_talk {
	const struct where *where; /* borrowed */
	int step;                  /* of SOCKS5: answers taken so far */
	size_t scanned;            /* of the HTTP head */
};

/* Append the first words to out. -1 with err when they cannot be said: a name or password too long. */
int proxy_begin(struct proxy_talk *t, const struct where *where, struct buf *out, struct err *err);
/* Take what the proxy said off in. PARSE_OK: the way is open; what is left of in comes from the far end. */
enum parse proxy_take(struct proxy_talk *t, struct buf *in, struct buf *out, struct err *err);

#endif
