/* Pushing configurations. A connector has one configuration for all its connections: any of them will do. */
#include <jansson.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/edge/configure.h"
#include "tunnel/edge/connector.h"
#include "tunnel/h2/cfheader.h"

struct configure {
	struct edge *edge;
	struct roster_client *client; /* whose `push` this is */
	struct exchange *x;
	int64_t version;
	int status;
	struct buf out, answer;
};

static void configure_free(struct configure *p)
{
	p->client->push = NULL;
	buf_free(&p->out);
	buf_free(&p->answer);
	free(p);
}

void configure_client_gone(struct roster_client *client)
{
	struct configure *p = client->push;

	if (p == NULL)
		return;
	exchange_reset(p->x, EXCHANGE_CANCEL);
	configure_free(p);
}

/* --- The answer --- */

/* {"lastAppliedVersion":3,"err":null}; err is anything but null when it was refused. */
static void configure_read_answer(struct configure *p)
{
	const struct log *log = p->edge->worker->log;
	char tunnel[UUID_TEXT_LEN + 1], client[UUID_TEXT_LEN + 1];
	json_t *answer = json_loadb(buf_span(&p->answer).p, buf_len(&p->answer), 0, NULL);
	const json_t *applied = json_object_get(answer, "lastAppliedVersion");

	uuid_print(&p->client->tunnel->record.id, tunnel);
	uuid_print(&p->client->id, client);
	bool ok =
		p->status == 200 && json_is_integer(applied) && json_is_null(json_object_get(answer, "err"));
	if (json_is_integer(applied))
		p->client->config_version = json_integer_value(applied);
	if (ok)
		log_line(log, LOG_INFO, "configuration applied", "tunnel=%s connector=%s version=%lld",
			tunnel, client, (long long)p->client->config_version);
	else
		log_line(log, LOG_WARN, "configuration refused by the connector",
			"tunnel=%s connector=%s version=%lld status=%d", tunnel, client,
			(long long)p->version, p->status);
	json_decref(answer);
}

static void configure_on_head(void *arg, const struct exchange_head *head, bool end)
{
	struct configure *p = arg;

	(void)end;
	if (head->status >= 200)
		p->status = head->status;
}

static void configure_on_body(void *arg, struct span data)
{
	struct configure *p = arg;

	/* Past the ceiling it is no answer, and will not parse. */
	buf_add_span(&p->answer, data);
	exchange_consumed(p->x, data.len);
}

static void configure_on_end(void *arg, const struct fields *trailers)
{
	(void)arg;
	(void)trailers;
}

static void configure_send(struct configure *p)
{
	size_t n = exchange_write(p->x, buf_span(&p->out));

	buf_consume(&p->out, n);
	if (buf_len(&p->out) == 0)
		exchange_finish(p->x, NULL);
}

static void configure_on_room(void *arg)
{
	struct configure *p = arg;

	if (buf_len(&p->out) > 0)
		configure_send(p);
}

static void configure_on_closed(void *arg, enum exchange_fate fate)
{
	struct configure *p = arg;
	struct edge *e = p->edge;
	struct roster_client *client = p->client;
	int64_t version = p->version;

	if (fate == EXCHANGE_DONE)
		configure_read_answer(p);
	configure_free(p);
	/* A newer one may have come meanwhile. The same one is not sent again before the next registration. */
	if (client->tunnel->config.version > version)
		configure_push(e, client);
}

static const struct exchange_events configure_events = {
	configure_on_head, configure_on_body, configure_on_end, configure_on_room, configure_on_closed};

/* --- Sending --- */

static struct h2_session *client_session(const struct roster_client *client)
{
	list_for_each (n, &client->conns) {
		struct roster_conn *c = list_entry(n, struct roster_conn, node);
		struct h2_session *s = c->connector != NULL ? connector_session(c->connector) : NULL;
		if (s != NULL && h2_can_open(s))
			return s;
	}
	return NULL;
}

void configure_push(struct edge *e, struct roster_client *client)
{
	const struct directory_tunnel *t = client->tunnel;
	struct h2_session *session = client_session(client);
	struct field upgrade = {CFHEADER_UPGRADE, CFHEADER_CONFIGURE};
	struct fields fields = {.at = &upgrade, .count = 1, .cap = 1};
	struct exchange_head head = {.method = SPAN("PUT"),
		.scheme = SPAN("http"),
		.authority = SPAN("localhost"),
		.path = SPAN("/"),
		.fields = &fields};

	if (!t->record.is_remote || t->config.json == NULL || client->push != NULL || session == NULL ||
		client->config_version >= t->config.version)
		return;
	struct configure *p = mem_alloc(sizeof(*p));
	p->x = h2_open(session, &head, false, &configure_events, p);
	if (p->x == NULL) {
		free(p);
		return;
	}
	p->edge = e;
	p->client = client;
	p->version = t->config.version;
	p->answer.max = CONFIGURE_ANSWER_MAX;
	client->push = p;
	buf_addf(&p->out, "{\"version\":%lld,\"config\":%s}", (long long)p->version, t->config.json);
	configure_send(p);
}
