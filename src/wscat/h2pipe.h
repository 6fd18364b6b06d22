/* A WebSocket's bytes over HTTP/2: extended CONNECT (RFC 8441) by nghttp2. What comes out is a head in the form of
 * HTTP/1.1, then the stream's data; so the reader needs to know one form only. */
#ifndef WSCAT_H2PIPE_H
#define WSCAT_H2PIPE_H

#include "common/base/span.h"
#include "common/net/stream.h"
#include "wscat/request.h"

struct h2pipe_request; /* opaque: the fields to send, copied */
struct h2pipe_request *h2pipe_request(const struct request *r, const struct env *env, bool is_tls);
void h2pipe_request_free(struct h2pipe_request *r); /* NULL is fine */

struct h2pipe; /* opaque */
/* Both are borrowed. The request is sent once the server has announced SETTINGS_ENABLE_CONNECT_PROTOCOL, or at once
 * when it is a plain GET. */
struct h2pipe *h2pipe_new(struct stream *stream, const struct h2pipe_request *request);
void h2pipe_free(struct h2pipe *h); /* NULL is fine */

/* As stream_read and stream_write. A read also moves the session's own frames. */
ssize_t h2pipe_read(struct h2pipe *h, char *to, size_t len);
ssize_t h2pipe_write(struct h2pipe *h, struct span bytes);
bool h2pipe_wants_write(const struct h2pipe *h);
/* After STREAM_FAIL: a constant string. */
const char *h2pipe_why(const struct h2pipe *h);
/* Did the server refuse extended CONNECT by its settings? */
bool h2pipe_no_connect(const struct h2pipe *h);

#endif
