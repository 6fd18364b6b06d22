/* Beside the name first, then renamed where nothing is: a link does the same where the file system cannot. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "tunnel/cmd/credfile.h"

static int rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (link(from, to) < 0)
		return -1;
	unlink(from);
	return 0;
}

static void sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? mem_strdup(".") : mem_spandup(span_of(path, (size_t)(slash - path) + 1));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	free(dir);
	if (fd < 0)
		return;
	fsync(fd); /* the file itself is synced; without this it may be gone after a crash, and the tunnel stays unused */
	close(fd);
}

/* Into the file that is open, then under its name. -1 with errno. */
static int fill(int fd, const char *temporary, const char *path, struct span bytes)
{
	if (fchmod(fd, CREDFILE_MODE) < 0 || fsx_write_all(fd, bytes) < 0 || fsync(fd) < 0)
		return -1;
	return rename_new(temporary, path);
}

int credfile_write(const char *path, const struct cred *c, struct err *err)
{
	struct buf text = {.max = CRED_FILE_MAX};
	char *temporary = mem_printf("%s.XXXXXX", path);
	int rc = -1, fd;

	buf_reserve(&text, CRED_FILE_MAX);
	if (cred_print(c, &text) < 0) {
		err_set(err, "%s: the credentials are too large", path);
	} else if ((fd = mkostemp(temporary, O_CLOEXEC)) < 0) {
		err_sys(err, "%s", path);
	} else {
		rc = fill(fd, temporary, path, buf_span(&text));
		if (rc < 0 && errno == EEXIST)
			err_set(err, "%s: a file of that name exists, and is not overwritten", path);
		else if (rc < 0)
			err_sys(err, "%s", path);
		close(fd);
		if (rc < 0)
			unlink(temporary);
		else
			sync_directory_of(path);
	}
	buf_wipe(&text);
	free(temporary);
	return rc;
}
