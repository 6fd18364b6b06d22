/* Tunnels by id. */
#include <stdlib.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "tunnel/edge/directory.h"

struct directory {
	struct map by_id;    /* keys are the records' own ids */
	struct list tunnels; /* of directory_tunnel */
	size_t count;
};

static struct span id_key(const struct uuid *id)
{
	return span_of((const char *)id->bytes, UUID_LEN);
}

struct directory *directory_new(void)
{
	struct directory *d = mem_alloc(sizeof(*d));

	list_init(&d->tunnels);
	return d;
}

static struct directory_tunnel *directory_make(struct directory *d, const struct uuid *id)
{
	struct directory_tunnel *t = directory_get(d, id);

	if (t != NULL)
		return t;
	t = mem_alloc(sizeof(*t));
	t->record.id = *id;
	list_init(&t->clients);
	list_push(&d->tunnels, &t->node);
	map_put(&d->by_id, id_key(&t->record.id), t);
	d->count++;
	return t;
}

void directory_config_set(struct directory_config *c, struct span json, int64_t version, int64_t created_at)
{
	free(c->json);
	*c = (struct directory_config){json.p != NULL ? mem_spandup(json) : NULL, version, created_at};
}

void directory_remove(struct directory *d, struct directory_tunnel *t)
{
	map_remove(&d->by_id, id_key(&t->record.id));
	list_remove(&t->node);
	d->count--;
	tunnel_record_free(&t->record);
	free(t->config.json);
	free(t->told.json);
	free(t);
}

void directory_free(struct directory *d)
{
	struct node *n;

	if (d == NULL)
		return;
	while ((n = list_first(&d->tunnels)) != NULL)
		directory_remove(d, list_entry(n, struct directory_tunnel, node));
	map_free(&d->by_id);
	free(d);
}

/* --- Credentials files --- */

/* "dir/home.json" is the tunnel "home". */
static char *name_of(const char *path)
{
	struct span s = span_str(path);
	size_t slash = span_rfind(s, '/');

	if (slash < s.len)
		s = span_skip(s, slash + 1);
	if (span_ends(s, SPAN(".json")))
		s.len -= 5;
	return mem_spandup(s);
}

void directory_add(struct directory *d, const char *name, const struct cred *cred)
{
	struct directory_tunnel *t = directory_make(d, &cred->tunnel_id);

	tunnel_record_free(&t->record);
	t->record = (struct tunnel_record){.id = cred->tunnel_id,
		.name = mem_strdup(name),
		.account = mem_strdup(cred->account_tag),
		.is_fixed = true,
		.created_at = rfc3339_now(),
		.current = {.version = 1}};
	record_proof(span_str(cred->account_tag), span_of((const char *)cred->secret.data, cred->secret.len),
		t->record.current.proof);
}

int directory_add_file(struct directory *d, const char *path, struct err *err)
{
	struct cred cred;

	if (cred_read(path, &cred, err) < 0)
		return -1;
	char *name = name_of(path);
	const struct directory_tunnel *other = directory_find(d, span_str(name));
	int rc = 0;
	if (other != NULL && !uuid_eq(&other->record.id, &cred.tunnel_id))
		rc = err_set(err, "%s: another tunnel is named \"%s\" already; rename one of the files", path,
			name);
	else
		directory_add(d, name, &cred);
	free(name);
	cred_free(&cred);
	return rc;
}

/* --- The store's --- */

struct directory_tunnel *directory_put(
	struct directory *d, const struct tunnel_record *record, int64_t revision)
{
	struct directory_tunnel *t = directory_get(d, &record->id);

	if (t != NULL && t->record.is_fixed)
		return NULL;
	t = directory_make(d, &record->id);
	tunnel_record_free(&t->record);
	tunnel_record_copy(record, &t->record);
	t->revision = revision;
	return t;
}

/* --- Looking up --- */

bool directory_overlaps(const struct tunnel_record *t, int64_t now_us)
{
	return t->previous.version > 0 && t->previous_expires_at > now_us;
}

enum directory_verdict directory_check(struct directory *d, const struct uuid *id, struct span account,
	struct span secret, int64_t now_us, struct directory_tunnel **tunnel, int64_t *version)
{
	static const struct tunnel_record nobody;
	unsigned char proof[SECRET_HASH_LEN];
	struct directory_tunnel *t = directory_get(d, id);
	bool known = t != NULL && t->record.deleted_at == 0;
	const struct tunnel_record *r = known ? &t->record : &nobody;

	record_proof(account, secret, proof);
	bool current = secret_equal(r->current.proof, proof);
	bool previous = secret_equal(r->previous.proof, proof);
	secret_wipe(proof, sizeof(proof));
	if (!known)
		return DIRECTORY_UNKNOWN;
	previous = previous && directory_overlaps(r, now_us);
	if (!current && !previous)
		return DIRECTORY_WRONG;
	*tunnel = t;
	*version = current ? r->current.version : r->previous.version;
	return DIRECTORY_OK;
}

struct directory_tunnel *directory_get(const struct directory *d, const struct uuid *id)
{
	return map_get(&d->by_id, id_key(id));
}

struct directory_tunnel *directory_find(const struct directory *d, struct span id_or_name)
{
	struct uuid id;

	if (uuid_parse(id_or_name, &id)) {
		struct directory_tunnel *t = directory_get(d, &id);
		if (t != NULL && t->record.deleted_at == 0)
			return t;
	}
	list_for_each (n, &d->tunnels) {
		struct directory_tunnel *t = list_entry(n, struct directory_tunnel, node);
		if (t->record.deleted_at == 0 && span_eq(span_str(t->record.name), id_or_name))
			return t;
	}
	return NULL;
}

const struct list *directory_all(const struct directory *d)
{
	return &d->tunnels;
}

size_t directory_count(const struct directory *d)
{
	return d->count;
}
