/* Commits, built up step by step. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/rfc3339.h"
#include "tunnel/mgmt/private.h"

void change_put(
	struct change *c, struct span prefix, struct span rest, struct span value, int64_t if_revision)
{
	size_t i = c->count;

	if (i == STORE_STEPS_MAX)
		abort(); /* callers keep below it */
	c->count++;
	c->where[i].at = buf_len(&c->values);
	c->where[i].len = value.len;
	buf_add_span(&c->values, value);
	c->steps[i] = (struct store_step){.key = record_key(&c->keys[i], prefix, rest),
		.value = span_of("", 0), /* set when all are known: they move as more come */
		.if_revision = if_revision};
}

void change_delete(struct change *c, struct span prefix, struct span rest)
{
	change_put(c, prefix, rest, SPAN(""), STORE_ANY);
	c->steps[c->count - 1].value.p = NULL;
}

bool change_put_tunnel(struct change *c, const struct tunnel_record *t, int64_t if_revision)
{
	struct buf json = {0};
	char id[UUID_TEXT_LEN + 1];
	bool ok = tunnel_record_print(t, &json) == 0;

	uuid_print(&t->id, id);
	if (ok)
		change_put(c, RECORD_TUNNEL, span_str(id), buf_span(&json), if_revision);
	buf_free(&json);
	return ok;
}

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

void change_audit(struct change *c, struct call *call, const char *action, const struct uuid *tunnel,
	const char *fields, int64_t version_before, int64_t version_after)
{
	const char *who = call->token != NULL ? call->token->record.id : "";
	char id[UUID_TEXT_LEN + 1], at[RFC3339_TEXT_MAX], key[64];

	uuid_print(tunnel, id);
	rfc3339_print(call->now, 6, at);
	snprintf(key, sizeof(key), "%016llx-%08llx", (unsigned long long)call->now,
		(unsigned long long)(call->m->seed++ & 0xffffffff));
	json_t *record = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I}", "time", at, "token", who,
		"address", call->request->address, "action", action, "tunnel", id, "fields", words(fields),
		"version_before", (json_int_t)version_before, "version_after", (json_int_t)version_after);
	char *text = json_dumps(record, JSON_COMPACT);
	if (text != NULL)
		change_put(c, RECORD_AUDIT, span_str(key), span_str(text), STORE_ABSENT);
	free(text);
	json_decref(record);
	log_line(call->m->edge->worker->log, LOG_INFO, "changed through the API",
		"action=%s tunnel=%s token=%s fields=\"%s\" version=%lld", action, id, who, fields,
		(long long)version_after);
}

enum store_result change_commit(struct change *c, struct store *s, struct err *err)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->steps[i].value.p != NULL)
			c->steps[i].value = span_of(buf_span(&c->values).p + c->where[i].at, c->where[i].len);
	return store_commit(s, c->steps, c->count, NULL, err);
}

void change_free(struct change *c)
{
	buf_wipe(&c->values);
	free(c);
}
