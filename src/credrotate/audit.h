/* The audit log: who rotated what, when, with which result; one JSON object a line. Each carries the SHA-256 of the line
 * before, so that a line that was changed or taken out shows. */
#ifndef CREDROTATE_AUDIT_H
#define CREDROTATE_AUDIT_H

#include <jansson.h>

#include "common/base/err.h"

#define AUDIT_LINE_MAX ((size_t)64 * 1024) /* bytes of a line */

/* Can it be written? Makes the file, 0600, and its directory. */
int audit_check(const char *path, struct err *err);
/* Append members, which are released, with the time, the user, SUDO_UID and the host in front, and "prev" behind; also to
 * syslog's authpriv with to_syslog. path NULL: no file. */
int audit_append(const char *path, bool to_syslog, json_t *members, struct err *err);
/* Does the chain hold? If not, err has the first line that does not fit, or why it cannot be told. *lines: how many there
 * are. */
enum audit_chain { AUDIT_HOLDS, AUDIT_BROKEN, AUDIT_UNREADABLE };
enum audit_chain audit_verify(const char *path, size_t *lines, struct err *err);

#endif
