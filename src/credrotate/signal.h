/* Telling who uses a target that there is a new secret. */
#ifndef CREDROTATE_SIGNAL_H
#define CREDROTATE_SIGNAL_H

#include "credrotate/target.h"

#define SIGNAL_WAIT_MS 300000 /* for systemctl or a command to end */

/* Can it be sent? The unit is known, the process is there, the Deployment leaves no gap. Changes nothing. Of a Deployment each
 * thing to mend is a line in remedies, and 0 is returned. */
int signal_check(struct target *t, const char *systemctl, struct buf *remedies, struct err *err);
/* How long systemd gives the process to end, in its words, for signals that end one; to be freed. NULL for others, and when it
 * does not tell. */
char *signal_stop_time(const struct target *t, const char *systemctl);
/* Send it. Sending it twice is harmless. */
int signal_send(struct target *t, const char *systemctl, struct err *err);
/* What comes once the new one serves: of two units, stop the one that was started first. */
int signal_finish(struct target *t, const char *systemctl, struct err *err);
/* Has what was sent come to its end? For rollouts, which the API server follows, and restarts, whose unit may have failed; true
 * for all else. False with err filled in when it cannot succeed any more, else with err empty. */
bool signal_arrived(struct target *t, const char *systemctl, struct err *err);

#endif
