/* Commits, built up step by step. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/mgmt/private.h"

struct change *change_new(void)
{
	return mem_alloc(sizeof(struct change));
}

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

void change_delete_range(struct change *c, struct span prefix, struct span from, struct span to)
{
	if (c->end_count == CHANGE_RANGES_MAX)
		abort(); /* callers keep below it */
	change_put(c, prefix, from, SPAN(""), STORE_ANY);
	struct store_step *step = &c->steps[c->count - 1];
	step->kind = STORE_RANGE;
	step->value = record_key(&c->ends[c->end_count++], prefix, to);
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

void change_audit(struct change *c, struct call *call, const char *action, const struct uuid *tunnel,
	const char *fields, int64_t version_before, int64_t version_after)
{
	char id[UUID_TEXT_LEN + 1], key[64];
	char *texts[] = {mem_strdup(call->who), mem_strdup(call->request->address), mem_strdup(action),
		mem_strdup(fields)};
	struct audit_record record = {
		call->now, *tunnel, texts[0], texts[1], texts[2], texts[3], version_before, version_after};
	struct buf text = {0};

	uuid_print(tunnel, id);
	snprintf(key, sizeof(key), "%016llx-%08llx", (unsigned long long)call->now,
		(unsigned long long)(call->m->seed++ & 0xffffffff));
	if (audit_record_print(&record, &text) == 0)
		change_put(c, RECORD_AUDIT, span_str(key), buf_span(&text), STORE_ABSENT);
	snprintf(c->said, sizeof(c->said), "action=%s tunnel=%s token=%s fields=\"%s\" version=%lld", action,
		id, call->who, fields, (long long)version_after);
	buf_free(&text);
	audit_record_free(&record);
}

/* --- Committing --- */

/* A token that is revoked while its change waits must not change anything. */
static void change_check_token(struct change *c, const struct call *call)
{
	if (call->who[0] == '\0')
		return;
	change_put(c, RECORD_TOKEN, span_str(call->who), SPAN(""), call->who_revision);
	c->steps[c->count - 1].kind = STORE_CHECK;
}

/* On a thread of its own, but with a store in memory. */
static void change_write(void *arg)
{
	struct change *c = arg;
	struct mgmt *m = c->call->m;
	struct store *s = m->writer != NULL ? m->writer : m->store;

	c->result = store_commit(s, c->steps, c->count, &c->revision, &c->err);
	if (c->result == STORE_OK && c->is_wiping)
		store_wipe(s, &c->wipe_err);
}

/* What the call works on, as it is now. */
static void change_look_again(struct change *c)
{
	struct call *call = c->call;

	if (call->tunnel == NULL)
		return;
	call->tunnel = directory_get(call->m->edge->directory, &call->tunnel_id);
	if (call->tunnel == NULL) {
		c->result = STORE_FAILED;
		err_set(&c->err, "the tunnel has gone meanwhile");
	}
}

static void change_written(void *arg)
{
	struct change *c = arg;
	struct call *call = c->call;
	struct mgmt *m = call->m;
	const struct log *log = m->edge->worker->log;
	struct err err;

	if (c->result == STORE_OK && m->writer != NULL)
		store_told(m->store, c->steps, c->count, c->revision);
	if (c->result == STORE_OK && c->said[0] != '\0')
		log_line(log, LOG_INFO, "changed through the API", "%s", c->said);
	if (c->wipe_err.text[0] != '\0')
		log_line(log, LOG_WARN, "an old secret is on the disk a while longer", "error=\"%s\"",
			c->wipe_err.text);
	bool is_revoked = c->result == STORE_CONFLICT && store_poll(m->store, &err) == STORE_OK &&
			  call_is_revoked(call);
	call->is_pending = false;
	change_look_again(c);
	c->done(call, c->with, c->result, &c->err);
	if (is_revoked && !call->is_pending)
		answer_error(call->answer, 401, CODE_AUTH, "Authentication error");
	change_free(c);
	call_resume(call);
}

static void change_in_memory(void *arg)
{
	change_write(arg);
	change_written(arg);
}

void change_commit(struct change *c, struct call *call, change_fn *done, void *with)
{
	struct loop *loop = call->m->edge->worker->loop;

	change_check_token(c, call);
	for (size_t i = 0; i < c->count; i++)
		if (c->steps[i].value.p != NULL && c->steps[i].kind == STORE_SET)
			c->steps[i].value = span_of(buf_span(&c->values).p + c->where[i].at, c->where[i].len);
	c->call = call;
	c->done = done;
	c->with = with;
	call->is_pending = true;
	c->task = (struct loop_task){.fn = change_in_memory, .arg = c};
	if (call->m->writer != NULL)
		loop_work(loop, change_write, change_written, c);
	else
		loop_defer(loop, &c->task);
}

void change_free(struct change *c)
{
	buf_wipe(&c->values);
	free(c);
}
