/* One request and its response on a tunnel connection: an HTTP/2 stream without the HTTP/2. The session owns it; the
 * user gets events and must not touch it after `closed`, or after exchange_reset. */
#ifndef H2_EXCHANGE_H
#define H2_EXCHANGE_H

#include "common/base/span.h"
#include "common/proto/header.h"

#define EXCHANGE_OUT_MAX ((size_t)64 * 1024) /* body bytes that wait to be framed */

struct exchange; /* opaque */

/* A request's or a response's head. Borrowed for the call; names are lower case, pseudo-header fields are apart. */
struct exchange_head {
	struct span method, scheme, authority, path; /* requests */
	int status;                                  /* responses */
	const struct fields *fields;
};

/* How an exchange ended. */
enum exchange_fate {
	EXCHANGE_DONE,    /* both directions ended, or the peer needs no more of ours (RST_STREAM NO_ERROR) */
	EXCHANGE_RESET,   /* the peer reset it */
	EXCHANGE_REFUSED, /* not processed by the peer (REFUSED_STREAM, GOAWAY): safe to try elsewhere */
	EXCHANGE_FAILED,  /* malformed, or too large to be sent */
	EXCHANGE_TOO_LARGE, /* the peer sent a head too large to be taken */
	EXCHANGE_LOST,      /* the connection ended */
};

struct exchange_events {
	/* A head has arrived whole. On the edge: the response, after any number of 1xx heads; end: no body follows. */
	void (*head)(void *arg, const struct exchange_head *head, bool end);
	/* Body bytes, to be taken in whole: the flow-control window bounds them. Each is to be given back by
	 * exchange_consumed when it has moved on. */
	void (*body)(void *arg, struct span data);
	/* The peer's direction has ended; trailers is NULL when there were none. Not called after a head with end. */
	void (*end)(void *arg, const struct fields *trailers);
	/* exchange_write had little room, and has more again. */
	void (*room)(void *arg);
	/* The last event. */
	void (*closed)(void *arg, enum exchange_fate fate);
};

/* Reasons for exchange_reset; the values are those of RFC 9113, 7. */
enum exchange_code {
	EXCHANGE_NO_ERROR = 0,
	EXCHANGE_PROTOCOL_ERROR = 1,
	EXCHANGE_INTERNAL_ERROR = 2,
	EXCHANGE_REFUSED_STREAM = 7,
	EXCHANGE_CANCEL = 8,
};

/* Set who gets the events. On the side that answers: from within h2_owner.request. */
void exchange_listen(struct exchange *x, const struct exchange_events *events, void *arg);

/* The side that answers: send a 1xx head, or the final one; end: no body follows. fields are copied. */
void exchange_inform(struct exchange *x, int status);
void exchange_respond(struct exchange *x, int status, const struct fields *fields, bool end);

/* Queue body bytes; how many were taken, less than given when the buffer is full: then wait for `room`. */
size_t exchange_write(struct exchange *x, struct span data);
/* Bytes that exchange_write would take now. */
size_t exchange_room(const struct exchange *x);
/* End our direction once the queue is sent, with trailers or NULL. */
void exchange_finish(struct exchange *x, const struct fields *trailers);
/* n received bytes have moved on: the peer may send as many more. */
void exchange_consumed(struct exchange *x, size_t n);
/* The user is done with it: no event comes any more and x is gone for the caller. A response
 * that was finished is still sent whole; anything else is reset. NULL is fine. */
void exchange_release(struct exchange *x);
/* Break it off. No event comes any more and x is gone for the caller. NULL is fine. */
void exchange_reset(struct exchange *x, enum exchange_code code);

#endif
