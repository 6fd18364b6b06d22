/* Requests that wait for their answer to begin. All have the same time, so they are kept in the order in which it ends, and
 * one timer does for all. */
#ifndef EDGE_PATIENCE_H
#define EDGE_PATIENCE_H

#include "common/net/loop.h"

struct patience {
	struct loop *loop;
	struct list waiting; /* of struct patience_wait, the one that ends first in front */
	struct loop_timer timer;
	uint64_t ms; /* that each may wait; 0: for ever */
};

/* One that waits. Embedded in its owner; zero-initialised it waits for nothing. */
struct patience_wait {
	struct node node;
	uint64_t due_ms;
	loop_fn *fn; /* called once, when the time is over and it still waits */
	void *arg;
};

void patience_init(struct patience *p, struct loop *loop, uint64_t ms);
/* Nobody waits any more by then. */
void patience_fini(struct patience *p);
/* Wait from now on, also if it waits already. */
void patience_begin(struct patience *p, struct patience_wait *w);
/* Harmless when it does not wait. */
void patience_end(struct patience_wait *w);

#endif
