/* Connectors and their connections, as the edge has them now. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/edge/connector.h"
#include "tunnel/mgmt/private.h"

void conns_list(struct call *c)
{
	answer_ok(c->answer, view_connectors(c, c->tunnel));
}

void connector_get(struct call *c)
{
	struct uuid id;
	const struct roster_client *client = uuid_parse(c->tail, &id) ? roster_find(c->tunnel, &id) : NULL;

	if (client == NULL)
		answer_error(c->answer, 404, CODE_NOT_FOUND, "Connector not found");
	else
		answer_ok(c->answer, view_connector(c, client));
}

static void evict(struct call *c, const struct uuid *client_id)
{
	char id[UUID_TEXT_LEN + 1];

	if (c->tunnel == NULL)
		return;
	roster_forget(&c->m->edge->roster, c->tunnel, client_id);
	size_t count = connector_evict(c->m->edge, c->tunnel, client_id, CONNECTOR_DRAIN_MS);
	uuid_print(&c->tunnel->record.id, id);
	log_line(c->m->edge->worker->log, LOG_INFO, "connections closed through the API",
		"tunnel=%s token=%s connections=%zu", id, c->who, count);
}

/* It is done even where it could not be written down: nobody is kept in because a disk is full. Not for a token that was
 * revoked meanwhile, which is a conflict, and answered by whoever committed. */
static void evicted(struct call *c, void *with, enum store_result result, const struct err *err)
{
	struct uuid *client_id = with;

	if (result == STORE_FAILED)
		log_line(c->m->edge->worker->log, LOG_ERROR, "connections are closed, which is not on record",
			"error=\"%s\"", err->text);
	if (result != STORE_CONFLICT)
		evict(c, client_id);
	answer_ok(c->answer, NULL);
	free(client_id);
}

static void commit_evict(struct call *c, const struct uuid *client_id)
{
	const struct tunnel_record *t = &c->tunnel->record;
	struct change *change = change_new();
	struct uuid *with = NULL;

	if (client_id != NULL) {
		with = mem_alloc(sizeof(*with));
		*with = *client_id;
	}
	change_audit(change, c, "cleanup", &t->id, "connections", t->current.version, t->current.version);
	change_commit(change, c, evicted, with);
}

void conns_delete(struct call *c)
{
	struct buf text = {.max = 128};
	struct uuid id;

	if (!query_value(c->query, "client_id", &text))
		commit_evict(c, NULL);
	else if (!uuid_parse(buf_span(&text), &id))
		answer_error(c->answer, 400, CODE_VALUE, "client_id is not a UUID");
	else
		commit_evict(c, &id);
	buf_free(&text);
}
