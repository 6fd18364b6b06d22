/* After the targets: does anybody still use the old secret? Then its end, and a last look. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "credrotate/clock.h"
#include "credrotate/roll.h"

#define NS_PER_MS 1000000
#define PATIENCE_MS 1000 /* and three times --stable, before a connector counts as a straggler */

/* --- Stragglers --- */

static json_t *straggler_json(const struct api_connector *c, const char *id)
{
	char since[RFC3339_TEXT_MAX] = "";

	if (c->run_at != API_TIME_NONE)
		rfc3339_print(c->run_at, 0, since);
	return json_pack("{s:{s:s, s:s, s:s, s:s}}", "connector", "id", id, "origin_ip",
		c->conn_count > 0 ? c->conns[0].origin_ip : "", "version", c->version, "run_at", since);
}

static size_t list_stragglers(struct run *r)
{
	size_t count = 0;

	for (size_t i = 0; i < r->fleet.count; i++) {
		const struct api_connector *c = &r->fleet.conns[i];
		char id[UUID_TEXT_LEN + 1];
		if (!verify_is_live(c) || verify_is_proven(c, &r->proof))
			continue;
		count++;
		uuid_print(&c->id, id);
		report_step(r->report,
			&(struct report_step){
				.step = "straggler", .result = REPORT_WAIT, .more = straggler_json(c, id)},
			"connector %s from %s, %s, still uses the old secret", id,
			c->conn_count > 0 ? c->conns[0].origin_ip : "?", c->version);
	}
	return count;
}

/* Wait until it ends by itself, or nobody is left that uses it. */
static bool wait_for_end(struct run *r)
{
	struct err err;

	while (fleet_poll(&r->fleet, &err) == 0) {
		if (verify_count_unproven(r->fleet.conns, r->fleet.count, &r->proof) == 0 ||
			r->expires == API_TIME_NONE || fleet_now(&r->fleet) > r->expires)
			return true;
		if (!run_pause(r, roll_poll_ms(r)))
			return false;
	}
	run_stop(r, run_exit_for(r, EXIT_HALFWAY), "joined", "%s; `credrotate resume` goes on", err.text);
	return false;
}

static enum run_state face_stragglers(struct run *r)
{
	size_t count = list_stragglers(r);

	switch (r->flags->stragglers) {
	case STRAGGLERS_KEEP:
	case STRAGGLERS_EVICT: return RUN_RETIRED;
	case STRAGGLERS_WAIT:
		if (r->overlaps)
			return wait_for_end(r) ? RUN_RETIRED : r->state;
		break;
	case STRAGGLERS_ASK: break;
	}
	run_stop(r, EXIT_HALFWAY, "joined",
		"%zu connector(s) that belong to no target still use the old secret: forgotten replicas, or "
		"thieves; "
		"`credrotate resume --stragglers=%skeep|evict` decides",
		count, r->overlaps ? "wait|" : "");
	return r->state;
}

/* --- JOINED --- */

static bool is_probe_clean(struct run *r)
{
	struct prober_count count = prober_look(r->prober);

	if (count.failed == 0)
		return true;
	run_stop(r, EXIT_HALFWAY, "probe",
		"%ld of %ld probes failed, first %s; the old secret stays as it is", count.failed,
		count.asked, count.first);
	return false;
}

/* Everybody there, and everybody proven, for as long as --stable? False once patience is over, or stopped. */
static bool wait_all_proven(struct run *r, size_t *unproven)
{
	int64_t stable = r->flags->stable / NS_PER_MS, until = clock_ms() + 3 * stable + PATIENCE_MS,
		since = 0;
	struct err err;

	for (;;) {
		if (fleet_poll(&r->fleet, &err) < 0) {
			run_stop(r, run_exit_for(r, EXIT_HALFWAY), "joined",
				"%s; `credrotate resume` goes on", err.text);
			return false;
		}
		*unproven = verify_count_unproven(r->fleet.conns, r->fleet.count, &r->proof);
		bool good =
			*unproven == 0 && verify_count_live(r->fleet.conns, r->fleet.count) >= r->live_before;
		since = !good ? 0 : since == 0 ? clock_ms() : since;
		if (good && clock_ms() - since >= stable)
			return true;
		if (!good && clock_ms() > until)
			return false;
		if (!run_pause(r, roll_poll_ms(r)))
			return false;
	}
}

enum run_state finish_joined(struct run *r)
{
	size_t unproven = 0;
	int64_t since = clock_ms();
	bool all = wait_all_proven(r, &unproven);

	if (r->stopped || !is_probe_clean(r))
		return r->state;
	if (!all && unproven > 0)
		return face_stragglers(r);
	if (!all) {
		run_stop(r, EXIT_HALFWAY, "joined",
			"%zu live connector(s), and there were %zu before; `credrotate resume` looks again",
			verify_count_live(r->fleet.conns, r->fleet.count), r->live_before);
		return r->state;
	}
	if (run_note(r, json_pack("{s:b}", "ok", 1)))
		report_step(r->report,
			&(struct report_step){.step = "joined", .since_ms = since, .version = r->version_new},
			"all %zu live connector(s) use the new secret",
			verify_count_live(r->fleet.conns, r->fleet.count));
	return RUN_RETIRED;
}

/* --- RETIRED --- */

static void evict(struct run *r)
{
	struct err err;

	if (fleet_poll(&r->fleet, &err) < 0) {
		run_stop(r, run_exit_for(r, EXIT_HALFWAY), "straggler", "%s; `credrotate resume` goes on",
			err.text);
		return;
	}
	for (size_t i = 0; i < r->fleet.count; i++) {
		const struct api_connector *c = &r->fleet.conns[i];
		char id[UUID_TEXT_LEN + 1];
		if (!verify_is_live(c) || verify_is_proven(c, &r->proof))
			continue;
		uuid_print(&c->id, id);
		if (fleet_evict(&r->fleet, &c->id, &err) < 0)
			run_stop(r, run_exit_for(r, EXIT_HALFWAY), "straggler",
				"%s; `credrotate resume` goes on", err.text);
		else
			report_step(r->report, &(struct report_step){.step = "straggler"},
				"connector %s was cut off, and cannot come back", id);
	}
}

bool finish_forget(struct run *r, const char *step)
{
	struct err err = {""};

	for (size_t i = 0; i < r->target_count; i++) {
		struct target *t = &r->targets[i];
		t->denied = false;
		if (t->ops->forget(t, &err) == 0)
			continue;
		run_stop(r, t->denied ? EXIT_DENIED : EXIT_HALFWAY, step,
			"%s: a copy of the old secret, which is refused, is left: %s; `credrotate resume` "
			"goes on",
			t->text, err.text);
		return false;
	}
	return true;
}

enum run_state finish_retired(struct run *r)
{
	int64_t since = clock_ms();
	struct err err;

	if (issue_close_window(r, &err) < 0) {
		run_stop(r, run_exit_for(r, EXIT_HALFWAY), "retire", "%s; `credrotate resume` goes on",
			err.text);
		return r->state;
	}
	/* Closed first: who is cut off before is back at once. */
	if (r->flags->stragglers == STRAGGLERS_EVICT)
		evict(r);
	if (r->stopped)
		return r->state;
	if (!finish_forget(r, "retire"))
		return r->state;
	journal_drop(r->journal, "old");
	journal_drop(r->journal, "pending");
	if (run_note(r, json_pack("{s:b}", "ok", 1)))
		report_step(r->report, &(struct report_step){.step = "retire", .since_ms = since},
			"the old secret is refused, and no copy of it is kept");
	return RUN_DONE;
}

/* --- DONE --- */

/* NULL when all is as it should be, else what is not; to be freed. */
static char *last_look(struct run *r)
{
	struct err err;
	struct cred c = {0};
	char *why = NULL;
	enum issue_holder who = issue_who(r, &c, &err);

	cred_free(&c);
	if (who == ISSUE_UNKNOWN && !r->flags->keep_pending)
		return mem_strdup(err.text);
	if (who == ISSUE_FOREIGN || who == ISSUE_OLD) {
		issue_stop_foreign(r);
		return NULL;
	}
	for (size_t i = 0; i < r->target_count && why == NULL; i++) {
		struct secret held = {0};
		if (r->targets[i].ops->read(&r->targets[i], &held, &err) < 0) {
			why = mem_strdup(err.text);
		} else if (held.data != NULL) {
			struct fingerprint fp = issue_fingerprint(r, &held);
			if (!fingerprint_eq(&fp, issue_fp_new(r)))
				why = mem_printf(
					"%s: does not hold the new secret any more", r->targets[i].text);
		}
		secret_free(&held);
	}
	return why;
}

enum run_state finish_done(struct run *r)
{
	char *why = last_look(r);
	struct err err;

	if (why == NULL && !r->stopped && !r->is_adopting && journal_mark_changed(r->journal, &err) < 0)
		why = mem_strdup(err.text);
	if (why != NULL) {
		run_stop(r, run_exit_for(r, EXIT_HALFWAY), "done", "%s; `credrotate adopt` mends it", why);
		free(why);
		return RUN_DONE;
	}
	if (!r->stopped && run_note(r, json_pack("{s:b}", "ok", 1)))
		report_step(r->report,
			&(struct report_step){
				.step = "done", .version = r->version_new, .fingerprint = issue_fp_new(r)},
			"%s",
			r->is_adopting ? "all targets hold the current secret" : "the secret is rotated");
	return RUN_DONE;
}
