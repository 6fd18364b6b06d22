/* Asking one hop: requests in turn, each bounded in time; then, where the WebSocket opens, pings, echo and close. The slow
 * checks run on request only. */
#ifndef WSCAT_MEASURE_H
#define WSCAT_MEASURE_H

#include "wscat/env.h"
#include "wscat/hop.h"

#define MEASURE_PINGS 5
#define MEASURE_PONG_MS 2000  /* wait for a pong, an echo */
#define MEASURE_QUIET_MS 150  /* wait for a first message that comes unasked */
#define MEASURE_SIZE_TRIES 24 /* connections of the size check */

struct measure_conf {
	struct env *env;
	const char *host;   /* the name all hops serve, with its port; NULL: of the hop's URL */
	const char *origin; /* NULL: made of host; "": none */
	bool is_front_tls;  /* scheme of that origin */
	const char *path;   /* NULL: of the hop's URL */
	bool echo;
	bool deep; /* further requests to hops that work */
	uint64_t timeout_ms;
	uint64_t idle_ms, soak_ms; /* 0: not */
	int64_t frame_bound;
};

/* Ask the hop at h->url; fills h in. -1 with err when its URL is bad. */
int measure_hop(const struct measure_conf *conf, struct hop *h, struct err *err);
struct visit_asker;
/* The size check: the largest message, up to frame_bound, that comes back. */
void measure_size(const struct visit_asker *a, struct hop *h);
/* The soak check: a WebSocket with pings for soak_ms; it is opened again whenever it is lost. */
void measure_soak(const struct visit_asker *a, struct hop *h);
/* The idle check of all hops at once: those that opened. */
void measure_idle(const struct measure_conf *conf, struct hop **hops, size_t count);

#endif
