/* Between the files of a peer: peer_connect.c gets to the server, peer_answer.c judges what it says to the request, peer.c has
 * the bytes, the frames and the end. */
#ifndef WSCAT_PEER_PRIVATE_H
#define WSCAT_PEER_PRIVATE_H

#include "common/net/tls.h"
#include "wscat/h2pipe.h"
#include "wscat/peer.h"
#include "wscat/proxy.h"
#include "wscat/where.h"

enum peer_state {
	PEER_DIAL,   /* look-up and connect() */
	PEER_PROXY,  /* asking the proxy to connect */
	PEER_TLS,    /* handshake */
	PEER_HEAD,   /* request sent, or going out; waiting for the head of the answer */
	PEER_BODY,   /* an answer that opens nothing: its body */
	PEER_OPEN,   /* frames, both ways */
	PEER_LINGER, /* closed by both sides; the server ends the connection */
	PEER_OVER,   /* on_over is due, or done */
};

struct peer {
	struct env *env;
	const struct peer_fns *fns;
	void *arg;
	enum peer_state state;
	struct peer_conf conf; /* its pointers but env are not used after peer_start */
	struct where where;
	struct proxy_talk proxy;
	struct buf proxy_out;
	struct h2pipe_request *h2_request;
	bool is_tls;
	char *server_name;
	char key[WS_KEY_LEN + 1];
	struct dial *dial;
	struct stream stream;
	struct loop_io *io;
	struct loop_timer timer;
	struct loop_timer more; /* reading goes on after others had their turn */
	struct loop_task flush; /* writes what was queued during a wake-up */
	struct loop_task over;
	struct buf out; /* request; then whatever goes before frames */
	struct buf in;  /* not taken yet: a head in progress, or frames held back */
	size_t scanned;
	struct http1_body body;
	struct ws_conn *conn;
	struct h2pipe *h2; /* NULL over HTTP/1.1 */
	bool eof, paused, hurry;
	int reads; /* of this turn */
	struct peer_report report;
};

/* Microseconds since the start, never 0. */
static inline uint64_t peer_now(const struct peer *p)
{
	uint64_t us = loop_clock_us() - p->report.at.start;

	return us > 0 ? us : 1;
}

/* It is over: on_over is due, and nothing but peer_free touches the peer from here on. how is a literal. */
void peer_finish(struct peer *p, const char *how);
/* The same with a reason; nothing happens when it is over already. */
void peer_fail(struct peer *p, enum peer_failure failure, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Look the name up and connect, then go on to the proxy, TLS and the request. */
void peer_dial(struct peer *p);
/* Everything that can be done now, once the request may go out. */
void peer_pump(struct peer *p);
/* Frames from here on. */
void peer_open(struct peer *p);

/* Read the head of the answer, or its body, out of p->in as far as that has come. */
void peer_read_head(struct peer *p);
void peer_read_body(struct peer *p);
/* What has come is no HTTP, or its head is no good. */
void peer_not_http(struct peer *p, const char *why);

#endif
