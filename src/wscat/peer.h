/* One connection of a client: name, TCP, proxy, TLS, request, answer, and the WebSocket that may come of it. Never
 * blocks; tells its owner by callbacks, and keeps what it saw for a report. */
#ifndef WSCAT_PEER_H
#define WSCAT_PEER_H

#include "common/net/dial.h"
#include "common/net/stream.h"
#include "common/proto/ws_conn.h"
#include "wscat/request.h"
#include "wscat/target.h"

#define PEER_BODY_MAX 4096     /* bytes kept of the body of an answer that is not 101 */
#define PEER_CLOSE_MS 5000     /* wait for the peer's close frame, since the last byte, or since peer_hurry */
#define PEER_LINGER_MS 1000    /* wait for the server to end the connection after the closing handshake */
#define PEER_BODY_QUIET_MS 300 /* an answer's body that pauses for so long is taken as it is */

enum peer_failure {
	PEER_FINE,       /* opened, or answered */
	PEER_NO_NAME,    /* the host has no address */
	PEER_NO_TCP,     /* refused, unreachable */
	PEER_NO_PROXY,   /* the proxy did not let us through */
	PEER_NO_TLS,     /* handshake or certificate */
	PEER_NO_ANSWER,  /* connection ended before an answer */
	PEER_TIMEOUT,    /* in the phase that the times tell */
	PEER_NOT_HTTP,   /* an answer, but no HTTP */
	PEER_NOT_101,    /* HTTP that is no upgrade */
	PEER_BAD_101,    /* an upgrade that breaks RFC 6455 */
	PEER_NO_CONNECT, /* HTTP/2 without extended CONNECT (RFC 8441) */
};

/* Microseconds since the start; 0: not reached. */
struct peer_times {
	uint64_t start; /* loop_clock_us */
	uint64_t dns, tcp, proxy, tls, sent, first_byte, head, first_message, close_sent, close_got, end;
};

/* What was seen. Valid until peer_free. */
struct peer_report {
	enum peer_failure failure;
	char why[ERR_MAX]; /* with a failure */
	bool opened;       /* the WebSocket was open */
	struct peer_times at;
	char address[DIAL_NAME_MAX]; /* connected to */
	const char *tls_version;     /* "" without TLS */
	char alpn[16];
	bool has_cert;
	struct tls_peer_cert cert;
	bool is_h2;
	struct buf head;                /* the answer's, as it came; of HTTP/2 put in the form of HTTP/1.1 */
	struct http1_response response; /* spans into head */
	bool has_response;
	struct buf body;                  /* its beginning, or what came in place of HTTP */
	struct ws_deflate_params deflate; /* agreed on */
	struct span subprotocol;          /* chosen by the server; into head */
	bool with_101;                    /* frames came in the same read as the 101 */
	/* After the end of an open WebSocket: */
	int close_code; /* received; WS_CODE_ABNORMAL: none */
	char close_reason[WS_CONTROL_MAX + 1];
	int closed_with;   /* sent; 0: none */
	const char *fault; /* of the peer; NULL: none */
	const char *end;   /* how the connection ended: "end", "reset", ... */
};

/* All are called from the loop, none during peer_start; none after on_over. on_over may free the peer. */
struct peer_fns {
	void (*on_open)(void *arg);
	void (*on_message)(void *arg, enum ws_opcode opcode, struct span message);
	void (*on_control)(void *arg, enum ws_opcode opcode, struct span payload);
	void (*on_sent)(void *arg); /* the output has shrunk: there is room again */
	void (*on_over)(void *arg);
};

struct peer_conf {
	struct env *env;               /* borrowed */
	const struct target *target;   /* borrowed for the call; where to connect, and whether by TLS */
	const struct request *request; /* borrowed for the call */
	const char *server_name;       /* for SNI and the certificate; NULL: target's host */
	bool use_h2;
	bool plain; /* the answer is not expected to be 101 */
	bool no_pong;
	uint64_t timeout_ms; /* to the answer */
};

struct peer; /* opaque */
struct peer *peer_start(const struct peer_conf *conf, const struct peer_fns *fns, void *arg);
const struct peer_report *peer_report(const struct peer *p);
/* Cuts the connection if it is still there. NULL is fine. */
void peer_free(struct peer *p);

/* While open. -1: the closing handshake has begun, or the output is full. */
int peer_send(struct peer *p, enum ws_opcode opcode, struct span payload);
/* Bytes waiting to be sent. */
size_t peer_backlog(const struct peer *p);
/* Begin the closing handshake; the end comes by on_over. Before the opening it cuts the connection. */
void peer_close(struct peer *p, int code, struct span reason);
/* Messages that come after our close frame are of no use any more: the peer has PEER_CLOSE_MS from now on, whatever it sends. */
void peer_hurry(struct peer *p);
/* Stop and go on taking messages. */
void peer_pause(struct peer *p, bool paused);

/* A word for machines: "tcp", "tls", "http", ... */
const char *peer_failure_name(enum peer_failure f);

#endif
