/* The head of a request to a service over HTTP/1.1. */
#ifndef ORIGIN_H1_REQUEST_H
#define ORIGIN_H1_REQUEST_H

#include "tunnel/origin/proxy.h"

/* Append it to out, to the empty line (RFC 9112, 3 and 6): names in Go's form and Cookie in one field, as services know
 * them from cloudflared. may_chunk: a body of unknown length may be sent in chunks (disableChunkedEncoding); *chunked tells
 * whether it is. -1 when the request line or a field cannot be written, or out is full. */
int h1_request_write(struct buf *out, const struct proxy_request *r, bool may_chunk, bool *chunked);

#endif
