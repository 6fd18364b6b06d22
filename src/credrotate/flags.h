/* The command line. */
#ifndef CREDROTATE_FLAGS_H
#define CREDROTATE_FLAGS_H

#include "common/base/opt.h"
#include "common/base/secret.h"

#define FLAGS_TOKEN_MAX ((size_t)4096) /* bytes of an API token */

enum command {
	COMMAND_ROTATE,
	COMMAND_RESUME,
	COMMAND_STATUS,
	COMMAND_ROLLBACK,
	COMMAND_ADOPT,
	COMMAND_VERIFY,
	COMMAND_REVOKE,
	COMMAND_AUDIT,
};

enum straggler_policy { STRAGGLERS_ASK, STRAGGLERS_WAIT, STRAGGLERS_KEEP, STRAGGLERS_EVICT };
enum failure_policy { FAILURE_DEFAULT, FAILURE_STOP, FAILURE_ROLLBACK };

/* Durations are nanoseconds; -1 where the default depends on other things. */
struct flags {
	enum command command;
	const char *tunnel;
	struct opt_list targets;
	const char *api_url, *account, *token_file, *cert, *api_ca, *probe_ca;
	int64_t token_fd;
	struct secret api_token; /* from file, descriptor or certificate; owned */
	char *cert_account;      /* of the certificate; owned */
	bool insecure_mode;

	int64_t window, settle, stable, rejoin_timeout, propagation, watch, min_age;
	int64_t min_connectors, parallel;
	const char *failure_text, *straggler_text;
	enum failure_policy on_failure;
	enum straggler_policy stragglers;
	bool accept_gap, force, force_stale, immutable, keep_pending, dry_run, yes;

	const char *state_dir, *audit, *systemctl, *probe, *records;
	bool audit_syslog, json, quiet;
	bool append_records; /* they follow those of another tunnel */
	int ended_by;        /* the signal that came while one was rotated; 0 for none */

	const char *kube_server, *kube_ca, *kube_token_file, *kube_cert, *kube_key, *kube_account_dir;

	int64_t older_than; /* with records on standard input: plan what is due */
	const char *older_text;
	bool from_stdin;
};

/* argv without the program's name. OPT_DONE when help or the version was asked for. */
enum opt_result flags_read(struct flags *f, int argc, char **argv, struct err *err);
/* Read the API token from where the flags say, unless that was done. */
int flags_load_token(struct flags *f, struct err *err);
const char *flags_command_name(enum command c);
void flags_drop(struct flags *f);

#endif
