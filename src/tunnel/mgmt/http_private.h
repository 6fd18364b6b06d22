/* What the parts of the HTTP server share: the server, its calls, and the two kinds of connections. */
#ifndef MGMT_HTTP_PRIVATE_H
#define MGMT_HTTP_PRIVATE_H

#include "common/base/list.h"
#include "tunnel/mgmt/http.h"

struct http {
	struct worker *worker;
	struct tls_context *tls; /* borrowed */
	const struct http_events *events;
	void *arg;
	struct listen *listen;    /* NULL: draining */
	struct list http1, http2; /* connections of either kind */
	size_t count;             /* of both */
	size_t held;              /* bytes reserved for bodies */
	struct loop_task drained;
	struct http1_request request; /* scratch for one head at a time */
};

/* --- Calls (http.c) --- */

/* A request, with its own copy of all that it says. It belongs to its connection until it is asked, and from then on to
 * whoever answers it. */
struct http_call {
	struct http_request request;
	struct http *http;
	void (*answer)(void *conn, struct http_answer *a); /* NULL: the connection has gone */
	void *conn;
	struct buf text; /* of the head */
	struct fields fields;
	struct buf body;
	size_t reserved; /* of http->held */
	char address[DIAL_NAME_MAX];
	bool is_head; /* HEAD: no body in the answer */
	bool is_asked;
};

/* path with "?" and query. */
struct http_call *http_call_new(struct http *h, struct span method, struct span path,
	const struct fields *fields, const char *address);
/* Make room for a body of at most max bytes. False: too many are held. */
bool http_call_reserve(struct http_call *c, size_t max);
/* Append to the body. False: it is longer than reserved. */
bool http_call_add(struct http_call *c, struct span bytes);
/* It is whole. */
void http_call_ask(struct http_call *c);
/* The connection has no use for it any more: freed, at once or when it is answered. NULL is fine. */
void http_call_drop(struct http_call *c);
/* "Sun, 06 Nov 1994 08:49:37 GMT" */
void http_date(char out[64]);

/* A connection of either kind has ended. */
void http_gone(struct http *h, struct node *node);

/* --- HTTP/1.1 (http1_conn.c) --- */

void http1_accept(struct http *h, int fd, const struct sockaddr_storage *from);
/* Close as soon as nothing is owed; now: at once. */
void http1_drain_all(struct http *h, bool now);

/* --- HTTP/2 (http2_conn.c) --- */

/* Take over an open stream, and what was read from it. */
void http2_adopt(struct http *h, const struct stream *ready, const char *address, struct span bytes);
void http2_drain_all(struct http *h, bool now);

#endif
