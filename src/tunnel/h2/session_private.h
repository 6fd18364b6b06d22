/* Between the files of a session: exchange.c has the exchanges' lives and the windows they are received by, send.c what goes
 * out, receive.c the library's callbacks for what comes in, session.c the rest. */
#ifndef H2_SESSION_PRIVATE_H
#define H2_SESSION_PRIVATE_H

#include <nghttp2/nghttp2.h>

#include "common/base/list.h"
#include "tunnel/h2/blockfilter.h"
#include "tunnel/h2/session.h"

struct exchange {
	struct node node;      /* in session->exchanges */
	struct node room_node; /* in session->roomy when `room` is due */
	struct node turn_node; /* in session->yielding while it leaves the peer's window to others */
	struct h2_session *session;
	const struct exchange_events *events; /* NULL: nobody listens any more */
	void *arg;
	int32_t id;
	struct buf out; /* body bytes not framed yet */
	size_t held;    /* received bytes not given back yet */
	size_t unsent;  /* bytes of its request head, until that is framed */
	struct fields trailers;
	struct buf trailer_bytes;
	bool head_seen;  /* the final head has arrived */
	bool deferred;   /* the library waits for more body */
	bool finishing;  /* exchange_finish was called */
	bool peer_ended; /* END_STREAM has come */
	bool failed;     /* closed reports EXCHANGE_FAILED whatever the code */
	bool oversized;  /* or EXCHANGE_TOO_LARGE */
};

/* Where a field of the head being received lies in head_bytes. */
struct field_place {
	size_t name, name_len, value, value_len;
};

struct h2_session {
	nghttp2_session *ng;
	enum h2_role role;
	const struct h2_owner *owner;
	void *arg;
	struct list exchanges, roomy, yielding;
	bool shares;         /* h2_share_window */
	int32_t peer_window; /* the largest that the peer's connection window has been */
	size_t active;
	size_t unsent; /* of all exchanges */
	bool freeing;
	bool woken;      /* the owner was told that there is something to send */
	struct buf *out; /* while h2_pull runs: where to, and up to how many bytes */
	size_t high;
	struct blockfilter filter;
	/* The head being received; blocks of one connection never interleave. */
	struct buf head_bytes;
	struct field_place places[HEADER_FIELDS_MAX];
	size_t place_count;
	bool head_was_cut;   /* by the filter */
	bool head_too_large; /* so, or past our own limits */
	struct fields head_fields;
	/* Receiving windows. */
	int32_t window;        /* of a stream and of the connection, grown by probes */
	int32_t stream_window; /* as last announced; H2_WINDOW_TIGHT while too much is held */
	size_t held;           /* delivered and not given back, all streams */
	size_t owed;           /* connection window kept back because of `held` */
	/* A probe measures how much arrives in one round trip. */
	bool probing;
	uint64_t probe_bytes, since_probe;
};

/* Are requests answered here? */
static inline bool h2_answers(const struct h2_session *s)
{
	return s->role != H2_EDGE;
}

/* Tell the owner that there is something to send, once. */
static inline void h2_wake(struct h2_session *s)
{
	if (s->woken || s->out != NULL)
		return;
	s->woken = true;
	s->owner->wake(s->arg);
}

/* --- exchange.c --- */

/* Announce the window that new streams get, if it has changed. */
void h2_set_stream_window(struct h2_session *s);
/* Give bytes back to the connection's window, as far as what is held allows. */
void h2_give_connection(struct h2_session *s, size_t n);
/* Body bytes have come; a probe may be due. */
void h2_count_received(struct h2_session *s, size_t n);
/* The ping that measures a round trip; and what to do when its answer has come. */
extern const uint8_t h2_ping_probe[8];
void h2_probe_done(struct h2_session *s);
struct exchange *exchange_new(struct h2_session *s, int32_t id);
/* Without a word. */
void exchange_free(struct exchange *x);
/* Tell the listener, and free it. */
void exchange_close(struct exchange *x, enum exchange_fate fate);
/* What an error code of RST_STREAM (RFC 9113, 7) means. */
enum exchange_fate exchange_fate_of(uint32_t code);
void exchange_fail(struct exchange *x);

/* --- send.c --- */

/* The library asks for body again. */
void exchange_resume(struct exchange *x);
int h2_on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t length,
	nghttp2_data_source *source, void *arg);

/* --- receive.c: for nghttp2 --- */

int h2_on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg);
int h2_on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
	const uint8_t *value, size_t value_len, uint8_t flags, void *arg);
int h2_on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *arg);
int h2_on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *arg);
int h2_on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg);
int h2_on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *arg);
int h2_on_not_send(nghttp2_session *ng, const nghttp2_frame *frame, int code, void *arg);

#endif
