/* What the API shows of tunnels and connections. */
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/rfc3339.h"
#include "tunnel/mgmt/private.h"

#define VIEW_TOKEN_MAX ((size_t)4096) /* bytes of a token as text */

json_t *view_time(int64_t us)
{
	char text[RFC3339_TEXT_MAX];

	if (us == 0)
		return json_null();
	rfc3339_print(us, -1, text);
	return json_string(text);
}

static json_t *view_id(const struct uuid *id)
{
	char text[UUID_TEXT_LEN + 1];

	uuid_print(id, text);
	return json_string(text);
}

static json_t *view_conn(const struct call *c, const struct roster_conn *conn)
{
	json_t *object = json_pack("{s:o, s:o, s:s, s:b, s:s, s:o, s:o, s:s}", "id", view_id(&conn->id),
		"uuid", view_id(&conn->id), "colo_name", c->m->edge->location, "is_pending_reconnect",
		conn->connector == NULL, "origin_ip", conn->origin_ip, "opened_at",
		view_time(conn->opened_at), "client_id", view_id(&conn->client->id), "client_version",
		conn->client->version);

	if (!c->m->edge->conf->official_only)
		json_object_set_new(
			object, "tunnel_secret_version", json_integer((json_int_t)conn->secret_version));
	return object;
}

static void add_conns(const struct call *c, const struct roster_client *client, json_t *list)
{
	list_for_each (n, &client->conns)
		json_array_append_new(list, view_conn(c, list_entry(n, struct roster_conn, node)));
}

json_t *view_connector(const struct call *c, const struct roster_client *client)
{
	json_t *features = json_array(), *conns = json_array();

	for (size_t i = 0; i < client->feature_count; i++)
		json_array_append_new(features, json_string(client->features[i]));
	add_conns(c, client, conns);
	return json_pack("{s:o, s:o, s:s, s:s, s:I, s:o, s:o}", "id", view_id(&client->id), "features",
		features, "version", client->version, "arch", client->arch, "config_version",
		(json_int_t)client->config_version, "run_at", view_time(client->run_at), "conns", conns);
}

json_t *view_connectors(const struct call *c, const struct directory_tunnel *t)
{
	json_t *list = json_array();

	list_for_each (n, &t->clients)
		json_array_append_new(list, view_connector(c, list_entry(n, struct roster_client, node)));
	return list;
}

const char *view_status(const struct directory_tunnel *t)
{
	if (t->live == 0)
		return t->active_at == 0 ? "inactive" : "down";
	list_for_each (n, &t->clients) {
		const struct roster_client *client = list_entry(n, struct roster_client, node);
		list_for_each (k, &client->conns)
			if (list_entry(k, struct roster_conn, node)->connector == NULL)
				return "degraded";
	}
	return "healthy";
}

json_t *view_tunnel(const struct call *c, const struct directory_tunnel *t)
{
	const struct tunnel_record *r = &t->record;
	json_t *conns = json_array();
	bool up = t->live > 0;
	int64_t down_since = t->inactive_at != 0 ? t->inactive_at : r->created_at;

	list_for_each (n, &t->clients)
		add_conns(c, list_entry(n, struct roster_client, node), conns);
	json_t *object = json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:{}, s:s, s:s, s:b}", "id",
		view_id(&r->id), "account_tag", r->account, "name", r->name, "created_at",
		view_time(r->created_at), "deleted_at", view_time(r->deleted_at), "connections", conns,
		"conns_active_at", view_time(up ? t->active_at : 0), "conns_inactive_at",
		view_time(up ? 0 : down_since), "tun_type", "cfd_tunnel", "metadata", "status",
		view_status(t), "config_src", r->is_remote ? "cloudflare" : "local", "remote_config",
		r->is_remote);
	if (!c->m->edge->conf->official_only) {
		json_object_set_new(
			object, "tunnel_secret_version", json_integer((json_int_t)r->current.version));
		json_object_set_new(object, "previous_tunnel_secret_expires_at",
			view_time(directory_overlaps(r, c->now) ? r->previous_expires_at : 0));
	}
	return object;
}

/* In the order a, t, s that people know by its beginning, "eyJhIjoi". */
json_t *view_token(const struct directory_tunnel *t, struct span secret)
{
	struct buf base64 = {.max = VIEW_TOKEN_MAX}, text = {.max = VIEW_TOKEN_MAX};
	char id[UUID_TEXT_LEN + 1];

	uuid_print(&t->record.id, id);
	buf_reserve(&base64, VIEW_TOKEN_MAX);
	buf_reserve(&text, VIEW_TOKEN_MAX);
	base64_encode(secret, BASE64_PADDED, &base64);
	json_t *object = json_pack("{s:s, s:s, s:s%}", "a", t->record.account, "t", id, "s",
		buf_span(&base64).p, buf_len(&base64));
	char *json = json_dumps(object, JSON_COMPACT);
	base64_encode(span_str(json), BASE64_PADDED, &text);
	json_t *value = json_stringn(buf_span(&text).p, buf_len(&text));
	secret_wipe(json, strlen(json));
	free(json);
	json_decref(object);
	buf_wipe(&base64);
	buf_wipe(&text);
	return value;
}
