/* SIGINT and SIGTERM: the first asks to stop after the action at hand, the second ends the process at once, which the
 * journal is made for. A thread waits for them, so that neither has to be looked for in the middle of a call. */
#ifndef CREDROTATE_INTERRUPT_H
#define CREDROTATE_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

struct interrupt; /* opaque */

/* Blocks both signals in the calling thread and those it will make: call it first. */
struct interrupt *interrupt_new(void);
/* As it was before. The number of the first signal that came, 0 for none. */
int interrupt_free(struct interrupt *i);
bool interrupt_came(const struct interrupt *i);
/* Sleep so long, less when a signal comes. */
void interrupt_sleep(const struct interrupt *i, int64_t ms);

#endif
