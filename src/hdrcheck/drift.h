/* A saved run to compare with: what --json printed. */
#ifndef HDRCHECK_DRIFT_H
#define HDRCHECK_DRIFT_H

#include "hdrcheck/audit.h"

#define DRIFT_BYTES_MAX ((size_t)256 << 20) /* of the file */

struct drift; /* opaque */

/* Read the file. NULL with err. */
struct drift *drift_read(const char *path, struct err *err);
void drift_free(struct drift *d); /* NULL is fine */
/* Report where the response differs from the saved one of that URL: grade, headers but for those that always differ, nonces
 * left aside. */
void drift_check(struct audit *au, const struct drift *d, const char *url);

#endif
