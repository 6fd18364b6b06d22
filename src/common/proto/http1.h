/* HTTP/1.1 heads and bodies (RFC 9112), strict: what could be read in two ways is refused. Bytes in, spans out; no I/O,
 * no allocation per field. */
#ifndef PROTO_HTTP1_H
#define PROTO_HTTP1_H

#include "common/base/buf.h"
#include "common/proto/header.h"
#include "common/proto/parse.h"

#define HTTP1_HEAD_MAX ((size_t)64 * 1024)    /* bytes of a request or response head */
#define HTTP1_LINE_MAX ((size_t)16 * 1024)    /* bytes of a start line, CRLF included */
#define HTTP1_METHOD_MAX 32                   /* bytes of a method */
#define HTTP1_FIELD_MAX ((size_t)32 * 1024)   /* bytes of a field line */
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
	/* origin-form; of an absolute-form target what follows the authority; "*" as it is */
	struct span path;
	/* Host and port: of an absolute-form target, which goes before Host and is to replace it, else of Host. Empty
	 * in HTTP/1.0 without one. */
	struct span authority;
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

/* Is there a whole head at the start of in? *scanned is the caller's, 0 at first, and saves looking at a byte twice. With
 * PARSE_OK *head_len is its length, the empty line included. Never PARSE_MORE once in holds HTTP1_HEAD_MAX bytes. */
enum parse http1_find_head(struct span in, size_t *scanned, size_t *head_len, struct http1_fault *fault);

/* Parse a whole head. False with the fault when it is not well-formed or ambiguous. */
bool http1_parse_request(struct span head, struct http1_request *r, struct http1_fault *fault);
/* method is that of the request (HEAD has no body). */
bool http1_parse_response(
	struct span head, struct span method, struct http1_response *r, struct http1_fault *fault);
/* The lines after the start line, or a trailer section: all of it, up to and with the empty line. */
bool http1_parse_fields(struct span section, struct fields *fields, struct http1_fault *fault);
/* May this stand as the target of a request line? No space, control byte or "#". */
bool http1_is_target(struct span s);
/* May a field of that name stand in a trailer section? Not those that frame or route (RFC 9110, 6.5.1). */
bool http1_is_trailer(struct span name);
void http1_request_fini(struct http1_request *r);
void http1_response_fini(struct http1_response *r);

/* Where the decoder of the chunked coding stands. */
enum http1_chunk {
	HTTP1_CHUNK_SIZE,    /* hexadecimal digits */
	HTTP1_CHUNK_EXT,     /* after ';' up to CR */
	HTTP1_CHUNK_SIZE_LF, /* LF that ends the size line */
	HTTP1_CHUNK_DATA,    /* payload */
	HTTP1_CHUNK_DATA_CR, /* CR after the payload */
	HTTP1_CHUNK_DATA_LF, /* LF after the payload */
	HTTP1_CHUNK_TRAILER, /* trailer section up to its empty line */
};

/* Reads a body as it comes. Zero-initialise, then http1_body_start; may be started again for the next message. */
struct http1_body {
	enum http1_framing framing;
	enum http1_chunk state;
	uint64_t left;          /* of the length or of the chunk */
	unsigned digits;        /* of the chunk size so far */
	unsigned ext;           /* bytes of chunk extension so far */
	bool done;              /* the body has ended */
	struct buf section;     /* trailer section, raw */
	struct fields trailers; /* when done; spans into section */
};
void http1_body_start(struct http1_body *b, enum http1_framing framing, uint64_t length);
/* Take bytes off *in. PARSE_OK: *data is payload, borrowed from in; with b->done the body has ended, and *data may be
 * empty. What is left of *in then belongs to the next message. PARSE_MORE: in is used up, there is no payload.
 * PARSE_BAD: *why says what is wrong. */
enum parse http1_body_next(struct http1_body *b, struct span *in, struct span *data, const char **why);
/* The connection has ended: true when that ends this body in good order. */
bool http1_body_at_close(struct http1_body *b);
void http1_body_fini(struct http1_body *b);

/* --- Writing. -1 when a name or value is not allowed, or out's ceiling would be passed: nothing is appended then. --- */
int http1_write_request_line(struct buf *out, struct span method, struct span target);
int http1_write_status_line(struct buf *out, int status, struct span reason);
int http1_write_field(struct buf *out, struct span name, struct span value);
int http1_write_length(struct buf *out, uint64_t length); /* Content-Length */
int http1_write_end(struct buf *out);                     /* the empty line */
/* One chunk whole; nothing when data is empty, since that would end the body. */
int http1_write_chunk(struct buf *out, struct span data);
/* What goes before and after len > 0 bytes of a chunk that are written by other means. */
int http1_write_chunk_start(struct buf *out, uint64_t len);
int http1_write_chunk_end(struct buf *out);
/* The last chunk, with trailers or NULL; those that do not pass http1_is_trailer are left out. */
int http1_write_last_chunk(struct buf *out, const struct fields *trailers);

/* May a request of this method be sent twice without harm? (RFC 9110, 9.2.2) */
bool http1_is_idempotent(struct span method);
/* The usual reason phrase, "" for an unknown status. */
struct span http1_reason(int status);

#endif
