/* What has to hold before anything is changed. Every check that fails is named, not the first one alone. */
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "credrotate/audit.h"
#include "credrotate/clock.h"
#include "credrotate/run.h"
#include "credrotate/signal.h"

#define OURS "outbore" /* how the version of our connector begins */
#define NS_PER_MS 1000000
#define NS_PER_US 1000

/* One more reason against it. */
struct verdict {
	struct run *run;
	size_t against;
	bool denied;
};

static void against(struct verdict *v, const char *target, const char *why)
{
	v->against++;
	report_step(v->run->report,
		&(struct report_step){.step = "preflight", .result = REPORT_FAILED, .target = target}, "%s",
		why);
}

enum run_exit preflight_open(struct run *r, struct err *err)
{
	for (size_t i = 0; i < r->target_count; i++) {
		struct target *t = &r->targets[i];
		t->env = &r->env;
		if (t->ops->open(t, err) < 0)
			return t->ops == &target_file ? EXIT_REFUSED : EXIT_USAGE;
	}
	return EXIT_DONE;
}

/* --- Targets --- */

static void check_content(struct verdict *v, struct target *t)
{
	struct run *r = v->run;
	struct secret held = {0};
	struct err err = {""};

	if (t->ops->read(t, &held, &err) < 0) {
		against(v, t->text, err.text);
		v->denied |= t->denied;
		secret_free(&held);
		return;
	}
	struct fingerprint fp = held.data != NULL ? issue_fingerprint(r, &held) : r->fp_old;
	if (!fingerprint_eq(&fp, &r->fp_old) && !r->flags->force_stale && !r->is_adopting && !r->is_revoking)
		against(v, t->text,
			"does not hold the current secret: who uses it is locked out at its next start; "
			"`credrotate "
			"adopt` mends it, --force-stale goes on");
	secret_free(&held);
}

static bool is_ours(const struct api_connector *c)
{
	return strncmp(c->version, OURS, strlen(OURS)) == 0;
}

/* SIGHUP ends a connector that is not ours. */
static void check_reload(struct verdict *v, const struct target *t)
{
	const struct fleet *f = &v->run->fleet;
	struct uuid id = {{0}};
	struct err err;
	bool ready;

	if (t->signal != TARGET_RELOAD)
		return;
	bool known = t->metrics != NULL && web_connector(t->metrics, &id, &ready, &err) == 0;
	for (size_t i = 0; i < f->count; i++)
		if (verify_is_live(&f->conns[i]) && (!known || uuid_eq(&f->conns[i].id, &id)) &&
			!is_ours(&f->conns[i])) {
			against(v, t->text,
				"signal=reload would end a connector of another make; use restart or surge, "
				"or name ours "
				"by metrics=ADDR:PORT");
			return;
		}
}

/* Running pods see a change of the Secret's files, but only connectors of ours look. */
static void check_watched(struct verdict *v, const struct target *t)
{
	const struct fleet *f = &v->run->fleet;
	size_t ours = 0;

	if (t->signal != TARGET_NONE || t->rollout == NULL)
		return;
	for (size_t i = 0; i < f->count; i++)
		ours += verify_is_live(&f->conns[i]) && is_ours(&f->conns[i]);
	if (ours < (size_t)t->replicas)
		against(v, t->text,
			"signal=none waits for connectors that read their file again, which those of another "
			"make "
			"do not; leave it out");
}

/* Can it be told? Each remedy by itself. */
static void check_signal(struct verdict *v, struct target *t)
{
	struct buf remedies = {0};
	struct err err = {""};

	if (signal_check(t, v->run->flags->systemctl, &remedies, &err) < 0) {
		against(v, t->text, err.text);
		v->denied |= t->denied;
	}
	for (struct span rest = buf_span(&remedies); rest.len > 0;) {
		struct span line = span_cut(rest, '\n', &rest);
		char *why = mem_spandup(line);
		against(v, t->text, why);
		free(why);
	}
	buf_free(&remedies);
	check_watched(v, t);
}

/* Only the person knows the grace period that systemd's patience has to outlast. */
static void say_signal(const struct run *r, const struct target *t)
{
	char *stop = signal_stop_time(t, r->flags->systemctl);

	report_step(r->report, &(struct report_step){.step = "preflight", .target = t->text}, "signal %s%s%s",
		target_signal_name(t->signal),
		stop != NULL ? "; longer than its grace period has to be TimeoutStopSec, " : "",
		stop != NULL ? stop : "");
	free(stop);
}

static void check_targets(struct verdict *v)
{
	for (size_t i = 0; i < v->run->target_count; i++) {
		struct target *t = &v->run->targets[i];
		size_t before = v->against;
		struct err err = {""};
		check_content(v, t);
		if (v->against > before)
			continue;
		t->denied = false;
		if (t->ops->check(t, &err) < 0) {
			against(v, t->text, err.text);
			v->denied |= t->denied;
		}
		t->denied = false;
		check_signal(v, t);
		check_reload(v, t);
		if (v->against == before)
			say_signal(v->run, t);
	}
}

/* --- The fleet --- */

static void check_ages(struct verdict *v)
{
	const struct fleet *f = &v->run->fleet;
	int64_t youngest = fleet_now(f) - v->run->flags->min_age / NS_PER_US;

	for (size_t i = 0; i < f->count && v->run->flags->min_age > 0; i++)
		for (size_t j = 0; j < f->conns[i].conn_count; j++) {
			const struct api_connection *c = &f->conns[i].conns[j];
			if (c->is_pending || c->opened_at == API_TIME_NONE || c->opened_at <= youngest)
				continue;
			against(v, NULL,
				"a connection is younger than --min-connection-age: the fleet is in motion; "
				"wait "
				"until it rests");
			return;
		}
}

static void check_rest(struct verdict *v, const struct census *before)
{
	const struct fleet *f = &v->run->fleet;

	for (size_t i = 0; i < before->count; i++) {
		size_t now = 0;
		for (size_t j = 0; j < f->count; j++)
			if (uuid_eq(&f->conns[j].id, &before->at[i].id))
				now = verify_live_conns(&f->conns[j]);
		if (now != before->at[i].conns) {
			char id[UUID_TEXT_LEN + 1];
			uuid_print(&before->at[i].id, id);
			char *why = mem_printf(
				"connector %s had %zu connections and has %zu: the fleet is in motion", id,
				before->at[i].conns, now);
			against(v, NULL, why);
			free(why);
		}
	}
}

static void check_pending(struct verdict *v)
{
	const struct fleet *f = &v->run->fleet;

	for (size_t i = 0; i < f->count; i++) {
		const struct api_connector *c = &f->conns[i];
		if (c->conn_count > 0 && !verify_is_live(c)) {
			against(v, NULL, "a connector has lost all its connections: not everybody is there");
			return;
		}
		if (!v->run->overlaps && verify_live_conns(c) != c->conn_count) {
			against(v, NULL,
				"a connector has lost connections: without overlap all have to be whole");
			return;
		}
	}
}

static void check_count(struct verdict *v)
{
	struct run *r = v->run;
	bool gap = false;

	for (size_t i = 0; i < r->target_count; i++)
		gap |= !target_is_gapless(&r->targets[i]);
	size_t least = r->flags->min_connectors > 0 ? (size_t)r->flags->min_connectors
		       : !r->overlaps || gap        ? 2
						    : 1;
	if (r->live_before >= least || (r->live_before > 0 && r->flags->accept_gap))
		return;
	char *why = mem_printf("%zu live connectors, and there have to be %zu%s", r->live_before, least,
		r->flags->min_connectors > 0 ? ""
					     : " for nothing to be lost; start another, or --accept-gap");
	against(v, NULL, why);
	free(why);
}

static void check_fleet(struct verdict *v)
{
	struct run *r = v->run;
	struct census before = {0};
	struct proof none = {.opened_after = API_TIME_NONE};
	struct err err;

	if (fleet_poll(&r->fleet, &err) < 0) {
		against(v, NULL, err.text);
		return;
	}
	census_take(&before, r->fleet.conns, r->fleet.count, &none);
	if (r->flags->watch > 0 && run_pause(r, r->flags->watch / NS_PER_MS) &&
		fleet_poll(&r->fleet, &err) < 0)
		against(v, NULL, err.text);
	r->live_before = verify_count_live(r->fleet.conns, r->fleet.count);
	check_rest(v, &before);
	check_ages(v);
	check_pending(v);
	check_count(v);
	census_free(&before);
}

/* --- The tunnel --- */

/* What the API says of the tunnel and its secret. False when there is no going on. */
static bool look_at_tunnel(struct verdict *v)
{
	struct run *r = v->run;
	struct api_tunnel t = {0};
	struct err err;
	bool ok = false;

	if (fleet_tunnel(&r->fleet, &t, &err) < 0) {
		against(v, NULL, err.text);
	} else if (t.deleted_at != API_TIME_NONE) {
		against(v, NULL, "the tunnel is deleted");
	} else if (fleet_secret(&r->fleet, &r->old, &err) < 0 &&
		   !(r->flags->keep_pending && fleet_is_missing(&r->fleet))) {
		against(v, NULL, err.text);
	} else {
		ok = true;
	}
	v->denied |= !ok && fleet_is_denied(&r->fleet);
	r->overlaps = t.secret_version > 0;
	r->version_old = t.secret_version;
	api_tunnel_free(&t);
	return ok;
}

/* Where the API does not tell, the first target's secret is taken for the current one. */
static bool learn_old(struct verdict *v)
{
	struct run *r = v->run;
	struct err err;

	if (r->old.secret.data == NULL && r->targets[0].ops->read(&r->targets[0], &r->old.secret, &err) < 0) {
		against(v, r->targets[0].text, err.text);
		return false;
	}
	r->fp_old = issue_fingerprint(r, &r->old.secret);
	r->new.tunnel_id = r->old.tunnel_id = r->fleet.id;
	if (r->old.account_tag == NULL)
		r->old.account_tag = mem_strdup(r->flags->account);
	free(r->new.account_tag);
	r->new.account_tag = mem_strdup(r->old.account_tag);
	return true;
}

static void print_plan(const struct run *r)
{
	char window[DURATION_TEXT_MAX];

	duration_print(r->flags->window, window);
	report_step(r->report, &(struct report_step){.step = "preflight", .result = REPORT_SKIPPED},
		"dry run: %zu target(s), %zu live connector(s), %s%s; nothing was changed", r->target_count,
		r->live_before, r->overlaps ? "the old secret would stay valid for " : "nothing overlaps",
		r->overlaps ? window : "");
}

/* The current secret, wherever it came from, is the "new" one of every target. */
static bool adopt_current(struct run *r)
{
	secret_set(&r->new.secret, r->old.secret.data, r->old.secret.len);
	r->drawn[0] = r->fp_old;
	r->drawn_count = 1;
	r->fp_old = (struct fingerprint){""}; /* there is no going back to it */
	r->env.fingerprint = r->drawn[0].text;
	r->version_new = r->version_old;
	r->issued_at = fleet_now(&r->fleet); /* later than the truth, which is safe */
	r->issued_ms = clock_ms();
	return true;
}

static void tell_risk(const struct run *r)
{
	if (!r->overlaps)
		report_step(r->report, &(struct report_step){.step = "preflight"},
			"nothing overlaps: from the change to the last restart, about %lld s, a connector "
			"that loses "
			"its connections does not come back by itself",
			(long long)r->target_count * (30 + (long long)(r->flags->settle / DURATION_S)));
}

enum run_state preflight_step(struct run *r)
{
	struct verdict v = {.run = r};
	struct err err;

	if (look_at_tunnel(&v) && learn_old(&v)) {
		if (!r->is_adopting && !r->is_revoking)
			check_fleet(&v);
		else if (fleet_poll(&r->fleet, &err) == 0)
			r->live_before = verify_count_live(r->fleet.conns, r->fleet.count);
		check_targets(&v);
	}
	if (r->flags->audit != NULL && !r->flags->dry_run && audit_check(r->flags->audit, &err) < 0)
		against(&v, NULL, err.text);
	if (r->stopped)
		return RUN_ABORTED;
	if (v.against > 0) {
		r->code = v.denied ? EXIT_DENIED : EXIT_REFUSED;
		if (r->flags->dry_run)
			r->stopped = true;
		return RUN_ABORTED;
	}
	tell_risk(r);
	if (r->flags->dry_run) {
		print_plan(r);
		r->stopped = true;
		return RUN_ABORTED;
	}
	if (r->is_adopting)
		return adopt_current(r) ? RUN_ISSUED : RUN_ABORTED;
	issue_draw(r);
	return RUN_INTENT;
}
