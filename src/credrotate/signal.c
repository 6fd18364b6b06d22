/* systemctl, kill, a command; rollouts are in rollout.c. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "credrotate/rollout.h"
#include "credrotate/signal.h"
#include "credrotate/spawn.h"

#define PIDFILE_MAX 64

static int systemctl_do(const char *systemctl, const char *verb, const char *unit, struct err *err)
{
	const char *const argv[] = {systemctl, "--no-ask-password", verb, "--", unit, NULL};

	if (spawn_run(argv, SIGNAL_WAIT_MS, NULL, err) < 0)
		return err_wrap(err, "systemctl %s %s", verb, unit);
	return 0;
}

/* A property of a unit, without the line's end; to be freed. NULL with err. */
static char *unit_property(const char *systemctl, const char *unit, const char *property, struct err *err)
{
	char *name = mem_printf("--property=%s", property);
	const char *const argv[] = {
		systemctl, "--no-ask-password", "show", "--value", name, "--", unit, NULL};
	struct buf out = {.max = SPAWN_OUTPUT_MAX};
	char *value = NULL;

	if (spawn_run(argv, SIGNAL_WAIT_MS, &out, err) == 0) {
		struct span rest, line = span_cut(buf_span(&out), '\n', &rest);
		value = mem_spandup(line);
	} else {
		err_wrap(err, "systemctl show %s", unit);
	}
	buf_free(&out);
	free(name);
	return value;
}

/* Is the unit active? -1 with err when that cannot be learnt. */
static int unit_is_active(const char *systemctl, const char *unit, struct err *err)
{
	char *state = unit_property(systemctl, unit, "ActiveState", err);
	int active = state == NULL ? -1
				   : strcmp(state, "active") == 0 || strcmp(state, "reloading") == 0 ||
					     strcmp(state, "activating") == 0;

	free(state);
	return active;
}

static uint64_t unit_started(const char *systemctl, const char *unit)
{
	struct err unused;
	char *text = unit_property(systemctl, unit, "ExecMainStartTimestampMonotonic", &unused);
	uint64_t at = 0;

	if (text == NULL || !span_to_u64(span_str(text), UINT64_MAX, &at))
		at = 0;
	free(text);
	return at;
}

/* --- A process by its pid file --- */

static int read_pid(const char *path, pid_t *pid, struct err *err)
{
	struct buf text = {.max = PIDFILE_MAX};
	uint64_t n = 0;
	int rc = fsx_read(path, &text, err);

	if (rc == 0) {
		struct span rest, line = span_trim(span_cut(buf_span(&text), '\n', &rest));
		if (!span_to_u64(line, INT32_MAX, &n) || n <= 1)
			rc = err_set(err, "%s: holds no process id", path);
	}
	buf_free(&text);
	*pid = (pid_t)n;
	if (rc == 0 && kill(*pid, 0) < 0)
		rc = err_sys(err, "%s: process %ld", path, (long)*pid);
	return rc;
}

static int reload(const struct target *t, const char *systemctl, struct err *err)
{
	pid_t pid;

	if (t->pidfile == NULL)
		return systemctl_do(systemctl, "reload", t->unit, err);
	if (read_pid(t->pidfile, &pid, err) < 0)
		return -1;
	return kill(pid, SIGHUP) < 0 ? err_sys(err, "SIGHUP to process %ld", (long)pid) : 0;
}

/* --- Two units that share the file --- */

static int start_idle(const struct target *t, const char *systemctl, struct err *err)
{
	int a = unit_is_active(systemctl, t->unit, err), b = unit_is_active(systemctl, t->standby, err);

	if (a < 0 || b < 0)
		return -1;
	if (a > 0 && b > 0) /* an attempt before this one came so far */
		return 0;
	if (a == 0 && b == 0)
		return err_set(err, "neither %s nor %s is active", t->unit, t->standby);
	return systemctl_do(systemctl, "start", a > 0 ? t->standby : t->unit, err);
}

static int stop_older(const struct target *t, const char *systemctl, struct err *err)
{
	int a = unit_is_active(systemctl, t->unit, err), b = unit_is_active(systemctl, t->standby, err);

	if (a < 0 || b < 0)
		return -1;
	if (a == 0 || b == 0) /* stopped already */
		return 0;
	bool unit_is_older = unit_started(systemctl, t->unit) < unit_started(systemctl, t->standby);
	return systemctl_do(systemctl, "stop", unit_is_older ? t->unit : t->standby, err);
}

/* --- By kind --- */

static int run_command(const struct target *t, struct err *err)
{
	char **argv = spawn_split(t->command);

	if (argv == NULL)
		return err_set(err, "cmd= is empty");
	int rc = spawn_run((const char *const *)argv, SIGNAL_WAIT_MS, NULL, err);
	free(argv[0]);
	free(argv);
	return rc;
}

int signal_send(struct target *t, const char *systemctl, struct err *err)
{
	switch (t->signal) {
	case TARGET_NONE: return 0;
	case TARGET_RELOAD: return reload(t, systemctl, err);
	case TARGET_RESTART: return systemctl_do(systemctl, "restart", t->unit, err);
	case TARGET_SURGE: return start_idle(t, systemctl, err);
	case TARGET_ROLLOUT: return rollout_start(t, err);
	case TARGET_EXEC: return run_command(t, err);
	}
	abort();
}

int signal_finish(struct target *t, const char *systemctl, struct err *err)
{
	return t->signal == TARGET_SURGE ? stop_older(t, systemctl, err) : 0;
}

/* A unit of Type=simple counts as started before it is known whether its process goes on. */
static bool unit_has_failed(const char *systemctl, const char *unit, struct err *err)
{
	struct err unknown;
	char *state = unit_property(systemctl, unit, "ActiveState", &unknown);
	bool failed = state != NULL && strcmp(state, "failed") == 0;

	free(state);
	if (failed)
		err_set(err, "unit %s has failed; `systemctl status %s` says why", unit, unit);
	return failed;
}

bool signal_arrived(struct target *t, const char *systemctl, struct err *err)
{
	err->text[0] = '\0';
	if (t->signal == TARGET_RESTART)
		return !unit_has_failed(systemctl, t->unit, err);
	return t->signal != TARGET_ROLLOUT || rollout_is_done(t, err);
}

static int check_active(const char *systemctl, const char *unit, struct err *err)
{
	int active = unit_is_active(systemctl, unit, err);

	return active == 0 ? err_set(err, "unit %s is not active", unit) : active < 0 ? -1 : 0;
}

char *signal_stop_time(const struct target *t, const char *systemctl)
{
	struct err unknown;

	return t->signal == TARGET_RESTART || t->signal == TARGET_SURGE
		       ? unit_property(systemctl, t->unit, "TimeoutStopUSec", &unknown)
		       : NULL;
}

int signal_check(struct target *t, const char *systemctl, struct buf *remedies, struct err *err)
{
	pid_t pid;

	switch (t->signal) {
	case TARGET_RELOAD:
		return t->pidfile != NULL ? read_pid(t->pidfile, &pid, err)
					  : check_active(systemctl, t->unit, err);
	case TARGET_RESTART: return check_active(systemctl, t->unit, err);
	case TARGET_SURGE: {
		int a = unit_is_active(systemctl, t->unit, err),
		    b = unit_is_active(systemctl, t->standby, err);
		if (a < 0 || b < 0)
			return -1;
		return (a > 0) == (b > 0) ? err_set(err, "one of %s and %s has to be active, the other idle",
						    t->unit, t->standby)
					  : 0;
	}
	case TARGET_ROLLOUT: return rollout_check(t, remedies, err);
	case TARGET_NONE: return t->rollout != NULL ? rollout_check(t, remedies, err) : 0;
	case TARGET_EXEC: return 0;
	}
	abort();
}
