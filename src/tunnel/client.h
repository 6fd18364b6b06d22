/* The connector as a whole: connections to the edge, services, and the listener for operators. */
#ifndef TUNNEL_CLIENT_H
#define TUNNEL_CLIENT_H

#include "tunnel/client_sets.h"
#include "tunnel/origin/origin.h"

/* Where `tunnel run` listens for operators unless told: the first of these ports that is free. */
#define CLIENT_METRICS_FIRST 20241
#define CLIENT_METRICS_LAST 20245

/* Settings; borrowed until client_free, but for cred, which is copied. */
struct client_conf {
	const struct cred *cred;
	/* Read them again. -1 with err, and out empty. NULL when they are in no file. */
	int (*cred_read)(void *arg, struct cred *out, struct err *err);
	void *cred_arg;
	const char *cred_file; /* where that looks first, to be watched; NULL with cred_read */
	const struct ingress *ingress;
	const struct opt_list *edges;
	size_t connections;
	const char *ca_file;             /* trusted in place of the system's; NULL for those */
	struct span ca_pem;              /* text of one certificate, in place of both; empty for none */
	const char *server_name;         /* of the edge's certificate */
	const char *metrics;             /* ADDRESS:PORT; NULL for the default ones */
	const char *hostname;            /* what /quicktunnel tells; NULL unless this is a quick tunnel */
	struct span config;              /* JSON that connection 0 tells the edge; empty for none */
	const struct ingress_warp *warp; /* shown only; may be NULL */
	uint64_t grace_ms;
};

/* What whoever started it is told. */
struct client_events {
	/* A connection has entered the rotation, or left it, which was meant if `left`. */
	void (*registered)(void *arg, const struct client_place *at);
	void (*lost)(void *arg, const struct client_place *at, const char *why, bool left);
	/* Credentials are read again; that is over. In pairs, which may overlap. */
	void (*reloading)(void *arg);
	void (*reloaded)(void *arg, enum client_reload result);
	/* The last event: all has ended after client_stop, or the edge refused for good (why not NULL). */
	void (*over)(void *arg, const char *why);
};

struct client; /* opaque */

struct client *client_start(struct worker *w, const struct client_conf *conf,
	const struct client_events *events, void *arg, struct err *err);
/* Read the credentials again, as is done by itself when their file changes. */
void client_reload(struct client *c);
/* Drain; at once on the second call. */
void client_stop(struct client *c);
/* Where the listener for operators is. */
const char *client_metrics_address(const struct client *c);
/* After `over`. */
void client_free(struct client *c);

#endif
