/* The other end of the operators' listener: one GET, as health checks make it. */
#ifndef OPS_PROBE_H
#define OPS_PROBE_H

#include "common/base/buf.h"
#include "tunnel/worker.h"

#define PROBE_ANSWER_MAX ((size_t)64 * 1024) /* bytes of an answer, head included */

struct probe_answer {
	int status;
	struct buf body; /* owned by the caller */
};

/* Ask HOST:PORT for a path; runs the worker's loop until the answer is whole or timeout_ms have passed. -1 with err
 * naming the address when there is no answer. out is zeroed first. */
int probe_get(struct worker *w, const char *address, const char *path, int64_t timeout_ms,
	struct probe_answer *out, struct err *err);

#endif
