/* Lists below each tunnel, and one of what was lost, by age. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "common/base/utf8.h"
#include "tunnel/edge/roster.h"

static void roster_on_timer(void *arg);

void roster_init(struct roster *r, struct loop *loop, void (*on_client_gone)(struct roster_client *c))
{
	r->loop = loop;
	r->on_client_gone = on_client_gone;
	list_init(&r->lost);
	loop_timer_init(&r->timer, loop, roster_on_timer, r);
}

void roster_fini(struct roster *r)
{
	struct node *n;

	while ((n = list_first(&r->lost)) != NULL)
		roster_leave(r, list_entry(n, struct roster_conn, lost));
	loop_timer_fini(&r->timer);
}

struct roster_client *roster_find(const struct directory_tunnel *t, const struct uuid *client_id)
{
	list_for_each (n, &t->clients) {
		struct roster_client *c = list_entry(n, struct roster_client, node);
		if (uuid_eq(&c->id, client_id))
			return c;
	}
	return NULL;
}

/* --- Connectors --- */

/* What a connector says of itself goes into JSON: a text that is no UTF-8, or has a NUL, is not shown. */
static char *own_word(struct span s)
{
	uint32_t c;
	size_t n;

	for (struct span rest = s; rest.len > 0; rest = span_skip(rest, n)) {
		n = utf8_decode(rest, &c);
		if (n == 0 || c == 0 || s.len > ROSTER_TEXT_MAX)
			return mem_strdup("");
	}
	return mem_spandup(s);
}

static struct roster_client *client_new(
	struct directory_tunnel *t, const struct rpc_registration *reg, const struct uuid *id)
{
	struct roster_client *c = mem_alloc(sizeof(*c));

	c->tunnel = t;
	c->id = *id;
	c->version = own_word(reg->version);
	c->arch = own_word(reg->arch);
	c->features = mem_array(reg->feature_count, sizeof(*c->features));
	for (size_t i = 0; i < reg->feature_count; i++)
		c->features[c->feature_count++] = own_word(reg->features[i]);
	c->run_at = rfc3339_now();
	c->config_version = -1;
	list_init(&c->conns);
	list_push(&t->clients, &c->node);
	return c;
}

static void client_free(struct roster *r, struct roster_client *c)
{
	r->on_client_gone(c);
	list_remove(&c->node);
	for (size_t i = 0; i < c->feature_count; i++)
		free(c->features[i]);
	free(c->features);
	free(c->version);
	free(c->arch);
	free(c);
}

/* --- Connections --- */

static void conn_unlose(struct roster *r, struct roster_conn *c)
{
	if (node_linked(&c->lost)) {
		list_remove(&c->lost);
		r->lost_count--;
	}
}

static void tunnel_went_down(struct directory_tunnel *t)
{
	if (--t->live == 0)
		t->inactive_at = rfc3339_now();
}

struct roster_conn *roster_join(struct roster *r, struct directory_tunnel *t,
	const struct rpc_registration *reg, const struct uuid *client_id, const struct uuid *id)
{
	struct roster_client *client = roster_find(t, client_id);

	if (client == NULL)
		client = client_new(t, reg, client_id);
	struct roster_conn *c = mem_alloc(sizeof(*c));
	c->client = client;
	c->id = *id;
	c->index = reg->conn_index;
	c->opened_at = rfc3339_now();
	list_push(&client->conns, &c->node);
	list_for_each_safe (n, &client->conns) {
		struct roster_conn *old = list_entry(n, struct roster_conn, node);
		if (old != c && old->connector == NULL && old->index == c->index)
			roster_leave(r, old);
	}
	if (t->live++ == 0)
		t->active_at = c->opened_at;
	return c;
}

void roster_leave(struct roster *r, struct roster_conn *c)
{
	if (c == NULL)
		return;
	struct roster_client *client = c->client;

	if (node_linked(&c->lost))
		conn_unlose(r, c);
	else
		tunnel_went_down(client->tunnel);
	list_remove(&c->node);
	free(c);
	if (list_empty(&client->conns))
		client_free(r, client);
}

void roster_forget(struct roster *r, const struct directory_tunnel *t, const struct uuid *client_id)
{
	list_for_each_safe (n, &r->lost) {
		struct roster_conn *c = list_entry(n, struct roster_conn, lost);
		if (c->client->tunnel == t && (client_id == NULL || uuid_eq(&c->client->id, client_id)))
			roster_leave(r, c);
	}
}

/* --- What was lost --- */

static void roster_arm(struct roster *r)
{
	struct node *n = list_first(&r->lost);
	uint64_t now = loop_now_ms(r->loop);

	if (n == NULL) {
		loop_timer_stop(&r->timer);
		return;
	}
	uint64_t due = list_entry(n, struct roster_conn, lost)->lost_until_ms;
	loop_timer_start(&r->timer, due > now ? due - now : 1);
}

static void roster_on_timer(void *arg)
{
	struct roster *r = arg;
	struct node *n;

	while ((n = list_first(&r->lost)) != NULL) {
		struct roster_conn *c = list_entry(n, struct roster_conn, lost);
		if (c->lost_until_ms > loop_now_ms(r->loop))
			break;
		roster_leave(r, c);
	}
	roster_arm(r);
}

void roster_lose(struct roster *r, struct roster_conn *c)
{
	if (r->lost_count >= ROSTER_PENDING_MAX)
		roster_leave(r, list_entry(list_first(&r->lost), struct roster_conn, lost));
	c->connector = NULL;
	c->lost_until_ms = loop_now_ms(r->loop) + ROSTER_PENDING_MS;
	list_push(&r->lost, &c->lost);
	r->lost_count++;
	tunnel_went_down(c->client->tunnel);
	roster_arm(r);
}
