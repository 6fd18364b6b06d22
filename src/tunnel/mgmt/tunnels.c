/* Tunnels: create, list, get, edit, delete, token. A change goes to the store, from there to what the edge knows, and only
 * then is it answered. */
#include <openssl/rand.h>
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "tunnel/mgmt/decode.h"
#include "tunnel/mgmt/private.h"

#define SECRET_LEN 32 /* bytes of those made here */

static struct span secret_span(const struct secret *s)
{
	return span_of((const char *)s->data, s->len);
}

static bool read_body(struct call *c, struct decode_tunnel *body)
{
	struct err err;

	switch (decode_tunnel(c->request->body, body, &err)) {
	case DECODE_OK: return true;
	case DECODE_JSON: answer_error(c->answer, 400, CODE_JSON, "%s", err.text); return false;
	case DECODE_VALUE: answer_error(c->answer, 400, CODE_VALUE, "%s", err.text); return false;
	}
	return false;
}

/* A new secret of a record: its hash, and the secret itself sealed unless only hashes are kept. */
static bool set_secret(
	struct call *c, const struct tunnel_record *t, struct record_secret *out, const struct secret *secret)
{
	struct buf sealed = {0};
	bool ok = true;

	record_proof(span_str(t->account), secret_span(secret), out->proof);
	if (!c->m->conf->hashes_only) {
		ok = seal_close(c->m->conf->seal, &t->id, secret_span(secret), &sealed) == 0;
		if (ok)
			out->sealed = mem_spandup(buf_span(&sealed));
	}
	buf_free(&sealed);
	return ok;
}

/* The current secret; empty where only its hash is known. */
static void open_secret(struct call *c, const struct directory_tunnel *t, struct secret *out)
{
	const char *sealed = t->record.current.sealed;

	*out = (struct secret){0};
	if (sealed != NULL && seal_open(c->m->conf->seal, &t->record.id, span_str(sealed), out) < 0)
		log_line(c->m->edge->worker->log, LOG_ERROR,
			"a tunnel's secret cannot be decrypted: another key, or an altered store", NULL);
}

/* --- Creating --- */

static json_t *credentials_file(const struct directory_tunnel *t, const struct secret *secret)
{
	struct buf text = {.max = 2048};
	char id[UUID_TEXT_LEN + 1];

	uuid_print(&t->record.id, id);
	buf_reserve(&text, 2048);
	base64_encode(secret_span(secret), BASE64_PADDED, &text);
	json_t *file = json_pack("{s:s, s:s, s:s, s:s%}", "AccountTag", t->record.account, "TunnelID", id,
		"TunnelName", t->record.name, "TunnelSecret", buf_span(&text).p, buf_len(&text));
	buf_wipe(&text);
	return file;
}

/* What is needed once it is there. */
struct creating {
	struct secret secret;
};

static void answer_created(struct call *c, const struct secret *secret)
{
	json_t *object = view_tunnel(c, c->tunnel);

	json_object_set_new(object, "credentials_file", credentials_file(c->tunnel, secret));
	json_object_set_new(object, "token", view_token(c->tunnel, secret_span(secret)));
	c->answer->is_secret = true;
	c->m->metrics.created++;
	answer_ok(c->answer, object);
}

static void created(struct call *c, void *with, enum store_result result, const struct err *err)
{
	struct creating *x = with;

	if (result == STORE_OK)
		c->tunnel = directory_get(c->m->edge->directory, &c->tunnel_id);
	if (c->tunnel != NULL)
		answer_created(c, &x->secret);
	else if (result == STORE_CONFLICT)
		answer_error(c->answer, 409, CODE_NAME_TAKEN,
			"You already have a tunnel with this name. Delete the existing tunnel, or "
			"choose a different name for your new tunnel");
	else
		answer_failed(c, err);
	secret_free(&x->secret);
	free(x);
}

/* The secret goes from body to whoever answers. */
static void create(struct call *c, struct decode_tunnel *body)
{
	struct change *change = change_new();
	struct tunnel_record t = {.name = body->name,
		.account = c->m->self.account,
		.is_remote = body->is_remote,
		.created_at = c->now,
		.current = {.version = 1}};
	char id[UUID_TEXT_LEN + 1];

	uuid_random(&t.id);
	uuid_print(&t.id, id);
	if (!set_secret(c, &t, &t.current, &body->secret) || !change_put_tunnel(change, &t, STORE_ABSENT)) {
		struct err err;
		err_set(&err, "a secret cannot be sealed");
		answer_failed(c, &err);
		change_free(change);
	} else {
		struct creating *x = mem_alloc(sizeof(*x));
		x->secret = body->secret;
		body->secret = (struct secret){0};
		c->tunnel_id = t.id;
		change_put(change, RECORD_NAME, span_str(t.name), span_str(id), STORE_ABSENT);
		change_audit(change, c, "create", &t.id, "name tunnel_secret config_src", 0, 1);
		change_commit(change, c, created, x);
	}
	record_secret_free(&t.current);
}

/* Names of credentials files' tunnels stand in no store. */
static bool name_is_fixed(const struct call *c, const char *name)
{
	list_for_each (n, directory_all(c->m->edge->directory)) {
		const struct directory_tunnel *t = list_entry(n, struct directory_tunnel, node);
		if (t->record.is_fixed && strcmp(t->record.name, name) == 0)
			return true;
	}
	return false;
}

void tunnels_create(struct call *c)
{
	struct decode_tunnel body;
	unsigned char bytes[SECRET_LEN];

	if (!read_body(c, &body))
		return;
	if (body.secret.len == 0) {
		if (RAND_bytes(bytes, sizeof(bytes)) != 1)
			abort();
		secret_set(&body.secret, bytes, sizeof(bytes));
		secret_wipe(bytes, sizeof(bytes));
	}
	if (body.name == NULL)
		answer_error(c->answer, 400, CODE_VALUE, "name is required");
	else if (name_is_fixed(c, body.name))
		answer_error(c->answer, 409, CODE_NAME_TAKEN, "You already have a tunnel with this name");
	else
		create(c, &body);
	decode_tunnel_free(&body);
}

/* --- Looking --- */

void tunnel_get(struct call *c)
{
	answer_ok(c->answer, view_tunnel(c, c->tunnel));
}

void tunnel_token(struct call *c)
{
	struct secret secret;

	open_secret(c, c->tunnel, &secret);
	if (c->tunnel->record.deleted_at != 0) {
		answer_error(c->answer, 404, CODE_NOT_FOUND, "Tunnel not found");
	} else if (secret.len == 0) {
		answer_error(c->answer, 404, CODE_NOT_FOUND,
			"The secret of this tunnel cannot be asked for: the edge keeps its hash only");
	} else {
		c->answer->is_secret = true;
		answer_ok(c->answer, view_token(c->tunnel, secret_span(&secret)));
	}
	secret_free(&secret);
}

/* --- Editing --- */

/* May this tunnel be changed? Answered when not. */
static bool may_change(struct call *c)
{
	if (c->tunnel->record.deleted_at != 0) {
		answer_error(c->answer, 404, CODE_NOT_FOUND, "Tunnel not found");
		return false;
	}
	if (c->tunnel->record.is_fixed) {
		answer_error(c->answer, 400, CODE_VALUE,
			"This tunnel is given to the edge by a credentials file and cannot be changed here");
		return false;
	}
	return true;
}

static void drop_previous(struct tunnel_record *t)
{
	record_secret_free(&t->previous);
	t->previous_expires_at = 0;
}

/* What is to be done with the secrets; false when it cannot be. Rules of the overlap window: at most two secrets; a new one
 * drops the oldest; the present one set again changes nothing. */
static bool edit_secret(
	struct call *c, const struct decode_tunnel *body, struct tunnel_record *t, bool *changed)
{
	unsigned char proof[SECRET_HASH_LEN];
	bool has_expiry = body->has_expiry && !c->m->edge->conf->official_only;
	bool is_new = body->secret.len > 0;

	if (is_new) {
		record_proof(span_str(t->account), secret_span(&body->secret), proof);
		is_new = !secret_equal(proof, t->current.proof);
		if (!is_new)
			return true;
	}
	if (t->previous.version > 0 && !directory_overlaps(t, c->now))
		drop_previous(t); /* it has run out */
	if (is_new) {
		int64_t version = t->current.version;
		drop_previous(t);
		t->previous = t->current;
		t->current = (struct record_secret){.version = version + 1};
		if (!set_secret(c, t, &t->current, &body->secret))
			return false;
		t->previous_expires_at = has_expiry ? body->expires_at : 0;
		*changed = true;
	} else if (has_expiry && t->previous.version > 0) {
		*changed = t->previous_expires_at != body->expires_at;
		t->previous_expires_at = body->expires_at;
	}
	if (t->previous.version > 0 && t->previous_expires_at <= c->now)
		drop_previous(t);
	return true;
}

void tunnels_log_stale(const struct mgmt *m, const struct directory_tunnel *t)
{
	size_t stale = 0;
	char id[UUID_TEXT_LEN + 1];

	list_for_each (n, &t->clients) {
		const struct roster_client *client = list_entry(n, struct roster_client, node);
		list_for_each (k, &client->conns) {
			const struct roster_conn *conn = list_entry(k, struct roster_conn, node);
			stale += conn->connector != NULL && conn->secret_version != t->record.current.version;
		}
	}
	uuid_print(&t->record.id, id);
	if (stale > 0)
		log_line(m->edge->worker->log, LOG_WARN,
			"connections stay that registered with a secret which is not valid any more",
			"tunnel=%s connections=%zu", id, stale);
}

static void answer_edited(struct call *c)
{
	struct secret secret;
	json_t *object = view_tunnel(c, c->tunnel);

	open_secret(c, c->tunnel, &secret);
	if (secret.len > 0) {
		json_object_set_new(object, "token", view_token(c->tunnel, secret_span(&secret)));
		c->answer->is_secret = true;
	}
	secret_free(&secret);
	answer_ok(c->answer, object);
}

/* What is to be said of it once it is done. */
struct editing {
	bool rotated, changed;
};

static void edited(struct call *c, void *with, enum store_result result, const struct err *err)
{
	struct editing *x = with;

	if (result == STORE_OK) {
		c->m->metrics.rotated += x->rotated;
		if (x->changed && c->tunnel->record.previous.version == 0)
			tunnels_log_stale(c->m, c->tunnel);
		answer_edited(c);
	} else if (result == STORE_CONFLICT) {
		answer_error(c->answer, 409, CODE_NAME_TAKEN, "You already have a tunnel with this name");
	} else {
		answer_failed(c, err);
	}
	free(x);
}

static void commit_edit(struct call *c, const struct tunnel_record *t, bool renamed, bool changed)
{
	const struct tunnel_record *was = &c->tunnel->record;
	struct change *change = change_new();
	struct editing *x = mem_alloc(sizeof(*x));
	char id[UUID_TEXT_LEN + 1];

	*x = (struct editing){.rotated = t->current.version != was->current.version, .changed = changed};
	uuid_print(&t->id, id);
	change_put_tunnel(change, t, c->tunnel->revision);
	if (renamed) {
		change_put(change, RECORD_NAME, span_str(t->name), span_str(id), STORE_ABSENT);
		change_delete(change, RECORD_NAME, span_str(was->name));
	}
	const char *fields = renamed && x->rotated ? "name tunnel_secret"
			     : renamed             ? "name"
			     : x->rotated          ? "tunnel_secret"
						   : "previous_tunnel_secret_expires_at";
	change_audit(change, c, "edit", &t->id, fields, was->current.version, t->current.version);
	/* A secret that neither record has any more. */
	change->is_wiping = changed && t->previous.version != was->current.version;
	change->is_wiping = change->is_wiping || (x->rotated && was->previous.version > 0);
	change_commit(change, c, edited, x);
}

static void edit(struct call *c, struct decode_tunnel *body)
{
	struct tunnel_record t;
	bool changed = false;

	tunnel_record_copy(&c->tunnel->record, &t);
	bool renamed = body->name != NULL && strcmp(body->name, t.name) != 0;
	if (renamed) {
		free(t.name);
		t.name = mem_strdup(body->name);
	}
	if (renamed && name_is_fixed(c, t.name)) {
		answer_error(c->answer, 409, CODE_NAME_TAKEN, "You already have a tunnel with this name");
	} else if (!edit_secret(c, body, &t, &changed)) {
		struct err err;
		err_set(&err, "a secret cannot be sealed");
		answer_failed(c, &err);
	} else if (!renamed && !changed) {
		answer_edited(c);
	} else {
		commit_edit(c, &t, renamed, changed);
	}
	tunnel_record_free(&t);
}

void tunnel_edit(struct call *c)
{
	struct decode_tunnel body;
	bool official = c->m->edge->conf->official_only;

	if (!may_change(c) || !read_body(c, &body))
		return;
	if (body.name == NULL && body.secret.len == 0 && (!body.has_expiry || official))
		answer_error(c->answer, 400, CODE_VALUE, "name or tunnel_secret is required");
	else if (!official && body.has_expiry && body.expires_at > c->now + MGMT_WINDOW_US)
		answer_error(c->answer, 400, CODE_VALUE,
			"previous_tunnel_secret_expires_at must be within 24 hours");
	else
		edit(c, &body);
	decode_tunnel_free(&body);
}

/* --- Deleting --- */

static void deleted(struct call *c, void *with, enum store_result result, const struct err *err)
{
	(void)with;
	if (result == STORE_OK) {
		c->m->metrics.deleted++;
		answer_ok(c->answer, view_tunnel(c, c->tunnel));
	} else {
		answer_failed(c, err);
	}
}

/* What is left of it: who it was, and when. The secrets go. */
static void commit_delete(struct call *c)
{
	struct change *change = change_new();
	struct tunnel_record t;
	struct err err = {0};

	tunnel_record_copy(&c->tunnel->record, &t);
	t.deleted_at = c->now;
	drop_previous(&t);
	free(t.current.sealed);
	t.current.sealed = NULL;
	if (routes_end(c->m->store, change, &t.id, &err) == 0) {
		change_put_tunnel(change, &t, c->tunnel->revision);
		change_delete(change, RECORD_NAME, span_str(t.name));
		change_audit(change, c, "delete", &t.id, "deleted_at", t.current.version, t.current.version);
		change->is_wiping = true;
		change_commit(change, c, deleted, NULL);
	} else {
		answer_failed(c, &err);
		change_free(change);
	}
	tunnel_record_free(&t);
}

void tunnel_delete(struct call *c)
{
	struct buf text = {.max = 64};
	bool cascade = query_value(c->query, "cascade", &text) && span_eq(buf_span(&text), SPAN("true"));

	buf_free(&text);
	if (!may_change(c))
		return;
	if (c->tunnel->live > 0 && !cascade)
		answer_error(c->answer, 400, CODE_CONNECTED,
			"Cannot delete tunnel because it has active connections");
	else
		commit_delete(c);
}
