/* Which tunnels' secrets are due? Records on standard input, the same with a section on standard output; those that are due
 * are rotated one after another, where targets are given. */
#ifndef CREDROTATE_PLAN_H
#define CREDROTATE_PLAN_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "credrotate/flags.h"

#define PLAN_LINE_MAX ((size_t)1 << 20) /* bytes of a record */

/* The exit status: of the run after which no other was begun; else that of the last tunnel that was left as it is; 3 when a
 * line was no record; 0. */
int plan_due(struct flags *f);
/* A target's text with %i, %n and %% replaced; in the arena. NULL when the name may not stand in a path. */
const char *plan_expand(const char *text, const char *id, const char *name, struct arena *a, struct err *err);

#endif
