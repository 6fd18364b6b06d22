/* Writing a credentials file that was not there. */
#ifndef CMD_CREDFILE_H
#define CMD_CREDFILE_H

#include "common/conf/cred.h"

#define CREDFILE_MODE 0400

/* Write the credentials to a new file, readable by its owner alone, whole or not at all, synced. A file that exists is left
 * as it is, which is an error. Messages name the path. */
int credfile_write(const char *path, const struct cred *c, struct err *err);

#endif
