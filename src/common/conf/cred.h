/* Tunnel credentials: the JSON file of `cloudflared tunnel create`, and the token that stands for one. */
#ifndef CONF_CRED_H
#define CONF_CRED_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/conf/uuid.h"

#define CRED_FILE_MAX ((size_t)64 * 1024) /* bytes of a credentials file or a token */
#define CRED_SECRET_MAX ((size_t)1024)    /* bytes of a secret */

/* Owned by whoever declares it; zero-initialised is empty. */
struct cred {
	char *account_tag;
	struct secret secret;
	struct uuid tunnel_id;
	char *endpoint; /* "us" and the like; NULL when absent */
};

/* Parse {"AccountTag", "TunnelSecret", "TunnelID", "Endpoint"}; names match without regard to case, as Go's decoder does. */
int cred_parse(struct span json, struct cred *out, struct err *err);
/* Parse a token: padded base64 of {"a", "t", "s", "e"}. White space around it is ignored. */
int cred_parse_token(struct span token, struct cred *out, struct err *err);
/* Read a credentials file, or a file that holds a token. Messages name the path and the remedy, never the contents. */
int cred_read(const char *path, struct cred *out, struct err *err);
int cred_read_token(const char *path, struct cred *out, struct err *err);
/* A new one, with a random id and a secret of 32 bytes. */
void cred_generate(struct cred *out, const char *account_tag);
/* Append the JSON of a credentials file, or the token. out is to be wiped by its owner. */
int cred_print(const struct cred *c, struct buf *out);
int cred_print_token(const struct cred *c, struct buf *out);
/* Wipe and free. */
void cred_free(struct cred *c);

#endif
