/* What is to be reached: a URL of ws, wss, http, https or ws+unix, taken apart. */
#ifndef WSCAT_TARGET_H
#define WSCAT_TARGET_H

#include <stdbool.h>

#include "common/base/err.h"

/* Everything is owned. Zero-initialised is empty. */
struct target {
	char *url; /* as given */
	bool is_tls;
	char *host;      /* without brackets; "localhost" for a unix socket */
	char *port;      /* decimal */
	char *unix_path; /* NULL unless ws+unix */
	char *authority; /* what belongs into Host */
	char *path;      /* with the query */
};

/* "ws+unix:/path/to/socket:/path?query": the second part may be missing. -1 with err. */
int target_parse(const char *url, struct target *out, struct err *err);
/* scheme://authority, as Origin has it. The caller frees it. */
char *target_origin(const struct target *t);
void target_copy(struct target *to, const struct target *from);
void target_free(struct target *t);

#endif
