/* The secret at the API: asking for the new one, finding out after a lost answer whether it was taken, ending the old. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/duration.h"
#include "common/base/rfc3339.h"
#include "credrotate/clock.h"
#include "credrotate/fault.h"
#include "credrotate/run.h"

#define NEW_SECRET_LEN 32
#define NS_PER_US 1000
#define SECOND_US INT64_C(1000000)

struct fingerprint issue_fingerprint(const struct run *r, const struct secret *s)
{
	return fingerprint_of(r->journal->key, span_of((const char *)s->data, s->len));
}

const struct fingerprint *issue_fp_new(const struct run *r)
{
	static const struct fingerprint none = {""};

	return r->drawn_count > 0 ? &r->drawn[r->drawn_count - 1] : &none;
}

/* Is there one more attempt? */
static bool may_draw(struct run *r)
{
	if (r->drawn_count < RUN_DRAWN_MAX && r->attempts++ < RUN_ATTEMPTS)
		return true;
	run_stop(r, EXIT_HALFWAY, "intent",
		"the API did not take a new secret in %d attempts; nothing is changed, `credrotate resume` "
		"tries "
		"again",
		RUN_ATTEMPTS);
	return false;
}

bool issue_draw(struct run *r)
{
	unsigned char bytes[NEW_SECRET_LEN];

	if (!may_draw(r))
		return false;
	/* Never short for so few bytes (getrandom(2)). */
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		abort();
	secret_set(&r->new.secret, bytes, sizeof(bytes));
	secret_wipe(bytes, sizeof(bytes));
	r->drawn[r->drawn_count++] = issue_fingerprint(r, &r->new.secret);
	r->env.fingerprint = issue_fp_new(r)->text;
	return true;
}

/* --- Lines of the journal --- */

static json_t *target_texts(const struct run *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->target_count; i++)
		json_array_append_new(list, json_string(r->targets[i].text));
	return list;
}

json_t *issue_intent_members(const struct run *r)
{
	char window[DURATION_TEXT_MAX];

	duration_print(r->flags->window, window);
	return json_pack("{s:s, s:s, s:I, s:s, s:b, s:b, s:I, s:o}", "fp_old", r->fp_old.text, "fp_new",
		issue_fp_new(r)->text, "version_old", (json_int_t)r->version_old, "window", window,
		"overlaps", r->overlaps, "keep_pending", r->flags->keep_pending, "live",
		(json_int_t)r->live_before, "targets", target_texts(r));
}

json_t *issue_issued_members(const struct run *r)
{
	char at[RFC3339_TEXT_MAX], expires[RFC3339_TEXT_MAX];

	rfc3339_print(r->issued_at, -1, at);
	json_t *m = json_pack("{s:s, s:I, s:s}", "server_time", at, "version", (json_int_t)r->version_new,
		"fp_new", issue_fp_new(r)->text);
	if (r->expires != API_TIME_NONE) {
		rfc3339_print(r->expires, -1, expires);
		json_object_set_new(m, "expires", json_string(expires));
	}
	return m;
}

/* --- Who holds it? --- */

/* The fingerprint is one that this run drew. The newest is what it goes on with. */
static bool is_drawn(struct run *r, const struct fingerprint *fp)
{
	for (size_t i = 0; i < r->drawn_count; i++)
		if (fingerprint_eq(&r->drawn[i], fp)) {
			struct fingerprint last = r->drawn[r->drawn_count - 1];
			r->drawn[r->drawn_count - 1] = r->drawn[i];
			r->drawn[i] = last;
			return true;
		}
	return false;
}

/* The secret that was kept, if this run drew it. */
static bool find_pending(struct run *r, struct secret *out)
{
	if (!journal_kept(r->journal, "pending", out))
		return false;
	struct fingerprint fp = issue_fingerprint(r, out);
	return is_drawn(r, &fp);
}

/* What a version stands for: the change makes the next one, going back the one after that. pending: of the next one. */
static enum issue_holder judge_version(struct run *r, int64_t version, struct secret *pending)
{
	int64_t next = r->version_old + 1;

	if (version == r->version_old || (version == next + 1 && r->state == RUN_ROLLBACK))
		return ISSUE_OLD;
	/* once the old one has ended nothing is kept, and nothing is needed any more */
	if (version == next && (find_pending(r, pending) || r->version_new == next))
		return ISSUE_NEW;
	return ISSUE_FOREIGN;
}

/* Where tokens are not told, the version says whether the change was made, and the secret is the one that was kept. */
static enum issue_holder who_by_version(struct run *r, struct cred *c, struct err *err)
{
	struct api_tunnel t = {0};
	struct secret pending = {0};
	enum issue_holder who = ISSUE_UNKNOWN;

	if (fleet_tunnel(&r->fleet, &t, err) == 0) {
		if (t.secret_version > 0 && r->version_old > 0)
			who = judge_version(r, t.secret_version, &pending);
		else
			err_set(err, "the API neither tells the token nor counts versions; compare by hand");
	}
	const struct secret *is = who == ISSUE_NEW ? &pending : &r->old.secret;
	if (is->data != NULL && is != &c->secret)
		secret_set(&c->secret, is->data, is->len);
	secret_free(&pending);
	api_tunnel_free(&t);
	return who;
}

enum issue_holder issue_who(struct run *r, struct cred *c, struct err *err)
{
	if (fleet_secret(&r->fleet, c, err) < 0)
		return r->flags->keep_pending && fleet_is_missing(&r->fleet) ? who_by_version(r, c, err)
									     : ISSUE_UNKNOWN;
	struct fingerprint fp = issue_fingerprint(r, &c->secret);
	if (fingerprint_eq(&r->fp_old, &fp))
		return ISSUE_OLD;
	return is_drawn(r, &fp) ? ISSUE_NEW : ISSUE_FOREIGN;
}

void issue_stop_foreign(struct run *r)
{
	struct api_tunnel t = {0};
	char now[RFC3339_TEXT_MAX];
	struct err err;

	rfc3339_print(fleet_now(&r->fleet), 0, now);
	if (fleet_tunnel(&r->fleet, &t, &err) == 0 && t.secret_version > 0)
		run_stop(r, EXIT_FOREIGN, "issue",
			"someone else changed the secret: version %lld at %s, ours was to follow %lld; "
			"nothing more is "
			"changed, see `credrotate status`, then `credrotate adopt`",
			(long long)t.secret_version, now, (long long)r->version_old);
	else
		run_stop(r, EXIT_FOREIGN, "issue",
			"someone else changed the secret before %s; nothing more is changed, see `credrotate "
			"status`, "
			"then `credrotate adopt`",
			now);
	api_tunnel_free(&t);
}

/* --- The change --- */

static void take_new(struct run *r, const struct cred *c)
{
	secret_set(&r->new.secret, c->secret.data, c->secret.len);
	r->env.fingerprint = issue_fp_new(r)->text;
}

/* The new secret is the API's by now: learn what else there is to know. */
static enum run_state issued(struct run *r, const struct api_tunnel *t)
{
	int64_t newest = r->version_old + 1;

	if (r->overlaps && !r->is_adopting && t->secret_version != newest) {
		/* between our look and our change, somebody else's change came in: their secret is the previous one now */
		issue_stop_foreign(r);
		return RUN_INTENT;
	}
	r->version_new = r->env.version = t->secret_version;
	r->expires = t->previous_expires_at;
	r->issued_at = fleet_now(&r->fleet);
	r->issued_ms = clock_ms();
	return RUN_ISSUED;
}

/* For one more attempt: where only a version tells whether an earlier one came through after all, it has to be with the
 * same secret, and setting that twice is one change. */
static void draw_again(struct run *r)
{
	struct secret pending = {0};

	if (!r->flags->keep_pending || !find_pending(r, &pending))
		issue_draw(r);
	else if (may_draw(r))
		secret_set(&r->new.secret, pending.data, pending.len);
	secret_free(&pending);
}

/* No answer told. Ask which secret is current; a change that is still under way may come within a while. */
static enum run_state resolve(struct run *r)
{
	int64_t until = clock_ms() + RUN_RESOLVE_MS;
	struct api_tunnel t = {0};
	struct cred c = {0};
	struct err err;
	enum issue_holder who;

	while ((who = issue_who(r, &c, &err)) == ISSUE_OLD && clock_ms() < until && run_pause(r, 1000))
		;
	enum run_state next = RUN_INTENT;
	switch (who) {
	case ISSUE_NEW:
		take_new(r, &c);
		if (fleet_tunnel(&r->fleet, &t, &err) == 0)
			next = issued(r, &t);
		else
			run_stop(r, run_exit_for(r, EXIT_HALFWAY), "issue",
				"%s; the new secret was taken, `credrotate resume` goes on", err.text);
		break;
	case ISSUE_OLD:
		if (!r->stopped)
			report_step(r->report, &(struct report_step){.step = "issue", .result = REPORT_RETRY},
				"the API still has the old secret; once more");
		draw_again(r);
		break;
	case ISSUE_FOREIGN: issue_stop_foreign(r); break;
	case ISSUE_UNKNOWN:
		run_stop(r, run_exit_for(r, EXIT_HALFWAY), "issue",
			"%s; whether the new secret was taken is not known, `credrotate resume` finds out",
			err.text);
		break;
	}
	cred_free(&c);
	api_tunnel_free(&t);
	return next;
}

static enum run_state change(struct run *r)
{
	int64_t window_us = r->flags->window / NS_PER_US;
	struct api_edit edit = {.secret = &r->new.secret,
		.previous_expires_at = r->overlaps ? fleet_now(&r->fleet) + window_us : API_TIME_NONE};
	struct api_tunnel t = {0};
	enum run_state next = RUN_INTENT;
	struct err err;

	if (r->is_revoking)
		edit.previous_expires_at = API_TIME_NONE;
	switch (fleet_edit(&r->fleet, &edit, &t, &err)) {
	case API_OK: next = issued(r, &t); break;
	case API_REFUSED:
	case API_UNSENT:
		journal_drop(r->journal, "old"); /* they outlive crashes of a run, not the run */
		journal_drop(r->journal, "pending");
		run_enter(r, RUN_ABORTED, NULL);
		run_stop(r, run_exit_for(r, EXIT_REFUSED), "issue", "%s; nothing is changed", err.text);
		break;
	case API_UNKNOWN:
		report_step(r->report, &(struct report_step){.step = "issue", .result = REPORT_WAIT},
			"%s; asking which secret is current", err.text);
		next = resolve(r);
		break;
	}
	api_tunnel_free(&t);
	return next;
}

/* Do targets keep the old secret by themselves? */
static bool keeps_old(const struct run *r)
{
	for (size_t i = 0; i < r->target_count; i++)
		if (r->targets[i].ops == &target_file)
			return true;
	return false;
}

enum run_state issue_intent(struct run *r)
{
	struct err err;
	int64_t since = clock_ms();
	enum run_state next;

	if (r->new.secret.data == NULL) { /* a run before this one drew it, and is gone */
		next = resolve(r);
	} else {
		if ((r->flags->keep_pending &&
			    journal_keep(r->journal, "pending", &r->new.secret, &err) < 0) ||
			(!keeps_old(r) && journal_keep(r->journal, "old", &r->old.secret, &err) < 0)) {
			run_stop(r, EXIT_REFUSED, "issue", "%s; nothing is changed", err.text);
			return RUN_INTENT;
		}
		next = change(r);
	}
	if (!r->stopped && next == RUN_ISSUED && run_note(r, json_pack("{s:b}", "ok", 1)))
		report_step(r->report,
			&(struct report_step){.step = "issue",
				.since_ms = since,
				.version = r->version_new,
				.fingerprint = issue_fp_new(r)},
			"the new secret is current%s",
			r->expires != API_TIME_NONE ? ", the old one still valid" : "");
	return next;
}

void issue_set_proof(struct run *r)
{
	int64_t margin = r->flags->propagation / NS_PER_US;

	r->proof = (struct proof){.version = r->overlaps ? r->version_new : 0,
		.same_from = r->is_adopting ? r->same_from : 0,
		/* the Date field has whole seconds */
		.opened_after = r->issued_at + SECOND_US + margin};
}

/* After a leak nobody is spared: all connections go at once, and who has the new secret comes back. */
static bool cut_all(struct run *r)
{
	struct err err;

	if (fleet_poll(&r->fleet, &err) < 0) {
		run_stop(r, run_exit_for(r, EXIT_HALFWAY), "revoke", "%s; `credrotate resume` goes on",
			err.text);
		return false;
	}
	for (size_t i = 0; i < r->target_count; i++) {
		if (!r->targets[i].has_before)
			census_take(&r->targets[i].before, r->fleet.conns, r->fleet.count, &r->proof);
		r->targets[i].has_before = true;
	}
	if (fleet_evict(&r->fleet, NULL, &err) < 0) {
		run_stop(r, run_exit_for(r, EXIT_HALFWAY), "revoke",
			"%s; the old secret is refused, its connections live on, `credrotate resume` goes on",
			err.text);
		return false;
	}
	report_step(r->report, &(struct report_step){.step = "revoke"}, "all connections were closed");
	return true;
}

enum run_state issue_issued(struct run *r)
{
	r->env.version = r->version_new;
	issue_set_proof(r);
	if (r->is_revoking && !cut_all(r))
		return r->state;
	return RUN_ROLLING;
}

/* --- The end of the old one --- */

int issue_close_window(struct run *r, struct err *err)
{
	struct api_tunnel t = {0};
	/* A second of the past: the server's clock is told in whole ones. */
	struct api_edit edit = {.previous_expires_at = 0};
	int tries = 0, rc = -1;

	if (!r->overlaps)
		return 0;
	for (; tries < RUN_ATTEMPTS; tries++) {
		if (fleet_tunnel(&r->fleet, &t, err) < 0)
			return -1;
		bool open = t.previous_expires_at != API_TIME_NONE &&
			    t.previous_expires_at > fleet_now(&r->fleet);
		api_tunnel_free(&t);
		t = (struct api_tunnel){0};
		rc = open ? -1 : 0;
		if (!open)
			break;
		edit.previous_expires_at = fleet_now(&r->fleet) - SECOND_US;
		/* ending what has ended does no harm, so a lost answer is no matter */
		enum api_result result = fleet_edit(&r->fleet, &edit, &t, err);
		api_tunnel_free(&t);
		t = (struct api_tunnel){0};
		if (result == API_REFUSED)
			return -1;
	}
	return rc;
}
