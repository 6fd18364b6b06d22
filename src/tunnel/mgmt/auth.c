/* Tokens and addresses. */
#include <math.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/net/dial.h"
#include "tunnel/mgmt/auth.h"

/* Where wrong tokens came from. */
struct failer {
	char address[DIAL_NAME_MAX]; /* its network's, where that is one client's */
	unsigned failures;
	uint64_t last_ms;
};

struct auth {
	const struct log *log;
	struct auth_token **tokens; /* few: all are compared each time */
	size_t count;
	struct failer failers[AUTH_ADDRESSES];
};

struct auth *auth_new(const struct log *log)
{
	struct auth *a = mem_alloc(sizeof(*a));

	a->log = log;
	return a;
}

static void token_free(struct auth_token *t)
{
	token_record_free(&t->record);
	free(t);
}

void auth_free(struct auth *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->count; i++)
		token_free(a->tokens[i]);
	free(a->tokens);
	free(a);
}

/* --- Tokens --- */

static void auth_drop(struct auth *a, struct span id)
{
	for (size_t i = 0; i < a->count; i++)
		if (span_eq(span_str(a->tokens[i]->record.id), id)) {
			token_free(a->tokens[i]);
			a->tokens[i] = a->tokens[--a->count];
			return;
		}
}

void auth_change(struct auth *a, const struct store_record *r)
{
	struct token_record record;
	struct err err;

	if (!span_starts(r->key, RECORD_TOKEN))
		return;
	auth_drop(a, span_skip(r->key, RECORD_TOKEN.len));
	if (r->value.p == NULL)
		return;
	if (token_record_parse(r->value, &record, &err) < 0) {
		log_line(a->log, LOG_ERROR, "an API token was left out", "error=\"%s\"", err.text);
		return;
	}
	struct auth_token *t = mem_alloc(sizeof(*t));
	t->record = record;
	t->revision = r->revision;
	t->left = AUTH_BURST;
	a->tokens = mem_grow(a->tokens, a->count + 1, sizeof(struct auth_token *));
	a->tokens[a->count++] = t;
}

static void on_loaded(void *arg, const struct store_record *r)
{
	auth_change(arg, r);
}

int auth_load(struct auth *a, struct store *s, struct err *err)
{
	return store_list(s, RECORD_TOKEN, SPAN(""), AUTH_TOKENS_MAX, on_loaded, a, err) == STORE_OK ? 0 : -1;
}

void auth_make(struct token_record *out, char text[AUTH_TEXT_MAX])
{
	unsigned char bytes[RECORD_TOKEN_LEN / 2 + 32];
	size_t len = (size_t)snprintf(text, AUTH_TEXT_MAX, "outbore_");

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		abort();
	for (size_t i = 0; i < sizeof(bytes); i++) {
		len += (size_t)snprintf(text + len, AUTH_TEXT_MAX - len, "%02x", bytes[i]);
		if (i + 1 == RECORD_TOKEN_LEN / 2)
			snprintf(out->id, sizeof(out->id), "%s", text + len - RECORD_TOKEN_LEN);
	}
	secret_hash(span_of(text, len), out->hash);
	secret_wipe(bytes, sizeof(bytes));
}

/* --- Guessing --- */

/* The entry of an address, or the one that has been quiet for longest. */
static struct failer *failer_of(struct auth *a, const char *address)
{
	struct failer *oldest = &a->failers[0];

	for (size_t i = 0; i < AUTH_ADDRESSES; i++) {
		struct failer *f = &a->failers[i];
		if (strcmp(f->address, address) == 0)
			return f;
		if (f->last_ms < oldest->last_ms)
			oldest = f;
	}
	*oldest = (struct failer){0};
	snprintf(oldest->address, sizeof(oldest->address), "%s", address);
	return oldest;
}

static uint64_t auth_failed(struct auth *a, const char *address, uint64_t now_ms)
{
	char network[DIAL_NAME_MAX];

	dial_network_name(address, network);
	struct failer *f = failer_of(a, network);
	if (now_ms - f->last_ms > AUTH_FORGET_MS)
		f->failures = 0;
	f->last_ms = now_ms;
	f->failures++;
	if (f->failures <= AUTH_FREE_FAILURES)
		return 0;
	/* Logged at 6, 12, 24, ...: a flood of guesses is no flood of lines. */
	unsigned n = f->failures / (AUTH_FREE_FAILURES + 1);
	if (f->failures % (AUTH_FREE_FAILURES + 1) == 0 && (n & (n - 1)) == 0)
		log_line(a->log, LOG_WARN, "wrong API tokens: somebody is guessing", "address=%s failures=%u",
			address, f->failures);
	uint64_t delay = (uint64_t)(f->failures - AUTH_FREE_FAILURES) * AUTH_DELAY_MS;
	return delay < AUTH_DELAY_MAX_MS ? delay : AUTH_DELAY_MAX_MS;
}

/* --- Judging --- */

/* All are compared, whichever fits. */
static struct auth_token *auth_find(const struct auth *a, struct span authorization)
{
	unsigned char hash[SECRET_HASH_LEN];
	struct auth_token *found = NULL;

	if (!span_starts_nocase(authorization, SPAN("Bearer ")) || authorization.len > AUTH_TEXT_MAX)
		return NULL;
	secret_hash(span_trim(span_skip(authorization, 7)), hash);
	for (size_t i = 0; i < a->count; i++)
		if (secret_equal(a->tokens[i]->record.hash, hash))
			found = a->tokens[i];
	return found;
}

static bool take_one(struct auth_token *t, uint64_t now_ms, uint64_t *wait_ms)
{
	double more = (double)(now_ms - t->seen_ms) * AUTH_RATE / 1000;

	t->left = fmin(t->left + more, AUTH_BURST);
	t->seen_ms = now_ms;
	if (t->left < 1) {
		*wait_ms = (uint64_t)((1 - t->left) * 1000 / AUTH_RATE) + 1;
		return false;
	}
	t->left--;
	return true;
}

enum auth_verdict auth_check(struct auth *a, struct span authorization, const char *address, uint64_t now_ms,
	const struct auth_token **token, uint64_t *wait_ms)
{
	struct auth_token *t = auth_find(a, authorization);

	*wait_ms = 0;
	if (t == NULL) {
		*wait_ms = auth_failed(a, address, now_ms);
		return AUTH_UNKNOWN;
	}
	if (!take_one(t, now_ms, wait_ms))
		return AUTH_TOO_FAST;
	*token = t;
	return AUTH_OK;
}

const struct auth_token *auth_known(const struct auth *a, struct span authorization)
{
	return auth_find(a, authorization);
}

bool auth_is_current(const struct auth *a, const char *id, int64_t revision)
{
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->tokens[i]->record.id, id) == 0)
			return a->tokens[i]->revision == revision;
	return false;
}
