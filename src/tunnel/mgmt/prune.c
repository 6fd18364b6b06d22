/* A look each second over what is in memory; a commit when something is due. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "tunnel/mgmt/private.h"

struct prune {
	struct mgmt *m;
	struct loop_timer timer;
	uint64_t audit_ms; /* when the audit records are due */
};

/* --- What is due --- */

static bool has_stale_secret(const struct tunnel_record *t, int64_t now)
{
	return !t->is_fixed && t->deleted_at == 0 && t->previous.version > 0 && !directory_overlaps(t, now);
}

static bool is_forgotten(const struct mgmt *m, const struct tunnel_record *t, int64_t now)
{
	return !t->is_fixed && t->deleted_at != 0 && now - t->deleted_at > m->conf->keep_deleted_ns / 1000;
}

static bool audit_is_due(const struct prune *p)
{
	return loop_now_ms(p->m->edge->worker->loop) >= p->audit_ms;
}

static bool something_is_due(const struct prune *p)
{
	int64_t now = rfc3339_now();

	if (audit_is_due(p))
		return true;
	list_for_each (n, directory_all(p->m->edge->directory)) {
		const struct tunnel_record *t = &list_entry(n, struct directory_tunnel, node)->record;
		if (has_stale_secret(t, now) || is_forgotten(p->m, t, now))
			return true;
	}
	return false;
}

/* --- Steps --- */

static void drop_secret(const struct mgmt *m, struct change *change, const struct directory_tunnel *tunnel)
{
	struct tunnel_record t;

	tunnel_record_copy(&tunnel->record, &t);
	record_secret_free(&t.previous);
	t.previous_expires_at = 0;
	change_put_tunnel(change, &t, tunnel->revision);
	change->is_wiping = true;
	tunnel_record_free(&t);
	tunnels_log_stale(m, tunnel);
}

/* With all its configurations: their keys go on after the id with "/". */
static void forget_tunnel(struct change *change, const struct directory_tunnel *tunnel)
{
	char id[UUID_TEXT_LEN + 1], from[UUID_TEXT_LEN + 2], to[UUID_TEXT_LEN + 2];

	uuid_print(&tunnel->record.id, id);
	snprintf(from, sizeof(from), "%s/", id);
	snprintf(to, sizeof(to), "%s%c", id, '/' + 1);
	change_delete(change, RECORD_TUNNEL, span_str(id));
	change_delete(change, RECORD_SEEN, span_str(id));
	change_delete_range(change, RECORD_CONFIG, span_str(from), span_str(to));
}

static void forget_audit(struct prune *p, struct change *change, int64_t now)
{
	char to[32];

	snprintf(to, sizeof(to), "%016llx", (unsigned long long)(now - p->m->conf->keep_audit_ns / 1000));
	change_delete_range(change, RECORD_AUDIT, SPAN(""), span_str(to));
	p->audit_ms = loop_now_ms(p->m->edge->worker->loop) + PRUNE_AUDIT_MS;
}

/* How many were worked on. */
static size_t add_tunnels(const struct mgmt *m, struct change *change, int64_t now)
{
	size_t count = 0;

	list_for_each (n, directory_all(m->edge->directory)) {
		const struct directory_tunnel *t = list_entry(n, struct directory_tunnel, node);
		if (count == PRUNE_AT_ONCE)
			break;
		if (has_stale_secret(&t->record, now))
			drop_secret(m, change, t);
		else if (is_forgotten(m, &t->record, now))
			forget_tunnel(change, t);
		else
			continue;
		count++;
	}
	return count;
}

/* --- Turns --- */

static void pruned(struct call *c, void *with, enum store_result result, const struct err *err)
{
	struct prune *p = c->m->prune;

	(void)with;
	if (result != STORE_OK)
		log_line(c->m->edge->worker->log, LOG_ERROR, "the store cannot be tidied", "error=\"%s\"",
			result == STORE_CONFLICT ? "it was changed meanwhile" : err->text);
	if (p == NULL)
		return;
	loop_timer_start(&p->timer, result == STORE_OK ? PRUNE_LOOK_MS : PRUNE_RETRY_MS);
}

static void prune_turn(struct call *c)
{
	struct prune *p = c->m->prune;
	struct change *change;

	if (p == NULL)
		return;
	change = change_new();
	if (audit_is_due(p))
		forget_audit(p, change, c->now);
	size_t count = add_tunnels(c->m, change, c->now);
	if (count > 0)
		log_line(c->m->edge->worker->log, LOG_INFO, "the store is tidied", "tunnels=%zu", count);
	change_commit(change, c, pruned, NULL);
}

static void prune_on_timer(void *arg)
{
	struct prune *p = arg;

	if (!something_is_due(p)) {
		loop_timer_start(&p->timer, PRUNE_LOOK_MS);
		return;
	}
	call_take_turn(call_new(p->m, NULL, prune_turn));
}

struct prune *prune_new(struct mgmt *m)
{
	struct prune *p = mem_alloc(sizeof(*p));

	p->m = m;
	loop_timer_init(&p->timer, m->edge->worker->loop, prune_on_timer, p);
	loop_timer_start(&p->timer, 0);
	return p;
}

void prune_free(struct prune *p)
{
	if (p == NULL)
		return;
	loop_timer_fini(&p->timer);
	free(p);
}
