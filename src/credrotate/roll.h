/* What going back shares with rolling forward. */
#ifndef CREDROTATE_ROLL_H
#define CREDROTATE_ROLL_H

#include "credrotate/run.h"

/* How long between two looks at the fleet. */
int64_t roll_poll_ms(const struct run *r);
/* How long a target may take to rejoin. */
int64_t roll_timeout_ms(const struct run *r, const struct target *t);
/* Send a target its signal, if there is somebody to serve meanwhile. False when it was not sent. */
bool roll_signal(struct run *r, size_t index, struct err *err);
/* No manifest follows: whoever reads standard output sees its end. */
void roll_end_pipe(struct run *r);

#endif
