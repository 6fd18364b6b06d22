/* The order of things. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/version.h"
#include "credrotate/audit.h"
#include "credrotate/clock.h"
#include "credrotate/plan.h"
#include "credrotate/session.h"

#define MINUTE_NS INT64_C(60000000000)

/* No core file, no debugger, no /proc/PID/mem for others. */
static void hide_memory(bool hide)
{
	struct rlimit none = {0, 0};

	if (hide)
		setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, hide ? 0 : 1, 0, 0, 0);
}

static int die(struct session *s, const struct err *err, enum run_exit code)
{
	(void)s;
	return out_die("credrotate", err, (int)code);
}

/* --- Setting up --- */

static bool pause_api(void *arg, int64_t ms)
{
	interrupt_sleep(arg, ms);
	return !interrupt_came(arg);
}

static int open_api(struct session *s, struct err *err)
{
	struct flags *f = s->flags;

	if (flags_load_token(f, err) < 0)
		return -1;
	s->api_conf = (struct api_conf){.url = f->api_url,
		.account = f->account != NULL ? f->account : f->cert_account,
		.token = &f->api_token,
		.ca_file = f->api_ca,
		.user_agent = "credrotate/" VERSION,
		.pause = pause_api,
		.pause_arg = s->interrupt};
	s->api = api_new(&s->api_conf, err);
	return s->api != NULL ? 0 : -1;
}

static int open_report(struct session *s, struct err *err)
{
	struct flags *f = s->flags;

	s->report = (struct report){.quiet = f->quiet, .run = "", .tunnel = ""};
	if (f->records != NULL) {
		s->report.records = fopen(f->records, f->append_records ? "ae" : "we");
		if (s->report.records == NULL)
			return err_sys(err, "%s", f->records);
	} else if (f->json) {
		s->report.records = stdout;
	}
	return 0;
}

static bool has_manifest(const struct session *s)
{
	for (size_t i = 0; i < s->run.target_count; i++)
		if (s->targets[i].ops == &target_manifest)
			return true;
	return false;
}

static int open_kube(struct session *s, struct err *err)
{
	const struct flags *f = s->flags;
	struct kube_conf conf = {f->kube_server, f->kube_ca, f->kube_token_file, f->kube_cert, f->kube_key,
		f->kube_account_dir, s->interrupt};
	bool needed = false;

	for (size_t i = 0; i < s->run.target_count; i++)
		needed |= s->targets[i].ops == &target_kube ||
			  (s->targets[i].ops == &target_manifest && f->kube_server != NULL);
	if (!needed)
		return 0;
	s->kube = s->run.env.kube = kube_new(&conf, err);
	return s->kube != NULL ? 0 : -1;
}

/* What was done for the first is done: the second would wait for connectors that have no reason to register again. */
static int check_twins(const struct target *targets, size_t index, struct err *err)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(targets[i].text, targets[index].text) == 0)
			return err_set(err,
				"\"%s\": is given twice; several processes that use one are replicas=N",
				targets[index].text);
	return 0;
}

enum run_exit session_targets(struct session *s, struct err *err)
{
	const struct opt_list *given = &s->flags->targets;
	size_t count = given->count > 0 ? given->count : s->replay.target_count;

	if (count == 0 && s->flags->command == COMMAND_REVOKE) {
		err_set(err, "--target is missing: without one nobody would get the new secret");
		return EXIT_USAGE;
	}
	if (count > TARGETS_MAX) {
		err_set(err, "more than %d targets", TARGETS_MAX);
		return EXIT_USAGE;
	}
	s->run.targets = s->targets;
	for (size_t i = 0; i < count; i++) {
		const char *text = given->count > 0 ? given->items[i] : s->replay.targets[i].text;
		s->run.target_count = i + 1;
		if (target_read(&s->targets[i], text, &s->arena, err) < 0 ||
			check_twins(s->targets, i, err) < 0)
			return EXIT_USAGE;
	}
	s->run.env = (struct target_env){.run = s->journal.run,
		.fingerprint = "",
		.tunnel = &s->run.fleet.id,
		.manifest_fd = STDOUT_FILENO,
		.force = s->flags->force,
		.immutable = s->flags->immutable};
	if (has_manifest(s) && s->flags->json && s->flags->records == NULL)
		s->report.records = stderr; /* nothing but the manifest on standard output */
	if (s->flags->window < 0)
		s->flags->window = (has_manifest(s) ? 120 : 15) * MINUTE_NS;
	enum run_exit status = preflight_open(&s->run, err);
	return status == EXIT_DONE && open_kube(s, err) < 0 ? EXIT_USAGE : status;
}

/* --- Going on where a run before this one ended --- */

static bool same_targets(const struct session *s)
{
	const struct opt_list *given = &s->flags->targets;

	if (given->count == 0)
		return true;
	if (given->count != s->replay.target_count)
		return false;
	for (size_t i = 0; i < given->count; i++)
		if (strcmp(given->items[i], s->replay.targets[i].text) != 0)
			return false;
	return true;
}

static void take_progress(struct session *s)
{
	for (size_t i = 0; i < s->run.target_count; i++) {
		struct replay_target *was = &s->replay.targets[i];
		struct target *t = &s->targets[i];
		t->installed = was->installed;
		t->signal_begun = was->signal_begun;
		t->signalled = was->signalled;
		t->rolled_from = was->rolled_from != NULL ? mem_strdup(was->rolled_from) : NULL;
		t->rejoined = was->rejoined;
		t->has_before = was->has_before;
		t->before = was->before;
		was->before = (struct census){0};
	}
}

static void take_facts(struct session *s)
{
	const struct replay *was = &s->replay;
	struct run *r = &s->run;

	r->overlaps = was->overlaps;
	r->fp_old = was->fp_old;
	memcpy(r->drawn, was->drawn, sizeof(r->drawn));
	r->drawn_count = was->drawn_count;
	r->version_old = was->version_old;
	r->version_new = was->version_new;
	r->issued_at = was->issued_at;
	r->expires = was->expires;
	r->live_before = (size_t)was->live_before;
	r->env.fingerprint = issue_fp_new(r)->text;
	r->env.version = r->version_new;
	r->old.tunnel_id = r->new.tunnel_id = r->fleet.id;
}

/* How the commands differ. */
static void set_mode(struct session *s, const char *command)
{
	struct flags *f = s->flags;

	s->run.is_adopting = strcmp(command, "adopt") == 0;
	s->run.is_revoking = strcmp(command, "revoke") == 0;
	if (!s->run.is_revoking)
		return;
	s->run.window_closed = true;
	f->settle = 0;
	f->parallel = TARGETS_MAX;
	f->accept_gap = true;
	f->on_failure = FAILURE_STOP;
}

/* What the API says now, beside the journal. False when the run ended here. */
static bool catch_up(struct session *s)
{
	struct run *r = &s->run;
	struct api_tunnel t = {0};
	struct err err;

	r->state = s->replay.state;
	bool back = r->state == RUN_ROLLBACK;
	enum issue_holder who = issue_who(r, r->state == RUN_INTENT || back ? &r->old : &r->new, &err);
	char *account = mem_strdup(r->old.account_tag != NULL   ? r->old.account_tag
				   : r->new.account_tag != NULL ? r->new.account_tag
								: s->api_conf.account);
	free(r->old.account_tag);
	r->old.account_tag = account;
	free(r->new.account_tag);
	r->new.account_tag = mem_strdup(account);
	if (r->state == RUN_INTENT || back) {
		if (who != ISSUE_OLD)
			secret_free(&r->old.secret); /* it is not what was asked for */
		return true;
	}
	if (who == ISSUE_FOREIGN || who == ISSUE_OLD) {
		issue_stop_foreign(r);
		return false;
	}
	if (who == ISSUE_UNKNOWN || fleet_tunnel(&r->fleet, &t, &err) < 0) {
		run_stop(r, run_exit_for(r, EXIT_HALFWAY), "resume", "%s", err.text);
		return false;
	}
	r->expires = t.previous_expires_at;
	bool open = r->expires != API_TIME_NONE && r->expires > fleet_now(&r->fleet);
	api_tunnel_free(&t);
	if (r->overlaps && !open && r->state <= RUN_ROLLING && !r->is_adopting && !r->window_closed) {
		r->window_closed = true;
		report_step(r->report, &(struct report_step){.step = "resume", .result = REPORT_WAIT},
			"the window has closed while targets were left: they are installed at once, then "
			"signalled");
	}
	if (r->state >= RUN_ISSUED)
		issue_set_proof(r);
	back_find_old(r); /* for going back; without it there is only forward */
	return true;
}

static void resume(struct session *s)
{
	struct run *r = &s->run;

	take_facts(s);
	take_progress(s);
	report_step(&s->report, &(struct report_step){.step = "resume"}, "run %s goes on in %s",
		s->journal.run, run_state_name(s->replay.state));
	if (!catch_up(s))
		return;
	if (s->flags->command == COMMAND_ROLLBACK && r->state != RUN_ROLLBACK) {
		r->was_asked_back = true;
		run_enter(r, RUN_ROLLBACK, NULL);
	}
	if (!r->stopped)
		run_go(r);
}

/* --- Commands --- */

static void begin(struct session *s)
{
	struct run *r = &s->run;
	struct err err;

	if (s->flags->dry_run) {
		r->state = RUN_PREFLIGHT;
		run_go(r);
		return;
	}
	if (journal_begin(&s->journal, &err) < 0) {
		run_stop(r, EXIT_REFUSED, "journal", "%s; nothing is changed", err.text);
		return;
	}
	json_t *list = json_array();
	for (size_t i = 0; i < r->target_count; i++)
		json_array_append_new(list, json_string(s->targets[i].text));
	run_enter(r, RUN_NEW,
		json_pack("{s:s, s:b, s:o, s:I, s:I}", "command", flags_command_name(s->flags->command),
			"immutable", s->flags->immutable, "targets", list, "version",
			(json_int_t)s->tunnel.secret_version, "same_from", (json_int_t)r->same_from));
	if (!r->stopped)
		run_go(r);
}

static bool confirm_revoke(const struct session *s, struct err *err)
{
	char answer[8] = "";

	if (s->flags->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		err_set(err, "revoke cuts every connector off at once; say --yes");
		return false;
	}
	fprintf(stderr, "All connections of tunnel %s will be closed, an outage of seconds. Go on? [y/N] ",
		s->tunnel_id);
	return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y')
		       ? true
		       : (err_set(err, "nothing is changed"), false);
}

static void write_audit(struct session *s)
{
	const struct run *r = &s->run;
	json_t *targets = json_array();
	struct err err;

	for (size_t i = 0; i < r->target_count; i++)
		json_array_append_new(targets, json_string(s->targets[i].text));
	json_t *m = json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:s, s:s, s:o}", "command",
		flags_command_name(s->flags->command), "tunnel", s->tunnel_id, "run", s->journal.run, "state",
		run_state_name(r->state), "exit", (int)r->code, "version_old", (json_int_t)r->version_old,
		"version_new", (json_int_t)r->version_new, "fp_old", r->fp_old.text, "fp_new",
		issue_fp_new(r)->text, "targets", targets);
	if (audit_append(s->flags->audit, s->flags->audit_syslog, m, &err) < 0)
		report_step(&s->report, &(struct report_step){.step = "audit", .result = REPORT_FAILED}, "%s",
			err.text);
}

static void summarise(struct session *s)
{
	const struct run *r = &s->run;
	struct prober_count probe = prober_look(r->prober);
	int64_t risk = r->issued_ms > 0 ? clock_ms() - r->issued_ms : 0;

	report_summary(&s->report, r->began_ms, r->code == EXIT_DONE,
		json_pack("{s:s, s:i, s:s, s:I, s:I, s:I}", "command", flags_command_name(s->flags->command),
			"exit", (int)r->code, "state", run_state_name(r->state), "risk_ms", (json_int_t)risk,
			"probes", (json_int_t)probe.asked, "probes_failed", (json_int_t)probe.failed));
}

/* A command that changes something. */
static int change(struct session *s)
{
	struct run *r = &s->run;
	struct err err = {""};
	bool unfinished = replay_is_unfinished(&s->replay);
	bool goes_on = s->flags->command == COMMAND_RESUME || s->flags->command == COMMAND_ROLLBACK ||
		       (s->flags->command == COMMAND_ROTATE && unfinished);

	if (goes_on && !unfinished) {
		report_step(&s->report, &(struct report_step){.step = "resume", .result = REPORT_SKIPPED},
			"no run is unfinished");
		return EXIT_DONE;
	}
	if (goes_on && s->flags->dry_run) {
		err_set(&err, "a run is unfinished, in %s; `credrotate resume` goes on with it",
			run_state_name(s->replay.state));
		return die(s, &err, EXIT_REFUSED);
	}
	if (goes_on && !same_targets(s)) {
		err_set(&err, "an unfinished run has other targets; `credrotate resume` goes on with those");
		return die(s, &err, EXIT_USAGE);
	}
	if (goes_on && s->flags->window < 0)
		s->flags->window = s->replay.window_ns > 0 ? s->replay.window_ns : -1;
	if (goes_on)
		s->flags->immutable |= s->replay.immutable;
	set_mode(s, goes_on ? s->replay.command : flags_command_name(s->flags->command));
	if (r->is_revoking && !goes_on && !confirm_revoke(s, &err))
		return die(s, &err, EXIT_USAGE);
	enum run_exit status = session_targets(s, &err);
	if (status != EXIT_DONE)
		return die(s, &err, status);
	if (s->flags->probe != NULL)
		r->prober = prober_start(s->flags->probe, s->flags->probe_ca);
	if (goes_on)
		resume(s);
	else
		begin(s);
	if (!s->flags->dry_run)
		write_audit(s);
	summarise(s);
	prober_stop(r->prober);
	return (int)r->code;
}

static int with_journal(struct session *s)
{
	struct flags *f = s->flags;
	bool read_only = f->command == COMMAND_STATUS || f->command == COMMAND_VERIFY || f->dry_run;
	struct err err;

	uuid_print(&s->run.fleet.id, s->tunnel_id);
	s->report.tunnel = s->tunnel_id;
	switch (journal_open(&s->journal, f->state_dir, &s->run.fleet.id, read_only, &s->lines, &err)) {
	case JOURNAL_OPEN: break;
	case JOURNAL_BUSY: return die(s, &err, EXIT_BUSY);
	case JOURNAL_FAILED: return die(s, &err, EXIT_REFUSED);
	}
	s->report.run = s->journal.run;
	if (!replay_read(&s->replay, s->lines)) {
		err_set(&err, "%s/journal: makes no sense; move it away, then `credrotate adopt`",
			s->journal.path);
		return die(s, &err, EXIT_REFUSED);
	}
	s->run.same_from = replay_same_from(&s->replay, s->tunnel.secret_version);
	if (f->command != COMMAND_VERIFY && replay_is_unfinished(&s->replay))
		f->keep_pending = f->keep_pending || s->replay.keep_pending;
	if (f->command == COMMAND_STATUS)
		return status_show(s);
	if (s->journal.fd < 0)
		fingerprint_draw_key(s->journal.key);
	return f->command == COMMAND_VERIFY ? status_verify(s) : change(s);
}

static int with_api(struct session *s)
{
	struct err err;

	if (s->flags->api_url == NULL) { /* of the journal alone */
		if (uuid_parse(span_str(s->flags->tunnel), &s->run.fleet.id))
			return with_journal(s);
		err_set(&err, "without --api-url, --tunnel has to be an id");
		return die(s, &err, EXIT_USAGE);
	}
	if (open_api(s, &err) < 0)
		return die(s, &err, EXIT_USAGE);
	s->run.fleet.api = s->api;
	s->run.fleet.interrupt = s->interrupt;
	if (fleet_find(&s->run.fleet, s->flags->tunnel, &s->tunnel, &err) < 0)
		return die(s, &err, run_exit_for(&s->run, EXIT_REFUSED));
	return with_journal(s);
}

static int check_audit(struct session *s)
{
	struct err err;
	size_t lines;

	if (s->flags->audit == NULL)
		return EXIT_DONE;
	switch (audit_verify(s->flags->audit, &lines, &err)) {
	case AUDIT_HOLDS: return EXIT_DONE;
	case AUDIT_BROKEN: return die(s, &err, EXIT_ROLLED_BACK);
	case AUDIT_UNREADABLE: return die(s, &err, EXIT_REFUSED);
	}
	abort();
}

/* What was done stays done, whoever cannot read of it. */
static void close_records(struct session *s)
{
	struct err err;

	if (out_end(s->report.records, s->flags->records, &err) < 0)
		die(s, &err, EXIT_DONE);
	fclose(s->report.records);
}

static void take_down(struct session *s)
{
	for (size_t i = 0; i < s->run.target_count; i++)
		target_drop(&s->targets[i]);
	replay_free(&s->replay);
	json_decref(s->lines);
	if (s->journal.path != NULL)
		journal_close(&s->journal);
	cred_free(&s->run.old);
	cred_free(&s->run.new);
	fleet_fini(&s->run.fleet);
	api_tunnel_free(&s->tunnel);
	kube_free(s->kube);
	api_free(s->api);
	arena_free(&s->arena);
	s->flags->ended_by = interrupt_free(s->interrupt);
	if (s->report.records != NULL && s->report.records != stdout && s->report.records != stderr)
		close_records(s);
}

int session_one(struct flags *f)
{
	struct session *s = mem_alloc(sizeof(*s));
	struct err err;
	int code;

	s->flags = f;
	s->run = (struct run){.flags = f,
		.report = &s->report,
		.journal = &s->journal,
		.expires = API_TIME_NONE,
		.issued_at = API_TIME_NONE,
		.began_ms = clock_ms()};
	s->interrupt = s->run.interrupt = interrupt_new();
	if (open_report(s, &err) < 0)
		code = die(s, &err, EXIT_USAGE);
	else if (f->command == COMMAND_AUDIT)
		code = check_audit(s);
	else
		code = with_api(s);
	take_down(s);
	free(s);
	return code;
}

int session_run(struct flags *f)
{
	secret_guard_json();
	hide_memory(true);
	int code = f->from_stdin ? plan_due(f) : session_one(f);
	struct err err;
	if (out_end(stdout, "stdout", &err) < 0) {
		bool only_tells =
			f->command == COMMAND_STATUS || f->command == COMMAND_VERIFY || f->from_stdin;
		out_die("credrotate", &err, code);
		code = code == EXIT_DONE && only_tells ? EXIT_REFUSED : code;
	}
	flags_drop(f);
	hide_memory(false); /* nothing is left to hide, and leaks may be looked for */
	return code;
}
