/* What the subcommands that stay have in common: a loop that signals ask to stop. */
#ifndef CMD_PROCESS_H
#define CMD_PROCESS_H

#include "tunnel/worker.h"

/* Run the loop until loop_stop. SIGTERM and SIGINT call stop, each time: the first means gracefully, the second at
 * once. */
void process_run(struct worker *w, void (*stop)(void *arg), void *arg);

#endif
