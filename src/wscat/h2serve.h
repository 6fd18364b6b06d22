/* WebSockets over HTTP/2 for `wscat serve`: extended CONNECT (RFC 8441). Each stream that opens one becomes a session whose
 * bytes go through here. */
#ifndef WSCAT_H2SERVE_H
#define WSCAT_H2SERVE_H

#include "common/net/stream.h"
#include "wscat/serve.h"

#define H2SERVE_STREAMS_MAX 100              /* of one connection at a time */
#define H2SERVE_OUT_HIGH ((size_t)64 * 1024) /* bytes of a stream waiting for its window */

/* Take over a connection whose TLS has agreed on h2. stream is copied; it frees itself when the connection is over. */
void h2serve_start(struct serve *serve, const struct stream *stream, const char *peer);
/* Tell all clients to go away; their sessions end by themselves. */
void h2serve_stop_all(struct serve *serve);
/* Cut all connections. They are freed by the loop. */
void h2serve_cut_all(struct serve *serve);

#endif
