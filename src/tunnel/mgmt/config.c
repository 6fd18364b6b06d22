/* Configurations: the edge's own, by version, and what a connector told of its. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/ingress_remote.h"
#include "tunnel/mgmt/decode.h"
#include "tunnel/mgmt/private.h"

static json_t *view_config(const struct call *c)
{
	const struct directory_tunnel *t = c->tunnel;
	const struct directory_config *config = t->record.is_remote ? &t->config : &t->told;
	json_t *json = config->json != NULL ? json_loads(config->json, 0, NULL) : NULL;
	char id[UUID_TEXT_LEN + 1];

	uuid_print(&t->record.id, id);
	return json_pack("{s:s, s:s, s:I, s:o, s:s, s:o}", "account_id", t->record.account, "tunnel_id", id,
		"version", (json_int_t)config->version, "config", json != NULL ? json : json_null(), "source",
		t->record.is_remote ? "cloudflare" : "local", "created_at",
		view_time(config->json != NULL ? config->created_at : t->record.created_at));
}

void config_get(struct call *c)
{
	answer_ok(c->answer, view_config(c));
}

/* By the rules of the connector; an empty list of rules, which that takes, is none to be set on purpose. */
static int check_config(const char *json, struct err *err)
{
	struct ingress_remote remote;
	struct buf message = {0};
	json_t *config = json_loads(json, 0, NULL);
	size_t rules = json_array_size(json_object_get(config, "ingress"));

	json_decref(config);
	if (rules == 0)
		return err_set(err, "at least one ingress rule is required");
	buf_addf(&message, "{\"version\":0,\"config\":%s}", json);
	int rc = ingress_remote_parse(buf_span(&message), &remote, err) == INGRESS_REMOTE_OK ? 0 : -1;
	ingress_remote_free(&remote);
	buf_free(&message);
	return rc;
}

static void configured(struct call *c, void *with, enum store_result result, const struct err *err)
{
	(void)with;
	if (result == STORE_OK)
		answer_ok(c->answer, view_config(c));
	else
		answer_failed(c, err);
}

/* "ID/VERSION", as keys stand in order. */
static void config_key(const char *id, int64_t version, char out[UUID_TEXT_LEN + 32])
{
	snprintf(out, UUID_TEXT_LEN + 32, "%s/%010lld", id, (long long)version);
}

static void commit_config(struct call *c, const char *json)
{
	const struct tunnel_record *t = &c->tunnel->record;
	struct change *change = change_new();
	const struct config_record record = {span_str(json), c->now};
	int64_t version = c->tunnel->config.version + 1, oldest = version - c->m->conf->keep_configs + 1;
	struct buf text = {0};
	char id[UUID_TEXT_LEN + 1], key[UUID_TEXT_LEN + 32];

	uuid_print(&t->id, id);
	config_key(id, version, key);
	config_record_print(&record, &text);
	change_put(change, RECORD_CONFIG, span_str(key), buf_span(&text), STORE_ABSENT);
	if (oldest > 1) {
		char first[UUID_TEXT_LEN + 32];
		config_key(id, 0, first);
		config_key(id, oldest, key);
		change_delete_range(change, RECORD_CONFIG, span_str(first), span_str(key));
	}
	change_audit(change, c, "configure", &t->id, "config", t->current.version, t->current.version);
	change_commit(change, c, configured, NULL);
	buf_free(&text);
}

void config_put(struct call *c)
{
	struct err err = {0};
	char *json;

	if (c->tunnel->record.deleted_at != 0)
		answer_error(c->answer, 404, CODE_NOT_FOUND, "Tunnel not found");
	else if (!c->tunnel->record.is_remote)
		answer_error(c->answer, 400, CODE_LOCAL, "the tunnel is locally managed");
	else if (decode_config(c->request->body, &json, &err) != DECODE_OK)
		answer_error(c->answer, 400, CODE_JSON, "%s", err.text);
	else {
		if (check_config(json, &err) < 0)
			answer_error(c->answer, 400, CODE_CONFIG,
				"Bad Configuration: Validation failed: ingress: %s", err.text);
		else
			commit_config(c, json);
		free(json);
	}
}
