/* The local listener for operators and their tools: readiness, health, metrics. GET only, one request a connection. */
#ifndef OPS_ADMIN_H
#define OPS_ADMIN_H

#include "common/base/buf.h"
#include "tunnel/worker.h"

#define ADMIN_CONNECTIONS_MAX 64
#define ADMIN_DEADLINE_MS 10000 /* for the whole of one request */

struct admin; /* opaque */

/* An answer to be filled in. */
struct admin_answer {
	int status;               /* 404 at first */
	const char *content_type; /* constant; NULL sends none */
	struct buf body;
};

/* path has no query. */
typedef void admin_fn(void *arg, struct span path, struct admin_answer *answer);

/* Listen on ADDRESS:PORT. */
struct admin *admin_new(struct worker *w, const char *address, admin_fn *fn, void *arg, struct err *err);
/* Where it listens, with the real port. */
const char *admin_address(const struct admin *a);
void admin_free(struct admin *a);

#endif
