/* Fetching as browsers do, many targets side by side: the page with every redirect on the way, the answer to a preflight,
 * and where plain HTTP leads. */
#ifndef HDRCHECK_FETCH_H
#define HDRCHECK_FETCH_H

#include "common/base/opt.h"
#include "hdrcheck/response.h"

#define FETCH_HEAD_MAX ((size_t)256 << 10) /* bytes of a response's head */
#define FETCH_LINE_MAX ((size_t)64 << 10)  /* of one line of it */
#define FETCH_PARALLEL 32                  /* targets in flight */

struct fetch_options {
	int64_t timeout_ns; /* of one request */
	int64_t max_redirs;
	const char *user_agent, *cacert;
	struct opt_list headers, connect_to, resolve; /* in curl's syntax */
	bool insecure, http1, http2;
	bool deep; /* look beside the page too: enum fetch_side */
};

/* What stands beside a page, a request each. */
enum fetch_side {
	FETCH_SIDE_MISSING,   /* a page that is not there */
	FETCH_SIDE_HEAD,      /* the page, by HEAD */
	FETCH_SIDE_HTTP,      /* the page, over the other of HTTP/1.1 and HTTP/2 */
	FETCH_SIDE_ASSET,     /* a script or style of it */
	FETCH_SIDE_UNCHANGED, /* the 304 to who has it already */
	FETCH_SIDE_ENTRY,     /* what plain HTTP answers first */
	FETCH_SIDES,
};

/* One URL and what came of it. */
struct fetch_target {
	struct arena arena; /* owned */
	const char *url;    /* lives in the arena */
	bool once; /* set before it starts: the first answer and nothing else, neither redirects nor a preflight */
	struct response *steps; /* the redirects in order; the last is the answer */
	size_t count;
	struct response sides[FETCH_SIDES]; /* with `deep`; status 0: not asked for, or no answer */
	bool done, failed;
	struct err err; /* why it failed */
	int64_t took_ms;

	/* While it is in flight. */
	struct fetch_transfer *transfer;
	int phase;
	struct response twin, preflight, probe, again;
	struct response *twin_at; /* where the answer of plain HTTP goes */
	enum fetch_side side;
	const char *condition; /* header of a request for what has changed; NULL: none */
	const char *origin;    /* that the request names; NULL: none */
	size_t probes_sent;
	struct response_step *chain; /* of plain HTTP */
	size_t chain_count;
	bool tls_invalid;
	bool websocket; /* the URL is ws:// or wss:// */
	int64_t started_ms;
};

struct fetch; /* opaque */

struct fetch *fetch_new(const struct fetch_options *options, struct err *err);
void fetch_free(struct fetch *f);
/* Whom to call now and then while fetch_wait waits, ten times a second or more. */
void fetch_on_tick(struct fetch *f, void (*tick)(void *arg), void *arg);
void fetch_target_init(struct fetch_target *t, const char *url);
void fetch_target_fini(struct fetch_target *t);
/* Begin. t stays where it is until it is done. */
void fetch_start(struct fetch *f, struct fetch_target *t);
/* Let go of a target that is not done. */
void fetch_abandon(struct fetch *f, struct fetch_target *t);
/* Milliseconds of a clock that only goes forward. */
int64_t fetch_clock_ms(void);
/* Work until t is done, and on the others as well. */
void fetch_wait(struct fetch *f, const struct fetch_target *t);

#endif
