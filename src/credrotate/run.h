/* A rotation from its first check to its end: one state, one step for each, one place that goes from one to the next and
 * puts that on record. Whatever ends the process in between, the journal and the API's token tell how to go on. */
#ifndef CREDROTATE_RUN_H
#define CREDROTATE_RUN_H

#include "credrotate/flags.h"
#include "credrotate/fleet.h"
#include "credrotate/journal.h"
#include "credrotate/report.h"
#include "credrotate/target.h"
#include "credrotate/web.h"

enum run_state {
	RUN_NEW,         /* the lock is held */
	RUN_PREFLIGHT,   /* everything is looked at, nothing changed */
	RUN_INTENT,      /* the new secret is drawn; the API is asked to take it */
	RUN_ISSUED,      /* the API has it */
	RUN_ROLLING,     /* installed target by target */
	RUN_JOINED,      /* every target uses it; does anybody else not? */
	RUN_RETIRED,     /* the old one is about to end, or has */
	RUN_DONE,        /* looked at once more; over after that */
	RUN_ROLLBACK,    /* back to the old one */
	RUN_ROLLED_BACK, /* over */
	RUN_ABORTED,     /* over before anything was changed */
};

/* Exit statuses (credrotate(1)). */
enum run_exit {
	EXIT_DONE = 0,
	EXIT_ROLLED_BACK = 1,
	EXIT_USAGE = 2,
	EXIT_REFUSED = 3,
	EXIT_HALFWAY = 4,
	EXIT_FOREIGN = 5,
	EXIT_STUCK = 6,
	EXIT_DENIED = 7,
	EXIT_BUSY = 75,
};

#define RUN_ATTEMPTS 3       /* at changing the secret */
#define RUN_RESOLVE_MS 10000 /* how long a lost answer's change is waited for */
#define RUN_DRAWN_MAX 8      /* secrets that one run may have drawn */

struct run {
	const struct flags *flags;
	struct report *report;
	struct interrupt *interrupt;
	struct journal *journal;
	struct fleet fleet;
	struct target_env env;
	struct target *targets; /* target_count of them; borrowed */
	size_t target_count;
	struct prober *prober;

	enum run_state state; /* run_enter alone changes it */
	enum run_exit code;
	bool stopped;        /* it ends here, with code */
	bool is_revoking;    /* no window, no pause, everybody cut off */
	bool is_adopting;    /* no new secret: the current one is brought to all targets */
	bool was_asked_back; /* rollback by command */
	int64_t began_ms, issued_ms;

	/* What is known of the secrets. */
	bool overlaps;      /* the edge takes two at a time */
	bool window_closed; /* it did, and the old one ended while targets had it */
	struct cred old, new;
	struct fingerprint fp_old, drawn[RUN_DRAWN_MAX]; /* drawn: the newest last */
	size_t drawn_count;
	int64_t version_old, version_new, version_back; /* 0: not known */
	int64_t same_from; /* the current secret had earlier numbers (struct proof); 0: none that are known */
	int64_t expires;   /* of the window, server's time; API_TIME_NONE: none */
	int64_t issued_at; /* server's time at which the new one was valid */
	struct proof proof;
	size_t live_before; /* connectors at preflight */
	int attempts;
};

/* Go on from r->state until it is over or stopped. */
void run_go(struct run *r);
/* Into a state: on record first. members: what its line has beside its name; released. */
void run_enter(struct run *r, enum run_state state, json_t *members);
/* A line within a state. members: released. False, and stopped, when it cannot be written. */
bool run_note(struct run *r, json_t *members);
/* End here. */
void run_stop(struct run *r, enum run_exit code, const char *step, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The exit status for a failed call: 7 for missing rights, else usual. */
enum run_exit run_exit_for(const struct run *r, enum run_exit usual);
const char *run_state_name(enum run_state s);
bool run_is_over(enum run_state s);
/* Wait, less when a signal comes: then the run stops. False when it did. */
bool run_pause(struct run *r, int64_t ms);
/* The state's step; each returns the next state, or stops. */
enum run_state preflight_step(struct run *r);
enum run_state issue_intent(struct run *r);
enum run_state issue_issued(struct run *r);
enum run_state roll_step(struct run *r);
/* finish.c */
enum run_state finish_joined(struct run *r);
enum run_state finish_retired(struct run *r);
enum run_state finish_done(struct run *r);
enum run_state back_step(struct run *r);
/* Have all targets remove what they kept. False, and stopped, when one could not. */
bool finish_forget(struct run *r, const char *step);

/* --- Shared by steps --- */

/* issue.c */
/* Draw a secret; false, and stopped, when that is one too many. */
bool issue_draw(struct run *r);
json_t *issue_intent_members(const struct run *r);
json_t *issue_issued_members(const struct run *r);
/* Which secret does the API hold? Also fills c in. */
enum issue_holder { ISSUE_OLD, ISSUE_NEW, ISSUE_FOREIGN, ISSUE_UNKNOWN };
enum issue_holder issue_who(struct run *r, struct cred *c, struct err *err);
/* What proves a connector new, from version_new and issued_at. */
void issue_set_proof(struct run *r);
/* End the window now; nothing to do without one. */
int issue_close_window(struct run *r, struct err *err);
struct fingerprint issue_fingerprint(const struct run *r, const struct secret *s);
const struct fingerprint *issue_fp_new(const struct run *r);
void issue_stop_foreign(struct run *r);

/* preflight.c */
/* Open the targets. EXIT_DONE; or with err EXIT_USAGE where the text of one is wrong, EXIT_REFUSED where its file is. */
enum run_exit preflight_open(struct run *r, struct err *err);

/* back.c */
/* The old secret, from memory or from where it was kept. */
bool back_find_old(struct run *r);

#endif
