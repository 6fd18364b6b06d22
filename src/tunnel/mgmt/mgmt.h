/* The management API: what an operator and his tools ask of the edge over HTTP. Paths, bodies and errors are those of
 * Cloudflare's v4 REST API, so that cloudflared can be pointed at it. */
#ifndef MGMT_MGMT_H
#define MGMT_MGMT_H

#include "tunnel/edge/edge.h"
#include "tunnel/store/seal.h"

#define MGMT_BODY_MAX ((size_t)16 * 1024)         /* bytes of a request's body */
#define MGMT_CONFIG_MAX ((size_t)1024 * 1024)     /* of one with a configuration */
#define MGMT_WINDOW_US (INT64_C(86400) * 1000000) /* that a previous secret may be kept, at most */
#define MGMT_PAGE_MAX 1000                        /* tunnels on a page */
#define MGMT_PAGE_DEFAULT 100
#define MGMT_STOP_MS 5000 /* that connections may take for their last answer */

/* Settings; borrowed. */
struct mgmt_conf {
	const char *listen; /* ADDRESS:PORT; NULL: nobody is listened to, the store is kept in order only */
	const char *cert, *key; /* PEM; NULL for plain HTTP */
	const struct seal *seal;
	bool hashes_only;         /* secrets cannot be asked for: only their hashes are kept */
	const char *domain;       /* completes host names without one; NULL: none */
	const char *quick_domain; /* of quick tunnels; NULL: none are made */
	int64_t quick_max, quick_per_address;
	int64_t quick_first_ns, quick_idle_ns;  /* without a connection: at first, and after the last */
	int64_t public_port;                    /* of https URLs */
	int64_t keep_configs;                   /* configurations of a tunnel, the newest */
	int64_t keep_deleted_ns, keep_audit_ns; /* deleted tunnels, and what was written down of changes */
};

struct mgmt; /* opaque; one owner */

/* e has a store, and outlives it. NULL with err. */
struct mgmt *mgmt_start(struct edge *e, const struct mgmt_conf *conf, struct err *err);
/* NULL when nobody is listened to. */
const char *mgmt_address(const struct mgmt *m);
/* Take nothing new; when what was asked is answered, and what is being written is on the disk, stopped is called. */
void mgmt_stop(struct mgmt *m, void (*stopped)(void *arg), void *arg);
/* No change may be on its way: it has stopped, or never ran. NULL is fine. */
void mgmt_free(struct mgmt *m);

#endif
