/* The header policy of an edge (header-policy(5)): one file, read again when it changes. */
#ifndef EDGE_POSTURE_H
#define EDGE_POSTURE_H

#include "common/proto/header.h"
#include "tunnel/worker.h"

struct posture; /* opaque */

/* Read the file, and look after it from then on. NULL with err. path is borrowed. */
struct posture *posture_open(struct worker *w, const char *path, struct err *err);
void posture_free(struct posture *p); /* NULL is fine */

/* Edit the fields of a response. What is added is valid until the next call. p NULL edits nothing. */
void posture_apply(struct posture *p, struct span host, struct span path, int status, struct fields *fields);

#endif
