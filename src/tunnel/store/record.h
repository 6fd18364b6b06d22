/* What the records of the store say, and under which keys they stand. JSON; unknown members are lost when a record is
 * written anew. */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/secret.h"
#include "common/conf/uuid.h"
#include "tunnel/store/seal.h"
#include "tunnel/store/store.h"

#define RECORD_NAME_MAX 400 /* bytes of a tunnel's name: 100 characters */
#define RECORD_ID_LEN 32    /* hexadecimal digits of an account's or a zone's id */
#define RECORD_LB_MAX 32    /* tunnels of one host name */
#define RECORD_TOKEN_LEN 12 /* characters of an API token's own id */

/* Keys. Those of one kind stand together: they are listed by the prefix. */
#define RECORD_EDGE SPAN("edge")
#define RECORD_TUNNEL SPAN("tunnel/") /* and the tunnel's id */
#define RECORD_NAME SPAN("name/")     /* and a live tunnel's name: its id, so that names stay unique */
#define RECORD_ROUTE SPAN("route/")   /* and the host name */
#define RECORD_TOKEN SPAN("token/")   /* and the token's id */
#define RECORD_CONFIG SPAN("config/") /* and the tunnel's id, "/", the version in ten digits */
#define RECORD_SEEN SPAN("seen/")     /* and the tunnel's id: when it had connections */
#define RECORD_AUDIT SPAN("audit/")   /* and the time in 16 hexadecimal digits, and a random tail */

struct record_key {
	char text[STORE_KEY_MAX + 1];
	size_t len;
};
struct span record_key(struct record_key *k, struct span prefix, struct span rest);
struct span record_key_id(struct record_key *k, struct span prefix, const struct uuid *id);

/* A hash over account and secret, which stands for the secret where it need not come back. */
void record_proof(struct span account, struct span secret, unsigned char out[SECRET_HASH_LEN]);

/* One secret of a tunnel. */
struct record_secret {
	unsigned char proof[SECRET_HASH_LEN];
	char *sealed; /* base64; NULL when only the hash is kept */
	int64_t version;
};

/* A tunnel. Times are microseconds since 1970 UTC, 0 for never. Zero-initialised is empty. */
struct tunnel_record {
	struct uuid id;
	char *name, *account;
	bool is_remote; /* its configuration is the edge's */
	bool is_quick;  /* a public one, without an owner */
	bool is_fixed;  /* of a credentials file: stands in no store */
	int64_t created_at, deleted_at;
	struct record_secret current;
	struct record_secret previous; /* version 0: there is none */
	int64_t previous_expires_at;
};
int tunnel_record_print(const struct tunnel_record *t, struct buf *out);
int tunnel_record_parse(struct span json, struct tunnel_record *out, struct err *err);
void tunnel_record_copy(const struct tunnel_record *from, struct tunnel_record *to);
void tunnel_record_free(struct tunnel_record *t);
void record_secret_free(struct record_secret *s);

/* Who the edge is. */
struct edge_record {
	char account[RECORD_ID_LEN + 1], zone[RECORD_ID_LEN + 1];
	char *check; /* a known text, sealed: shows a wrong key at once. NULL: nothing is sealed */
};
int edge_record_print(const struct edge_record *e, struct buf *out);
int edge_record_parse(struct span json, struct edge_record *out, struct err *err);
/* 32 lower-case hexadecimal digits? */
bool record_is_id(struct span s);
void record_random_id(char out[RECORD_ID_LEN + 1]);

/* An API token: its hash only. */
struct token_record {
	char id[RECORD_TOKEN_LEN + 1];
	unsigned char hash[SECRET_HASH_LEN];
	bool may_write;
	char account[RECORD_ID_LEN + 1], zone[RECORD_ID_LEN + 1];
	char *label; /* for people; "" for none */
	int64_t created_at;
};
int token_record_print(const struct token_record *t, struct buf *out);
int token_record_parse(struct span json, struct token_record *out, struct err *err);
void token_record_free(struct token_record *t);

/* A public host name. */
struct route_record {
	bool is_lb;
	char tag[RECORD_ID_LEN + 1];
	char *pool; /* of an lb; "" else */
	struct uuid tunnels[RECORD_LB_MAX];
	size_t count;
};
int route_record_print(const struct route_record *r, struct buf *out);
int route_record_parse(struct span json, struct route_record *out, struct err *err);
void route_record_free(struct route_record *r);

/* Since when a tunnel had its connections, and since when it had none; 0 for never. */
struct seen_record {
	int64_t active_at, inactive_at;
};
int seen_record_print(const struct seen_record *s, struct buf *out);
int seen_record_parse(struct span json, struct seen_record *out, struct err *err);

/* What was changed, by whom. */
struct audit_record {
	int64_t at;
	struct uuid tunnel;
	char *token, *address;                 /* the token's id, "" for none; never NULL */
	char *action;                          /* "create" */
	char *fields;                          /* names, a space between them */
	int64_t version_before, version_after; /* of the tunnel's secret */
};
int audit_record_print(const struct audit_record *a, struct buf *out);
int audit_record_parse(struct span json, struct audit_record *out, struct err *err);
void audit_record_free(struct audit_record *a);

/* A configuration for connectors. */
struct config_record {
	struct span json; /* of "config"; borrowed from the record */
	int64_t created_at;
};
/* The time, a space, the JSON as it came. */
int config_record_print(const struct config_record *c, struct buf *out);
bool config_record_parse(struct span text, struct config_record *out);

#endif
