/* Targets, one after another or a few at a time: install, signal, wait for the proof. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/duration.h"
#include "common/base/rfc3339.h"
#include "credrotate/clock.h"
#include "credrotate/group.h"
#include "credrotate/roll.h"
#include "credrotate/rollout.h"
#include "credrotate/signal.h"

#define NS_PER_MS 1000000
#define NS_PER_US 1000
#define POLL_OWN_MS 1000  /* our edge */
#define POLL_REAL_MS 5000 /* the real service, which counts */
#define POLL_LEAST_MS 100
#define SETTLE_REAL_MS 600000
#define PROGRESS_DEFAULT_S 600 /* how long Kubernetes lets a rollout be without progress */
#define WINDOW_KEPT 5          /* the last fifth of the window is not used up */

int64_t roll_poll_ms(const struct run *r)
{
	int64_t ms = r->overlaps ? POLL_OWN_MS : POLL_REAL_MS, stable = r->flags->stable / NS_PER_MS / 2;

	return stable >= ms ? ms : stable < POLL_LEAST_MS ? POLL_LEAST_MS : stable;
}

int64_t roll_timeout_ms(const struct run *r, const struct target *t)
{
	if (r->flags->rejoin_timeout >= 0)
		return r->flags->rejoin_timeout / NS_PER_MS;
	if (t->ops == &target_manifest)
		return r->flags->window / NS_PER_MS / WINDOW_KEPT * (WINDOW_KEPT - 1);
	switch (t->signal) {
	case TARGET_RELOAD: return 60000;
	case TARGET_ROLLOUT: return 1000 * ((t->progress_s > 0 ? t->progress_s : PROGRESS_DEFAULT_S) + 60);
	case TARGET_NONE: return 120000;
	case TARGET_RESTART:
	case TARGET_SURGE:
	case TARGET_EXEC: return 180000;
	}
	abort();
}

static json_t *step_members(const char *step, size_t index)
{
	return json_pack("{s:I, s:s}", "target", (json_int_t)index, "step", step);
}

bool roll_note_ok(struct run *r, const char *step, size_t index, json_t *more)
{
	json_t *m = step_members(step, index);

	json_object_set_new(m, "ok", json_true());
	if (more != NULL)
		json_object_update(m, more);
	json_decref(more);
	return run_note(r, m);
}

static json_t *census_json(const struct census *c)
{
	json_t *list = json_array();
	char id[UUID_TEXT_LEN + 1];

	for (size_t i = 0; i < c->count; i++) {
		uuid_print(&c->at[i].id, id);
		json_array_append_new(list, json_pack("{s:s, s:I, s:b}", "id", id, "conns",
						    (json_int_t)c->at[i].conns, "proven", c->at[i].proven));
	}
	return list;
}

bool roll_poll_fleet(struct run *r)
{
	struct err err;

	if (fleet_poll(&r->fleet, &err) == 0)
		return true;
	run_stop(r, run_exit_for(r, EXIT_HALFWAY), "rejoin", "%s; the window %s, `credrotate resume` goes on",
		err.text, r->expires != API_TIME_NONE ? "is open" : "is closed");
	return false;
}

bool roll_window_lasts(struct run *r)
{
	int64_t left = r->expires - fleet_now(&r->fleet), window = r->flags->window / NS_PER_US;
	struct api_edit edit = {.previous_expires_at = fleet_now(&r->fleet) + window};
	struct api_tunnel t = {0};
	struct err err;

	if (!r->overlaps || r->window_closed || r->expires == API_TIME_NONE || left > window / WINDOW_KEPT)
		return true;
	bool longer = fleet_edit(&r->fleet, &edit, &t, &err) == API_OK;
	api_tunnel_free(&t);
	run_stop(r, EXIT_HALFWAY, "rejoin", "four fifths of the window are over and targets are left; %s",
		longer ? "the window was made as long again, `credrotate resume` goes on"
		       : "the window could not be made longer: `credrotate resume` at once");
	return false;
}

/* --- Failure --- */

/* Is a manifest on its way, which nothing calls back? `credrotate rollback` with a pipe does. */
static bool has_piped(const struct run *r)
{
	for (size_t i = 0; i < r->target_count; i++)
		if (r->targets[i].ops == &target_manifest && r->targets[i].installed)
			return true;
	return false;
}

/* A target failed: back, or stop here. */
static enum run_state give_up(struct run *r, const struct target *t, const char *step, const struct err *err)
{
	enum failure_policy policy = r->flags->on_failure;
	size_t switched = 0;

	for (size_t i = 0; i < r->target_count; i++)
		switched += r->targets[i].rejoined;
	if (t->denied) {
		run_stop(r, EXIT_DENIED, step, "%s; %s", t->text, err->text);
		return r->state;
	}
	if (policy == FAILURE_DEFAULT)
		policy = r->overlaps && !r->window_closed ? FAILURE_ROLLBACK : FAILURE_STOP;
	if (r->is_adopting || has_piped(r))
		policy = FAILURE_STOP;
	if (policy == FAILURE_ROLLBACK && (r->overlaps || 2 * switched < r->target_count)) {
		report_step(r->report,
			&(struct report_step){.step = step, .result = REPORT_FAILED, .target = t->text},
			"%s; going back to the old secret", err->text);
		return RUN_ROLLBACK;
	}
	run_stop(r, EXIT_HALFWAY, step, "%s: %s; mend that, then `credrotate resume` goes on", t->text,
		err->text);
	return r->state;
}

/* --- Installing and signalling --- */

/* Where only time proves, who reconnects before the margin is over stays undecided for ever: so nobody is made to. */
static bool wait_margin(struct run *r)
{
	if (r->overlaps || fleet_now(&r->fleet) > r->proof.opened_after)
		return true;
	report_step(r->report, &(struct report_step){.step = "signal", .result = REPORT_WAIT},
		"until the change has reached all of the service (--propagation)");
	while (fleet_now(&r->fleet) <= r->proof.opened_after)
		if (!run_pause(r, POLL_OWN_MS / 4) || !roll_poll_fleet(r))
			return false;
	return true;
}

/* A connector of ours watches its file, and takes the installing for the signal. */
static bool is_watched(const struct run *r, const struct target *t)
{
	return !r->overlaps &&
	       (t->signal == TARGET_NONE || (t->signal == TARGET_RELOAD && t->ops == &target_file));
}

static bool take_before(struct run *r, struct target *t)
{
	if (t->has_before)
		return true;
	if (!roll_poll_fleet(r))
		return false;
	census_take(&t->before, r->fleet.conns, r->fleet.count, &r->proof);
	t->has_before = true;
	return true;
}

void roll_end_pipe(struct run *r)
{
	int null;

	if (r->env.manifest_fd < 0)
		return;
	/* 1 must not become the number of something else */
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, r->env.manifest_fd) < 0)
		report_step(r->report, &(struct report_step){.step = "install", .result = REPORT_FAILED},
			"standard output cannot be closed: %s; what reads it waits for our end",
			strerror(errno));
	if (null >= 0)
		close(null);
	r->env.manifest_fd = -1;
}

/* What is behind a pipe begins at its end: kubectl applies what it has read to the last byte. */
static void end_pipe_after_last(struct run *r)
{
	bool any = false;

	for (size_t i = 0; i < r->target_count; i++) {
		if (r->targets[i].ops == &target_manifest && !r->targets[i].installed)
			return;
		any |= r->targets[i].ops == &target_manifest;
	}
	if (any)
		roll_end_pipe(r);
}

static bool install(struct run *r, size_t index, struct err *err)
{
	struct target *t = &r->targets[index];
	struct buf note = {0};
	int64_t since = clock_ms();
	json_t *m = step_members("INSTALL", index);

	if (t->has_before)
		json_object_set_new(m, "before", census_json(&t->before));
	if (!run_note(r, m))
		return false;
	t->ops->tidy(t);
	int rc = t->ops->install(t, &r->new, true, &note, err);
	if (rc == 0 && roll_note_ok(r, "INSTALL", index, NULL)) {
		t->installed = true;
		end_pipe_after_last(r);
		report_step(r->report,
			&(struct report_step){.step = "install",
				.target = t->text,
				.since_ms = since,
				.version = r->version_new,
				.fingerprint = issue_fp_new(r)},
			"%.*s", (int)buf_len(&note), buf_span(&note).p);
	}
	buf_free(&note);
	return t->installed;
}

/* Would somebody else serve while this one is away? */
static bool has_cover(struct run *r, const struct target *t, struct err *err)
{
	if (target_is_gapless(t) || r->flags->accept_gap)
		return true;
	if (!roll_poll_fleet(r))
		return false;
	size_t live = verify_count_live(r->fleet.conns, r->fleet.count);
	if (live > (size_t)t->replicas || live == 0) /* nobody serves who could be missed */
		return true;
	err_set(err, "no other connector is live, so that signal=%s would leave nobody",
		target_signal_name(t->signal));
	if (r->state !=
		RUN_ROLLBACK) /* both secrets are good, and somebody serves: nothing to go back from */
		run_stop(r, EXIT_HALFWAY, "signal",
			"%s: %s; start another, then `credrotate resume` goes on, or --accept-gap", t->text,
			err->text);
	return false;
}

/* Before a Deployment is rolled out for the first time: to what would it go back? */
static bool note_mark(const struct run *r, struct target *t, struct err *err)
{
	if (t->signal != TARGET_ROLLOUT || r->state == RUN_ROLLBACK || t->signal_begun ||
		t->rolled_from != NULL)
		return true;
	t->rolled_from = rollout_mark(t, err);
	return t->rolled_from != NULL;
}

bool roll_signal(struct run *r, size_t index, struct err *err)
{
	struct target *t = &r->targets[index];
	int64_t since = clock_ms();
	json_t *m = step_members("SIGNAL", index);
	char open[64] = "";

	if (!wait_margin(r) || !has_cover(r, t, err) || !note_mark(r, t, err)) {
		json_decref(m);
		return false;
	}
	if (t->has_before)
		json_object_set_new(m, "before", census_json(&t->before));
	if (t->rolled_from != NULL)
		json_object_set_new(m, "rolled_from", json_string(t->rolled_from));
	if (!run_note(r, m))
		return false;
	t->signal_begun = true;
	/* who goes away takes what lasts longer than its grace period along: said, where it tells, and no more than that */
	long streams = t->metrics != NULL && !target_is_gapless(t) ? web_streams(t->metrics) : -1;
	if (streams >= 0)
		snprintf(open, sizeof(open), ", with %ld request(s) open", streams);
	if (signal_send(t, r->flags->systemctl, err) < 0 || !roll_note_ok(r, "SIGNAL", index, NULL))
		return false;
	t->signalled = true;
	report_step(r->report, &(struct report_step){.step = "signal", .target = t->text, .since_ms = since},
		"%s%s", target_signal_name(t->signal), open);
	return true;
}

/* --- One group --- */

/* Nothing is left to do for a target whose connectors prove themselves, and which holds the secret. */
static bool is_idle(struct run *r, struct target *t)
{
	struct secret held = {0};
	struct err unused;

	if (!r->is_adopting || r->proof.version == 0 ||
		verify_count_unproven(r->fleet.conns, r->fleet.count, &r->proof) > 0)
		return false;
	bool same = t->ops->read(t, &held, &unused) == 0 && held.data != NULL;
	struct fingerprint fp = same ? issue_fingerprint(r, &held) : (struct fingerprint){""};
	secret_free(&held);
	return same && fingerprint_eq(&fp, issue_fp_new(r));
}

/* After a crash in SIGNAL: what was meant to happen may have happened. */
static bool is_joined_already(struct run *r, const struct target *t)
{
	struct rejoin seen =
		verify_rejoin(&t->before, r->fleet.conns, r->fleet.count, &r->proof, (size_t)t->replicas);

	return t->signal_begun && seen.done;
}

static bool prepare(struct run *r, size_t index, struct err *err)
{
	struct target *t = &r->targets[index];

	if ((is_watched(r, t) && !wait_margin(r)) || !take_before(r, t) ||
		(!t->installed && !install(r, index, err)))
		return false;
	if (t->signalled)
		return true;
	if (t->signal_begun && !roll_poll_fleet(r))
		return false;
	return is_joined_already(r, t) || roll_signal(r, index, err);
}

static bool roll_group(struct run *r, struct group *g, struct err *err)
{
	int64_t since = clock_ms();

	for (size_t i = g->from; i < g->to; i++) {
		g->failed = i;
		if (!prepare(r, i, err))
			return false;
		if (!run_note(r, step_members("REJOIN", i)))
			return false;
	}
	g->replicas = group_count_replicas(r, g);
	g->failed = g->from;
	struct target *first = &r->targets[g->from];
	if (first->signal == TARGET_SURGE &&
		(!group_wait_surged(r, g, err) || signal_finish(first, r->flags->systemctl, err) < 0))
		return false;
	return group_wait(r, g, err) && group_finish(r, g, since, err);
}

/* --- All of them --- */

static enum run_state install_all(struct run *r)
{
	struct err err = {""};

	for (size_t i = 0; i < r->target_count; i++)
		/* versions prove whenever it was; who watches its file is there again before its turn comes */
		if (r->overlaps && !take_before(r, &r->targets[i]))
			return RUN_ROLLING;
		else if (!r->targets[i].installed && !is_watched(r, &r->targets[i]) && !install(r, i, &err) &&
			 !r->stopped)
			return give_up(r, &r->targets[i], "install", &err);
	return RUN_ROLLING;
}

/* The pause between two targets, which has to end before the window does. */
static bool settle(struct run *r, bool is_last)
{
	int64_t ms = r->flags->settle >= 0 ? r->flags->settle / NS_PER_MS : r->overlaps ? 0 : SETTLE_REAL_MS;
	int64_t until = clock_ms() + ms, left;

	if (is_last || ms == 0)
		return true;
	if (!r->overlaps)
		return run_pause(r, ms);
	while ((left = until - clock_ms()) > 0) {
		if (!run_pause(r, left < POLL_OWN_MS ? left : POLL_OWN_MS))
			return false;
		if (!roll_poll_fleet(r) || !roll_window_lasts(r))
			return false;
	}
	return true;
}

/* Which target is next? Without overlap only a restart helps a connector that has lost its connections: its target, if that
 * names its metrics, comes first. target_count when none is left. */
static size_t next_target(const struct run *r)
{
	size_t first = r->target_count;

	for (size_t i = r->target_count; i-- > 0;) {
		const struct target *t = &r->targets[i];
		struct uuid id;
		struct err unused;
		bool ready = true;
		if (t->rejoined)
			continue;
		if (!r->overlaps && t->metrics != NULL &&
			web_connector(t->metrics, &id, &ready, &unused) == 0 && !ready)
			return i;
		first = i;
	}
	return first;
}

/* One past those that are rolled together with the target at from: no more than leave somebody who serves. Of two units
 * that take turns the old one goes last, so that they are not waited for together with others. */
static size_t group_end(const struct run *r, size_t from)
{
	size_t live = verify_count_live(r->fleet.conns, r->fleet.count), away = 0, to = from;

	for (; to < r->target_count && to - from < (size_t)r->flags->parallel; to++) {
		const struct target *t = &r->targets[to];
		away += target_is_gapless(t) ? 0 : (size_t)t->replicas;
		if (to > from && (t->rejoined || t->signal == TARGET_SURGE ||
					 r->targets[from].signal == TARGET_SURGE ||
					 (away >= live && !r->flags->accept_gap)))
			break;
	}
	return to;
}

enum run_state roll_step(struct run *r)
{
	struct err err = {""};

	if ((!r->overlaps || r->window_closed) && (install_all(r) != RUN_ROLLING || r->stopped))
		return r->stopped ? r->state : RUN_ROLLBACK;
	for (size_t i = next_target(r); i < r->target_count; i = next_target(r)) {
		if (!roll_poll_fleet(r) || !roll_window_lasts(r))
			return r->state;
		struct group g = {.from = i, .to = group_end(r, i), .failed = i};
		if (is_idle(r, &r->targets[i])) {
			r->targets[i].rejoined = true;
			continue;
		}
		if (!roll_group(r, &g, &err))
			return r->stopped ? r->state : give_up(r, &r->targets[g.failed], "rejoin", &err);
		if (!settle(r, next_target(r) == r->target_count))
			return r->state;
	}
	return RUN_JOINED;
}
