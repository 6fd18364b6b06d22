/* One connection between edge and connector: TLS, then HTTP/2, with a heartbeat, until it dies. Both ends use it, and so
 * does the management API; what travels over it is its owner's business. */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include "common/net/tls.h"
#include "tunnel/h2/session.h"
#include "tunnel/worker.h"

#define LINK_HANDSHAKE_MS 15000 /* for TLS */
#define LINK_BEAT_MS 15000      /* a PING after so long without a byte; the answer has as long again */

struct link; /* opaque; frees itself after `down` */

struct link_events {
	/* TLS is done; exchanges may be opened (edge) or will come (connector). */
	void (*up)(void *arg);
	/* Connector: see h2_owner.request. NULL on the edge. */
	void (*request)(void *arg, struct exchange *x, const struct exchange_head *head, bool end);
	/* The last event, once for each link; all exchanges have had their `closed` before. */
	void (*down)(void *arg, const char *why);
	/* The last exchange that was open has gone. May be NULL. */
	void (*idle)(void *arg);
};

/* Take over a connected descriptor. name is the TLS server name (connector; NULL on the edge). NULL with err when TLS
 * cannot start; fd is closed then. */
struct link *link_new(struct worker *w, enum h2_role role, int fd, struct tls_context *tls, const char *name,
	const struct link_events *events, void *arg, struct err *err);
/* Take over a stream whose TLS is done; `up` is not called, the link can be used at once. */
struct link *link_adopt(struct worker *w, enum h2_role role, const struct stream *ready,
	const struct link_events *events, void *arg);
/* Bytes that were read from the stream before it was adopted. */
void link_take(struct link *l, struct span bytes);
/* End it before this wake-up is over: exchanges are failed, `down` comes with this reason (a constant string). What is
 * queued is sent as far as the socket takes it. */
void link_close(struct link *l, const char *why);

/* For h2_open and the like; NULL before `up` and once the link is dead. */
struct h2_session *link_session(struct link *l);
/* "ADDRESS:PORT" of the far end and of ours. */
const char *link_peer(const struct link *l);
const char *link_local(const struct link *l);

#endif
