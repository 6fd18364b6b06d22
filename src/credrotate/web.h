/* Plain questions over HTTP: a connector's /ready, and the probe of the public side while a rotation runs. */
#ifndef CREDROTATE_WEB_H
#define CREDROTATE_WEB_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/conf/uuid.h"

#define WEB_TIMEOUT_MS 10000

/* GET url, redirects not followed. The status of HTTP, or -1. body may be NULL. ca: trusted in place of the system's roots,
 * NULL for those. */
int web_get(const char *url, const char *ca, struct buf *body, struct err *err);
/* Which connector listens for operators at ADDR:PORT, and is it ready? */
int web_connector(const char *address, struct uuid *id, bool *ready, struct err *err);
/* How many requests does it carry, WebSockets included? -1 when it does not tell. */
long web_streams(const char *address);

/* Asks a URL once a second in a thread of its own. */
struct prober; /* opaque */
struct prober_count {
	long asked, failed; /* failed: no answer, or a status of 500 and above */
	char first[256];    /* the first failure */
};
struct prober *prober_start(const char *url, const char *ca);
struct prober_count prober_look(struct prober *p);
void prober_stop(struct prober *p); /* NULL is fine */

#endif
