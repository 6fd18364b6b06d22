/* Reading files up to a limit and replacing them whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"

#define FSX_CHUNK 16384

static int fsx_read_fd(int fd, const char *path, struct buf *out, struct err *err)
{
	for (;;) {
		size_t room = buf_room(out), want = room < FSX_CHUNK ? room : FSX_CHUNK;
		char probe = '\0';
		char *at = want > 0 ? buf_reserve(out, want) : &probe;
		ssize_t n = read(fd, at, want > 0 ? want : 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "%s", path);
		if (n == 0)
			return 0;
		if (want == 0)
			return err_set(err, "%s: larger than %zu bytes", path, buf_len(out));
		buf_commit(out, (size_t)n);
	}
}

int fsx_read(const char *path, struct buf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_sys(err, "%s", path);
	struct stat st;
	int rc = -1;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		err_set(err, "%s: is a directory", path);
	else
		rc = fsx_read_fd(fd, path, out, err);
	close(fd);
	return rc;
}

int fsx_read_input(const char *path, struct buf *out, struct err *err)
{
	return strcmp(path, "-") == 0 ? fsx_read_fd(STDIN_FILENO, "standard input", out, err)
				      : fsx_read(path, out, err);
}

int fsx_write_all(int fd, struct span bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.p, bytes.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes = span_skip(bytes, (size_t)n);
	}
	return 0;
}

/* Sync the directory that holds path, so that the rename survives a power cut. */
static int fsx_sync_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? mem_strdup(".") : mem_spandup(span_of(path, (size_t)(slash - path) + 1));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	free(dir);
	if (fd < 0)
		return -1;
	int rc = fsync(fd);
	close(fd);
	return rc;
}

/* was: whose the file is to be, NULL for ours. */
static int fsx_put(const char *path, struct span bytes, mode_t mode, const struct stat *was, struct err *err)
{
	char *temp = mem_printf("%s.XXXXXX", path);
	int fd = mkostemp(temp, O_CLOEXEC);
	int rc = -1;

	if (fd < 0) {
		err_sys(err, "%s", path);
		goto out;
	}
	bool ok = (was == NULL || fchown(fd, was->st_uid, was->st_gid) == 0) && fchmod(fd, mode) == 0 &&
		  fsx_write_all(fd, bytes) == 0 && fsync(fd) == 0;
	if (close(fd) < 0 || !ok || rename(temp, path) < 0 || fsx_sync_dir(path) < 0) {
		err_sys(err, "%s", path);
		unlink(temp);
		goto out;
	}
	rc = 0;
out:
	free(temp);
	return rc;
}

int fsx_write(const char *path, struct span bytes, mode_t mode, struct err *err)
{
	return fsx_put(path, bytes, mode, NULL, err);
}

int fsx_rewrite(const char *path, struct span bytes, struct err *err)
{
	char *real = realpath(path, NULL);
	struct stat st;
	int rc;

	if (real == NULL || stat(real, &st) < 0)
		rc = err_sys(err, "%s: cannot be written", path);
	else if (!S_ISREG(st.st_mode))
		rc = err_set(err, "%s: cannot be written: it is no regular file", path);
	else
		rc = fsx_put(real, bytes, st.st_mode & 07777, &st, err);
	free(real);
	return rc;
}

bool fsx_is_exposed(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) != 0;
}

int fsx_mkdir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return err_sys(err, "%s", path);
}

void fsx_fill_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		/* the lowest number that is free, and for the wrong direction */
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void fsx_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}
