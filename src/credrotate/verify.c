/* Counting connectors. */
#include <assert.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "credrotate/verify.h"

size_t verify_live_conns(const struct api_connector *c)
{
	size_t live = 0;

	for (size_t i = 0; i < c->conn_count; i++)
		live += !c->conns[i].is_pending;
	return live;
}

bool verify_is_live(const struct api_connector *c)
{
	return verify_live_conns(c) > 0;
}

static bool has_version(int64_t version, const struct proof *p)
{
	if (version == p->version || (version > 0 && version <= p->up_to))
		return true;
	return p->same_from > 0 && version >= p->same_from && version < p->version &&
	       (p->version - version) % 2 == 0;
}

bool verify_conn_is_proven(const struct api_connection *c, const struct proof *p)
{
	if (c->is_pending)
		return false;
	if (p->version > 0)
		return has_version(c->secret_version, p);
	return p->opened_after != API_TIME_NONE && c->opened_at != API_TIME_NONE &&
	       c->opened_at > p->opened_after;
}

bool verify_is_proven(const struct api_connector *c, const struct proof *p)
{
	for (size_t i = 0; i < c->conn_count; i++)
		if (verify_conn_is_proven(&c->conns[i], p))
			return true;
	return false;
}

size_t verify_count_live(const struct api_connector *c, size_t count)
{
	size_t live = 0;

	for (size_t i = 0; i < count; i++)
		live += verify_is_live(&c[i]);
	return live;
}

size_t verify_count_unproven(const struct api_connector *c, size_t count, const struct proof *p)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += verify_is_live(&c[i]) && !verify_is_proven(&c[i], p);
	return n;
}

void census_take(struct census *out, const struct api_connector *c, size_t count, const struct proof *p)
{
	census_free(out);
	out->at = mem_array(count > 0 ? count : 1, sizeof(*out->at));
	for (size_t i = 0; i < count; i++)
		if (verify_is_live(&c[i]))
			out->at[out->count++] = (struct census_entry){
				c[i].id, verify_live_conns(&c[i]), verify_is_proven(&c[i], p)};
}

void census_free(struct census *c)
{
	free(c->at);
	*c = (struct census){0};
}

const struct census_entry *census_find(const struct census *c, const struct uuid *id)
{
	for (size_t i = 0; i < c->count; i++)
		if (uuid_eq(&c->at[i].id, id))
			return &c->at[i];
	return NULL;
}

static const struct api_connector *find(const struct api_connector *now, size_t count, const struct uuid *id)
{
	for (size_t i = 0; i < count; i++)
		if (uuid_eq(&now[i].id, id))
			return &now[i];
	return NULL;
}

struct rejoin verify_rejoin(const struct census *before, const struct api_connector *now, size_t count,
	const struct proof *p, size_t replicas)
{
	struct rejoin r = {0};

	assert(before->count == 0 || before->at != NULL);
	for (size_t i = 0; i < count; i++) {
		const struct census_entry *was = census_find(before, &now[i].id);
		if (!verify_is_live(&now[i]) || !verify_is_proven(&now[i], p) || (was != NULL && was->proven))
			continue;
		r.fresh++;
		r.fresh_conns += verify_live_conns(&now[i]);
	}
	for (size_t i = 0; i < before->count; i++) {
		const struct api_connector *is = find(now, count, &before->at[i].id);
		if (before->at[i].proven || (is != NULL && verify_is_live(is) && !verify_is_proven(is, p)))
			continue;
		r.gone++;
		r.gone_conns += before->at[i].conns;
	}
	r.done = r.fresh >= replicas && r.gone >= replicas && r.fresh_conns >= r.gone_conns;
	return r;
}
