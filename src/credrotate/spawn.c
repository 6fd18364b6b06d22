/* posix_spawn, and a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "credrotate/clock.h"
#include "credrotate/spawn.h"

#define SPAWN_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int start(const char *const argv[], int out, pid_t *pid)
{
	char path[] = SPAWN_PATH, lang[] = "LC_ALL=C";
	char *const clean[] = {path, lang, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, usual;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_init(&how);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setsigdefault(&how, &usual);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	int rc = posix_spawnp(pid, argv[0], &files, &how, (char *const *)(uintptr_t)argv, clean);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&how);
	return rc;
}

/* Take what it prints until it closes its output or the time is over. */
static void drain(int fd, int64_t until_ms, struct buf *out)
{
	char chunk[4096];

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = until_ms - clock_ms();
		if (left <= 0 || poll(&p, 1, (int)(left < INT32_MAX ? left : INT32_MAX)) == 0)
			return;
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n == 0 || (n < 0 && errno != EINTR))
			return;
		if (n > 0 && buf_add(out, chunk, (size_t)n) < 0)
			return;
	}
}

/* Its wait status; -1 after it had to be ended. */
static int wait_until(pid_t pid, int64_t until_ms)
{
	/* A child is waited for through a descriptor, so that the wait has an end. */
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), status = -1;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left = until_ms - clock_ms();
	bool late = fd >= 0 && poll(&p, 1, (int)(left > 0 ? left : 0)) == 0;

	if (late)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (fd >= 0)
		close(fd);
	return late ? -1 : status;
}

int spawn_run(const char *const argv[], int64_t timeout_ms, struct buf *out, struct err *err)
{
	int64_t until = clock_ms() + timeout_ms;
	int ends[2] = {-1, -1};
	pid_t pid;

	if (out != NULL && pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "%s", argv[0]);
	int rc = start(argv, out != NULL ? ends[1] : STDERR_FILENO, &pid);
	if (out != NULL)
		close(ends[1]);
	if (rc == 0 && out != NULL)
		drain(ends[0], until, out);
	if (out != NULL)
		close(ends[0]);
	if (rc != 0) {
		errno = rc;
		return err_sys(err, "%s", argv[0]);
	}
	int status = wait_until(pid, until);
	if (status == -1)
		return err_set(err, "%s: took longer than %lld s and was ended", argv[0],
			(long long)(timeout_ms / 1000));
	if (WIFSIGNALED(status))
		return err_set(err, "%s: ended by signal %d", argv[0], WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, "%s: exit status %d", argv[0], WEXITSTATUS(status));
	return 0;
}

char **spawn_split(const char *command)
{
	char *copy = mem_strdup(command + strspn(command, " ")), *save = NULL;
	char **argv = mem_array(strlen(command) / 2 + 3, sizeof(*argv));
	size_t count = 0;

	for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		argv[count++] = word;
	if (count == 0) {
		free(copy);
		free(argv);
		return NULL;
	}
	return argv;
}
