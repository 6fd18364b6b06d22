/* The store of `tunnel edge` as its options name it: opened, with the key of its secrets and who the edge is. */
#ifndef CMD_EDGE_STORE_H
#define CMD_EDGE_STORE_H

#include "common/base/opt.h"
#include "tunnel/mgmt/auth.h"
#include "tunnel/store/record.h"
#include "tunnel/store/seal.h"

/* Options that all commands working on it have. */
struct store_flags {
	const char *path;           /* NULL: in memory */
	const char *key;            /* file of the key; NULL: see edge_store_open */
	const char *account, *zone; /* ids; NULL: as recorded, at first random ones */
};

/* NOLINTBEGIN(bugprone-macro-parentheses): a type and a member */
#define STORE_FLAG_ROWS(type, member)                                                               \
	{0, "store", "FILE", "tunnels, routes and API tokens: a database, made on first use",       \
		OPT_TEXT(type, member.path), NULL},                                                 \
		{0, "store-key", "FILE",                                                            \
			"key of the secrets in it (default: credential store-key, or FILE.key)",    \
			OPT_TEXT(type, member.key), NULL},                                          \
		{0, "account", "ID", "account id of 32 hexadecimal digits, when the store is made", \
			OPT_TEXT(type, member.account), NULL},                                      \
	{                                                                                           \
		0, "zone", "ID", "zone id, likewise", OPT_TEXT(type, member.zone), NULL             \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

struct edge_store {
	struct store *store;
	struct seal seal;
	struct edge_record self;
};

/* Open or make. The key comes from the file named; without one from the systemd credential "store-key", else from PATH.key,
 * which is made. with_key false leaves it alone: for hashes only. -1 with err; edge_store_close in every case. */
int edge_store_open(const struct store_flags *flags, enum store_use use, bool with_key,
	struct edge_store *out, struct err *err);
void edge_store_close(struct edge_store *s);

/* Make an API token and put its record: the text goes to out, to be wiped. */
int edge_store_token(struct edge_store *s, const char *label, bool may_write, char out[AUTH_TEXT_MAX],
	struct token_record *record, struct err *err);
/* Append a cert.pem as cloudflared reads it. */
void edge_store_cert(const struct edge_store *s, const char *token, struct buf *out);

#endif
