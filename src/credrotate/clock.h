/* Time that no one sets back: durations are measured with it, never with the clock of the day. */
#ifndef CREDROTATE_CLOCK_H
#define CREDROTATE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of CLOCK_BOOTTIME, which also passes while the machine sleeps. */
static inline int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
