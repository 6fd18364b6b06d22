/* A histogram of durations: log-linear, at most 1.6 % off, of fixed size. */
#ifndef WSCAT_HIST_H
#define WSCAT_HIST_H

#include <stdint.h>

#define HIST_SUB ((size_t)64) /* steps in each power of two */
#define HIST_POWERS 36        /* up to 2^41 us */
#define HIST_CELLS (HIST_SUB * (HIST_POWERS + 1))

struct hist {
	uint64_t count, min_us, max_us;
	double sum_us;
	uint64_t cells[HIST_CELLS];
};

void hist_add(struct hist *h, uint64_t us);
/* The duration that a share (0 to 1) of all does not exceed; the upper end of its cell, never above the maximum. */
uint64_t hist_at(const struct hist *h, double share);
/* How many lie in [from, to). */
uint64_t hist_between(const struct hist *h, uint64_t from_us, uint64_t to_us);

#endif
