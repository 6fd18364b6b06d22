/* What the edge knows of tunnels: who may register. This one reads credentials files; a database can stand behind the
 * same functions. Secrets are kept as hashes only. */
#ifndef EDGE_STORE_H
#define EDGE_STORE_H

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/conf/cred.h"

struct store; /* opaque; one owner */

/* A tunnel on record; owned by the store. */
struct store_tunnel {
	struct uuid id;
	char *name; /* base name of its credentials file, without ".json" */
};

struct store *store_new(void);
/* Add a tunnel; one with that id that is already there is replaced. */
void store_add(struct store *s, const char *name, const struct cred *cred);
/* The same from a credentials file, which gives it its name. -1 also when another tunnel has that name. */
int store_add_file(struct store *s, const char *path, struct err *err);
/* May this client register for the tunnel? NULL when the tunnel is unknown, or account or secret do not match; takes the
 * same time in the last two cases. */
const struct store_tunnel *store_check(
	const struct store *s, const struct uuid *id, struct span account_tag, struct span secret);
/* By id or by name; NULL when there is none. */
const struct store_tunnel *store_find(const struct store *s, struct span id_or_name);
void store_free(struct store *s);

#endif
