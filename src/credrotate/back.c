/* Back to the old secret: itself a rotation, the other way round. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "credrotate/clock.h"
#include "credrotate/roll.h"
#include "credrotate/signal.h"

#define NS_PER_MS 1000000
#define NS_PER_US 1000

/* --- The old secret --- */

static bool try_old(struct run *r, struct secret *s)
{
	struct fingerprint fp = s->data != NULL ? issue_fingerprint(r, s) : (struct fingerprint){""};
	bool is_it = fingerprint_eq(&fp, &r->fp_old);

	if (is_it)
		secret_set(&r->old.secret, s->data, s->len);
	secret_free(s);
	return is_it;
}

bool back_find_old(struct run *r)
{
	struct secret s = {0};
	struct err unused;

	if (r->old.secret.data != NULL)
		return true;
	for (size_t i = 0; i < r->target_count; i++) {
		struct target *t = &r->targets[i];
		if ((t->ops->kept(t, &s) && try_old(r, &s)) ||
			(t->ops->read(t, &s, &unused) == 0 && try_old(r, &s)))
			return true;
		secret_free(&s);
	}
	return journal_kept(r->journal, "old", &s) && try_old(r, &s);
}

/* --- At the API --- */

/* Make the old one current again. False, and stopped, when that did not work. */
static bool reissue(struct run *r)
{
	struct api_tunnel t = {0};
	struct cred c = {0};
	struct err err;
	enum issue_holder who = issue_who(r, &c, &err);

	cred_free(&c);
	if (who == ISSUE_FOREIGN) {
		issue_stop_foreign(r);
		return false;
	}
	if (who == ISSUE_NEW) {
		struct api_edit edit = {.secret = &r->old.secret,
			.previous_expires_at = r->overlaps
						       ? fleet_now(&r->fleet) + r->flags->window / NS_PER_US
						       : API_TIME_NONE};
		enum api_result result = fleet_edit(&r->fleet, &edit, &t, &err);
		api_tunnel_free(&t);
		t = (struct api_tunnel){0};
		/* setting it again when the answer was lost is no change */
		who = result == API_OK        ? ISSUE_OLD
		      : result == API_UNKNOWN ? issue_who(r, &c, &err)
					      : ISSUE_UNKNOWN;
		cred_free(&c);
	}
	if (who != ISSUE_OLD || fleet_tunnel(&r->fleet, &t, &err) < 0) {
		run_stop(r, run_exit_for(r, EXIT_STUCK), "rollback",
			"%s; the new secret stays current, `credrotate resume` tries again, `credrotate "
			"adopt` goes "
			"forward",
			who == ISSUE_NEW ? "the API did not take the old secret back" : err.text);
		return false;
	}
	r->version_back = t.secret_version;
	r->expires = t.previous_expires_at;
	r->issued_at = fleet_now(&r->fleet);
	/* who never took the new one is good as well, be it under a number from before earlier ways back */
	r->proof = (struct proof){.version = r->overlaps ? r->version_back : 0,
		.up_to = r->version_old,
		.opened_after = r->issued_at + 1000000 + r->flags->propagation / NS_PER_US};
	api_tunnel_free(&t);
	return true;
}

/* --- Targets --- */

static json_t *step_members(const char *step, size_t index, bool ok)
{
	json_t *m = json_pack("{s:I, s:s}", "target", (json_int_t)index, "step", step);

	if (ok)
		json_object_set_new(m, "ok", json_true());
	return m;
}

/* Wait until nobody uses the new one any more that belongs to this target, and as many serve as before. Without versions
 * the unproven are those that never left the old one, so that there only the number counts. */
static bool wait_back(struct run *r, struct target *t, const struct census *before, struct err *err)
{
	struct err stuck = {""};
	int64_t until = clock_ms() + roll_timeout_ms(r, t), stable = r->flags->stable / NS_PER_MS, since = 0;
	size_t unproven = 0, live = 0, had = 0;

	for (size_t i = 0; i < before->count; i++)
		had += !before->at[i].proven;
	/* a connector that changes its credentials is there twice for a moment */
	size_t least = before->count < r->live_before ? before->count : r->live_before;
	/* Those of targets whose turn is still to come keep the new one; after the last nobody may. */
	size_t may_stay = !t->rejoined ? had : had > (size_t)t->replicas ? had - (size_t)t->replicas : 0;
	bool is_last = true;
	for (const struct target *other = r->targets; other < t; other++)
		is_last = is_last && !other->has_before;
	if (is_last)
		may_stay = 0;
	while (fleet_poll(&r->fleet, err) == 0) {
		unproven = verify_count_unproven(r->fleet.conns, r->fleet.count, &r->proof);
		live = verify_count_live(r->fleet.conns, r->fleet.count);
		bool good = (unproven <= may_stay || !r->overlaps) && live >= least && live > 0 &&
			    (!t->signal_begun || signal_arrived(t, r->flags->systemctl, &stuck));
		if (stuck.text[0] != '\0') {
			*err = stuck;
			return false;
		}
		since = !good ? 0 : since == 0 ? clock_ms() : since;
		if (good && clock_ms() - since >= stable)
			return true;
		if (clock_ms() > until) {
			err_set(err, "%zu connector(s) live, %zu of them with the new secret", live,
				unproven);
			return false;
		}
		if (!run_pause(r, roll_poll_ms(r)))
			return false;
	}
	return false;
}

/* Is this the last manifest of those that go back? They do in reverse. */
static bool is_last_manifest(const struct run *r, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (r->targets[i].ops == &target_manifest && r->targets[i].has_before)
			return false;
	return r->targets[index].ops == &target_manifest;
}

/* One target back. False with err. */
static bool undo(struct run *r, size_t index, struct err *err)
{
	struct target *t = &r->targets[index];
	struct census before = {0};
	struct buf note = {0};
	bool ok = false;

	if (!run_note(r, step_members("INSTALL", index, false)) || fleet_poll(&r->fleet, err) < 0)
		return false;
	census_take(&before, r->fleet.conns, r->fleet.count, &r->proof);
	t->ops->tidy(t);
	if (t->ops->install(t, &r->old, false, &note, err) == 0 &&
		run_note(r, step_members("INSTALL", index, true))) {
		struct err unsent = {""};
		if (is_last_manifest(r, index))
			roll_end_pipe(r);
		/* a signal that could not be sent forward fails on the way back too: whether it was needed shows */
		bool sent = !t->signal_begun || roll_signal(r, index, &unsent);
		ok = !r->stopped && wait_back(r, t, &before, err) &&
		     run_note(r, step_members("REJOIN", index, true));
		if (!ok && !sent && !r->stopped)
			err_wrap(err, "%s", unsent.text);
	}
	buf_free(&note);
	census_free(&before);
	if (ok)
		t->has_before = t->installed = t->rejoined = false;
	return ok;
}

/* Which secret does each target hold? For the person who has to go on. */
static void list_targets(struct run *r)
{
	for (size_t i = 0; i < r->target_count; i++) {
		struct target *t = &r->targets[i];
		struct secret held = {0};
		struct err err = {""};
		const char *what = "cannot be read";
		if (t->ops->read(t, &held, &err) == 0 && held.data != NULL) {
			struct fingerprint fp = issue_fingerprint(r, &held);
			what = fingerprint_eq(&fp, &r->fp_old)        ? "holds the old secret"
			       : fingerprint_eq(&fp, issue_fp_new(r)) ? "holds the new secret"
								      : "holds another secret";
		}
		secret_free(&held);
		report_step(r->report,
			&(struct report_step){.step = "rollback", .result = REPORT_WAIT, .target = t->text},
			"%s", what);
	}
}

static void fail(struct run *r, const struct err *err)
{
	list_targets(r);
	run_stop(r, run_exit_for(r, EXIT_STUCK), "rollback",
		"%s; the old secret is current again%s: `credrotate resume` tries again, `credrotate adopt` "
		"brings all "
		"targets to what is current",
		err->text, r->expires != API_TIME_NONE ? " and the new one still valid" : "");
}

/* Annotations name the secret that is installed. */
static void set_direction(struct run *r, bool is_back)
{
	r->env.is_back = is_back;
	r->env.fingerprint = is_back ? r->fp_old.text : issue_fp_new(r)->text;
}

enum run_state back_step(struct run *r)
{
	int64_t since = clock_ms();
	struct err err = {""};

	if (!back_find_old(r)) {
		run_stop(r, EXIT_STUCK, "rollback",
			"the old secret is nowhere to be found; `credrotate adopt` goes forward with the "
			"current one");
		return r->state;
	}
	if (!run_note(r, json_pack("{s:s}", "step", "ISSUE")) || !reissue(r))
		return r->state;
	if (!run_note(r, json_pack("{s:s, s:b}", "step", "ISSUE", "ok", 1)))
		return r->state;
	set_direction(r, true);
	for (size_t i = r->target_count; i-- > 0 && !r->stopped;)
		if (r->targets[i].has_before && !undo(r, i, &err)) {
			if (!r->stopped)
				fail(r, &err);
			return r->state;
		}
	if (r->stopped)
		return r->state;
	if (issue_close_window(r, &err) < 0) {
		fail(r, &err);
		return r->state;
	}
	set_direction(r, false); /* what was made on the way forward goes by its name */
	if (!finish_forget(r, "rollback"))
		return r->state;
	journal_drop(r->journal, "old");
	journal_drop(r->journal, "pending");
	r->code = r->was_asked_back ? EXIT_DONE : EXIT_ROLLED_BACK;
	report_step(r->report,
		&(struct report_step){.step = "rollback", .since_ms = since, .version = r->version_back},
		"the old secret is current, and all use it");
	return RUN_ROLLED_BACK;
}
