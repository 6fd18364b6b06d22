/* The request that opens a WebSocket, and its deliberate variations. */
#ifndef WSCAT_REQUEST_H
#define WSCAT_REQUEST_H

#include "common/proto/ws.h"
#include "wscat/env.h"

/* What to send. Strings are borrowed. Start from request_default. */
struct request {
	const char *host;       /* Host, or :authority */
	const char *path;       /* with the query */
	const char *origin;     /* NULL: none */
	const char *connection; /* "Upgrade"; NULL: a plain GET without any field of a WebSocket */
	const char *version;    /* of the protocol */
	bool with_length;       /* announce a body that never comes */
	char key[WS_KEY_LEN + 1];
};

/* The request's fields as a list; spans point into the request, the environment and the buffers here. */
struct request_fields {
	struct fields list;
	struct buf extensions, protocols;
};

/* An upgrade with a fresh key. */
void request_default(struct request *r, const char *host, const char *path, const char *origin);
/* Check --header and split it. -1 with err when one may not be sent. */
int request_check_headers(const struct client_conf *conf, struct err *err);
/* Fields but Host, Connection, Upgrade and the key, which differ between the versions of HTTP. */
void request_list(const struct request *r, const struct env *env, struct request_fields *out);
void request_list_fini(struct request_fields *f);
/* The head for HTTP/1.1. */
void request_write(const struct request *r, const struct env *env, struct buf *out);

#endif
