/* All is done relative to the directory, which is opened once, so that nobody swaps it on the way. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "credrotate/fault.h"
#include "credrotate/replace.h"

#define TEMP_MARK ".credrotate."
#define KEPT_SUFFIX ".credrotate-old"
#define XATTR_MAX 4096

/* --- Finding --- */

/* The path of the real file: path itself, or where the link at its end leads, relative to the link's directory. */
static char *follow_once(const char *path, struct err *err)
{
	char to[PATH_MAX];
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	if (n < 0 && errno == EINVAL)
		return mem_strdup(path);
	if (n < 0) {
		err_sys(err, "%s", path);
		return NULL;
	}
	to[n] = '\0';
	const char *slash = strrchr(path, '/');
	char *real = to[0] == '/' || slash == NULL ? mem_strdup(to)
						   : mem_printf("%.*s%s", (int)(slash - path) + 1, path, to);
	if (strstr(real, "/..data/") != NULL || strncmp(real, "..data/", 7) == 0) {
		err_set(err,
			"%s: leads into a mounted Kubernetes volume, which cannot be written; rotate the "
			"Secret "
			"with a target k8s:NAMESPACE/NAME#KEY",
			path);
		free(real);
		return NULL;
	}
	return real;
}

static int open_parent(struct replace *r, const char *real, struct err *err)
{
	const char *slash = strrchr(real, '/');
	char *dir = slash == NULL ? mem_strdup(".") : mem_spandup(span_of(real, (size_t)(slash - real) + 1));

	r->name = mem_strdup(slash == NULL ? real : slash + 1);
	r->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = r->dir < 0 ? err_sys(err, "%s", dir) : 0;
	free(dir);
	return rc;
}

int replace_open(struct replace *r, const char *path, struct err *err)
{
	struct stat dir;

	*r = (struct replace){.dir = -1, .path = mem_strdup(path)};
	char *real = follow_once(path, err);
	if (real == NULL)
		return -1;
	int rc = open_parent(r, real, err);
	free(real);
	if (rc < 0)
		return -1;
	if (fstatat(r->dir, r->name, &r->st, AT_SYMLINK_NOFOLLOW) < 0 || fstat(r->dir, &dir) < 0)
		return err_sys(err, "%s", path);
	if (S_ISLNK(r->st.st_mode))
		return err_set(err, "%s: is a link to a link; name the file itself", path);
	if (!S_ISREG(r->st.st_mode))
		return err_set(err, "%s: is not a regular file", path);
	if (r->st.st_dev != dir.st_dev)
		return err_set(
			err, "%s: is a mount point of its own; mount the directory, not the file", path);
	return 0;
}

static int slurp(int fd, struct secret *out)
{
	char bytes[REPLACE_MAX + 1];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, bytes + len, sizeof(bytes) - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		len += (size_t)n;
		if (len == sizeof(bytes)) {
			errno = EFBIG;
			n = -1;
			break;
		}
	}
	if (n == 0)
		secret_set(out, bytes, len);
	secret_wipe(bytes, sizeof(bytes));
	return n == 0 ? 0 : -1;
}

int replace_read(struct replace *r, struct err *err)
{
	int fd = openat(r->dir, r->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(err, "%s", r->path);
	int rc = fstat(fd, &r->st) < 0 || slurp(fd, &r->text) < 0 ? err_sys(err, "%s", r->path) : 0;
	close(fd);
	return rc;
}

/* --- Writing --- */

static void temp_name(const struct replace *r, const char *run, char out[NAME_MAX + 1])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char chance[6];
	char tail[7] = "";

	if (getrandom(chance, sizeof(chance), 0) != sizeof(chance))
		abort();
	for (size_t i = 0; i < sizeof(chance); i++)
		tail[i] = letters[chance[i] & 31];
	snprintf(out, NAME_MAX + 1, ".%.190s" TEMP_MARK "%s.%s", r->name, run, tail);
}

/* Copy one extended attribute. That it is not there, or unknown to the file system, is fine. */
static int copy_xattr(int from, int to, const char *name)
{
	char value[XATTR_MAX];
	ssize_t n = fgetxattr(from, name, value, sizeof(value));

	if (n < 0)
		return errno == ENODATA || errno == ENOTSUP ? 0 : -1;
	if (fsetxattr(to, name, value, (size_t)n, 0) == 0)
		return 0;
	return errno == ENOTSUP ? 0 : -1;
}

/* Owner before mode, since chown takes set-id bits away; both before anybody can open the file by its name. */
static int dress(int fd, int from, const struct stat *old, bool *tightened)
{
	mode_t kept = old->st_mode & 07777 & ~(mode_t)(S_IWGRP | S_IRWXO | S_ISUID | S_ISGID);

	if (tightened != NULL)
		*tightened = kept != (old->st_mode & 07777);
	if (fchown(fd, old->st_uid, old->st_gid) < 0 || fchmod(fd, kept) < 0)
		return -1;
	/* An ACL's mask is the mode's group bits, so it is narrowed to them again behind it. */
	if (copy_xattr(from, fd, "system.posix_acl_access") < 0 || fchmod(fd, kept) < 0)
		return -1;
	return copy_xattr(from, fd, "security.selinux");
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void kept_name(const struct replace *r, char out[NAME_MAX + 1])
{
	snprintf(out, NAME_MAX + 1, ".%.230s" KEPT_SUFFIX, r->name);
}

/* A second name for the old file; one that an earlier attempt made is replaced. */
static int keep_old(struct replace *r)
{
	char name[NAME_MAX + 1];

	kept_name(r, name);
	unlinkat(r->dir, name, 0);
	return linkat(r->dir, r->name, r->dir, name, 0);
}

/* Once nothing opens the old file by its own name any more. */
static int close_old(const struct replace *r, bool keep)
{
	char name[NAME_MAX + 1];

	kept_name(r, name);
	return keep ? fchmodat(r->dir, name, 0600, 0) : 0;
}

static int read_back(struct replace *r, struct span bytes, struct err *err)
{
	if (replace_read(r, err) < 0)
		return -1;
	if (!span_eq(span_of((const char *)r->text.data, r->text.len), bytes))
		return err_set(err, "%s: was replaced, and holds something else now", r->path);
	return 0;
}

/* Everything up to the point from which the new file is to be seen. */
static int prepare(struct replace *r, int fd, int old, struct span bytes, bool *tightened, struct err *err)
{
	if (fsx_write_all(fd, bytes) < 0 || dress(fd, old, &r->st, tightened) < 0 || fsync(fd) < 0)
		return err_sys(err, "%s: cannot write the new file beside it", r->path);
	return 0;
}

static int swap(struct replace *r, const char *temp, bool keep, struct err *err)
{
	struct stat now;

	fault_point("file:written");
	if (keep && keep_old(r) < 0)
		return err_sys(err, "%s: cannot keep the old file beside it", r->path);
	if (fstatat(r->dir, r->name, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "%s", r->path);
	if (!is_same(&now, &r->st))
		return err_set(
			err, "%s: was changed by someone else meanwhile; it is left as it is", r->path);
	fault_point("file:kept");
	if (renameat(r->dir, temp, r->dir, r->name) < 0)
		return err_sys(err, "%s", r->path);
	fault_point("file:renamed");
	return close_old(r, keep) < 0 || fsync(r->dir) < 0 ? err_sys(err, "%s: its directory", r->path) : 0;
}

int replace_write(
	struct replace *r, const char *run, struct span bytes, bool keep, bool *tightened, struct err *err)
{
	char temp[NAME_MAX + 1];
	int rc = -1, old = openat(r->dir, r->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (old < 0)
		return err_sys(err, "%s", r->path);
	temp_name(r, run, temp);
	int fd = openat(r->dir, temp, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0) {
		err_sys(err, "%s: cannot write a file beside it", r->path);
	} else {
		if (prepare(r, fd, old, bytes, tightened, err) == 0 && swap(r, temp, keep, err) == 0)
			rc = read_back(r, bytes, err);
		if (rc < 0)
			unlinkat(r->dir, temp, 0); /* not there any more once it was renamed */
		close(fd);
	}
	close(old);
	return rc;
}

int replace_try(const struct replace *r, const char *run, size_t len, struct err *err)
{
	char temp[NAME_MAX + 1];
	struct stat st;

	int old = openat(r->dir, r->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (old < 0)
		return err_sys(err, "%s", r->path);
	temp_name(r, run, temp);
	int fd = openat(r->dir, temp, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0) {
		err_sys(err, "%s: cannot write a file beside it", r->path);
		close(old);
		return -1;
	}
	char *zeros = mem_alloc(len + 1);
	int rc = 0;
	if (fsx_write_all(fd, span_of(zeros, len)) < 0 || fsync(fd) < 0)
		rc = err_sys(err, "%s: cannot write a file of its size beside it", r->path);
	else if (dress(fd, old, &r->st, NULL) < 0)
		rc = err_sys(err, "%s: cannot give a new file its owner, ACL and label", r->path);
	else if (fstat(fd, &st) < 0 || st.st_dev != r->st.st_dev)
		rc = err_set(err, "%s: a file beside it is on another file system", r->path);
	unlinkat(r->dir, temp, 0);
	/* what no second name can be given to, a file that is fixed or a file system without links, cannot be replaced */
	if (rc == 0 && linkat(r->dir, r->name, r->dir, temp, 0) < 0)
		rc = err_sys(err, "%s: cannot keep the old file beside it", r->path);
	else if (rc == 0)
		unlinkat(r->dir, temp, 0);
	close(fd);
	close(old);
	free(zeros);
	return rc;
}

/* --- What is left beside it --- */

bool replace_kept(const struct replace *r, struct secret *out)
{
	char name[NAME_MAX + 1];

	kept_name(r, name);
	int fd = openat(r->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	bool ok = slurp(fd, out) == 0;
	close(fd);
	return ok;
}

void replace_forget(const struct replace *r)
{
	char name[NAME_MAX + 1];

	kept_name(r, name);
	if (unlinkat(r->dir, name, 0) == 0)
		fsync(r->dir);
}

void replace_tidy(const struct replace *r, const char *run)
{
	char *mark = mem_printf(".%.190s" TEMP_MARK "%s.", r->name, run);
	int fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir != NULL) {
		for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
			if (strncmp(e->d_name, mark, strlen(mark)) == 0)
				unlinkat(r->dir, e->d_name, 0);
		closedir(dir);
	} else if (fd >= 0) {
		close(fd);
	}
	free(mark);
}

void replace_close(struct replace *r)
{
	if (r->dir >= 0)
		close(r->dir);
	free(r->path);
	free(r->name);
	secret_free(&r->text);
	*r = (struct replace){.dir = -1};
}
