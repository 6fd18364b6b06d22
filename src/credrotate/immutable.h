/* A Secret that is immutable is not changed but followed by another, NAME-VERSION, which the pods of a Deployment are then
 * told to use; the one before is removed when the old secret has ended. Which one counts is read from the Deployment, so that
 * a target keeps its text from one rotation to the next. All of it is for targets k8s: with rollout=, and --immutable. */
#ifndef CREDROTATE_IMMUTABLE_H
#define CREDROTATE_IMMUTABLE_H

#include "credrotate/secretref.h"

/* Point ref to the Secret that the Deployment's pods use. Nothing to do without --immutable. */
int immutable_find(struct target *t, struct secretref *ref, struct err *err);
/* May Secrets be made and removed here, and the Deployment be told to use others? */
int immutable_check(struct target *t, const struct secretref *ref, struct err *err);
/* Make the one that follows the Secret of ref, object, whose key then holds value; or, when the one before it holds c's
 * secret, go back to that. t->reference is what pods are to use. */
int immutable_install(struct target *t, const struct secretref *ref, json_t *object, const struct cred *c,
	struct span value, struct buf *note, struct err *err);
/* After a crash: the Secret that an install before it made is t->reference again. */
int immutable_resume(struct target *t, struct err *err);
/* Remove the Secrets that pods do not use any more: the one before, or after a rollback the one made for nothing. */
int immutable_forget(struct target *t, const struct secretref *ref, struct err *err);

#endif
