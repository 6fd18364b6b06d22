/* What the store keeps no longer than it has to: previous secrets whose window has ended, tunnels deleted long ago with
 * their configurations, old audit records. */
#ifndef MGMT_PRUNE_H
#define MGMT_PRUNE_H

#define PRUNE_LOOK_MS 1000     /* between looks */
#define PRUNE_RETRY_MS 60000   /* after a failure */
#define PRUNE_AUDIT_MS 3600000 /* between looks at the audit records */
#define PRUNE_AT_ONCE 32       /* tunnels of one commit */

struct mgmt;
struct prune; /* opaque; one owner */

struct prune *prune_new(struct mgmt *m);
void prune_free(struct prune *p); /* NULL is fine */

#endif
