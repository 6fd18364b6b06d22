/* permessage-deflate (RFC 7692): negotiation from both sides, and the codec over zlib. No I/O. */
#ifndef PROTO_WS_DEFLATE_H
#define PROTO_WS_DEFLATE_H

#include "common/base/buf.h"
#include "common/proto/header.h"

#define WS_WINDOW_MIN 8 /* bits; RFC 7692, 7.1.2 */
#define WS_WINDOW_MAX 15

/* What both ends agreed on, or what one asks for. */
struct ws_deflate_params {
	bool on;                /* false: no compression, and the rest means nothing */
	bool server_no_context; /* the server forgets its window after each message */
	bool client_no_context;
	int server_bits; /* of the server's window; 0: not said, which is WS_WINDOW_MAX */
	int client_bits; /* likewise; in an offer WS_DEFLATE_ANY: "client_max_window_bits" without a value */
};
#define WS_DEFLATE_ANY (-1)

/* One extension of a Sec-WebSocket-Extensions field: its name, and its parameters as they stand. */
struct ws_extension {
	struct span name, params;
};
/* Take the next extension off *list. False at the end, or with *bad when the list is not well-formed (RFC 6455, 9.1). */
bool ws_extension_next(struct span *list, struct ws_extension *ext, bool *bad);

/* The parameters of one permessage-deflate element. False when one is unknown, twice there or out of range.
 * is_offer: client_max_window_bits may stand without a value. */
bool ws_deflate_parse(struct span params, bool is_offer, struct ws_deflate_params *out);
/* "permessage-deflate; ..." as a field value. */
void ws_deflate_write(const struct ws_deflate_params *p, struct buf *out);

/* Client: hold the response's fields against what was offered (NULL: nothing). NULL when they agree, with *agreed set;
 * else what is wrong, a constant string. */
const char *ws_deflate_judge(const struct fields *response, const struct ws_deflate_params *offered,
	struct ws_deflate_params *agreed);
/* Server: choose from a request's offers within policy (its bits are upper bounds, its flags are asked for whenever that
 * is allowed). *agreed.on tells whether there was one to take. */
void ws_deflate_choose(const struct fields *request, const struct ws_deflate_params *policy,
	struct ws_deflate_params *agreed);

/* zlib's memory (300 KB a pair) for connections that keep no context between messages: it is used by one message at a
 * time, so one pool serves a whole thread. */
struct ws_deflate_pool;
struct ws_deflate_pool *ws_deflate_pool_new(void);
void ws_deflate_pool_free(struct ws_deflate_pool *pool); /* after its users; NULL is fine */

/* --- The codec of one connection. With a pool it holds no memory between messages where no context is kept. --- */
struct ws_deflate;
/* pool may be NULL: the codec then keeps its own. */
struct ws_deflate *ws_deflate_new(
	const struct ws_deflate_params *agreed, bool is_client, struct ws_deflate_pool *pool);
void ws_deflate_free(struct ws_deflate *d); /* NULL is fine */
/* Compress a message, appended to out, which is empty. False: send this message as it is. */
bool ws_deflate_pack(struct ws_deflate *d, struct span message, struct buf *out);

enum ws_unpack {
	WS_UNPACK_OK,
	WS_UNPACK_BAD,  /* not a deflate stream */
	WS_UNPACK_LONG, /* more than out takes */
};
/* Inflate a message, appended to out, up to its ceiling. */
enum ws_unpack ws_deflate_unpack(struct ws_deflate *d, struct span message, struct buf *out);

#endif
