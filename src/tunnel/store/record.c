/* Records to JSON and back. */
#include <jansson.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "tunnel/store/record.h"

struct span record_key(struct record_key *k, struct span prefix, struct span rest)
{
	int n = snprintf(k->text, sizeof(k->text), "%.*s%.*s", (int)prefix.len, prefix.p,
		(int)(rest.len < STORE_KEY_MAX ? rest.len : STORE_KEY_MAX), rest.p);

	k->len = (size_t)n < sizeof(k->text) ? (size_t)n : sizeof(k->text) - 1;
	return span_of(k->text, k->len);
}

struct span record_key_id(struct record_key *k, struct span prefix, const struct uuid *id)
{
	char text[UUID_TEXT_LEN + 1];

	uuid_print(id, text);
	return record_key(k, prefix, span_str(text));
}

/* Lengths are in the hash, so that no two pairs give the same. */
void record_proof(struct span account, struct span secret, unsigned char out[SECRET_HASH_LEN])
{
	unsigned char parts[3 * SECRET_HASH_LEN] = {0};

	secret_hash(account, parts);
	secret_hash(secret, parts + SECRET_HASH_LEN);
	secret_hash(span_of((const char *)parts, sizeof(parts)), out);
	secret_wipe(parts, sizeof(parts));
}

bool record_is_id(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (span_hex_digit(s.p[i]) < 0 || (s.p[i] >= 'A' && s.p[i] <= 'F'))
			return false;
	return s.len == RECORD_ID_LEN;
}

void record_random_id(char out[RECORD_ID_LEN + 1])
{
	unsigned char bytes[RECORD_ID_LEN / 2];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		abort();
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* --- Helpers --- */

static int print_json(json_t *object, struct buf *out)
{
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
	int rc = text != NULL ? buf_add_str(out, text) : -1;

	free(text);
	json_decref(object);
	return rc;
}

static json_t *parse_object(struct span json, const char *what, struct err *err)
{
	json_t *object = json_loadb(json.p, json.len, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(object))
		return object;
	json_decref(object);
	err_set(err, "store: a record of %s cannot be read; restore the store from a copy", what);
	return NULL;
}

static char *text_of(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? mem_strdup(text) : NULL;
}

static int64_t number_of(json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static bool hash_of(json_t *object, const char *name, unsigned char out[SECRET_HASH_LEN])
{
	size_t len;
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL && base64_decode(span_str(text), BASE64_PADDED, out, SECRET_HASH_LEN, &len) &&
	       len == SECRET_HASH_LEN;
}

static json_t *json_hash(const unsigned char hash[SECRET_HASH_LEN])
{
	struct buf text = {0};

	base64_encode(span_of((const char *)hash, SECRET_HASH_LEN), BASE64_PADDED, &text);
	json_t *value = json_stringn(buf_span(&text).p, buf_len(&text));
	buf_free(&text);
	return value;
}

/* An id of 32 digits; false when it is none. */
static bool id_of(json_t *object, const char *name, char out[RECORD_ID_LEN + 1])
{
	struct span text = span_str(json_string_value(json_object_get(object, name)));

	if (!record_is_id(text))
		return false;
	snprintf(out, RECORD_ID_LEN + 1, "%s", text.p);
	return true;
}

/* --- Tunnels --- */

static json_t *secret_json(const struct record_secret *s)
{
	if (s->version == 0)
		return json_null();
	return json_pack("{s:o, s:s*, s:I}", "proof", json_hash(s->proof), "sealed", s->sealed, "version",
		(json_int_t)s->version);
}

static bool secret_of(json_t *object, struct record_secret *out)
{
	if (!json_is_object(object))
		return true;
	out->sealed = text_of(object, "sealed");
	out->version = number_of(object, "version");
	return hash_of(object, "proof", out->proof) && out->version > 0;
}

int tunnel_record_print(const struct tunnel_record *t, struct buf *out)
{
	char id[UUID_TEXT_LEN + 1];

	uuid_print(&t->id, id);
	return print_json(
		json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:o, s:o, s:I}", "id", id, "name", t->name,
			"account", t->account, "remote", t->is_remote, "quick", t->is_quick, "created_at",
			(json_int_t)t->created_at, "deleted_at", (json_int_t)t->deleted_at, "current",
			secret_json(&t->current), "previous", secret_json(&t->previous),
			"previous_expires_at", (json_int_t)t->previous_expires_at),
		out);
}

int tunnel_record_parse(struct span json, struct tunnel_record *out, struct err *err)
{
	json_t *object = parse_object(json, "a tunnel", err);

	*out = (struct tunnel_record){0};
	if (object == NULL)
		return -1;
	out->name = text_of(object, "name");
	out->account = text_of(object, "account");
	out->is_remote = json_is_true(json_object_get(object, "remote"));
	out->is_quick = json_is_true(json_object_get(object, "quick"));
	out->created_at = number_of(object, "created_at");
	out->deleted_at = number_of(object, "deleted_at");
	out->previous_expires_at = number_of(object, "previous_expires_at");
	bool ok = secret_of(json_object_get(object, "current"), &out->current) &&
		  secret_of(json_object_get(object, "previous"), &out->previous) &&
		  out->current.version > 0 && out->name != NULL && out->account != NULL &&
		  uuid_parse(span_str(json_string_value(json_object_get(object, "id"))), &out->id);
	json_decref(object);
	if (ok)
		return 0;
	tunnel_record_free(out);
	return err_set(err, "store: a tunnel's record is incomplete; restore the store from a copy");
}

static void secret_copy(const struct record_secret *from, struct record_secret *to)
{
	*to = *from;
	to->sealed = from->sealed != NULL ? mem_strdup(from->sealed) : NULL;
}

void tunnel_record_copy(const struct tunnel_record *from, struct tunnel_record *to)
{
	*to = *from;
	to->name = mem_strdup(from->name);
	to->account = mem_strdup(from->account);
	secret_copy(&from->current, &to->current);
	secret_copy(&from->previous, &to->previous);
}

void record_secret_free(struct record_secret *s)
{
	free(s->sealed);
	*s = (struct record_secret){0};
}

void tunnel_record_free(struct tunnel_record *t)
{
	free(t->name);
	free(t->account);
	record_secret_free(&t->current);
	record_secret_free(&t->previous);
	*t = (struct tunnel_record){0};
}

/* --- The edge --- */

int edge_record_print(const struct edge_record *e, struct buf *out)
{
	return print_json(
		json_pack("{s:s, s:s, s:s*}", "account", e->account, "zone", e->zone, "check", e->check),
		out);
}

int edge_record_parse(struct span json, struct edge_record *out, struct err *err)
{
	json_t *object = parse_object(json, "the edge", err);

	*out = (struct edge_record){0};
	if (object == NULL)
		return -1;
	bool ok = id_of(object, "account", out->account) && id_of(object, "zone", out->zone);
	out->check = text_of(object, "check");
	json_decref(object);
	return ok ? 0 : err_set(err, "store: the edge's record is incomplete; restore the store from a copy");
}

/* --- API tokens --- */

int token_record_print(const struct token_record *t, struct buf *out)
{
	return print_json(json_pack("{s:s, s:o, s:b, s:s, s:s, s:s, s:I}", "id", t->id, "hash",
				  json_hash(t->hash), "write", t->may_write, "account", t->account, "zone",
				  t->zone, "label", t->label, "created_at", (json_int_t)t->created_at),
		out);
}

int token_record_parse(struct span json, struct token_record *out, struct err *err)
{
	json_t *object = parse_object(json, "an API token", err);

	*out = (struct token_record){0};
	if (object == NULL)
		return -1;
	struct span id = span_str(json_string_value(json_object_get(object, "id")));
	out->label = text_of(object, "label");
	out->may_write = json_is_true(json_object_get(object, "write"));
	out->created_at = number_of(object, "created_at");
	bool ok = id.len == RECORD_TOKEN_LEN && out->label != NULL && hash_of(object, "hash", out->hash) &&
		  id_of(object, "account", out->account) && id_of(object, "zone", out->zone);
	if (ok)
		memcpy(out->id, id.p, RECORD_TOKEN_LEN);
	json_decref(object);
	if (ok)
		return 0;
	token_record_free(out);
	return err_set(err, "store: an API token's record is incomplete; revoke it and make another");
}

void token_record_free(struct token_record *t)
{
	free(t->label);
	*t = (struct token_record){0};
}

/* --- Routes --- */

int route_record_print(const struct route_record *r, struct buf *out)
{
	json_t *tunnels = json_array();
	char id[UUID_TEXT_LEN + 1];

	for (size_t i = 0; i < r->count; i++) {
		uuid_print(&r->tunnels[i], id);
		json_array_append_new(tunnels, json_string(id));
	}
	return print_json(json_pack("{s:b, s:s, s:s, s:o}", "lb", r->is_lb, "tag", r->tag, "pool", r->pool,
				  "tunnels", tunnels),
		out);
}

int route_record_parse(struct span json, struct route_record *out, struct err *err)
{
	json_t *value, *object = parse_object(json, "a route", err);
	size_t i;

	*out = (struct route_record){0};
	if (object == NULL)
		return -1;
	out->is_lb = json_is_true(json_object_get(object, "lb"));
	out->pool = text_of(object, "pool");
	bool ok = out->pool != NULL && id_of(object, "tag", out->tag);
	json_array_foreach(json_object_get(object, "tunnels"), i, value)
	{
		ok = ok && i < RECORD_LB_MAX &&
		     uuid_parse(span_str(json_string_value(value)), &out->tunnels[i]);
		out->count += ok;
	}
	json_decref(object);
	if (ok)
		return 0;
	route_record_free(out);
	return err_set(err, "store: a route's record is incomplete; restore the store from a copy");
}

void route_record_free(struct route_record *r)
{
	free(r->pool);
	*r = (struct route_record){0};
}

/* --- When tunnels had connections --- */

int seen_record_print(const struct seen_record *s, struct buf *out)
{
	return print_json(json_pack("{s:I, s:I}", "active_at", (json_int_t)s->active_at, "inactive_at",
				  (json_int_t)s->inactive_at),
		out);
}

int seen_record_parse(struct span json, struct seen_record *out, struct err *err)
{
	json_t *object = parse_object(json, "a tunnel's connections", err);

	*out = (struct seen_record){0};
	if (object == NULL)
		return -1;
	*out = (struct seen_record){number_of(object, "active_at"), number_of(object, "inactive_at")};
	json_decref(object);
	return 0;
}

/* --- What was changed --- */

/* "a b" as a list. */
static json_t *words(const char *text)
{
	json_t *list = json_array();
	struct span word, rest = span_str(text);

	while (rest.len > 0) {
		word = span_cut(rest, ' ', &rest);
		json_array_append_new(list, json_stringn(word.p, word.len));
	}
	return list;
}

/* And back. */
static char *text_of_words(const json_t *list)
{
	struct buf text = {0};
	const json_t *word;
	size_t i;

	json_array_foreach(list, i, word)
	{
		if (i > 0)
			buf_add_char(&text, ' ');
		buf_add_span(&text, span_str(json_string_value(word)));
	}
	char *out = mem_spandup(buf_span(&text));
	buf_free(&text);
	return out;
}

int audit_record_print(const struct audit_record *a, struct buf *out)
{
	char id[UUID_TEXT_LEN + 1], at[RFC3339_TEXT_MAX];

	uuid_print(&a->tunnel, id);
	rfc3339_print(a->at, 6, at);
	return print_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I}", "time", at, "token", a->token,
				  "address", a->address, "action", a->action, "tunnel", id, "fields",
				  words(a->fields), "version_before", (json_int_t)a->version_before,
				  "version_after", (json_int_t)a->version_after),
		out);
}

int audit_record_parse(struct span json, struct audit_record *out, struct err *err)
{
	json_t *object = parse_object(json, "a change", err);

	*out = (struct audit_record){0};
	if (object == NULL)
		return -1;
	out->token = text_of(object, "token");
	out->address = text_of(object, "address");
	out->action = text_of(object, "action");
	out->fields = text_of_words(json_object_get(object, "fields"));
	out->version_before = number_of(object, "version_before");
	out->version_after = number_of(object, "version_after");
	bool ok = out->token != NULL && out->address != NULL && out->action != NULL &&
		  rfc3339_parse(span_str(json_string_value(json_object_get(object, "time"))), &out->at) &&
		  uuid_parse(span_str(json_string_value(json_object_get(object, "tunnel"))), &out->tunnel);
	json_decref(object);
	if (ok)
		return 0;
	audit_record_free(out);
	return err_set(err, "store: the record of a change is incomplete");
}

void audit_record_free(struct audit_record *a)
{
	free(a->token);
	free(a->address);
	free(a->action);
	free(a->fields);
	*a = (struct audit_record){0};
}

/* --- Configurations --- */

int config_record_print(const struct config_record *c, struct buf *out)
{
	if (buf_addf(out, "%lld ", (long long)c->created_at) < 0)
		return -1;
	return buf_add_span(out, c->json);
}

bool config_record_parse(struct span text, struct config_record *out)
{
	uint64_t at;
	struct span time = span_cut(text, ' ', &out->json);

	if (!span_to_u64(time, INT64_MAX, &at) || out->json.len == 0)
		return false;
	out->created_at = (int64_t)at;
	return true;
}
