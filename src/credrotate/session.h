/* One call of the program: what all commands need, set up and taken down in order. */
#ifndef CREDROTATE_SESSION_H
#define CREDROTATE_SESSION_H

#include "credrotate/replay.h"

struct session {
	struct flags *flags;
	struct interrupt *interrupt;
	struct report report;
	struct api *api;
	struct api_conf api_conf;
	struct kube *kube;
	struct journal journal;
	json_t *lines; /* of the journal */
	struct replay replay;
	struct arena arena;
	struct target targets[TARGETS_MAX];
	struct api_tunnel tunnel;
	char tunnel_id[UUID_TEXT_LEN + 1];
	struct run run;
};

/* Run the command that the flags name. Its exit status. */
int session_run(struct flags *f);
/* The same for one tunnel of several: the flags stay the caller's. */
int session_one(struct flags *f);

/* --- Used by the commands --- */

/* Parse the targets of the command line, or else those of the journal; and open them. EXIT_DONE, or a status with err. */
enum run_exit session_targets(struct session *s, struct err *err);

/* status.c: what the journal says, and the API where it is given. */
int status_show(struct session *s);
/* verify.c has the rules; this asks them of everything. */
int status_verify(struct session *s);

#endif
