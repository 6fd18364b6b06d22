/* What the parts of the management API share. */
#ifndef MGMT_PRIVATE_H
#define MGMT_PRIVATE_H

#include <jansson.h>

#include "tunnel/mgmt/activity.h"
#include "tunnel/mgmt/auth.h"
#include "tunnel/mgmt/http.h"
#include "tunnel/mgmt/mgmt.h"
#include "tunnel/mgmt/prune.h"
#include "tunnel/mgmt/quick.h"

/* Exposed as outbore_api_*. */
struct mgmt_metrics {
	uint64_t requests, answers[6]; /* by class */
	uint64_t unauthorized, limited, created, deleted, rotated;
};

struct mgmt {
	struct edge *edge;
	struct store *store;  /* borrowed from the edge's settings: what is read, and what tells of changes */
	struct store *writer; /* what is committed to, off the loop's thread; NULL: `store` */
	const struct mgmt_conf *conf;
	struct edge_record self;
	struct tls_context *tls;
	struct http *http; /* NULL: nobody is listened to */
	struct auth *auth;
	struct quick *quick; /* NULL: off */
	struct prune *prune;
	struct activity *activity;
	struct mgmt_metrics metrics;
	uint64_t seed;     /* of audit keys */
	struct call *turn; /* that changes the store now; NULL: none */
	struct list turns; /* calls that wait until it has ended */
	struct loop_task next;
	struct loop_timer stop;     /* mgmt_stop: runs while connections may end by themselves */
	void (*stopped)(void *arg); /* NULL: not stopping */
	void *stopped_arg;
	bool is_hurried; /* what waits is not done any more */
	bool is_drained; /* no connection is left */
};

#define ROUTES_PER_TUNNEL 200 /* so that a tunnel and its routes end in one commit */

/* --- Life (mgmt.c) --- */

void mgmt_log_request(struct mgmt *m, const struct http_request *r, int status, const char *who);
/* For the task `next` (call.c). */
void mgmt_next_turn(void *m);
/* Has all ended that mgmt_stop waits for? */
void mgmt_check_stopped(struct mgmt *m);

/* --- Calls (call.c) --- */

/* What is done for a request, or in the house. Calls that change something take turns, so that what one has looked at still
 * holds when its change is committed. */
struct call {
	struct node node; /* in mgmt->turns */
	struct mgmt *m;
	void (*run)(struct call *c); /* fills the answer, or commits a change */
	struct http_call *http;      /* NULL: in the house, nobody is answered */
	const struct http_request *request;
	struct http_answer filled, *answer; /* the latter is the former */
	char who[RECORD_TOKEN_LEN + 1];     /* the token's id; "" for none */
	int64_t who_revision;               /* of its record: revoked when it has another, or none */
	struct span query;
	struct uuid tunnel_id; /* when the path names one */
	struct directory_tunnel *tunnel;
	struct span tail; /* what the path names last: a connector */
	int64_t now;      /* microseconds since 1970 */
	bool is_pending;  /* its change is on its way to the disk */
};

struct call *call_new(struct mgmt *m, struct http_call *http, void (*run)(struct call *c));
/* Run it: now, or when all that came before have ended. */
void call_run(struct call *c);
void call_take_turn(struct call *c);
/* Its change has been committed, or not: go on. */
void call_resume(struct call *c);
/* Has its token been revoked? */
bool call_is_revoked(const struct call *c);

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

/* What became of a change, as store_commit says it. with is the caller's. */
typedef void change_fn(struct call *c, void *with, enum store_result result, const struct err *err);

#define CHANGE_RANGES_MAX 64

struct change {
	struct store_step steps[STORE_STEPS_MAX];
	struct record_key keys[STORE_STEPS_MAX], ends[CHANGE_RANGES_MAX];
	size_t count, end_count;
	struct buf values; /* owned; the steps' values lie in it once `change_commit` has set them */
	struct {
		size_t at, len;
	} where[STORE_STEPS_MAX];
	char said[256]; /* for the log, once it is done; "": nothing */
	bool is_wiping; /* it drops a secret, which is to leave the disk */
	/* While it is committed: */
	struct call *call;
	change_fn *done;
	void *with;
	enum store_result result;
	int64_t revision;
	struct err err, wipe_err;
	struct loop_task task;
};
struct change *change_new(void);
void change_put(
	struct change *c, struct span prefix, struct span rest, struct span value, int64_t if_revision);
void change_delete(struct change *c, struct span prefix, struct span rest);
/* All records of the prefix from one key up to and without another; at most CHANGE_RANGES_MAX of these. */
void change_delete_range(struct change *c, struct span prefix, struct span from, struct span to);
bool change_put_tunnel(struct change *c, const struct tunnel_record *t, int64_t if_revision);
/* What is said about it: in the same commit, and in the log. fields is a constant list of names. */
void change_audit(struct change *c, struct call *call, const char *action, const struct uuid *tunnel,
	const char *fields, int64_t version_before, int64_t version_after);
/* Commit it, on the condition that the call's token is still good, and call done when it is on the disk and the edge has
 * taken it over. The change is gone. */
void change_commit(struct change *c, struct call *call, change_fn *done, void *with);
void change_free(struct change *c);
/* Connections of an old secret stay when its window ends: how many there are is worth a line (tunnels.c). */
void tunnels_log_stale(const struct mgmt *m, const struct directory_tunnel *t);
/* Steps that take a tunnel off its routes; there is room for them and a few more. */
int routes_end(struct store *s, struct change *change, const struct uuid *id, struct err *err);

/* --- Endpoints --- */

typedef void endpoint_fn(struct call *c);
endpoint_fn tunnels_create, tunnels_list, tunnel_get, tunnel_edit, tunnel_delete, tunnel_token;
endpoint_fn conns_list, conns_delete, connector_get, config_get, config_put, routes_put;

#endif
