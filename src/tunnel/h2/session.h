/* An HTTP/2 connection between edge and connector, without I/O: bytes in, bytes out, exchanges. The edge is the HTTP/2
 * client, though it accepted the connection. The management API is served by it too. The only module that knows the HTTP/2
 * library. */
#ifndef H2_SESSION_H
#define H2_SESSION_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "tunnel/h2/exchange.h"

enum h2_role {
	H2_EDGE,      /* opens the streams */
	H2_CONNECTOR, /* answers them */
	H2_PUBLIC,    /* the same for anybody: within narrow limits, and what was sent is wiped */
};

/* Of H2_PUBLIC in place of the ones below. */
#define H2_PUBLIC_STREAMS 32
#define H2_PUBLIC_HEAD ((size_t)16 * 1024)
#define H2_PUBLIC_RESETS 100 /* RST_STREAM frames at once, and a tenth of it a second */

#define H2_WINDOW_FIRST ((int32_t)1 << 20)   /* stream and connection window at the start */
#define H2_WINDOW_MAX ((int32_t)16 << 20)    /* they grow with bandwidth times delay up to this */
#define H2_WINDOW_TIGHT ((int32_t)64 * 1024) /* stream window while too much is held */
#define H2_HELD_MAX ((size_t)32 << 20)       /* received and not yet moved on, all streams of a connection */
#define H2_STREAMS_MAX 8192                  /* our SETTINGS_MAX_CONCURRENT_STREAMS */
#define H2_HEAD_MAX ((size_t)256 * 1024) /* names and values of one head; larger ones cost their own stream */
#define H2_SEND_HEAD_MAX ((size_t)4 << 20) /* one header block that we send */
#define H2_UNSENT_MAX \
	((size_t)8 << 20) /* request heads that the peer's socket does not take; no new ones past it */
#define H2_LAST_ID ((int32_t)0x7fff0000) /* no new streams past this: the connection is to be replaced */

struct h2_session; /* opaque; freeing it ends every exchange */

/* What the session tells its connection. */
struct h2_owner {
	/* Connector, public: a request. Call exchange_listen on x in here. end: no body follows. */
	void (*request)(void *arg, struct exchange *x, const struct exchange_head *head, bool end);
	/* The answer to h2_ping. */
	void (*pong)(void *arg);
	/* There is something to send: call h2_pull before this wake-up ends. */
	void (*wake)(void *arg);
	/* The last exchange that was open has gone. May be NULL. */
	void (*idle)(void *arg);
};

/* The first h2_pull yields the preface and SETTINGS; `wake` is not called for them. */
struct h2_session *h2_new(enum h2_role role, const struct h2_owner *owner, void *arg);
/* Every exchange that is left gets `closed` with EXCHANGE_LOST. */
void h2_free(struct h2_session *s);

/* Take bytes from the peer. -1: the connection is broken; what h2_pull still yields (a GOAWAY) may be sent first. */
int h2_feed(struct h2_session *s, struct span bytes, struct err *err);
/* Append bytes to send until out holds about `high` of them. -1: the connection is broken. */
int h2_pull(struct h2_session *s, struct buf *out, size_t high, struct err *err);
/* Neither side has anything more to say: no stream is left after a GOAWAY, or the library has ended the session for a
 * fault of the peer, which it does in silence. To be asked after h2_feed and after h2_pull. */
bool h2_is_over(const struct h2_session *s);

/* The peer gives its connection window back only as bodies are read, as cloudflared does: from now on no stream takes all
 * of it, lest a service that does not read hold up every other upload. */
void h2_share_window(struct h2_session *s);

void h2_ping(struct h2_session *s);
/* Announce that no further stream will be accepted; open ones go on. */
void h2_goaway(struct h2_session *s);

/* Edge: open a stream. NULL when there is no room for it (h2_can_open). end: no body follows. Fields are copied. */
struct exchange *h2_open(struct h2_session *s, const struct exchange_head *head, bool end,
	const struct exchange_events *events, void *arg);
/* May another stream be opened now? Counts the peer's limit, the ids left, and the heads not sent yet. */
bool h2_can_open(const struct h2_session *s);
/* Are stream ids running out, so that the connection should be replaced? */
bool h2_is_worn(const struct h2_session *s);
/* Exchanges open now. */
size_t h2_active(const struct h2_session *s);

#endif
