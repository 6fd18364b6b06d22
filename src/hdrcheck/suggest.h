/* Configuration lines that make a server send what a policy asks for. */
#ifndef HDRCHECK_SUGGEST_H
#define HDRCHECK_SUGGEST_H

#include "common/base/buf.h"
#include "common/conf/headerpolicy.h"
#include "hdrcheck/response.h"

#define SUGGEST_SERVERS "apache, nginx, haproxy, caddy, edge"

/* Is it one of SUGGEST_SERVERS? */
bool suggest_is_server(const char *server);
/* Append the lines for what the policy would change in this response; nothing when it is met. */
void suggest_lines(
	const char *server, const struct headerpolicy *p, const struct response *r, struct buf *out);

#endif
