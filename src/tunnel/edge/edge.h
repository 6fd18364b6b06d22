/* The public side of the tunnel: owner of everything on it. Start, serve, drain, stop. */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include "common/base/opt.h"
#include "common/net/tls.h"
#include "common/proto/http1.h"
#include "tunnel/edge/accesslog.h"
#include "tunnel/edge/devca.h"
#include "tunnel/edge/directory.h"
#include "tunnel/edge/patience.h"
#include "tunnel/edge/posture.h"
#include "tunnel/edge/registry.h"
#include "tunnel/edge/roster.h"
#include "tunnel/ops/admin.h"
#include "tunnel/worker.h"

/* Settings, from the command line or a file. Strings are borrowed. */
struct edge_conf {
	struct opt_list listen_tls, listen_http, listen_tunnel; /* ADDRESS:PORT */
	struct opt_list certs, keys;                            /* public, pairs */
	const char *tunnel_cert, *tunnel_key;
	const char *dev_dir;
	struct opt_list credentials; /* paths */
	struct opt_list routes;      /* HOST=TUNNEL */
	const char *metrics, *access_log, *location;
	const char *headers; /* a header policy; NULL: none */
	int64_t grace_ns;
	int64_t response_ns; /* that an answer may take to begin; 0: for ever */
	struct store *store; /* of tunnels and routes besides; NULL: none */
	bool official_only;  /* a change of secret ends the old one at once, and versions are not shown */
	/* Of a quick tunnel, in memory in place of files: one tunnel named "quick", and a tunnel certificate. NULL for
	 * none. */
	const struct cred *cred;
	const struct devca_pems *pems;
};

/* Counters and gauges; exposed as outbore_edge_*. */
struct edge_metrics {
	uint64_t requests, responses[6]; /* by class: [1] is 1xx; [0] without any */
	uint64_t retries, websockets, rejected_heads, oversized_heads;
	uint64_t bytes_in, bytes_out; /* bodies from and to visitors */
	uint64_t registrations, registrations_refused, links_lost, tunnel_refused;
	uint64_t visitors_accepted;
	size_t visitors, requests_active, websockets_active, links;
};

/* Shared by all connections of this edge; they reach it by pointer. */
struct edge {
	struct worker *worker;
	const struct edge_conf *conf;
	struct directory *directory;
	struct roster roster;
	struct registry *registry;
	struct loop_timer look;       /* for changes of the store by others */
	struct accesslog *access_log; /* NULL when there is none */
	struct posture *posture;      /* likewise */
	struct tls_context *public_tls, *tunnel_tls;
	struct edge_metrics metrics;
	const char *location; /* place code of cf-ray and locationName */
	uint64_t ray;         /* state of the request id generator */
	struct list listeners, visitors, connectors;
	size_t unregistered; /* tunnel connections that have not registered yet */
	bool draining;
	struct admin *admin;
	void (*more_metrics)(
		void *arg, struct buf *out); /* of whoever works on top of the edge; NULL: none */
	void *more_metrics_arg;
	void (*changed)(void *arg, const struct store_record *r); /* likewise, of each change of the store */
	void *changed_arg;
	struct loop_timer grace;
	struct patience patience;
	void (*drained)(void *arg); /* called once, when draining has ended */
	void *drained_arg;
	/* Scratch for one head at a time. */
	struct http1_request request;
	struct fields fields;
	struct buf text;
};

/* Bind, load and listen; nothing is accepted before edge_start returns. NULL with err. conf is borrowed. */
struct edge *edge_start(struct worker *w, const struct edge_conf *conf, struct err *err);
/* No new visitors, requests or connectors; what runs may finish within the grace period. Then drained is called. A second
 * call ends at once. */
void edge_drain(struct edge *e, void (*drained)(void *arg), void *arg);
void edge_free(struct edge *e);

/* Something ended: when draining, look whether all has. For visitors and connectors. */
void edge_check_drained(struct edge *e);

/* Addresses that are listened on, for the ready message: calls fn for each, role being "public-tls", "public-http",
 * "tunnel" or "metrics". */
void edge_each_address(
	const struct edge *e, void (*fn)(void *arg, const char *role, const char *address), void *arg);

#endif
