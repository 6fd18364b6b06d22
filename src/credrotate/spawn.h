/* Run a program to its end: no shell, a clean environment, /dev/null for input, no descriptor but the usual three. */
#ifndef CREDROTATE_SPAWN_H
#define CREDROTATE_SPAWN_H

#include "common/base/buf.h"
#include "common/base/err.h"

#define SPAWN_OUTPUT_MAX ((size_t)64 * 1024)

/* argv[0] is looked for in the system's directories unless it has a slash. out: its standard output, up to out->max; NULL
 * sends that to our standard error. 0 when it ended with status 0. It is not waited for longer than timeout_ms: then it is
 * ended. */
int spawn_run(const char *const argv[], int64_t timeout_ms, struct buf *out, struct err *err);
/* Split a command at blanks; there is no quoting. To be freed: the array, then its first element. */
char **spawn_split(const char *command);

#endif
