/* Targets that were told together, waited for together: until their connectors have proven that they use the new secret. */
#ifndef CREDROTATE_GROUP_H
#define CREDROTATE_GROUP_H

#include "credrotate/run.h"

struct group {
	size_t from, to; /* indices of the targets */
	size_t replicas;
	size_t failed; /* the one that did, for the message */
};

size_t group_count_replicas(const struct run *r, const struct group *g);
/* Of two units that take turns: until the one that was started serves. The old one goes only then, so that it cannot be
 * waited for before. False with err, or when the run was stopped. */
bool group_wait_surged(struct run *r, const struct group *g, struct err *err);
/* Until all have rejoined, and that for --stable. False with err, or when the run was stopped. */
bool group_wait(struct run *r, struct group *g, struct err *err);
/* Put them on record. since: clock_ms() when the first was told. */
bool group_finish(struct run *r, const struct group *g, int64_t since, struct err *err);

#endif
