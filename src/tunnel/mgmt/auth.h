/* Who may ask what: API tokens by their hashes, how often each may ask, and how guessing is slowed. */
#ifndef MGMT_AUTH_H
#define MGMT_AUTH_H

#include "common/base/log.h"
#include "tunnel/store/record.h"

#define AUTH_RATE 10         /* requests a second of one token */
#define AUTH_BURST 50        /* and at once */
#define AUTH_TOKENS_MAX 1000 /* API tokens on record */
#define AUTH_TEXT_MAX 256    /* bytes of a token's text */
#define AUTH_ADDRESSES 256   /* that have failed lately, remembered */
#define AUTH_FREE_FAILURES 5 /* of an address before its refusals are held back */
#define AUTH_DELAY_MS 250    /* for each failure more */
#define AUTH_DELAY_MAX_MS 5000
#define AUTH_FORGET_MS 600000 /* an address without failures for so long begins anew */

struct auth; /* opaque; one owner */

struct auth_token {
	struct token_record record;
	int64_t revision; /* of the record */
	double left;      /* of the burst */
	uint64_t seen_ms; /* when that was worked out */
};

struct auth *auth_new(const struct log *log);
void auth_free(struct auth *a);

/* Load the tokens of the store; from then on auth_change is told of changes. */
int auth_load(struct auth *a, struct store *s, struct err *err);
void auth_change(struct auth *a, const struct store_record *r);

enum auth_verdict {
	AUTH_OK,
	AUTH_UNKNOWN, /* no token, or none that is known */
	AUTH_TOO_FAST,
};
/* Judge the Authorization field's value. With AUTH_OK *token, valid until the next change; with AUTH_TOO_FAST how long to
 * wait; with AUTH_UNKNOWN for how long the refusal of this address is to be held back. */
enum auth_verdict auth_check(struct auth *a, struct span authorization, const char *address, uint64_t now_ms,
	const struct auth_token **token, uint64_t *wait_ms);

/* The token of that field's value without judging or counting; NULL when it is not known. */
const struct auth_token *auth_known(const struct auth *a, struct span authorization);

/* Is the token of that id on record, and the record that one? */
bool auth_is_current(const struct auth *a, const char *id, int64_t revision);

/* A new token: its text, printed once, and its record. */
void auth_make(struct token_record *out, char text[AUTH_TEXT_MAX]);

#endif
