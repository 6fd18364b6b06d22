/* Signals around a loop. */
#include <signal.h>

#include "tunnel/cmd/process.h"

void process_run(struct worker *w, void (*stop)(void *arg), void *arg)
{
	struct loop_signal *term = loop_on_signal(w->loop, SIGTERM, stop, arg);
	struct loop_signal *intr = loop_on_signal(w->loop, SIGINT, stop, arg);

	loop_run(w->loop);
	loop_signal_free(term);
	loop_signal_free(intr);
}
