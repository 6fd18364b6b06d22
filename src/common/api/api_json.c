/* The envelope, tunnels, connectors and connections. Fields that only describe may be missing; what is there has the right
 * type. */
#include <stdlib.h>

#include "common/api/api_json.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"

/* --- Members --- */

/* Null counts as missing. */
static json_t *member(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	return json_is_null(value) ? NULL : value;
}

static int wrong(const char *name, const char *want, struct err *err)
{
	return err_set(err, "\"%s\" is not %s", name, want);
}

static int take_text(json_t *object, const char *name, char **out, struct err *err)
{
	json_t *value = member(object, name);

	if (value != NULL && (!json_is_string(value) || json_string_length(value) > API_TEXT_MAX))
		return wrong(name, "a text of reasonable length", err);
	*out = mem_strdup(value != NULL ? json_string_value(value) : "");
	return 0;
}

static int take_id(json_t *object, const char *name, struct uuid *out, struct err *err)
{
	json_t *value = member(object, name);

	if (value == NULL)
		return 0;
	if (!json_is_string(value) ||
		!uuid_parse(span_of(json_string_value(value), json_string_length(value)), out))
		return wrong(name, "a UUID", err);
	return 0;
}

static int take_time(json_t *object, const char *name, int64_t *out, struct err *err)
{
	json_t *value = member(object, name);

	*out = API_TIME_NONE;
	if (value == NULL)
		return 0;
	if (!json_is_string(value) ||
		!rfc3339_parse(span_of(json_string_value(value), json_string_length(value)), out))
		return wrong(name, "a time", err);
	return 0;
}

static int take_integer(json_t *object, const char *name, int64_t *out, struct err *err)
{
	json_t *value = member(object, name);

	if (value == NULL)
		return 0;
	if (!json_is_integer(value))
		return wrong(name, "an integer", err);
	*out = json_integer_value(value);
	return 0;
}

static int take_bool(json_t *object, const char *name, bool *out, struct err *err)
{
	json_t *value = member(object, name);

	if (value != NULL && !json_is_boolean(value))
		return wrong(name, "true or false", err);
	*out = json_is_true(value);
	return 0;
}

char *api_json_text(json_t *object, const char *name, struct err *err)
{
	char *out = NULL;

	if (!json_is_object(object) || !json_is_string(json_object_get(object, name))) {
		wrong(name, "a text", err);
		return NULL;
	}
	return take_text(object, name, &out, err) == 0 ? out : NULL;
}

/* --- Lists --- */

/* The elements of a list that may be missing; all are objects. */
static int take_list(json_t *list, const char *name, size_t *count, struct err *err)
{
	size_t i;
	json_t *value;

	*count = 0;
	if (list == NULL)
		return 0;
	if (!json_is_array(list))
		return wrong(name, "a list", err);
	json_array_foreach(list, i, value) if (!json_is_object(value)) return wrong(
		name, "a list of objects", err);
	*count = json_array_size(list);
	return 0;
}

/* --- Connections --- */

static int take_connection(json_t *from, struct api_connection *c, struct err *err)
{
	if (take_id(from, "uuid", &c->id, err) < 0 || take_id(from, "id", &c->id, err) < 0 ||
		take_id(from, "client_id", &c->client_id, err) < 0 ||
		take_text(from, "colo_name", &c->location, err) < 0 ||
		take_text(from, "origin_ip", &c->origin_ip, err) < 0 ||
		take_text(from, "client_version", &c->client_version, err) < 0 ||
		take_bool(from, "is_pending_reconnect", &c->is_pending, err) < 0 ||
		take_time(from, "opened_at", &c->opened_at, err) < 0 ||
		take_integer(from, "tunnel_secret_version", &c->secret_version, err) < 0)
		return -1;
	return 0;
}

static void connections_free(struct api_connection *c, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(c[i].location);
		free(c[i].origin_ip);
		free(c[i].client_version);
	}
	free(c);
}

static int take_connections(
	json_t *from, const char *name, struct api_connection **out, size_t *count, struct err *err)
{
	json_t *list = member(from, name);

	if (take_list(list, name, count, err) < 0)
		return -1;
	*out = *count > 0 ? mem_array(*count, sizeof(**out)) : NULL;
	for (size_t i = 0; i < *count; i++)
		if (take_connection(json_array_get(list, i), &(*out)[i], err) < 0)
			return err_wrap(err, "%s %zu", name, i);
	return 0;
}

/* --- Tunnels --- */

static int take_token(json_t *from, struct secret *out, struct err *err)
{
	json_t *value = member(from, "token");

	if (value == NULL)
		return 0;
	if (!json_is_string(value) || json_string_length(value) > API_TEXT_MAX)
		return wrong("token", "a text of reasonable length", err);
	secret_set(out, json_string_value(value), json_string_length(value));
	return 0;
}

static int take_tunnel(json_t *from, struct api_tunnel *t, struct err *err)
{
	if (!json_is_object(from))
		return err_set(err, "a tunnel is not an object");
	if (member(from, "id") == NULL)
		return wrong("id", "there", err);
	if (take_id(from, "id", &t->id, err) < 0 ||
		take_text(from, "account_tag", &t->account_tag, err) < 0 ||
		take_text(from, "name", &t->name, err) < 0 ||
		take_text(from, "status", &t->status, err) < 0 ||
		take_text(from, "config_src", &t->config_src, err) < 0 ||
		take_time(from, "created_at", &t->created_at, err) < 0 ||
		take_time(from, "deleted_at", &t->deleted_at, err) < 0 ||
		take_time(from, "conns_active_at", &t->conns_active_at, err) < 0 ||
		take_time(from, "conns_inactive_at", &t->conns_inactive_at, err) < 0 ||
		take_integer(from, "tunnel_secret_version", &t->secret_version, err) < 0 ||
		take_time(from, "previous_tunnel_secret_expires_at", &t->previous_expires_at, err) < 0 ||
		take_connections(from, "connections", &t->conns, &t->conn_count, err) < 0 ||
		take_token(from, &t->token, err) < 0)
		return -1;
	return 0;
}

void api_tunnel_free(struct api_tunnel *t)
{
	free(t->account_tag);
	free(t->name);
	free(t->status);
	free(t->config_src);
	connections_free(t->conns, t->conn_count);
	secret_free(&t->token);
	*t = (struct api_tunnel){0};
}

void api_tunnels_free(struct api_tunnel *t, size_t count)
{
	for (size_t i = 0; i < count; i++)
		api_tunnel_free(&t[i]);
	free(t);
}

int api_json_tunnel(json_t *result, struct api_tunnel *out, struct err *err)
{
	*out = (struct api_tunnel){0};
	if (take_tunnel(result, out, err) == 0)
		return 0;
	api_tunnel_free(out);
	return -1;
}

int api_json_tunnels(json_t *result, struct api_tunnel **out, size_t *count, struct err *err)
{
	size_t more;

	if (take_list(json_is_null(result) ? NULL : result, "result", &more, err) < 0)
		return -1;
	if (*count + more > API_LIST_MAX)
		return err_set(err, "more than %d tunnels", API_LIST_MAX);
	if (more > 0)
		*out = mem_grow(*out, *count + more, sizeof(**out));
	for (size_t i = 0; i < more; i++) {
		if (api_json_tunnel(json_array_get(result, i), &(*out)[*count], err) < 0)
			return err_wrap(err, "tunnel %zu", i);
		(*count)++;
	}
	return 0;
}

/* --- Connectors --- */

static int take_features(json_t *from, struct api_connector *c, struct err *err)
{
	json_t *list = member(from, "features");

	if (list != NULL && !json_is_array(list))
		return wrong("features", "a list", err);
	size_t count = json_array_size(list);
	c->features = count > 0 ? mem_array(count, sizeof(*c->features)) : NULL;
	for (size_t i = 0; i < count; i++) {
		json_t *value = json_array_get(list, i);
		if (!json_is_string(value) || json_string_length(value) > API_TEXT_MAX)
			return wrong("features", "a list of texts", err);
		c->features[c->feature_count++] = mem_strdup(json_string_value(value));
	}
	return 0;
}

static int take_connector(json_t *from, struct api_connector *c, struct err *err)
{
	c->config_version = -1;
	if (!json_is_object(from))
		return err_set(err, "a connector is not an object");
	if (member(from, "id") == NULL)
		return wrong("id", "there", err);
	if (take_id(from, "id", &c->id, err) < 0 || take_text(from, "version", &c->version, err) < 0 ||
		take_text(from, "arch", &c->arch, err) < 0 || take_features(from, c, err) < 0 ||
		take_time(from, "run_at", &c->run_at, err) < 0 ||
		take_integer(from, "config_version", &c->config_version, err) < 0 ||
		take_connections(from, "conns", &c->conns, &c->conn_count, err) < 0)
		return -1;
	return 0;
}

void api_connectors_free(struct api_connector *c, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(c[i].version);
		free(c[i].arch);
		for (size_t j = 0; j < c[i].feature_count; j++)
			free(c[i].features[j]);
		free(c[i].features);
		connections_free(c[i].conns, c[i].conn_count);
	}
	free(c);
}

int api_json_connectors(json_t *result, struct api_connector **out, size_t *count, struct err *err)
{
	*out = NULL;
	if (take_list(json_is_null(result) ? NULL : result, "result", count, err) < 0)
		return -1;
	*out = *count > 0 ? mem_array(*count, sizeof(**out)) : NULL;
	for (size_t i = 0; i < *count; i++) {
		if (take_connector(json_array_get(result, i), &(*out)[i], err) == 0)
			continue;
		err_wrap(err, "connector %zu", i);
		api_connectors_free(*out, *count);
		*out = NULL;
		*count = 0;
		return -1;
	}
	return 0;
}

/* --- The envelope --- */

/* A number, or a text of digits. */
static int take_code(json_t *value, int *out, struct err *err)
{
	uint64_t n = 0;

	if (value != NULL && json_is_string(value)
			? !span_to_u64(span_str(json_string_value(value)), INT32_MAX, &n)
			: value != NULL && !json_is_integer(value))
		return wrong("code", "a number", err);
	if (json_is_integer(value)) {
		json_int_t given = json_integer_value(value);
		n = given >= 0 && given <= INT32_MAX ? (uint64_t)given : 0;
	}
	*out = (int)n;
	return 0;
}

static int take_errors(json_t *root, struct api_envelope *e, struct err *err)
{
	json_t *list = member(root, "errors"), *message;
	size_t count;

	e->message = "";
	if (take_list(list, "errors", &count, err) < 0)
		return -1;
	if (count == 0)
		return 0;
	e->is_success = false;
	json_t *first = json_array_get(list, 0);
	if (take_code(member(first, "code"), &e->code, err) < 0)
		return -1;
	message = member(first, "message");
	if (message != NULL && !json_is_string(message))
		return wrong("message", "a text", err);
	e->message = message != NULL ? json_string_value(message) : "";
	return 0;
}

static int take_info(json_t *root, struct api_envelope *e, struct err *err)
{
	json_t *info = member(root, "result_info");

	if (info == NULL)
		return 0;
	if (!json_is_object(info))
		return wrong("result_info", "an object", err);
	if (take_integer(info, "page", &e->page, err) < 0 ||
		take_integer(info, "per_page", &e->per_page, err) < 0 ||
		take_integer(info, "count", &e->count, err) < 0 ||
		take_integer(info, "total_count", &e->total_count, err) < 0 ||
		take_integer(info, "total_pages", &e->total_pages, err) < 0)
		return -1;
	return 0;
}

static int take_envelope(json_t *root, struct api_envelope *e, struct err *err)
{
	if (!json_is_object(root))
		return err_set(err, "it is not a JSON object");
	if (!json_is_boolean(json_object_get(root, "success")))
		return wrong("success", "true or false", err);
	e->is_success = json_is_true(json_object_get(root, "success"));
	e->result = json_object_get(root, "result");
	if (e->result == NULL)
		e->result = json_null();
	return take_errors(root, e, err) < 0 || take_info(root, e, err) < 0 ? -1 : 0;
}

int api_json_parse(struct span text, struct api_envelope *out, struct err *err)
{
	json_error_t why;

	*out = (struct api_envelope){.message = ""};
	out->root = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, &why);
	if (out->root == NULL) /* the parser's own message would quote the text */
		return err_set(err, "line %d is not valid JSON", why.line);
	if (take_envelope(out->root, out, err) == 0)
		return 0;
	api_envelope_free(out);
	return -1;
}

void api_envelope_free(struct api_envelope *e)
{
	json_decref(e->root);
	*e = (struct api_envelope){.message = ""};
}
