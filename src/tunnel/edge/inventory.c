/* One record at a time. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "tunnel/edge/configure.h"
#include "tunnel/edge/connector.h"
#include "tunnel/edge/inventory.h"

/* What loading passes along. */
struct loading {
	struct edge *edge;
	struct err *err; /* set by the first record that cannot be read */
	bool failed;
};

/* --- Tunnels --- */

/* The connections of a deleted tunnel go, and with them its routes. */
static void tunnel_ended(struct edge *e, struct directory_tunnel *t)
{
	connector_evict(e, t, NULL, CONNECTOR_DRAIN_MS);
	roster_forget(&e->roster, t, NULL);
	registry_forget(e->registry, &t->record.id);
}

static int apply_tunnel(struct edge *e, const struct store_record *r, struct err *err)
{
	struct tunnel_record record;

	if (tunnel_record_parse(r->value, &record, err) < 0)
		return -1;
	struct directory_tunnel *t = directory_put(e->directory, &record, r->revision);
	if (t != NULL && record.deleted_at != 0)
		tunnel_ended(e, t);
	tunnel_record_free(&record);
	return 0;
}

static void remove_tunnel(struct edge *e, struct span id_text)
{
	struct uuid id;
	struct directory_tunnel *t = uuid_parse(id_text, &id) ? directory_get(e->directory, &id) : NULL;

	if (t == NULL || t->record.is_fixed)
		return;
	tunnel_ended(e, t);
	directory_remove(e->directory, t);
}

/* --- Routes and configurations --- */

static int apply_route(struct edge *e, struct span host, struct span value, struct err *err)
{
	struct route_record route;

	if (value.p == NULL) {
		registry_set(e->registry, host, NULL, 0);
		return 0;
	}
	if (route_record_parse(value, &route, err) < 0)
		return -1;
	if (registry_is_pattern(host))
		registry_set(e->registry, host, route.tunnels, route.count);
	route_record_free(&route);
	return 0;
}

/* "ID/VERSION". The newest is kept. */
static void apply_config(struct edge *e, struct span key, struct span value)
{
	struct span rest, id_text = span_cut(key, '/', &rest);
	struct uuid id;
	uint64_t version;
	struct config_record config;

	if (!uuid_parse(id_text, &id) || !span_to_u64(rest, INT32_MAX, &version) || value.p == NULL)
		return;
	struct directory_tunnel *t = directory_get(e->directory, &id);
	if (t == NULL || (int64_t)version <= t->config.version || !config_record_parse(value, &config))
		return;
	directory_config_set(&t->config, config.json, (int64_t)version, config.created_at);
	list_for_each (n, &t->clients)
		configure_push(e, list_entry(n, struct roster_client, node));
}

static int inventory_apply(struct edge *e, const struct store_record *r, struct err *err)
{
	if (span_starts(r->key, RECORD_TUNNEL)) {
		if (r->value.p != NULL)
			return apply_tunnel(e, r, err);
		remove_tunnel(e, span_skip(r->key, RECORD_TUNNEL.len));
	} else if (span_starts(r->key, RECORD_ROUTE)) {
		return apply_route(e, span_skip(r->key, RECORD_ROUTE.len), r->value, err);
	} else if (span_starts(r->key, RECORD_CONFIG)) {
		apply_config(e, span_skip(r->key, RECORD_CONFIG.len), r->value);
	}
	return 0;
}

/* --- At start --- */

static void on_loaded(void *arg, const struct store_record *r)
{
	struct loading *l = arg;

	if (!l->failed && inventory_apply(l->edge, r, l->err) < 0)
		l->failed = true;
}

static int load(struct edge *e, struct span prefix, struct err *err)
{
	struct loading l = {.edge = e, .err = err};

	if (store_list(e->conf->store, prefix, SPAN(""), 0, on_loaded, &l, err) != STORE_OK)
		return -1;
	return l.failed ? -1 : 0;
}

/* Whoever was connected when the edge ended is not so now: the tunnel is without a connection since that start, for all that
 * is known. */
static void on_seen(void *arg, const struct store_record *r)
{
	struct edge *e = arg;
	struct uuid id;
	struct err ignored;
	bool is_id = uuid_parse(span_skip(r->key, RECORD_SEEN.len), &id);
	struct directory_tunnel *t = is_id ? directory_get(e->directory, &id) : NULL;

	if (t == NULL || t->record.is_fixed || seen_record_parse(r->value, &t->seen, &ignored) < 0)
		return;
	t->active_at = t->seen.active_at;
	t->inactive_at = t->seen.inactive_at > t->seen.active_at ? t->seen.inactive_at : rfc3339_now();
}

int inventory_load_tunnels(struct edge *e, struct err *err)
{
	if (load(e, RECORD_TUNNEL, err) < 0)
		return -1;
	return store_list(e->conf->store, RECORD_SEEN, SPAN(""), 0, on_seen, e, err) == STORE_OK ? 0 : -1;
}

static void on_change(void *arg, const struct store_record *r)
{
	struct edge *e = arg;
	struct err err = {0};

	if (e->changed != NULL)
		e->changed(e->changed_arg, r);
	if (inventory_apply(e, r, &err) < 0)
		log_line(e->worker->log, LOG_ERROR, "a change of the store was not taken over",
			"error=\"%s\"", err.text);
}

int inventory_load_routes(struct edge *e, struct err *err)
{
	if (load(e, RECORD_ROUTE, err) < 0 || load(e, RECORD_CONFIG, err) < 0)
		return -1;
	store_watch(e->conf->store, on_change, e);
	loop_timer_start(&e->look, INVENTORY_LOOK_MS);
	return 0;
}

/* --- Changes of others --- */

void inventory_on_look(void *arg)
{
	struct edge *e = arg;
	struct err err = {0};

	if (store_poll(e->conf->store, &err) != STORE_OK)
		log_line(e->worker->log, LOG_ERROR, "the store cannot be read", "error=\"%s\"", err.text);
	loop_timer_start(&e->look, INVENTORY_LOOK_MS);
}
