/* Which tunnels are due? Records on standard input, the same with a section on standard output. */
#ifndef CREDROTATE_PLAN_H
#define CREDROTATE_PLAN_H

#include "credrotate/flags.h"

#define PLAN_LINE_MAX ((size_t)1 << 20) /* bytes of a record */

/* Exit status: 0, or 3 when a line was no record. */
int plan_due(const struct flags *f);

#endif
