/* Appending, and reading what a process left that may have ended at any time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/base64.h"
#include "common/base/buf.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "credrotate/journal.h"

#define SECRET_FILE_MAX 4096

/* 48 bits of milliseconds and 80 random ones, in Crockford's base 32. */
static void draw_run(char out[JOURNAL_RUN_TEXT])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint64_t ms = (uint64_t)rfc3339_now() / 1000;
	unsigned char chance[16];

	if (getrandom(chance, sizeof(chance), 0) != sizeof(chance))
		abort();
	for (int i = 9; i >= 0; i--, ms >>= 5)
		out[i] = digits[ms & 31];
	for (int i = 0; i < 16; i++)
		out[10 + i] = digits[chance[i] & 31];
	out[26] = '\0';
}

/* --- The directory and its lock --- */

static int make_parents(const char *path, struct err *err)
{
	char *copy = mem_strdup(path);
	int rc = 0;

	for (char *slash = strchr(copy + 1, '/'); slash != NULL && rc == 0; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		rc = fsx_mkdir(copy, 0755, err);
		*slash = '/';
	}
	if (rc == 0)
		rc = fsx_mkdir(copy, 0700, err);
	free(copy);
	return rc;
}

static int open_dir(struct journal *j, bool read_only, struct err *err)
{
	struct stat st;

	if (!read_only && make_parents(j->path, err) < 0)
		return -1;
	j->dir = open(j->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir < 0)
		return read_only && errno == ENOENT ? 0 : err_sys(err, "%s", j->path);
	if (fstat(j->dir, &st) < 0)
		return err_sys(err, "%s", j->path);
	if (st.st_uid != geteuid() && geteuid() != 0)
		return err_set(
			err, "%s: belongs to another user; run as that one, or choose --state-dir", j->path);
	if ((st.st_mode & 077) != 0 && !read_only && fchmod(j->dir, 0700) < 0)
		return err_sys(err, "%s", j->path);
	return 0;
}

static void read_holder(int fd, char out[32])
{
	ssize_t n = pread(fd, out, 31, 0);

	out[n > 0 ? n : 0] = '\0';
	out[strspn(out, "0123456789")] = '\0';
}

static enum journal_open take_lock(struct journal *j, struct err *err)
{
	char pid[32];

	j->lock = openat(j->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->lock < 0) {
		err_sys(err, "%s/lock", j->path);
		return JOURNAL_FAILED;
	}
	if (flock(j->lock, LOCK_EX | LOCK_NB) < 0) {
		bool busy = errno == EWOULDBLOCK;
		read_holder(j->lock, pid);
		if (busy)
			err_set(err, "%s: process %s is at work on this tunnel; wait for it, or end it",
				j->path, pid[0] != '\0' ? pid : "(unknown)");
		else
			err_sys(err, "%s/lock", j->path);
		return busy ? JOURNAL_BUSY : JOURNAL_FAILED;
	}
	int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(j->lock, 0) < 0 || pwrite(j->lock, pid, (size_t)len, 0) != len) {
		err_sys(err, "%s/lock", j->path);
		return JOURNAL_FAILED;
	}
	return JOURNAL_OPEN;
}

/* --- Reading --- */

static bool take_first(struct journal *j, json_t *first)
{
	const char *key = json_string_value(json_object_get(first, "key"));
	const char *run = json_string_value(json_object_get(first, "run"));
	size_t len;

	if (key == NULL || run == NULL || strlen(run) != JOURNAL_RUN_TEXT - 1 ||
		!base64_decode(span_str(key), BASE64_PADDED, j->key, sizeof(j->key), &len) ||
		len != sizeof(j->key))
		return false;
	memcpy(j->run, run, JOURNAL_RUN_TEXT);
	return true;
}

/* Parse the whole lines of text; *good is where the last one ends. A line without its end was torn by a crash; one that has
 * its end and is no JSON was not written by us. */
static int parse_lines(struct journal *j, struct span text, json_t *lines, size_t *good, struct err *err)
{
	size_t number = 0;

	*good = 0;
	while (*good < text.len) {
		struct span rest = span_skip(text, *good);
		size_t end = span_find(rest, '\n');
		if (end == rest.len)
			return 0;
		json_t *line = json_loadb(rest.p, end, 0, NULL);
		number++;
		if (!json_is_object(line) || (number == 1 && !take_first(j, line))) {
			json_decref(line);
			return err_set(err,
				"%s/journal: line %zu is not a journal's; move the file away, then "
				"`credrotate adopt` brings all targets to the current secret",
				j->path, number);
		}
		if (number > 1)
			json_array_append(lines, line);
		json_decref(line);
		*good += end + 1;
	}
	return 0;
}

static int read_all(int fd, struct buf *text)
{
	for (;;) {
		char *at = buf_reserve(text, 16384);
		if (at == NULL) {
			errno = EFBIG;
			return -1;
		}
		ssize_t n = read(fd, at, 16384);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		buf_commit(text, (size_t)n);
	}
}

static int load(struct journal *j, bool read_only, json_t *lines, struct err *err)
{
	struct buf text = {.max = JOURNAL_MAX};
	size_t good = 0;
	int rc = -1;

	if (j->dir < 0)
		return 0;
	j->fd = openat(
		j->dir, "journal", (read_only ? O_RDONLY : O_RDWR | O_APPEND) | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%s/journal", j->path);
	if (read_all(j->fd, &text) < 0)
		err_sys(err, "%s/journal", j->path);
	else if (parse_lines(j, buf_span(&text), lines, &good, err) == 0)
		rc = 0;
	if (rc == 0 && !read_only && good < buf_len(&text) &&
		(ftruncate(j->fd, (off_t)good) < 0 || fsync(j->fd) < 0))
		rc = err_sys(err, "%s/journal", j->path);
	buf_free(&text);
	return rc;
}

enum journal_open journal_open(struct journal *j, const char *dir, const struct uuid *tunnel, bool read_only,
	json_t **lines, struct err *err)
{
	char id[UUID_TEXT_LEN + 1];
	enum journal_open result = JOURNAL_OPEN;

	*j = (struct journal){.dir = -1, .lock = -1, .fd = -1, .tunnel = *tunnel};
	*lines = json_array();
	uuid_print(tunnel, id);
	j->path = mem_printf("%s/%s", dir, id);
	if (open_dir(j, read_only, err) < 0)
		return JOURNAL_FAILED;
	if (!read_only)
		result = take_lock(j, err);
	if (result == JOURNAL_OPEN && load(j, read_only, *lines, err) < 0)
		result = JOURNAL_FAILED;
	return result;
}

void journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	if (j->lock >= 0)
		close(j->lock); /* with it goes the lock */
	if (j->dir >= 0)
		close(j->dir);
	free(j->path);
	secret_wipe(j->key, sizeof(j->key));
	*j = (struct journal){.dir = -1, .lock = -1, .fd = -1};
}

/* --- Writing --- */

/* Write fd's first contents under a temporary name, then give it its name: it is there whole or not at all. */
static int put_file(struct journal *j, const char *name, struct span bytes, int *kept, struct err *err)
{
	char temp[64];

	snprintf(temp, sizeof(temp), ".%s.new", name);
	unlinkat(j->dir, temp, 0);
	int fd = openat(j->dir, temp, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s/%s", j->path, name);
	if (fsx_write_all(fd, bytes) < 0 || fsync(fd) < 0 || renameat(j->dir, temp, j->dir, name) < 0 ||
		fsync(j->dir) < 0) {
		err_sys(err, "%s/%s", j->path, name);
		unlinkat(j->dir, temp, 0);
		close(fd);
		return -1;
	}
	if (kept != NULL)
		*kept = fd;
	else
		close(fd);
	return 0;
}

static json_t *now_text(void)
{
	char text[RFC3339_TEXT_MAX];

	rfc3339_print(rfc3339_now(), 3, text);
	return json_string(text);
}

int journal_begin(struct journal *j, struct err *err)
{
	struct buf key = {0}, first = {0};
	char id[UUID_TEXT_LEN + 1];
	int fd = -1;

	draw_run(j->run);
	fingerprint_draw_key(j->key);
	uuid_print(&j->tunnel, id);
	base64_encode(span_of((const char *)j->key, sizeof(j->key)), BASE64_PADDED, &key);
	buf_addf(&first, "{\"journal\":1,\"run\":\"%s\",\"tunnel\":\"%s\",\"key\":\"%.*s\"}\n", j->run, id,
		(int)buf_len(&key), buf_span(&key).p);
	/* A crash between the two leaves no journal, and nothing to resume: the one before has ended. */
	if (j->fd >= 0)
		renameat(j->dir, "journal", j->dir, "journal.old");
	int rc = put_file(j, "journal", buf_span(&first), &fd, err);
	if (rc == 0) {
		if (j->fd >= 0)
			close(j->fd);
		j->fd = fd;
	}
	buf_wipe(&key);
	buf_wipe(&first);
	return rc;
}

int journal_write(struct journal *j, json_t *line, struct err *err)
{
	json_t *whole = json_pack("{s:o, s:s}", "t", now_text(), "run", j->run);
	int rc = -1;

	json_object_update(whole, line);
	json_decref(line);
	char *text = json_dumps(whole, JSON_COMPACT);
	char *full = mem_printf("%s\n", text);
	if (fsx_write_all(j->fd, span_str(full)) < 0 || fsync(j->fd) < 0)
		err_sys(err, "%s/journal", j->path);
	else
		rc = 0;
	free(full);
	free(text);
	json_decref(whole);
	return rc;
}

int journal_mark_changed(struct journal *j, struct err *err)
{
	char text[RFC3339_TEXT_MAX];

	rfc3339_print(rfc3339_now(), 3, text);
	return put_file(j, "changed", span_str(text), NULL, err);
}

bool journal_last_changed(const char *dir, const char *tunnel_id, int64_t *us)
{
	char *path = mem_printf("%s/%s/changed", dir, tunnel_id);
	struct buf text = {.max = RFC3339_TEXT_MAX};
	struct err unused;
	bool known = fsx_read(path, &text, &unused) == 0 && rfc3339_parse(buf_span(&text), us);

	buf_free(&text);
	free(path);
	return known;
}

/* --- Secrets that outlive a crash --- */

int journal_keep(struct journal *j, const char *name, const struct secret *secret, struct err *err)
{
	return put_file(j, name, span_of((const char *)secret->data, secret->len), NULL, err);
}

bool journal_kept(struct journal *j, const char *name, struct secret *out)
{
	char bytes[SECRET_FILE_MAX];
	int fd = j->dir >= 0 ? openat(j->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (fd < 0)
		return false;
	ssize_t n = read(fd, bytes, sizeof(bytes));
	close(fd);
	if (n > 0)
		secret_set(out, bytes, (size_t)n);
	secret_wipe(bytes, sizeof(bytes));
	return n > 0;
}

void journal_drop(struct journal *j, const char *name)
{
	if (j->dir >= 0 && unlinkat(j->dir, name, 0) == 0)
		fsync(j->dir);
}
