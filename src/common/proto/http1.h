/* HTTP/1.1 heads and bodies (RFC 9112), strict: what could be read in two ways is refused. Bytes in, spans out; no I/O,
 * no allocation per field. */
#ifndef PROTO_HTTP1_H
#define PROTO_HTTP1_H

#include "common/base/buf.h"
#include "common/proto/header.h"
#include "common/proto/parse.h"

#define HTTP1_HEAD_MAX ((size_t)64 * 1024)    /* bytes of a request or response head */
#define HTTP1_LINE_MAX ((size_t)16 * 1024)    /* bytes of a request line */
#define HTTP1_TRAILER_MAX ((size_t)16 * 1024) /* bytes of a trailer section */
#define HTTP1_CHUNK_EXT_MAX 256               /* bytes of a chunk's extensions */

/* How a message's body is delimited (RFC 9112, 6.3). */
enum http1_framing {
	HTTP1_NO_BODY,
	HTTP1_LENGTH,
	HTTP1_CHUNKED,
	HTTP1_UNTIL_CLOSE, /* responses only */
};

/* Why a head was refused: for the log, and as a server's answer. */
struct http1_fault {
	const char *why; /* constant */
	int status;      /* 400, 414, 431, 501 or 505 */
};

/* The head of a request. Spans point into the bytes it was parsed from. Reusable; http1_request_fini frees it. */
struct http1_request {
	struct span method;
	struct span target; /* as sent */
	struct span
		path; /* origin-form; of an absolute-form target what follows the authority; "*" as it is */
	struct span
		authority; /* host and port: of an absolute-form target, else of Host; empty in HTTP/1.0 without one */
	int minor; /* of HTTP/1.minor */
	struct fields fields;
	enum http1_framing framing; /* never HTTP1_UNTIL_CLOSE */
	uint64_t length;            /* with HTTP1_LENGTH */
	bool keep_alive;
	bool expects_continue; /* Expect: 100-continue */
};

/* The head of a response. */
struct http1_response {
	int status;
	struct span reason;
	int minor;
	struct fields fields;
	enum http1_framing framing;
	uint64_t length;
	bool keep_alive;
};

/* Is there a whole head at the start of in? *scanned is the caller's, 0 at first, and saves looking twice. With PARSE_OK
 * *head_len is its length, the empty line included. */
enum parse http1_find_head(struct span in, size_t *scanned, size_t *head_len, struct http1_fault *fault);

/* Parse a whole head. False with the fault when it is not well-formed or ambiguous. */
bool http1_parse_request(struct span head, struct http1_request *r, struct http1_fault *fault);
/* method is that of the request (HEAD has no body). */
bool http1_parse_response(
	struct span head, struct span method, struct http1_response *r, struct http1_fault *fault);
void http1_request_fini(struct http1_request *r);
void http1_response_fini(struct http1_response *r);

/* Reads a body as it comes. Zero-initialise, then http1_body_start. */
struct http1_body {
	enum http1_framing framing;
	int state;              /* of the chunked coding: see http1.c */
	uint64_t left;          /* of the length or of the chunk */
	unsigned digits;        /* of the chunk size so far */
	unsigned ext;           /* bytes of chunk extension so far */
	bool done;              /* the body has ended */
	struct buf section;     /* trailer section, raw */
	struct fields trailers; /* when done; spans into section */
};
void http1_body_start(struct http1_body *b, enum http1_framing framing, uint64_t length);
/* Take bytes off *in. PARSE_OK: *data is payload (borrowed from in, not empty), or b->done and there is none.
 * PARSE_MORE: in is used up. */
enum parse http1_body_next(struct http1_body *b, struct span *in, struct span *data, const char **why);
/* The connection has ended: true when that ends this body in good order. */
bool http1_body_at_close(struct http1_body *b);
void http1_body_fini(struct http1_body *b);

/* --- Writing. -1 when a name or value is not allowed, or out's ceiling would be passed. --- */
int http1_write_request_line(struct buf *out, struct span method, struct span target);
int http1_write_status_line(struct buf *out, int status, struct span reason);
int http1_write_field(struct buf *out, struct span name, struct span value);
int http1_write_end(struct buf *out); /* the empty line */
/* One chunk whole. */
int http1_write_chunk(struct buf *out, struct span data);
/* The last chunk, with trailers or NULL. */
int http1_write_last_chunk(struct buf *out, const struct fields *trailers);

/* The usual reason phrase, "" for an unknown status. */
struct span http1_reason(int status);

#endif
