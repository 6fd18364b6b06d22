/* A Deployment rolled out: by an annotation of its pod template that names the secret's fingerprint, so that asking twice
 * rolls once. */
#ifndef CREDROTATE_ROLLOUT_H
#define CREDROTATE_ROLLOUT_H

#include "credrotate/target.h"

/* Does its strategy leave no gap, do its probes suit a connector, may it be changed? The message is the remedy. */
int rollout_check(struct target *t, struct err *err);
int rollout_start(struct target *t, struct err *err);
/* Are all replicas of the new template, and available? False with err filled in when it is stuck, else with err empty. */
bool rollout_is_done(struct target *t, struct err *err);

#endif
