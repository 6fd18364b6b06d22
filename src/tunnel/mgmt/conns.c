/* Connectors and their connections, as the edge has them now. */
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

	roster_forget(&c->m->edge->roster, c->tunnel, client_id);
	size_t count = connector_evict(c->m->edge, c->tunnel, client_id, CONNECTOR_DRAIN_MS);
	uuid_print(&c->tunnel->record.id, id);
	log_line(c->m->edge->worker->log, LOG_INFO, "connections closed through the API",
		"tunnel=%s token=%s connections=%zu", id, c->who, count);
	answer_ok(c->answer, NULL);
}

void conns_delete(struct call *c)
{
	struct buf text = {.max = 128};
	struct uuid id;

	if (!query_value(c->query, "client_id", &text))
		evict(c, NULL);
	else if (!uuid_parse(buf_span(&text), &id))
		answer_error(c->answer, 400, CODE_VALUE, "client_id is not a UUID");
	else
		evict(c, &id);
	buf_free(&text);
}
