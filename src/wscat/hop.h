/* What was learnt about one hop, as plain facts that go to JSON and back, so that machines further inside may add theirs.
 * Judging is verdict.c's. */
#ifndef WSCAT_HOP_H
#define WSCAT_HOP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"

/* The requests that a hop may be sent. Each is asked at most once (HOP_REQUESTS_MAX counts idle and size checks not). */
enum ask {
	ASK_UPGRADE,   /* as a browser would */
	ASK_NO_ORIGIN, /* the same without Origin */
	ASK_SPELLING,  /* the same with "Connection: keep-alive, Upgrade" */
	ASK_OWN_HOST,  /* the same with the Host of the hop's own URL */
	ASK_NO_PORT,   /* the same with an Origin without port */
	ASK_PLAIN,     /* a GET without Upgrade */
	ASK_SIBLING,   /* an upgrade of a path that nobody knows */
	ASK_SLASH,     /* an upgrade of the path with a slash more, or less, at its end */
	ASK_BAD_KEY,   /* an upgrade with a malformed key */
	ASK_HTTP2,     /* an extended CONNECT, where h2 is agreed on by ALPN */
	ASK_VERSION,   /* an upgrade to version 12, which nobody speaks */
	ASK_LENGTH,    /* an upgrade with Content-Length: 5 and no body */
	ASK_KINDS,
};
#define HOP_REQUESTS_MAX ASK_KINDS

/* The answer to one. Everything is owned. */
struct reply {
	bool asked;
	bool opened;     /* 101 in order, or 200 over HTTP/2 */
	char *failure;   /* peer_failure_name */
	char *why;       /* of a failure */
	int status;      /* 0: no answer */
	char *head;      /* of the answer, lines ended by "\n", escaped; "" when none */
	char *body;      /* its beginning, escaped */
	double first_ms; /* from the request's end to the first byte; 0: none came */
};

enum product {
	PRODUCT_UNKNOWN,
	PRODUCT_APACHE,
	PRODUCT_NGINX,
	PRODUCT_HAPROXY,
	PRODUCT_CADDY,
	PRODUCT_CLOUDFLARED,
	PRODUCT_APP,
};
const char *product_name(enum product p);
bool product_find(const char *name, enum product *out);

struct hop {
	char *name, *url;
	struct reply replies[ASK_KINDS];
	/* Of the upgrade; ms, each phase by itself, 0: not reached */
	double dns_ms, tcp_ms, proxy_ms, tls_ms, send_ms, wait_ms, head_ms;
	double message_ms; /* from the opening to the first message */
	char *address, *tls_version, *alpn, *cert_names;
	double cert_days;
	bool is_h2;
	bool offered, granted; /* permessage-deflate */
	char *extensions, *subprotocol;
	int pings; /* answered */
	double ping_min_ms, ping_median_ms, ping_max_ms;
	bool echo_asked, echoes;
	double close_ms; /* from our close frame to the peer's; 0: none came */
	int close_code;
	/* Idle check: */
	double idle_bound_ms;   /* 0: not done */
	double idle_died_ms;    /* 0: lived */
	bool idle_pinged_lived; /* the connection with pings */
	char *idle_how;
	/* Size check: */
	int64_t frame_bound; /* bytes; 0: not done */
	int64_t frame_passed;
	int frame_close; /* code that a larger one was answered with; 0: none */
	/* Soak: */
	double soak_ms; /* 0: not done */
	int soak_drops;
	int soak_silent; /* times that a connection stood and led nowhere: no pongs, or without pings it outlived one with */
	/* From a configuration file or a record: */
	enum product product; /* known by other means than the answers */
	json_t *suspects;     /* what its configuration says: [{id, line, text, fix}]; NULL: none was read */
	json_t *unknown;      /* fields of its record that this program does not know; owned, may be NULL */
};

struct hop *hop_new(const char *name, const char *url);
void hop_free(struct hop *h); /* NULL is fine */

json_t *hop_to_json(const struct hop *h);
/* NULL when it is no hop. */
struct hop *hop_from_json(const json_t *json);
/* The hop opened a WebSocket, and nothing that was checked failed. */
bool hop_is_ok(const struct hop *h);
const char *ask_name(enum ask a);

/* The value of a field of the reply's head, "" when there is none; *count, if not NULL, says how many there are.
 * out holds size bytes. */
const char *reply_field(const struct reply *r, const char *name, char *out, size_t size, int *count);

#endif
