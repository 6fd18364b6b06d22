/* Telling the service manager how things stand, as sd_notify(3) describes it. */
#ifndef CMD_NOTIFY_H
#define CMD_NOTIFY_H

#include "common/base/log.h"

/* Send to the socket that NOTIFY_SOCKET names, an absolute path or an abstract address with "@"; without it nothing is done.
 * What cannot be sent is logged, and is no reason to stop. */
void notify_ready(const struct log *log);
void notify_reloading(const struct log *log);
void notify_stopping(const struct log *log);

#endif
