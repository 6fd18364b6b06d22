/* Shared by what sends requests (fetch.c) and what decides which come next (fetch_steps.c). */
#ifndef HDRCHECK_FETCH_PRIVATE_H
#define HDRCHECK_FETCH_PRIVATE_H

#include <curl/curl.h>

#include "hdrcheck/fetch.h"

enum fetch_phase {
	FETCH_PAGE,      /* the URL and what it redirects to */
	FETCH_AGAIN,     /* the last one again: is the nonce of its policy a fresh one? */
	FETCH_PREFLIGHT, /* OPTIONS to the last URL */
	FETCH_PROBE, /* the same in the name of origins that a careless comparison takes for the host's own */
	FETCH_TWIN,  /* the same on plain HTTP */
	FETCH_SIDE,  /* what stands beside the page: enum fetch_side */
};

struct fetch {
	const struct fetch_options *options;
	CURLM *multi;
	struct curl_slist *connect_to, *resolve;
	void (*tick)(void *arg); /* NULL: nobody waits to be called */
	void *tick_arg;
};

/* Send a request whose answer goes to r. */
void fetch_request(struct fetch *f, struct fetch_target *t, struct response *r, struct span url, bool verify);
/* The answer to the request is there; or it is not, because of that. Both go on with the next, or finish. */
void fetch_arrived(struct fetch *f, struct fetch_target *t);
void fetch_missed(struct fetch *f, struct fetch_target *t, const char *why);
/* Begin with the first. */
void fetch_begin(struct fetch *f, struct fetch_target *t);

#endif
