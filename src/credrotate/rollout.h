/* A Deployment rolled out: by an annotation of its pod template that names the secret's fingerprint, so that asking twice
 * rolls once. */
#ifndef CREDROTATE_ROLLOUT_H
#define CREDROTATE_ROLLOUT_H

#include "credrotate/target.h"

/* The Deployment that the target names by rollout=; to be released. */
int rollout_get(struct target *t, json_t **deployment, struct err *err);
/* Does its strategy leave no gap, do its probes suit a connector, do its pods use the Secret, may it be changed? For
 * signal=none instead: do running pods see a change of the Secret? Each remedy is a line in remedies; -1 with err when the
 * question could not be asked. Learns what the Deployment says of replicas and of time. */
int rollout_check(struct target *t, struct buf *remedies, struct err *err);
/* What the template says now of the secret, "" for nothing; to be freed. NULL when the question could not be asked. */
char *rollout_mark(struct target *t, struct err *err);
/* Name the secret's fingerprint in the template, and the Secret to use where that is another (t->reference). Going back, say
 * what was said before (t->rolled_from): pods of that template are there still, and need no room for others beside them. */
int rollout_start(struct target *t, struct err *err);
/* Are all replicas of the new template, and available? False with err filled in when it is stuck, or we have no right to
 * know; else, also when there is no answer for now, with err empty. Learns as above. */
bool rollout_is_done(struct target *t, struct err *err);

#endif
