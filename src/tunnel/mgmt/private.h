/* What the parts of the management API share. */
#ifndef MGMT_PRIVATE_H
#define MGMT_PRIVATE_H

#include <jansson.h>

#include "tunnel/mgmt/auth.h"
#include "tunnel/mgmt/http.h"
#include "tunnel/mgmt/mgmt.h"

/* Exposed as outbore_api_*. */
struct mgmt_metrics {
	uint64_t requests, answers[6]; /* by class */
	uint64_t unauthorized, limited, created, deleted, rotated;
};

struct mgmt {
	struct edge *edge;
	struct store *store; /* borrowed from the edge's settings */
	const struct mgmt_conf *conf;
	struct edge_record self;
	struct tls_context *tls;
	struct http *http;
	struct auth *auth;
	struct mgmt_metrics metrics;
	uint64_t seed; /* of audit keys */
};

/* What a call works on. */
struct call {
	struct mgmt *m;
	const struct http_request *request;
	struct http_answer *answer;
	const struct auth_token *token;
	struct span query;
	struct uuid tunnel_id; /* when the path names one */
	struct directory_tunnel *tunnel;
	struct span tail; /* what the path names last: a connector */
	int64_t now;      /* microseconds since 1970 */
};

/* --- Answers (answer.c) --- */

enum {
	CODE_OURS = 1000,
	CODE_JSON = 1001,
	CODE_VALUE = 1002,
	CODE_NOT_FOUND = 1003, /* with 400: the host name is routed already */
	CODE_LB = 1004,
	CODE_NAME_TAKEN = 1013,
	CODE_CONNECTED = 1022,
	CODE_CONFIG = 1056,
	CODE_LOCAL = 1057,
	CODE_NO_ROUTE = 7003,
	CODE_AUTH = 10000,
	CODE_METHOD = 10405,
	CODE_SIZE = 10413,
	CODE_RATE = 10429,
};

/* The envelope; result is released, NULL stands for null. */
void answer_ok(struct http_answer *a, json_t *result);
/* The same of a list with its place among the pages. */
void answer_page(struct http_answer *a, json_t *list, size_t page, size_t per_page, size_t total);
void answer_error(struct http_answer *a, int status, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* 500: the log has the reason. */
void answer_failed(struct call *c, const struct err *err);

/* --- Objects (view.c) --- */

json_t *view_time(int64_t us); /* 0: null */
json_t *view_tunnel(const struct call *c, const struct directory_tunnel *t);
const char *view_status(const struct directory_tunnel *t);
json_t *view_connector(const struct call *c, const struct roster_client *client);
json_t *view_connectors(const struct call *c, const struct directory_tunnel *t);
/* The tunnel's token as text, from its secret. */
json_t *view_token(const struct directory_tunnel *t, struct span secret);

/* --- Queries (query.c) --- */

/* The value of a parameter, percent-decoded, "+" as a space, into out. False when it is not there; a broken one is too. */
bool query_value(struct span query, const char *name, struct buf *out);

/* --- Changes (change.c) --- */

struct change {
	struct store_step steps[STORE_STEPS_MAX];
	struct record_key keys[STORE_STEPS_MAX];
	size_t count;
	struct buf values; /* owned; the steps' values lie in it once `change_commit` has set them */
	struct {
		size_t at, len;
	} where[STORE_STEPS_MAX];
};
void change_put(
	struct change *c, struct span prefix, struct span rest, struct span value, int64_t if_revision);
void change_delete(struct change *c, struct span prefix, struct span rest);
bool change_put_tunnel(struct change *c, const struct tunnel_record *t, int64_t if_revision);
/* What is said about it: in the same commit, and in the log. fields is a constant list of names. */
void change_audit(struct change *c, struct call *call, const char *action, const struct uuid *tunnel,
	const char *fields, int64_t version_before, int64_t version_after);
enum store_result change_commit(struct change *c, struct store *s, struct err *err);
void change_free(struct change *c);

/* --- Endpoints --- */

typedef void endpoint_fn(struct call *c);
endpoint_fn tunnels_create, tunnels_list, tunnel_get, tunnel_edit, tunnel_delete, tunnel_token;
endpoint_fn conns_list, conns_delete, connector_get, config_get, config_put, routes_put;

#endif
