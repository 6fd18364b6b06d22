/* Tunnels from credentials files. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/edge/store.h"

struct store_row {
	struct store_tunnel tunnel;
	unsigned char proof[SECRET_HASH_LEN]; /* hash over account tag and secret */
};

struct store {
	struct store_row *rows; /* few: searched in order */
	size_t count;
};

/* One hash for both, lengths included so that no two pairs give the same input. */
static void store_proof(struct span account, struct span secret, unsigned char out[SECRET_HASH_LEN])
{
	unsigned char parts[3 * SECRET_HASH_LEN] = {0};

	secret_hash(account, parts);
	secret_hash(secret, parts + SECRET_HASH_LEN);
	secret_hash(span_of((const char *)parts, sizeof(parts)), out);
	secret_wipe(parts, sizeof(parts));
}

struct store *store_new(void)
{
	return mem_alloc(sizeof(struct store));
}

/* "dir/home.json" is the tunnel "home". */
static char *store_name_of(const char *path)
{
	struct span s = span_str(path);
	size_t slash = span_rfind(s, '/');

	if (slash < s.len)
		s = span_skip(s, slash + 1);
	if (span_ends(s, SPAN(".json")))
		s.len -= 5;
	return mem_spandup(s);
}

static struct store_row *store_row(struct store *s, const struct uuid *id)
{
	for (size_t i = 0; i < s->count; i++)
		if (uuid_eq(&s->rows[i].tunnel.id, id))
			return &s->rows[i];
	s->rows = mem_grow(s->rows, s->count + 1, sizeof(*s->rows));
	s->rows[s->count] = (struct store_row){.tunnel = {.id = *id}};
	return &s->rows[s->count++];
}

void store_add(struct store *s, const char *name, const struct cred *cred)
{
	struct store_row *row = store_row(s, &cred->tunnel_id);

	free(row->tunnel.name);
	row->tunnel.name = mem_strdup(name);
	store_proof(span_str(cred->account_tag), span_of((const char *)cred->secret.data, cred->secret.len),
		row->proof);
}

int store_add_file(struct store *s, const char *path, struct err *err)
{
	struct cred cred;

	if (cred_read(path, &cred, err) < 0)
		return -1;
	char *name = store_name_of(path);
	const struct store_tunnel *other = store_find(s, span_str(name));
	int rc = 0;
	if (other != NULL && !uuid_eq(&other->id, &cred.tunnel_id))
		rc = err_set(err, "%s: another tunnel is named \"%s\" already; rename one of the files", path,
			name);
	else
		store_add(s, name, &cred);
	free(name);
	cred_free(&cred);
	return rc;
}

const struct store_tunnel *store_check(
	const struct store *s, const struct uuid *id, struct span account_tag, struct span secret)
{
	unsigned char proof[SECRET_HASH_LEN];
	const struct store_tunnel *found = NULL;

	store_proof(account_tag, secret, proof);
	for (size_t i = 0; i < s->count; i++)
		if (uuid_eq(&s->rows[i].tunnel.id, id) && secret_equal(s->rows[i].proof, proof))
			found = &s->rows[i].tunnel;
	secret_wipe(proof, sizeof(proof));
	return found;
}

const struct store_tunnel *store_find(const struct store *s, struct span id_or_name)
{
	struct uuid id;
	bool is_id = uuid_parse(id_or_name, &id);

	for (size_t i = 0; i < s->count; i++)
		if ((is_id && uuid_eq(&s->rows[i].tunnel.id, &id)) ||
			span_eq(span_str(s->rows[i].tunnel.name), id_or_name))
			return &s->rows[i].tunnel;
	return NULL;
}

void store_free(struct store *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		free(s->rows[i].tunnel.name);
	free(s->rows);
	free(s);
}
