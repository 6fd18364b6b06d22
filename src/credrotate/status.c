/* Looking without touching. */
#include <stdarg.h>
#include <stdlib.h>

#include "common/base/out.h"
#include "common/base/rfc3339.h"
#include "credrotate/session.h"

/* --- status --- */

/* A line on standard output, or a record where those are asked for. target: NULL when it is not of one. */
__attribute__((format(printf, 4, 5))) static void tell(
	struct session *s, enum report_result result, const char *target, const char *fmt, ...)
{
	char text[2 * ERR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->report.records != NULL)
		report_step(&s->report,
			&(struct report_step){.step = "status",
				.result = result,
				.target = target,
				.version = s->tunnel.secret_version},
			"%s", text);
	else if (target != NULL)
		printf("  %s: %s\n", target, text);
	else
		printf("%s\n", text);
}

/* Is the API's secret one that the journal knows? */
static enum run_exit compare(struct session *s)
{
	struct run *r = &s->run;
	struct cred c = {0};
	struct err err;
	long long version = s->tunnel.secret_version;

	r->fp_old = s->replay.fp_old;
	memcpy(r->drawn, s->replay.drawn, sizeof(r->drawn));
	r->drawn_count = s->replay.drawn_count;
	r->version_old = s->replay.version_old;
	r->version_new = s->replay.version_new;
	r->state = s->replay.state;
	enum issue_holder who = issue_who(r, &c, &err);
	cred_free(&c);
	bool over = !replay_is_unfinished(&s->replay);
	switch (who) {
	case ISSUE_OLD:
		tell(s, REPORT_OK, NULL, "the API has the old secret, version %lld", version);
		return over ? EXIT_DONE : EXIT_HALFWAY;
	case ISSUE_NEW:
		tell(s, REPORT_OK, NULL, "the API has the new secret, version %lld", version);
		return over ? EXIT_DONE : EXIT_HALFWAY;
	case ISSUE_FOREIGN:
		tell(s, REPORT_FAILED, NULL,
			"the API has a secret that this journal does not know, version %lld: someone else "
			"changed it; `credrotate adopt` brings all targets to it",
			version);
		return EXIT_FOREIGN;
	case ISSUE_UNKNOWN:
		tell(s, REPORT_FAILED, NULL, "the API does not tell: %s", err.text);
		return run_exit_for(r, EXIT_HALFWAY);
	}
	abort();
}

static enum run_exit show(struct session *s)
{
	const struct replay *was = &s->replay;

	if (!was->is_there) {
		tell(s, REPORT_OK, NULL, "tunnel %s: no run on record", s->tunnel_id);
		return EXIT_DONE;
	}
	bool unfinished = replay_is_unfinished(was);
	tell(s, unfinished ? REPORT_WAIT : REPORT_OK, NULL, "tunnel %s: run %s (%s) is %s in %s since %s",
		s->tunnel_id, s->journal.run, was->command, unfinished ? "unfinished" : "over",
		run_state_name(was->state), was->since);
	for (size_t i = 0; i < was->target_count; i++) {
		const struct replay_target *t = &was->targets[i];
		tell(s, t->rejoined || !unfinished ? REPORT_OK : REPORT_WAIT, t->text, "%s",
			t->rejoined    ? "rejoined"
			: t->signalled ? "signalled, not rejoined"
			: t->installed ? "installed, not signalled"
				       : "not installed");
	}
	/* The journal has a new secret's fingerprint before anything is changed. */
	if (was->drawn_count == 0) {
		tell(s, REPORT_OK, NULL, "nothing was changed");
		return EXIT_DONE;
	}
	if (s->api != NULL)
		return compare(s);
	return unfinished ? EXIT_HALFWAY : EXIT_DONE;
}

int status_show(struct session *s)
{
	enum run_exit code = show(s);
	json_t *more = json_pack("{s:s, s:i}", "command", "status", "exit", (int)code);

	if (s->replay.is_there)
		json_object_set_new(more, "state", json_string(run_state_name(s->replay.state)));
	report_summary(&s->report, s->run.began_ms, code == EXIT_DONE, more);
	return (int)code;
}

/* --- verify --- */

static size_t check_targets(struct session *s)
{
	struct run *r = &s->run;
	size_t bad = 0;

	for (size_t i = 0; i < r->target_count; i++) {
		struct target *t = &s->targets[i];
		struct secret held = {0};
		struct err err = {"holds another secret than the API: `credrotate adopt` mends it"};
		bool good = t->ops->read(t, &held, &err) == 0;
		if (good && held.data != NULL) {
			struct fingerprint fp = issue_fingerprint(r, &held);
			good = fingerprint_eq(&fp, &r->fp_old);
		}
		secret_free(&held);
		bad += !good;
		report_step(&s->report,
			&(struct report_step){.step = "verify",
				.result = good ? REPORT_OK : REPORT_FAILED,
				.target = t->text},
			"%s", good ? "holds the current secret" : err.text);
	}
	return bad;
}

static size_t check_fleet(struct session *s)
{
	struct run *r = &s->run;
	struct proof proof = {.version = s->tunnel.secret_version,
		.same_from = r->same_from,
		.opened_after = API_TIME_NONE};
	size_t live = verify_count_live(r->fleet.conns, r->fleet.count), unproven = 0;

	if (proof.version > 0)
		unproven = verify_count_unproven(r->fleet.conns, r->fleet.count, &proof);
	bool good = unproven == 0 && live > 0;
	report_step(&s->report,
		&(struct report_step){.step = "verify",
			.result = good ? REPORT_OK : REPORT_FAILED,
			.version = s->tunnel.secret_version},
		"%zu live connector(s), %zu of them with another secret%s", live, unproven,
		proof.version > 0 ? "" : " as far as this API can tell");
	return !good;
}

int status_verify(struct session *s)
{
	struct run *r = &s->run;
	struct cred c = {0};
	struct err err;

	enum run_exit status = session_targets(s, &err);
	if (status != EXIT_DONE)
		return out_die("credrotate", &err, (int)status);
	if (fleet_secret(&r->fleet, &c, &err) < 0 || fleet_poll(&r->fleet, &err) < 0) {
		cred_free(&c);
		return out_die("credrotate", &err, (int)run_exit_for(r, EXIT_REFUSED));
	}
	r->fp_old = issue_fingerprint(r, &c.secret);
	cred_free(&c);
	size_t bad = check_targets(s);
	bad += check_fleet(s);
	r->code = bad > 0 ? EXIT_ROLLED_BACK : EXIT_DONE;
	report_summary(&s->report, r->began_ms, bad == 0,
		json_pack("{s:s, s:i}", "command", "verify", "exit", (int)r->code));
	return (int)r->code;
}
