/* A test peer: a WebSocket server that echoes, and misbehaves on request. Memory per connection is bounded by the
 * largest message it takes. */
#ifndef WSCAT_SERVE_H
#define WSCAT_SERVE_H

#include "common/base/opt.h"
#include "common/net/loop.h"
#include "common/net/stream.h"
#include "common/net/tls.h"
#include "common/proto/ws_deflate.h"
#include "wscat/script.h"

#define SERVE_HEAD_MS 10000                  /* for TLS and the request */
#define SERVE_LINGER_MS 1000                 /* for the client's end after ours */
#define SERVE_STUCK_MS 10000                 /* for a byte to go, once all is said */
#define SERVE_MESSAGE_MAX (INT64_C(1) << 20) /* bytes: default of --max-size */

struct serve_conf {
	const char *listen, *cert, *key, *compression, *script_file;
	struct opt_list subprotocols;
	int64_t reject;      /* answer with this status; 0: do not */
	int64_t close_after; /* close after so many messages; -1: never */
	int64_t drop_after;  /* cut after so many messages; -1: never */
	int64_t delay_ns;    /* before the 101 */
	bool wrong_accept, no_pong, json, quiet;
	int64_t fragment, message_max, close_code;
};

struct serve {
	const struct serve_conf *conf; /* borrowed */
	struct loop *loop;
	struct tls_context *tls;         /* NULL: plain */
	struct ws_deflate_params policy; /* of permessage-deflate */
	struct ws_deflate_pool *pool;
	struct script *script; /* NULL: echo */
	struct list sessions;
	struct list h2; /* connections of h2serve.c */
	size_t session_count;
	bool stopping;
};

/* One connection that was accepted; frees itself. */
struct session;
void session_start(struct serve *serve, int fd, const struct sockaddr_storage *from);
/* A request that came otherwise than by HTTP/1.1, and what it was granted. */
struct session_offer {
	const struct fields *fields; /* of the request */
	const char *path;            /* borrowed */
	struct ws_deflate_params deflate;
	struct buf extensions;   /* the answer's field value; the caller frees it */
	struct span subprotocol; /* likewise; borrowed from fields */
};
/* Judge it: 200, or the status to refuse it with. */
int session_offer(const struct serve *serve, struct session_offer *offer);
/* Open a WebSocket on a stream that has no descriptor: session_wake says when it may go on. */
struct session *session_start_stream(struct serve *serve, const struct stream *stream, const char *peer,
	const struct session_offer *offer);
void session_wake(struct session *s);
/* Close with 1001, in order. */
void session_stop_all(struct serve *serve);

#endif
