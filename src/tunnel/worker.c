/* Making and freeing what the connections of one loop share. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/worker.h"

struct worker *worker_new(const struct log *log, struct err *err)
{
	struct worker *w = mem_alloc(sizeof(*w));

	w->log = log;
	w->loop = loop_new(err);
	if (w->loop == NULL) {
		free(w);
		return NULL;
	}
	return w;
}

void worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	loop_free(w->loop);
	buf_free(&w->out);
	free(w);
}
