/* The tunnel and its connectors as the API tells of them. Questions are repeated when no answer comes, which api.h does;
 * changes only when they were certainly not made, since a lost answer does not say. */
#ifndef CREDROTATE_FLEET_H
#define CREDROTATE_FLEET_H

#include "common/api/api.h"
#include "common/conf/cred.h"
#include "credrotate/interrupt.h"

#define FLEET_TRIES 5 /* of a change: after 1, 2, 4, 8 seconds again */

struct fleet {
	struct api *api;                   /* borrowed */
	const struct interrupt *interrupt; /* borrowed; ends the waiting between tries */
	struct uuid id;
	struct api_connector *conns; /* of the newest poll; owned */
	size_t count;
};

/* Was the last failure a matter of rights (401, 403)? */
bool fleet_is_denied(const struct fleet *f);
/* Is it not there (404)? */
bool fleet_is_missing(const struct fleet *f);

/* By id or name; sets id. */
int fleet_find(struct fleet *f, const char *id_or_name, struct api_tunnel *out, struct err *err);
int fleet_tunnel(struct fleet *f, struct api_tunnel *out, struct err *err);
/* The current secret, from its token. */
int fleet_secret(struct fleet *f, struct cred *out, struct err *err);
/* The connectors, into conns. */
int fleet_poll(struct fleet *f, struct err *err);
/* The server's clock, microseconds; ours when it never told. */
int64_t fleet_now(const struct fleet *f);
/* A change. Only what was certainly not done is tried again. */
enum api_result fleet_edit(
	struct fleet *f, const struct api_edit *edit, struct api_tunnel *out, struct err *err);
int fleet_evict(struct fleet *f, const struct uuid *connector, struct err *err);
void fleet_fini(struct fleet *f);

#endif
