/* Named points at which a test lets the process die. The hook is linked into the tests' own program alone: in what is
 * installed it is not there, and a point is a comparison with NULL. */
#ifndef CREDROTATE_FAULT_H
#define CREDROTATE_FAULT_H

extern void fault_hook(const char *point) __attribute__((weak));

static inline void fault_point(const char *point)
{
	if (fault_hook)
		fault_hook(point);
}

#endif
