/* The machine itself. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "credrotate/clock.h"
#include "credrotate/fault.h"
#include "credrotate/run.h"

static const char *const names[] = {"NEW", "PREFLIGHT", "INTENT", "ISSUED", "ROLLING", "JOINED", "RETIRED",
	"DONE", "ROLLBACK", "ROLLED_BACK", "ABORTED"};

const char *run_state_name(enum run_state s)
{
	return names[s];
}

bool run_is_over(enum run_state s)
{
	return s == RUN_DONE || s == RUN_ROLLED_BACK || s == RUN_ABORTED;
}

/* "ROLLING.INSTALL.0.ok": what the fault points of a journal line are called. */
static void name_point(const json_t *line, char out[64])
{
	const char *which = json_string_value(json_object_get(line, "step"));
	json_t *target = json_object_get(line, "target");
	int n = snprintf(out, 64, "%s", json_string_value(json_object_get(line, "state")));

	if (which != NULL)
		n += snprintf(out + n, 64 - (size_t)n, ".%s", which);
	if (target != NULL)
		n += snprintf(out + n, 64 - (size_t)n, ".%d", (int)json_integer_value(target));
	if (json_is_true(json_object_get(line, "ok")))
		snprintf(out + n, 64 - (size_t)n, ".ok");
}

static bool write_line(struct run *r, enum run_state state, json_t *members)
{
	json_t *line = json_pack("{s:s}", "state", names[state]);
	char point[64], before[72];
	struct err err;

	if (members != NULL)
		json_object_update(line, members);
	json_decref(members);
	name_point(line, point);
	snprintf(before, sizeof(before), "before:%s", point);
	fault_point(before);
	if (journal_write(r->journal, line, &err) < 0) {
		run_stop(r, state <= RUN_INTENT || state == RUN_ABORTED ? EXIT_REFUSED : EXIT_HALFWAY,
			"journal", "%s; nothing is done that is not on record", err.text);
		return false;
	}
	fault_point(point);
	return true;
}

void run_enter(struct run *r, enum run_state state, json_t *members)
{
	if (write_line(r, state, members))
		r->state = state;
}

bool run_note(struct run *r, json_t *members)
{
	return write_line(r, r->state, members);
}

void run_stop(struct run *r, enum run_exit code, const char *step, const char *fmt, ...)
{
	char *message;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&message, fmt, args) < 0)
		abort();
	va_end(args);
	if (!r->stopped)
		report_step(r->report, &(struct report_step){.step = step, .result = REPORT_FAILED}, "%s",
			message);
	free(message);
	r->code = r->stopped ? r->code : code;
	r->stopped = true;
}

enum run_exit run_exit_for(const struct run *r, enum run_exit usual)
{
	return fleet_is_denied(&r->fleet) ? EXIT_DENIED : usual;
}

bool run_pause(struct run *r, int64_t ms)
{
	if (!interrupt_came(r->interrupt))
		interrupt_sleep(r->interrupt, ms);
	if (!interrupt_came(r->interrupt))
		return true;
	bool unchanged = r->state <= RUN_PREFLIGHT;
	run_stop(r, unchanged ? EXIT_REFUSED : EXIT_HALFWAY, "interrupt", "stopped by a signal in %s; %s",
		run_state_name(r->state), unchanged ? "nothing is changed" : "`credrotate resume` goes on");
	return false;
}

static enum run_state new_step(struct run *r)
{
	(void)r;
	return RUN_PREFLIGHT;
}

static enum run_state step(struct run *r)
{
	switch (r->state) {
	case RUN_NEW: return new_step(r);
	case RUN_PREFLIGHT: return preflight_step(r);
	case RUN_INTENT: return issue_intent(r);
	case RUN_ISSUED: return issue_issued(r);
	case RUN_ROLLING: return roll_step(r);
	case RUN_JOINED: return finish_joined(r);
	case RUN_RETIRED: return finish_retired(r);
	case RUN_DONE: return finish_done(r);
	case RUN_ROLLBACK: return back_step(r);
	case RUN_ROLLED_BACK:
	case RUN_ABORTED: return r->state;
	}
	abort();
}

/* What the line of a state says beside its name. */
static json_t *members_of(const struct run *r, enum run_state next)
{
	switch (next) {
	case RUN_INTENT: return issue_intent_members(r);
	case RUN_ISSUED: return issue_issued_members(r);
	case RUN_ROLLED_BACK: return json_pack("{s:b}", "ok", 1);
	case RUN_NEW:
	case RUN_PREFLIGHT:
	case RUN_ROLLING:
	case RUN_JOINED:
	case RUN_RETIRED:
	case RUN_DONE:
	case RUN_ROLLBACK:
	case RUN_ABORTED: return NULL;
	}
	abort();
}

void run_go(struct run *r)
{
	while (!r->stopped) {
		enum run_state next = step(r);
		if (r->stopped || r->state == RUN_DONE || !run_pause(r, 0))
			return;
		run_enter(r, next, members_of(r, next));
		if (next == RUN_ROLLED_BACK || next == RUN_ABORTED)
			return;
	}
}
