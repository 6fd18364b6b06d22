/* JSON bodies. */
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "common/base/utf8.h"
#include "common/conf/uuid.h"
#include "tunnel/mgmt/decode.h"

/* The JSON library calls itself for each bracket: how deep it may go is found out before. */
static bool is_shallow(struct span s)
{
	size_t depth = 0;
	bool in_text = false;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (in_text) {
			i += c == '\\'; /* what is escaped does not count */
			in_text = c != '"';
			continue;
		}
		in_text = c == '"';
		if ((c == '{' || c == '[') && ++depth > DECODE_DEPTH_MAX)
			return false;
		depth -= (c == '}' || c == ']') && depth > 0;
	}
	return true;
}

static enum decode_result decode_fault(struct err *err, enum decode_result result, const char *why)
{
	err_set(err, "%s", why);
	return result;
}

static json_t *decode_object(struct span json, struct err *err)
{
	json_error_t why = {.text = ""};
	json_t *object = is_shallow(json) ? json_loadb(json.p, json.len, JSON_REJECT_DUPLICATES, &why) : NULL;

	if (json_is_object(object))
		return object;
	/* The library's own message would quote what may be a secret. */
	if (object != NULL)
		err_set(err, "request body is not a JSON object");
	else if (is_shallow(json) && json_error_code(&why) == json_error_duplicate_key)
		err_set(err, "request body has a key twice");
	else
		err_set(err, "request body is not valid JSON");
	json_decref(object);
	return NULL;
}

/* A member, NULL when it is missing or null. */
static json_t *member(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	return json_is_null(value) ? NULL : value;
}

/* A text, NULL when it is missing. False when it is something else. */
static bool text_member(json_t *object, const char *name, struct span *out, struct err *err)
{
	json_t *value = member(object, name);

	*out = span_of(NULL, 0);
	if (value == NULL)
		return true;
	if (!json_is_string(value)) {
		err_set(err, "%s must be a string", name);
		return false;
	}
	*out = span_of(json_string_value(value), json_string_length(value));
	return true;
}

static bool is_name(struct span s)
{
	struct uuid id;
	size_t count = 0, n;
	uint32_t c;

	if (uuid_parse(s, &id))
		return false;
	for (struct span rest = s; rest.len > 0; rest = span_skip(rest, n), count++) {
		n = utf8_decode(rest, &c);
		if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
	}
	return count >= 1 && count <= DECODE_NAME_MAX;
}

static bool take_secret(struct span text, struct secret *out)
{
	unsigned char bytes[DECODE_SECRET_MAX];
	size_t len;
	bool ok = base64_decode(text, BASE64_PADDED, bytes, sizeof(bytes), &len) && len >= DECODE_SECRET_MIN;

	if (ok)
		secret_set(out, bytes, len);
	secret_wipe(bytes, sizeof(bytes));
	return ok;
}

static enum decode_result tunnel_members(json_t *object, struct decode_tunnel *out, struct err *err)
{
	struct span name, secret, source, expiry;

	if (!text_member(object, "name", &name, err) || !text_member(object, "tunnel_secret", &secret, err) ||
		!text_member(object, "config_src", &source, err) ||
		!text_member(object, "previous_tunnel_secret_expires_at", &expiry, err))
		return DECODE_JSON;
	if (name.p != NULL && !is_name(name))
		return decode_fault(err, DECODE_VALUE,
			"name must have 1 to 100 characters, no control characters, and not be a UUID");
	if (name.p != NULL)
		out->name = mem_spandup(name);
	if (secret.len > 0 && !take_secret(secret, &out->secret))
		return decode_fault(err, DECODE_VALUE,
			secret.len > (size_t)2 * DECODE_SECRET_MAX
				? "tunnel_secret must have at most 1024 bytes"
				: "tunnel_secret must be standard base64 of at least 32 bytes");
	out->has_source = source.len > 0;
	out->is_remote = span_eq(source, SPAN("cloudflare"));
	if (out->has_source && !out->is_remote && !span_eq(source, SPAN("local")))
		return decode_fault(err, DECODE_VALUE, "config_src must be local or cloudflare");
	out->has_expiry = expiry.p != NULL;
	if (out->has_expiry && !rfc3339_parse(expiry, &out->expires_at))
		return decode_fault(
			err, DECODE_VALUE, "previous_tunnel_secret_expires_at must be a time as in RFC 3339");
	return DECODE_OK;
}

enum decode_result decode_tunnel(struct span json, struct decode_tunnel *out, struct err *err)
{
	json_t *object = decode_object(json, err);

	*out = (struct decode_tunnel){0};
	if (object == NULL)
		return DECODE_JSON;
	enum decode_result result = tunnel_members(object, out, err);
	json_decref(object);
	if (result != DECODE_OK)
		decode_tunnel_free(out);
	return result;
}

void decode_tunnel_free(struct decode_tunnel *t)
{
	free(t->name);
	secret_free(&t->secret);
	*t = (struct decode_tunnel){0};
}

/* --- Routes --- */

static enum decode_result route_members(json_t *object, struct decode_route *out, struct err *err)
{
	struct span type, host, pool;
	json_t *overwrite = member(object, "overwrite_existing");

	if (!text_member(object, "type", &type, err))
		return DECODE_JSON;
	out->is_lb = span_eq(type, SPAN("lb"));
	if (!out->is_lb && !span_eq(type, SPAN("dns")))
		return decode_fault(err, DECODE_VALUE, "type must be dns or lb");
	if (!text_member(object, out->is_lb ? "lb_name" : "user_hostname", &host, err) ||
		!text_member(object, "lb_pool", &pool, err))
		return DECODE_JSON;
	if (overwrite != NULL && !json_is_boolean(overwrite))
		return decode_fault(err, DECODE_JSON, "overwrite_existing must be true or false");
	if (host.len == 0)
		return decode_fault(
			err, DECODE_VALUE, out->is_lb ? "lb_name is required" : "user_hostname is required");
	if (out->is_lb && (pool.len == 0 || !is_name(pool)))
		return decode_fault(err, DECODE_VALUE, "lb_pool must have 1 to 100 characters");
	out->overwrite = json_is_true(overwrite);
	out->host = mem_spandup(host);
	out->pool = mem_spandup(out->is_lb ? pool : SPAN(""));
	return DECODE_OK;
}

enum decode_result decode_route(struct span json, struct decode_route *out, struct err *err)
{
	json_t *object = decode_object(json, err);

	*out = (struct decode_route){0};
	if (object == NULL)
		return DECODE_JSON;
	enum decode_result result = route_members(object, out, err);
	json_decref(object);
	if (result != DECODE_OK)
		decode_route_free(out);
	return result;
}

void decode_route_free(struct decode_route *r)
{
	free(r->host);
	free(r->pool);
	*r = (struct decode_route){0};
}

/* --- Configurations --- */

enum decode_result decode_config(struct span json, char **config, struct err *err)
{
	json_t *object = decode_object(json, err);

	*config = NULL;
	if (object == NULL)
		return DECODE_JSON;
	json_t *value = member(object, "config");
	if (json_is_object(value))
		*config = json_dumps(value, JSON_COMPACT);
	json_decref(object);
	return *config != NULL ? DECODE_OK
			       : decode_fault(err, DECODE_JSON, "config is required, and must be an object");
}
