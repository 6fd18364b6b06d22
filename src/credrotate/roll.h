/* What going back, and waiting, share with rolling forward. */
#ifndef CREDROTATE_ROLL_H
#define CREDROTATE_ROLL_H

#include "credrotate/run.h"

/* How long between two looks at the fleet. */
int64_t roll_poll_ms(const struct run *r);
/* Look at the fleet. False when that failed, and the run was stopped: no reason to go back, since the API is needed for that
 * too. */
bool roll_poll_fleet(struct run *r);
/* Does enough of the window remain? Else it is made longer, and the run stopped: a person has to look why this takes so long. */
bool roll_window_lasts(struct run *r);
/* Journal that a step of a target is done. more, which may be NULL, is added and released. False when the run was stopped. */
bool roll_note_ok(struct run *r, const char *step, size_t index, json_t *more);
/* How long a target may take to rejoin. */
int64_t roll_timeout_ms(const struct run *r, const struct target *t);
/* Send a target its signal, if there is somebody to serve meanwhile. False when it was not sent. */
bool roll_signal(struct run *r, size_t index, struct err *err);
/* No manifest follows: whoever reads standard output sees its end. */
void roll_end_pipe(struct run *r);

#endif
