/* Tables, and the values that -o and --json print. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/rfc3339.h"
#include "common/base/utf8.h"
#include "tunnel/cmd/show.h"

/* --- Tables --- */

static size_t characters(struct span s)
{
	uint32_t c;
	size_t n = 0;

	for (size_t len; s.len > 0; s = span_skip(s, len), n++) {
		len = utf8_decode(s, &c);
		if (len == 0)
			len = 1;
	}
	return n;
}

void show_row(struct show_table *t, const char *const *texts)
{
	t->cells = mem_grow(t->cells, t->count + t->columns, sizeof(*t->cells));
	for (size_t i = 0; i < t->columns; i++) {
		struct buf text = {.max = 4 * API_TEXT_MAX + 1};
		out_escape(span_str(texts[i]), &text);
		t->cells[t->count++] = mem_spandup(buf_span(&text));
		buf_free(&text);
	}
}

void show_table_end(struct show_table *t)
{
	size_t width[SHOW_COLUMNS_MAX] = {0};

	for (size_t i = 0; i < t->count; i++) {
		size_t n = characters(span_str(t->cells[i]));
		if (n > width[i % t->columns])
			width[i % t->columns] = n;
	}
	for (size_t i = 0; i < t->count; i++) {
		size_t n = characters(span_str(t->cells[i]));
		printf("%s%*s%s", t->cells[i], (int)(width[i % t->columns] - n + 1), "",
			(i + 1) % t->columns == 0 ? "\n" : "");
		free(t->cells[i]);
	}
	free(t->cells);
	*t = (struct show_table){.columns = t->columns};
}

/* --- Connections by location --- */

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *show_connections(const struct api_connection *conns, size_t count, bool recently)
{
	const char **names = mem_array(count + 1, sizeof(*names));
	struct buf out = {0};
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (recently || !conns[i].is_pending)
			names[n++] = conns[i].location;
	qsort(names, n, sizeof(*names), compare_texts);
	for (size_t i = 0, same; i < n; i += same) {
		for (same = 1; i + same < n && strcmp(names[i], names[i + same]) == 0;)
			same++;
		buf_addf(&out, "%s%zux%s", i > 0 ? ", " : "", same, names[i]);
	}
	char *text = mem_spandup(buf_span(&out));
	buf_free(&out);
	free(names);
	return text;
}

/* --- Values --- */

static json_t *id_value(const struct uuid *id)
{
	char text[UUID_TEXT_LEN + 1];

	uuid_print(id, text);
	return json_string(text);
}

/* Go's zero time stands for none. */
static json_t *go_time(int64_t us)
{
	char text[RFC3339_TEXT_MAX];

	if (us == API_TIME_NONE)
		return json_string("0001-01-01T00:00:00Z");
	rfc3339_print(us, -1, text);
	return json_string(text);
}

static json_t *record_time(int64_t us)
{
	char text[RFC3339_TEXT_MAX];

	if (us == API_TIME_NONE)
		return json_null();
	rfc3339_print(us, 3, text);
	return json_string(text);
}

static const char *name_of(enum show_form form, const char *json, const char *yaml)
{
	return form == SHOW_JSON ? json : yaml;
}

static json_t *connection_values(const struct api_connection *c, size_t count, enum show_form form)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *v = json_object();
		json_object_set_new(v, name_of(form, "colo_name", "coloname"), json_string(c[i].location));
		json_object_set_new(v, "id", id_value(&c[i].id));
		json_object_set_new(v, name_of(form, "is_pending_reconnect", "ispendingreconnect"),
			json_boolean(c[i].is_pending));
		json_object_set_new(v, name_of(form, "origin_ip", "originip"), json_string(c[i].origin_ip));
		json_object_set_new(v, name_of(form, "opened_at", "openedat"), go_time(c[i].opened_at));
		json_array_append_new(list, v);
	}
	return list;
}

json_t *show_tunnel(const struct api_tunnel *t, enum show_form form)
{
	json_t *v = json_object();

	json_object_set_new(v, "id", id_value(&t->id));
	json_object_set_new(v, "name", json_string(t->name));
	json_object_set_new(v, name_of(form, "created_at", "createdat"), go_time(t->created_at));
	json_object_set_new(v, name_of(form, "deleted_at", "deletedat"), go_time(t->deleted_at));
	json_object_set_new(v, "connections", connection_values(t->conns, t->conn_count, form));
	return v;
}

static json_t *connector_value(const struct api_connector *c, enum show_form form)
{
	json_t *v = json_object(), *features = json_array();

	for (size_t i = 0; i < c->feature_count; i++)
		json_array_append_new(features, json_string(c->features[i]));
	json_object_set_new(v, "id", id_value(&c->id));
	json_object_set_new(v, "features", features);
	json_object_set_new(v, "version", json_string(c->version));
	json_object_set_new(v, "arch", json_string(c->arch));
	json_object_set_new(v, name_of(form, "run_at", "runat"), go_time(c->run_at));
	json_object_set_new(
		v, name_of(form, "conns", "connections"), connection_values(c->conns, c->conn_count, form));
	return v;
}

json_t *show_info(
	const struct api_tunnel *t, const struct api_connector *c, size_t count, enum show_form form)
{
	json_t *v = json_object(), *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, connector_value(&c[i], form));
	json_object_set_new(v, "id", id_value(&t->id));
	json_object_set_new(v, "name", json_string(t->name));
	json_object_set_new(v, name_of(form, "createdAt", "createdat"), go_time(t->created_at));
	json_object_set_new(v, name_of(form, "conns", "connectors"), list);
	return v;
}

/* --- Records --- */

static json_t *version_value(int64_t version)
{
	return version > 0 ? json_integer(version) : json_null();
}

json_t *show_tunnel_record(const struct api_tunnel *t)
{
	json_t *v = json_object();
	size_t live = 0;

	for (size_t i = 0; i < t->conn_count; i++)
		live += !t->conns[i].is_pending;
	json_object_set_new(v, "id", id_value(&t->id));
	json_object_set_new(v, "name", json_string(t->name));
	json_object_set_new(v, "account", json_string(t->account_tag));
	json_object_set_new(v, "status", json_string(t->status));
	json_object_set_new(v, "config_src", json_string(t->config_src));
	json_object_set_new(v, "created_at", record_time(t->created_at));
	json_object_set_new(v, "deleted_at", record_time(t->deleted_at));
	json_object_set_new(v, "connections", json_integer((json_int_t)live));
	json_object_set_new(v, "secret_version", version_value(t->secret_version));
	json_object_set_new(v, "previous_secret_expires_at", record_time(t->previous_expires_at));
	return v;
}

static json_t *connection_record(const struct api_connection *c)
{
	json_t *v = json_object();

	json_object_set_new(v, "id", id_value(&c->id));
	json_object_set_new(v, "location", json_string(c->location));
	json_object_set_new(v, "pending", json_boolean(c->is_pending));
	json_object_set_new(v, "origin_ip", json_string(c->origin_ip));
	json_object_set_new(v, "opened_at", record_time(c->opened_at));
	json_object_set_new(v, "secret_version", version_value(c->secret_version));
	return v;
}

json_t *show_connector_record(const struct api_connector *c)
{
	json_t *v = json_object(), *conns = json_array();

	for (size_t i = 0; i < c->conn_count; i++)
		json_array_append_new(conns, connection_record(&c->conns[i]));
	json_object_set_new(v, "id", id_value(&c->id));
	json_object_set_new(v, "version", json_string(c->version));
	json_object_set_new(v, "arch", json_string(c->arch));
	json_object_set_new(v, "run_at", record_time(c->run_at));
	json_object_set_new(v, "config_version", json_integer(c->config_version));
	json_object_set_new(v, "connections", conns);
	return v;
}
