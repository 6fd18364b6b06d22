/* How far a run is, for people who wait: one line on a terminal, from the second second on. */
#ifndef HDRCHECK_PROGRESS_H
#define HDRCHECK_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_AFTER_MS 1000 /* shorter runs show nothing */
#define PROGRESS_EVERY_MS 100

struct progress {
	bool on; /* standard error is a terminal */
	bool drawn;
	size_t done, total; /* targets; total 0: not known */
	int64_t started_ms, drawn_ms;
};

void progress_begin(struct progress *p, size_t total);
/* Draw it, if it is time; a struct progress. */
void progress_tick(void *arg);
/* Take the line away, so that something else can be printed. */
void progress_clear(struct progress *p);

#endif
