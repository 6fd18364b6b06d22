/* Appending under a lock: several tunnels may be rotated at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "common/base/secret.h"
#include "credrotate/audit.h"

#define AUDIT_HASH_TEXT (2 * SECRET_HASH_LEN + 1)

static void hash_text(struct span line, char out[AUDIT_HASH_TEXT])
{
	unsigned char hash[SECRET_HASH_LEN];

	secret_hash(line, hash);
	for (size_t i = 0; i < sizeof(hash); i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static int open_log(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');

	if (slash != NULL && slash != path) {
		char *dir = mem_spandup(span_of(path, (size_t)(slash - path)));
		int rc = fsx_mkdir(dir, 0700, err);
		free(dir);
		if (rc < 0)
			return -1;
	}
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	return fd < 0 ? err_sys(err, "%s", path) : fd;
}

int audit_check(const char *path, struct err *err)
{
	int fd = open_log(path, err);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* The hash of the last line; of nothing at the beginning. An end that a crash tore is closed with a line's end, and counts as
 * a line. */
static int hash_last(int fd, char out[AUDIT_HASH_TEXT])
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	size_t want = (uint64_t)st.st_size < AUDIT_LINE_MAX ? (size_t)st.st_size : AUDIT_LINE_MAX;
	char *tail = mem_alloc(want + 1);
	ssize_t n = pread(fd, tail, want, st.st_size - (off_t)want);
	int rc = n == (ssize_t)want ? 0 : -1;
	struct span s = span_of(tail, want);
	if (rc == 0 && s.len > 0 && s.p[s.len - 1] == '\n')
		s.len--;
	else if (rc == 0 && s.len > 0)
		rc = write(fd, "\n", 1) == 1 ? 0 : -1;
	size_t before = span_rfind(s, '\n');
	hash_text(before < s.len ? span_skip(s, before + 1) : s, out);
	free(tail);
	return rc;
}

static int append_line(int fd, json_t *members)
{
	char hash[AUDIT_HASH_TEXT];

	if (flock(fd, LOCK_EX) < 0 || hash_last(fd, hash) < 0)
		return -1;
	json_object_set_new(members, "prev", json_string(hash));
	char *text = json_dumps(members, JSON_COMPACT), *line = mem_printf("%s\n", text);
	size_t len = strlen(line);
	int rc = write(fd, line, len) == (ssize_t)len && fsync(fd) == 0 ? 0 : -1;
	free(line);
	free(text);
	return rc;
}

static json_t *with_who(json_t *members)
{
	char now[RFC3339_TEXT_MAX], host[256] = "";
	const char *sudo = getenv("SUDO_UID");

	gethostname(host, sizeof(host) - 1);
	rfc3339_print(rfc3339_now(), 3, now);
	json_t *whole = json_pack("{s:s, s:I, s:s}", "time", now, "uid", (json_int_t)getuid(), "host", host);
	if (sudo != NULL)
		json_object_set_new(whole, "sudo_uid", json_string(sudo));
	json_object_update(whole, members);
	json_decref(members);
	return whole;
}

int audit_append(const char *path, bool to_syslog, json_t *members, struct err *err)
{
	json_t *whole = with_who(members);
	int rc = 0;

	if (to_syslog) {
		char *text = json_dumps(whole, JSON_COMPACT);
		openlog("credrotate", LOG_PID, LOG_AUTHPRIV);
		syslog(LOG_NOTICE, "%s", text);
		closelog();
		free(text);
	}
	if (path != NULL) {
		int fd = open_log(path, err);
		rc = fd < 0 ? -1 : 0;
		if (fd >= 0 && append_line(fd, whole) < 0)
			rc = err_sys(err, "%s", path);
		if (fd >= 0)
			close(fd);
	}
	json_decref(whole);
	return rc;
}

enum audit_chain audit_verify(const char *path, size_t *lines, struct err *err)
{
	FILE *in = fopen(path, "re");
	char hash[AUDIT_HASH_TEXT], *line = NULL;
	size_t room = 0;
	ssize_t n;
	enum audit_chain result = AUDIT_HOLDS;

	*lines = 0;
	if (in == NULL) {
		err_sys(err, "%s", path);
		return AUDIT_UNREADABLE;
	}
	hash_text(SPAN(""), hash);
	while (result == AUDIT_HOLDS && (n = getline(&line, &room, in)) > 0) {
		size_t len = line[n - 1] == '\n' ? (size_t)n - 1 : (size_t)n;
		json_t *members = json_loadb(line, len, 0, NULL);
		const char *prev = json_string_value(json_object_get(members, "prev"));
		++*lines;
		if (prev == NULL || strcmp(prev, hash) != 0) {
			err_set(err, "%s: line %zu does not follow the one before it", path, *lines);
			result = AUDIT_BROKEN;
		}
		json_decref(members);
		hash_text(span_of(line, len), hash);
	}
	if (ferror(in) != 0) {
		err_sys(err, "%s", path);
		result = AUDIT_UNREADABLE;
	}
	free(line);
	fclose(in);
	return result;
}
