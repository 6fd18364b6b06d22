/* The HTTP server under the management API: HTTP/1.1, and HTTP/2 by ALPN or by prior knowledge; heads, bodies and answers
 * whole, deadlines. Knows nothing of what is asked. */
#ifndef MGMT_HTTP_H
#define MGMT_HTTP_H

#include "common/base/secret.h"
#include "common/net/dial.h"
#include "common/net/tls.h"
#include "common/proto/http1.h"
#include "tunnel/worker.h"

#define HTTP_CONNECTIONS_MAX 100
#define HTTP_HEAD_MAX ((size_t)16 * 1024) /* bytes of a request's head */
#define HTTP_BODIES_MAX \
	((size_t)64 * 1024 * 1024) /* bytes of all bodies that are held; more is told to wait */
#define HTTP_REQUEST_MS 30000      /* for TLS, and for reading one request */
#define HTTP_IDLE_MS 75000         /* between requests */
#define HTTP_LINGER_MS 1000        /* that a request may go on once it is answered */
#define HTTP_WRITE_MS 30000        /* for taking an answer, or the next part of it */
#define HTTP_WRITE_PART ((size_t)64 * 1024)

struct http;      /* opaque; one owner */
struct http_call; /* opaque: a request on its way to an answer */

/* A request. Borrowed. */
struct http_request {
	struct span method, path, query; /* query without "?" */
	const struct fields *fields;
	struct span body;    /* empty in `begin` */
	bool has_body;       /* one follows, or has been read */
	const char *address; /* of the client, without port */
	uint64_t began_us;   /* loop_clock_us when the head was whole */
};

/* An answer to be filled in. */
struct http_answer {
	int status;
	const char *content_type; /* constant */
	const char *allow;        /* constant; NULL: no such field */
	int retry_after_s;        /* 0: no such field */
	uint64_t delay_ms;        /* that it is held back */
	bool is_secret;           /* Cache-Control: no-store, and wiped when it is out */
	struct buf body;
};

struct http_events {
	/* A head has come. 0: go on, a body of up to *body_max bytes is read; -1: answer is filled in, nothing is read. */
	int (*begin)(void *arg, const struct http_request *r, size_t *body_max, struct http_answer *answer);
	/* The request is whole: http_answer is to be called for it once, here or later. */
	void (*request)(void *arg, struct http_call *call);
	/* An answer of the server's own: 400 for a malformed request, 413, 408 and their like; body is to be filled in. */
	void (*fault)(void *arg, const char *address, const char *why, struct http_answer *answer);
	/* After http_drain: the last connection has ended. */
	void (*drained)(void *arg);
};

/* What was asked: lasts until it is answered. */
const struct http_request *http_request(const struct http_call *call);
/* Answer; the body's bytes are taken, or wiped when nobody waits for them any more. call is gone. */
void http_answer(struct http_call *call, struct http_answer *answer);

/* Listen on ADDRESS:PORT; tls NULL for plain HTTP, else owned by the caller. */
struct http *http_new(struct worker *w, const char *address, struct tls_context *tls,
	const struct http_events *events, void *arg, struct err *err);
const char *http_address(const struct http *h);
size_t http_connections(const struct http *h);
/* Take no more connections; those that are open end once what they have asked is answered, or now. `drained` comes in any
 * case. */
void http_drain(struct http *h, bool now);
void http_free(struct http *h); /* NULL is fine */

#endif
