/* What a journal tells of a run: bytes in, facts out. */
#ifndef CREDROTATE_REPLAY_H
#define CREDROTATE_REPLAY_H

#include "credrotate/run.h"

struct replay_target {
	const char *text; /* borrowed from the lines */
	bool installed, signal_begun, signalled, rejoined, has_before;
	const char *rolled_from; /* as in struct target; borrowed from the lines */
	struct census before;    /* owned */
};

struct replay {
	bool is_there;    /* a run was begun */
	bool is_finished; /* and it is over */
	enum run_state state;
	const char *command, *since; /* "rotate"; when the newest line was written. Borrowed */
	bool overlaps, keep_pending;
	bool immutable; /* it was begun with --immutable */
	int64_t window_ns, live_before;
	struct fingerprint fp_old, drawn[RUN_DRAWN_MAX];
	size_t drawn_count;
	int64_t version_old, version_new, issued_at, expires; /* as in struct run */
	int64_t version_begun, same_from; /* of the secret that was current when it began; 0: not known */
	struct replay_target targets[TARGETS_MAX];
	size_t target_count;
};

/* lines: of journal_open; they have to outlive out. False when a line makes no sense. */
bool replay_read(struct replay *out, json_t *lines);
void replay_free(struct replay *r);
/* For struct proof, from a journal of the past: the first number of the secret that is current, under this version, by now.
 * 0 when it has no earlier one that is known. */
int64_t replay_same_from(const struct replay *r, int64_t version);
/* Is there something to go on with? */
bool replay_is_unfinished(const struct replay *r);

#endif
