/* One function for each endpoint: what is asked, and what becomes of the answer. */
#include <stdlib.h>

#include "common/api/api_private.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"

/* --- Endings that several calls share --- */

/* A request that could not be composed. */
static enum api_result unsent(struct api *a, struct api_request *r)
{
	a->failure = (struct api_failure){0};
	api_request_free(r);
	return API_UNSENT;
}

static enum api_result call_for_tunnel(
	struct api *a, struct api_request *r, struct api_tunnel *out, struct err *err)
{
	struct api_envelope e;
	enum api_result result = api_call(a, r, &e, err);

	*out = (struct api_tunnel){0};
	if (result == API_OK) {
		if (api_json_tunnel(e.result, out, err) < 0)
			result = api_bad_answer(a, r, err);
		api_envelope_free(&e);
	}
	api_request_free(r);
	return result;
}

static enum api_result call_for_nothing(struct api *a, struct api_request *r, struct err *err)
{
	struct api_envelope e;

	r->may_be_empty = true;
	enum api_result result = api_call(a, r, &e, err);
	if (result == API_OK)
		api_envelope_free(&e);
	api_request_free(r);
	return result;
}

/* Append the result as JSON text. */
static enum api_result call_for_json(struct api *a, struct api_request *r, struct buf *out, struct err *err)
{
	struct api_envelope e;
	enum api_result result = api_call(a, r, &e, err);

	if (result == API_OK) {
		char *text = json_is_object(e.result) ? json_dumps(e.result, JSON_COMPACT) : NULL;
		if (text == NULL || buf_add_str(out, text) < 0) {
			err_set(err, "\"result\" is not an object");
			result = api_bad_answer(a, r, err);
		}
		free(text);
		api_envelope_free(&e);
	}
	api_request_free(r);
	return result;
}

/* --- Tunnels --- */

enum api_result api_create(struct api *a, const char *name, const struct secret *secret,
	const char *config_src, struct api_tunnel *out, struct err *err)
{
	struct api_request r;

	*out = (struct api_tunnel){0};
	api_request_account(&r, a, "POST", "create tunnel", NULL, NULL);
	api_request_begin(&r, API_BODY_MAX);
	if (api_request_text(&r, "name", name, err) < 0 ||
		(secret != NULL && api_request_secret(&r, "tunnel_secret", secret, err) < 0) ||
		(config_src != NULL && api_request_text(&r, "config_src", config_src, err) < 0) ||
		api_request_end(&r, err) < 0)
		return unsent(a, &r);
	return call_for_tunnel(a, &r, out, err);
}

enum api_result api_get(struct api *a, const struct uuid *id, struct api_tunnel *out, struct err *err)
{
	struct api_request r;

	api_request_account(&r, a, "GET", "get tunnel", id, NULL);
	return call_for_tunnel(a, &r, out, err);
}

enum api_result api_edit(struct api *a, const struct uuid *id, const struct api_edit *edit,
	struct api_tunnel *out, struct err *err)
{
	char expires[RFC3339_TEXT_MAX];
	struct api_request r;

	*out = (struct api_tunnel){0};
	api_request_account(&r, a, "PATCH", "edit tunnel", id, NULL);
	api_request_begin(&r, API_BODY_MAX);
	if (edit->previous_expires_at != API_TIME_NONE)
		rfc3339_print(edit->previous_expires_at, -1, expires);
	if ((edit->name != NULL && api_request_text(&r, "name", edit->name, err) < 0) ||
		(edit->secret != NULL && api_request_secret(&r, "tunnel_secret", edit->secret, err) < 0) ||
		(edit->previous_expires_at != API_TIME_NONE &&
			api_request_text(&r, "previous_tunnel_secret_expires_at", expires, err) < 0) ||
		api_request_end(&r, err) < 0)
		return unsent(a, &r);
	return call_for_tunnel(a, &r, out, err);
}

enum api_result api_delete(struct api *a, const struct uuid *id, bool cascade, struct err *err)
{
	struct api_request r;

	api_request_account(&r, a, "DELETE", "delete tunnel", id, NULL);
	api_request_query(&r, "cascade", cascade ? "true" : NULL);
	return call_for_nothing(a, &r, err);
}

/* --- Lists --- */

/* The keys in order. */
static void list_request(
	struct api_request *r, const struct api *a, const struct api_filter *f, int page, int per_page)
{
	char number[16], id[UUID_TEXT_LEN + 1];

	api_request_account(r, a, "GET", "list tunnels", NULL, NULL);
	api_request_query(r, "exclude_prefix", f->exclude_prefix);
	api_request_query(r, "existed_at", f->existed_at);
	api_request_query(r, "is_deleted", f->only_deleted ? "true" : f->with_deleted ? NULL : "false");
	api_request_query(r, "name", f->name);
	api_request_query(r, "name_prefix", f->name_prefix);
	snprintf(number, sizeof(number), "%d", page);
	api_request_query(r, "page", number);
	snprintf(number, sizeof(number), "%d", per_page);
	api_request_query(r, "per_page", number);
	if (f->id != NULL) {
		uuid_print(f->id, id);
		api_request_query(r, "uuid", id);
	}
}

/* A tunnel that was made between two pages pushes one from the end of the first to the beginning of the next, where it is
 * seen again: drop what the page before has. Its first element is at `before`, that of the new one at `from`. */
static void drop_again(struct api_tunnel *t, size_t before, size_t from, size_t *count)
{
	size_t kept = from;

	for (size_t i = from; i < *count; i++) {
		bool again = false;
		for (size_t j = before; j < from && !again; j++)
			again = uuid_eq(&t[j].id, &t[i].id);
		if (again)
			api_tunnel_free(&t[i]);
		else
			t[kept++] = t[i];
	}
	*count = kept;
}

static enum api_result list_page(struct api *a, struct api_request *r, struct api_tunnel **out, size_t *count,
	struct api_envelope *e, struct err *err)
{
	enum api_result result = api_call(a, r, e, err);

	if (result == API_OK && api_json_tunnels(e->result, out, count, err) < 0) {
		api_envelope_free(e);
		result = api_bad_answer(a, r, err);
	}
	return result;
}

enum api_result api_list(struct api *a, const struct api_filter *filter, struct api_tunnel **out,
	size_t *count, struct err *err)
{
	static const struct api_filter all;
	int per_page = a->conf.page > 0 ? a->conf.page : API_PAGE;
	size_t before = 0;
	bool more = true;

	*out = NULL;
	*count = 0;
	for (int page = 1; more; page++) {
		struct api_request r;
		struct api_envelope e;
		size_t from = *count;

		list_request(&r, a, filter != NULL ? filter : &all, page, per_page);
		enum api_result result = list_page(a, &r, out, count, &e, err);
		api_request_free(&r);
		if (result != API_OK)
			return result;
		more = page<e.total_pages && * count> from;
		api_envelope_free(&e);
		drop_again(*out, before, from, count);
		before = from;
	}
	return API_OK;
}

/* --- By id or name --- */

static enum api_result not_found(struct api *a, const char *name, const char *why, struct err *err)
{
	a->failure = (struct api_failure){.status = 404};
	err_set(err, "%s is %s", name, why);
	return API_REFUSED;
}

enum api_result api_find(struct api *a, const char *id_or_name, struct api_tunnel *out, struct err *err)
{
	struct api_filter filter = {.name = id_or_name};
	struct api_tunnel *found;
	struct uuid id;
	size_t count;

	*out = (struct api_tunnel){0};
	if (uuid_parse(span_str(id_or_name), &id)) {
		enum api_result result = api_get(a, &id, out, err);
		if (result == API_OK && out->deleted_at != API_TIME_NONE) {
			api_tunnel_free(out);
			return not_found(a, id_or_name, "a deleted tunnel", err);
		}
		return result;
	}
	enum api_result result = api_list(a, &filter, &found, &count, err);
	if (result == API_OK && count == 1) {
		*out = found[0];
		free(found);
		return API_OK;
	}
	if (result == API_OK)
		result = not_found(a, id_or_name,
			count == 0 ? "neither the ID nor the name of any of your tunnels"
				   : "the name of several tunnels; give the ID",
			err);
	api_tunnels_free(found, count);
	return result;
}

/* --- Connections --- */

enum api_result api_connectors(
	struct api *a, const struct uuid *id, struct api_connector **out, size_t *count, struct err *err)
{
	struct api_request r;
	struct api_envelope e;

	*out = NULL;
	*count = 0;
	api_request_account(&r, a, "GET", "list connection details", id, "connections");
	enum api_result result = api_call(a, &r, &e, err);
	if (result == API_OK) {
		if (api_json_connectors(e.result, out, count, err) < 0)
			result = api_bad_answer(a, &r, err);
		api_envelope_free(&e);
	}
	api_request_free(&r);
	return result;
}

enum api_result api_cleanup(
	struct api *a, const struct uuid *id, const struct uuid *client_id, struct err *err)
{
	char text[UUID_TEXT_LEN + 1];
	struct api_request r;

	api_request_account(&r, a, "DELETE", "cleanup connections", id, "connections");
	if (client_id != NULL) {
		uuid_print(client_id, text);
		api_request_query(&r, "client_id", text);
	}
	return call_for_nothing(a, &r, err);
}

enum api_result api_token(struct api *a, const struct uuid *id, struct secret *out, struct err *err)
{
	struct api_request r;
	struct api_envelope e;

	*out = (struct secret){0};
	api_request_account(&r, a, "GET", "get tunnel token", id, "token");
	r.is_mute = true;
	enum api_result result = api_call(a, &r, &e, err);
	if (result == API_OK) {
		size_t len = json_string_length(e.result);
		if (len > 0 && len <= API_TEXT_MAX) {
			secret_set(out, json_string_value(e.result), len);
		} else {
			err_set(err, "\"result\" is not a token");
			result = api_bad_answer(a, &r, err);
		}
		api_envelope_free(&e);
	}
	api_request_free(&r);
	return result;
}

/* --- Routes --- */

/* Two texts of the result; a member that may be missing has a value to stand in for it. */
static enum api_result call_for_change(struct api *a, struct api_request *r, const char *const keys[2],
	const char *otherwise, char **first, char **second, struct err *err)
{
	struct api_envelope e;
	enum api_result result = api_call(a, r, &e, err);

	*first = *second = NULL;
	if (result == API_OK) {
		*first = api_json_text(e.result, keys[0], err);
		if (*first != NULL)
			*second = otherwise != NULL && json_object_get(e.result, keys[1]) == NULL
					  ? mem_strdup(otherwise)
					  : api_json_text(e.result, keys[1], err);
		if (*second == NULL) {
			free(*first);
			*first = NULL;
			result = api_bad_answer(a, r, err);
		}
		api_envelope_free(&e);
	}
	api_request_free(r);
	return result;
}

static enum api_result need_zone(struct api *a, struct err *err)
{
	if (a->conf.zone != NULL)
		return API_OK;
	a->failure = (struct api_failure){0};
	err_set(err, "cannot add route: no zone is known; it comes with cert.pem");
	return API_UNSENT;
}

enum api_result api_route_dns(struct api *a, const struct uuid *id, const char *hostname, bool overwrite,
	char **changed, char **name, struct err *err)
{
	static const char *const keys[] = {"cname", "name"};
	struct api_request r;

	*changed = *name = NULL;
	if (need_zone(a, err) != API_OK)
		return API_UNSENT;
	api_request_routes(&r, a, id);
	api_request_begin(&r, API_BODY_MAX);
	if (api_request_text(&r, "type", "dns", err) < 0 ||
		api_request_text(&r, "user_hostname", hostname, err) < 0 ||
		api_request_raw(&r, "overwrite_existing", overwrite ? SPAN("true") : SPAN("false"), err) <
			0 ||
		api_request_end(&r, err) < 0)
		return unsent(a, &r);
	return call_for_change(a, &r, keys, hostname, changed, name, err);
}

enum api_result api_route_lb(struct api *a, const struct uuid *id, const char *name, const char *pool,
	char **balancer_changed, char **pool_changed, struct err *err)
{
	static const char *const keys[] = {"load_balancer", "pool"};
	struct api_request r;

	*balancer_changed = *pool_changed = NULL;
	if (need_zone(a, err) != API_OK)
		return API_UNSENT;
	api_request_routes(&r, a, id);
	api_request_begin(&r, API_BODY_MAX);
	if (api_request_text(&r, "type", "lb", err) < 0 || api_request_text(&r, "lb_name", name, err) < 0 ||
		api_request_text(&r, "lb_pool", pool, err) < 0 || api_request_end(&r, err) < 0)
		return unsent(a, &r);
	return call_for_change(a, &r, keys, NULL, balancer_changed, pool_changed, err);
}

/* --- Configurations --- */

enum api_result api_config_get(struct api *a, const struct uuid *id, struct buf *out, struct err *err)
{
	struct api_request r;

	api_request_account(&r, a, "GET", "get configuration", id, "configurations");
	return call_for_json(a, &r, out, err);
}

enum api_result api_config_put(
	struct api *a, const struct uuid *id, struct span json, struct buf *out, struct err *err)
{
	struct api_request r;

	api_request_account(&r, a, "PUT", "put configuration", id, "configurations");
	api_request_begin(&r, API_CONFIG_MAX);
	if (api_request_raw(&r, "config", json, err) < 0 || api_request_end(&r, err) < 0)
		return unsent(a, &r);
	return call_for_json(a, &r, out, err);
}
