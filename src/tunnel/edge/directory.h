/* The tunnels that the edge knows, in memory: who may register, and what the API shows. Fed by credentials files and by
 * the store. Secrets are here as hashes, and sealed. */
#ifndef EDGE_DIRECTORY_H
#define EDGE_DIRECTORY_H

#include "common/base/err.h"
#include "common/base/list.h"
#include "common/base/span.h"
#include "common/conf/cred.h"
#include "tunnel/store/record.h"

struct directory; /* opaque; one owner */

/* A configuration for a tunnel's connectors, or of one. Zero-initialised is none. */
struct directory_config {
	char *json;      /* owned; NULL: none */
	int64_t version; /* of the edge's; 0 for one that a connector told */
	int64_t created_at;
};

/* A tunnel; owned by the directory. */
struct directory_tunnel {
	struct node node; /* in the order in which they came */
	struct tunnel_record record;
	int64_t revision;               /* of its record; 0 when it stands in no store */
	struct list clients;            /* its connectors (roster.h) */
	size_t live;                    /* their connections that are not lost */
	int64_t active_at, inactive_at; /* since when it has, or has not, a connection; 0: never had one */
	struct seen_record seen;        /* of these two what the store has */
	struct directory_config config; /* the newest of the store */
	struct directory_config told;   /* what a connector last pushed */
};

struct directory *directory_new(void);
void directory_free(struct directory *d);

/* Add a tunnel that is in no store; one with that id that is already there is replaced. */
void directory_add(struct directory *d, const char *name, const struct cred *cred);
/* The same from a credentials file, which gives it its name. -1 also when another tunnel has that name. */
int directory_add_file(struct directory *d, const char *path, struct err *err);
/* Take over what a record says; a tunnel of a credentials file stays as it is. The tunnel, or NULL for such a one. */
struct directory_tunnel *directory_put(
	struct directory *d, const struct tunnel_record *record, int64_t revision);
/* Its connectors have gone before. */
void directory_remove(struct directory *d, struct directory_tunnel *t);

enum directory_verdict {
	DIRECTORY_OK,
	DIRECTORY_WRONG,   /* account or secret do not match */
	DIRECTORY_UNKNOWN, /* no such tunnel, or it was deleted */
};
/* May this client register for the tunnel? With *version that of the secret it used. The current and the previous secret
 * are both compared always, in constant time; the previous one counts until now_us reaches its end. */
enum directory_verdict directory_check(struct directory *d, const struct uuid *id, struct span account,
	struct span secret, int64_t now_us, struct directory_tunnel **tunnel, int64_t *version);
/* Is the window of the previous secret open? */
bool directory_overlaps(const struct tunnel_record *t, int64_t now_us);

/* By id, deleted ones too; NULL when there is none. */
struct directory_tunnel *directory_get(const struct directory *d, const struct uuid *id);
/* A live one by id or by name; NULL when there is none. */
struct directory_tunnel *directory_find(const struct directory *d, struct span id_or_name);
/* All, with list_for_each; how many. */
const struct list *directory_all(const struct directory *d);
size_t directory_count(const struct directory *d);

void directory_config_set(struct directory_config *c, struct span json, int64_t version, int64_t created_at);

#endif
