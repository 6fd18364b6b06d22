/* One connection of the probe, and the waiting for what it brings: the loop runs until the step at hand is over, so that who
 * calls reads from top to bottom. */
#ifndef WSCAT_VISIT_H
#define WSCAT_VISIT_H

#include "wscat/measure.h"
#include "wscat/peer.h"
#include "wscat/target.h"

#define VISIT_PING "wscat" /* payload of a ping whose pong counts */

/* One connection and what the step at hand waits for. */
struct visit {
	struct loop *loop;
	struct peer *peer;
	struct loop_timer timer;
	bool opened, over, got_pong, got_message, timed_out;
	struct span wanted; /* message that is waited for; a NULL pointer: any */
	size_t got_len;
};

/* What all requests to a hop have in common. */
struct visit_asker {
	const struct measure_conf *conf;
	struct target target;
	char *host, *origin, *server_name;
	double usual_ms; /* for an answer; 0: not known yet */
};

int visit_asker_init(
	struct visit_asker *a, const struct measure_conf *conf, const char *url, struct err *err);
void visit_asker_fini(struct visit_asker *a);

void visit_init(struct visit *v, struct loop *loop);
/* Frees the connection; the visit may be used again after visit_init. */
void visit_fini(struct visit *v);
/* Start the connection for one kind of request. */
void visit_start(struct visit *v, const struct visit_asker *a, enum ask ask);
/* Run until it has opened or is over. */
void visit_settle(struct visit *v);
/* Run until one of the flags is set, the connection is over or ms have passed. True when the flag is set. */
bool visit_wait(struct visit *v, const bool *flag, uint64_t ms);
/* Close in order unless it is over, and note how the peer did. */
void visit_close(struct visit *v, struct hop *h);

#endif
