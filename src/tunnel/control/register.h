/* The conversation on the control stream, both halves: registration, configuration, unregistration. Bytes in, bytes out,
 * events; no I/O and no clock. Follows protocol facts of cloudflared's connection/control.go and tunnelrpc. */
#ifndef CONTROL_REGISTER_H
#define CONTROL_REGISTER_H

#include "common/base/buf.h"
#include "tunnel/control/rpc.h"

#define CONTROL_BEFORE_MAX ((size_t)64 * 1024) /* bytes of a message before registration */
#define CONTROL_AFTER_MAX ((size_t)16 << 20)   /* and after it: configurations */
#define CONTROL_QUESTIONS_MAX 16               /* the edge: answers that wait for their Finish */
#define CONTROL_UNSENT_MAX \
	((size_t)64 * 1024) /* the edge: bytes of answers that the connector does not take */

/* A feature of our own connector, told at registration: an upgraded stream may be ended in one direction only. */
#define CONTROL_FEATURE_HALF_CLOSE SPAN("outbore_half_close")

/* --- The connector's half --- */

enum control_client_event {
	CONTROL_CLIENT_NONE,       /* all bytes are used up */
	CONTROL_CLIENT_REGISTERED, /* details in client->registered */
	CONTROL_CLIENT_REFUSED, /* cause and retry in client->registered; an exception comes as a cause, no retry */
	CONTROL_CLIENT_UNREGISTERED,   /* the edge has taken us out of rotation */
	CONTROL_CLIENT_CONFIGURED,     /* the configuration was taken */
	CONTROL_CLIENT_NOT_CONFIGURED, /* it was not; the reason is in client->why */
	CONTROL_CLIENT_BROKEN,         /* the edge broke the protocol or aborted: client->why */
};

struct control_client {
	struct buf in;                               /* bytes of a message not whole yet */
	struct buf *out;                             /* borrowed: where messages are appended to be sent */
	const struct rpc_registration *registration; /* borrowed until registered */
	bool bootstrapped;                           /* the edge's capability is known */
	uint32_t capability;
	bool calling; /* a call is in flight: one at a time */
	enum rpc_method method;
	uint32_t question; /* id of the newest question */
	bool is_registered;
	struct rpc_registered registered; /* spans valid until the next call into this client */
	bool wants_unregister;            /* to be sent when the call in flight is answered */
	struct buf config;                /* JSON to be sent likewise */
	char why[128];
	size_t consumed; /* bytes of `in` that belong to the message just reported */
};

/* Begin: sends Bootstrap; registerConnection follows when it is answered. */
void control_client_start(
	struct control_client *c, struct buf *out, const struct rpc_registration *registration);
/* Bytes from the edge. Call control_client_next until it says NONE. */
void control_client_feed(struct control_client *c, struct span bytes);
enum control_client_event control_client_next(struct control_client *c);
/* After REGISTERED: send our configuration; leave the rotation; say goodbye on the stream (Release, Abort). */
void control_client_configure(struct control_client *c, struct span json);
void control_client_unregister(struct control_client *c);
void control_client_goodbye(struct control_client *c);
void control_client_fini(struct control_client *c);

/* How to treat a refusal (protocol of cloudflared's supervisor). */
enum control_refusal {
	CONTROL_DUPLICATE,    /* EDUPCONN: try another address */
	CONTROL_UNAUTHORIZED, /* retried for ever */
	CONTROL_RETRYABLE,
	CONTROL_PERMANENT,
};
enum control_refusal control_refusal_of(const struct rpc_registered *r);

/* --- The edge's half --- */

enum control_server_event {
	CONTROL_SERVER_NONE,
	CONTROL_SERVER_REGISTER, /* server->registration; answer with control_server_answer, then wipe is done for you */
	CONTROL_SERVER_CONFIGURE,  /* server->config, JSON; answered already */
	CONTROL_SERVER_UNREGISTER, /* answer with control_server_unregistered once out of rotation */
	CONTROL_SERVER_GONE,       /* the connector aborted: nothing more will come */
	CONTROL_SERVER_BROKEN,     /* it broke the protocol: close; server->why, constant */
};

struct control_server {
	struct buf in;
	struct buf *out;                      /* borrowed */
	uint32_t open[CONTROL_QUESTIONS_MAX]; /* questions without Finish */
	size_t open_count;
	uint32_t bootstrap; /* the question that was Bootstrap */
	bool has_bootstrap;
	bool is_registered;
	uint32_t question;                    /* of the register or unregister call being answered */
	struct rpc_registration registration; /* spans valid until the next call into this server */
	struct span config;
	const char *why;
	size_t consumed;
};

void control_server_start(struct control_server *s, struct buf *out);
void control_server_feed(struct control_server *s, struct span bytes);
enum control_server_event control_server_next(struct control_server *s);
/* Answer registerConnection. */
void control_server_answer(struct control_server *s, const struct rpc_registered *r);
/* Answer unregisterConnection. */
void control_server_unregistered(struct control_server *s);
void control_server_fini(struct control_server *s);

#endif
