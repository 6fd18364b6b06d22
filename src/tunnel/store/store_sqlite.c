/* Records in a SQLite database: write-ahead log, every commit synced. The schema is numbered in user_version; each step of
 * `schema` brings an older file one number further. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "tunnel/store/store_private.h"

#define APPLICATION_ID 0x6f75746f /* "outo": whose file this is (file(1) shows it) */
#define BUSY_MS 3000              /* that another process may hold the file for a write */
#define GONE_KEPT 10000           /* deletions remembered for those that watch */

static const char *const schema[] = {
	"CREATE TABLE record(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, revision INTEGER NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE counter(name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO counter VALUES('revision', 0);",
	/* For watching: what changed since a revision. */
	"CREATE INDEX record_revision ON record(revision);"
	"CREATE TABLE gone(key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX gone_revision ON gone(revision);",
};
#define SCHEMA ((int)(sizeof(schema) / sizeof(schema[0])))

enum statement {
	Q_BEGIN,
	Q_COMMIT,
	Q_ROLLBACK,
	Q_NEXT,
	Q_REVISION,
	Q_PUT,
	Q_DELETE,
	Q_GONE,
	Q_BACK,
	Q_FORGET,
	Q_RANGE,
	Q_GET,
	Q_LIST,
	Q_VERSION,
	Q_CHANGED,
	Q_COUNT, /* how many */
};

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): the index says where each begins */
static const char *const texts[Q_COUNT] = {
	[Q_BEGIN] = "BEGIN IMMEDIATE",
	[Q_COMMIT] = "COMMIT",
	[Q_ROLLBACK] = "ROLLBACK",
	[Q_NEXT] = "UPDATE counter SET value = value + 1 WHERE name = 'revision' RETURNING value",
	[Q_REVISION] = "SELECT revision FROM record WHERE key = ?1",
	[Q_PUT] = "REPLACE INTO record VALUES(?1, ?2, ?3)",
	[Q_DELETE] = "DELETE FROM record WHERE key = ?1",
	[Q_GONE] = "INSERT INTO gone VALUES(?1, ?3) ON CONFLICT(key) DO UPDATE SET revision = ?3",
	[Q_BACK] = "DELETE FROM gone WHERE key = ?1",
	[Q_FORGET] = "DELETE FROM gone WHERE revision < ?3",
	[Q_RANGE] = "DELETE FROM record WHERE key >= ?1 AND key < ?2",
	[Q_GET] = "SELECT key, value, revision FROM record WHERE key = ?1",
	[Q_LIST] = "SELECT key, value, revision FROM record WHERE key >= ?1 AND key < ?2 AND key > ?4 "
		   "ORDER BY key LIMIT ?3",
	[Q_VERSION] = "PRAGMA data_version",
	[Q_CHANGED] = "SELECT key, value, revision FROM record WHERE revision > ?3 "
		      "UNION ALL SELECT key, NULL, revision FROM gone WHERE revision > ?3 ORDER BY 3",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

struct sqlite {
	struct store store;
	sqlite3 *db;
	sqlite3_stmt *q[Q_COUNT];
	char *path;
	int lock;        /* descriptor of the lock file; -1: none */
	int64_t version; /* of the data, as the database counts changes by others */
	int64_t seen;    /* revision up to which the watcher knows */
};

static struct sqlite *sqlite_of(struct store *s)
{
	return (struct sqlite *)(void *)s;
}

/* --- Errors --- */

static const char *remedy(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL: return "the disk is full; make room, nothing was changed";
	case SQLITE_READONLY: return "it may not be written; look at its owner, its mode and its file system";
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return "cannot be opened; look at the owner and the mode of it and of its directory";
	case SQLITE_CORRUPT: return "the database is damaged; restore it from a copy";
	case SQLITE_NOTADB: return "it is no database of this kind, or it is damaged";
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return "another process is writing to it; try again";
	default: return NULL;
	}
}

static enum store_result sqlite_fault(struct sqlite *d, struct err *err)
{
	int code = sqlite3_extended_errcode(d->db);
	const char *why = remedy(code);

	if (why != NULL)
		err_set(err, "store %s: %s", d->path, why);
	else
		err_set(err, "store %s: %s (%d)", d->path, sqlite3_errmsg(d->db), code);
	return STORE_FAILED;
}

/* --- Statements --- */

static int sqlite_bind(sqlite3_stmt *q, int at, struct span s, bool blob)
{
	if (at > sqlite3_bind_parameter_count(q))
		return SQLITE_OK;
	/* What is bound lives until the statement has been reset. */
	return blob ? sqlite3_bind_blob(q, at, s.p != NULL ? s.p : "", (int)s.len, SQLITE_STATIC)
		    : sqlite3_bind_text(q, at, s.p != NULL ? s.p : "", (int)s.len, SQLITE_STATIC);
}

static sqlite3_stmt *sqlite_query(
	struct sqlite *d, enum statement which, struct span key, struct span value, int64_t number)
{
	sqlite3_stmt *q = d->q[which];

	sqlite_bind(q, 1, key, false);
	/* The upper end of a range of keys is a text, a value is not. */
	sqlite_bind(q, 2, value, which == Q_PUT);
	if (sqlite3_bind_parameter_count(q) >= 3)
		sqlite3_bind_int64(q, 3, number);
	return q;
}

/* Run a statement that gives at most one number; that is left in *out unless it is NULL. False when it failed. */
static bool sqlite_do(struct sqlite *d, enum statement which, struct span key, struct span value,
	int64_t number, int64_t *out)
{
	sqlite3_stmt *q = sqlite_query(d, which, key, value, number);
	int code;

	while ((code = sqlite3_step(q)) == SQLITE_ROW)
		if (out != NULL)
			*out = sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return code == SQLITE_DONE;
}

static bool sqlite_plain(struct sqlite *d, enum statement which)
{
	return sqlite_do(d, which, SPAN(""), SPAN(""), 0, NULL);
}

/* --- Changing --- */

static enum store_result sqlite_check(struct sqlite *d, const struct store_step *step, struct err *err)
{
	int64_t is = STORE_ABSENT;

	if (step->kind == STORE_RANGE)
		return STORE_OK;
	if (!sqlite_do(d, Q_REVISION, step->key, SPAN(""), 0, &is))
		return sqlite_fault(d, err);
	return step->if_revision == STORE_ANY || step->if_revision == is ? STORE_OK : STORE_CONFLICT;
}

static bool sqlite_step(struct sqlite *d, const struct store_step *step, int64_t revision)
{
	if (step->kind == STORE_CHECK)
		return true;
	if (step->kind == STORE_RANGE)
		return sqlite_do(d, Q_RANGE, step->key, step->value, 0, NULL);
	if (step->value.p == NULL)
		return sqlite_do(d, Q_DELETE, step->key, SPAN(""), 0, NULL) &&
		       sqlite_do(d, Q_GONE, step->key, SPAN(""), revision, NULL);
	return sqlite_do(d, Q_PUT, step->key, step->value, revision, NULL) &&
	       sqlite_do(d, Q_BACK, step->key, SPAN(""), 0, NULL);
}

static enum store_result sqlite_within(
	struct sqlite *d, const struct store_step *steps, size_t count, int64_t *revision, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		enum store_result result = sqlite_check(d, &steps[i], err);
		if (result != STORE_OK)
			return result;
	}
	if (!sqlite_do(d, Q_NEXT, SPAN(""), SPAN(""), 0, revision))
		return sqlite_fault(d, err);
	for (size_t i = 0; i < count; i++)
		if (!sqlite_step(d, &steps[i], *revision))
			return sqlite_fault(d, err);
	if (!sqlite_do(d, Q_FORGET, SPAN(""), SPAN(""), *revision - GONE_KEPT, NULL) ||
		!sqlite_plain(d, Q_COMMIT))
		return sqlite_fault(d, err);
	return STORE_OK;
}

static enum store_result sqlite_commit(
	struct store *s, const struct store_step *steps, size_t count, int64_t *revision, struct err *err)
{
	struct sqlite *d = sqlite_of(s);

	if (!sqlite_plain(d, Q_BEGIN))
		return sqlite_fault(d, err);
	enum store_result result = sqlite_within(d, steps, count, revision, err);
	/* A failed statement may have rolled back already. */
	if (result != STORE_OK && !sqlite3_get_autocommit(d->db))
		sqlite_plain(d, Q_ROLLBACK);
	return result;
}

/* Known here from now on, unless another process's change lies between: then a poll tells of both. */
static bool sqlite_learn(struct store *s, int64_t revision)
{
	struct sqlite *d = sqlite_of(s);

	if (revision <= d->seen)
		return false;
	if (revision == d->seen + 1)
		d->seen = revision;
	return true;
}

/* --- Reading --- */

static struct span column(sqlite3_stmt *q, int at)
{
	if (sqlite3_column_type(q, at) == SQLITE_NULL)
		return span_of(NULL, 0);
	const char *p = sqlite3_column_blob(q, at);
	return span_of(p != NULL ? p : "", (size_t)sqlite3_column_bytes(q, at));
}

/* Calls fn for each row; *count says how many there were. */
static enum store_result sqlite_rows(struct sqlite *d, sqlite3_stmt *q, store_fn *fn, void *arg,
	int64_t *newest, size_t *count, struct err *err)
{
	int code;

	while ((code = sqlite3_step(q)) == SQLITE_ROW) {
		const struct store_record r = {column(q, 0), column(q, 1), sqlite3_column_int64(q, 2)};
		if (r.revision > *newest)
			*newest = r.revision;
		(*count)++;
		fn(arg, &r);
	}
	enum store_result result = code == SQLITE_DONE ? STORE_OK : sqlite_fault(d, err);
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return result;
}

static enum store_result sqlite_get(
	struct store *s, struct span key, store_fn *fn, void *arg, struct err *err)
{
	struct sqlite *d = sqlite_of(s);
	int64_t newest = 0;
	size_t count = 0;
	enum store_result result =
		sqlite_rows(d, sqlite_query(d, Q_GET, key, SPAN(""), 0), fn, arg, &newest, &count, err);

	return result == STORE_OK && count == 0 ? STORE_MISSING : result;
}

static enum store_result sqlite_list(struct store *s, struct span prefix, struct span after, size_t limit,
	store_fn *fn, void *arg, struct err *err)
{
	struct sqlite *d = sqlite_of(s);
	char end[STORE_KEY_MAX + 1];
	int64_t newest = 0;
	size_t count = 0;

	if (prefix.len > STORE_KEY_MAX)
		return STORE_OK;
	/* No text of UTF-8 has a byte 0xff: it is greater than all that may follow the prefix. */
	if (prefix.len > 0)
		memcpy(end, prefix.p, prefix.len);
	end[prefix.len] = (char)0xff;
	sqlite3_stmt *q = sqlite_query(
		d, Q_LIST, prefix, span_of(end, prefix.len + 1), limit == 0 ? -1 : (int64_t)limit);
	sqlite_bind(q, 4, after, false);
	return sqlite_rows(d, q, fn, arg, &newest, &count, err);
}

/* A change of our own may come again: to know a record twice does no harm. */
static enum store_result sqlite_poll(struct store *s, store_fn *fn, void *arg, struct err *err)
{
	struct sqlite *d = sqlite_of(s);
	int64_t version = d->version;
	size_t count = 0;

	if (!sqlite_do(d, Q_VERSION, SPAN(""), SPAN(""), 0, &version))
		return sqlite_fault(d, err);
	if (version == d->version)
		return STORE_OK;
	enum store_result result = sqlite_rows(
		d, sqlite_query(d, Q_CHANGED, SPAN(""), SPAN(""), d->seen), fn, arg, &d->seen, &count, err);
	if (result == STORE_OK)
		d->version = version;
	return result;
}

/* --- Opening --- */

static void sqlite_close(struct store *s)
{
	struct sqlite *d = sqlite_of(s);

	for (int i = 0; i < Q_COUNT; i++)
		sqlite3_finalize(d->q[i]);
	sqlite3_close(d->db);
	if (d->lock >= 0)
		close(d->lock);
	free(d->path);
	free(d);
}

static struct store *sqlite_writer(struct store *s, struct err *err);
static enum store_result sqlite_wipe(struct store *s, struct err *err);

static const struct store_ops sqlite_ops = {sqlite_commit, sqlite_get, sqlite_list, sqlite_poll,
	sqlite_writer, sqlite_learn, sqlite_wipe, sqlite_close};

/* The file has its mode before the first byte; its companions take it over. */
static int sqlite_touch(const char *path, bool create, struct err *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);

	if (fd < 0)
		return err_sys(err, "store %s", path);
	int rc = fchmod(fd, 0600) == 0 || errno == EROFS ? 0 : err_sys(err, "store %s: mode 0600", path);
	close(fd);
	return rc;
}

/* One edge for one database: two would not know of each other's connections. */
static int sqlite_lock(struct sqlite *d, struct err *err)
{
	char *name = mem_printf("%s.lock", d->path);
	int rc = 0;

	d->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->lock < 0)
		rc = err_sys(err, "store %s", name);
	else if (flock(d->lock, LOCK_EX | LOCK_NB) < 0)
		rc = err_set(err,
			"store %s: another tunnel edge serves it; stop that one, or give this one a store of "
			"its own",
			d->path);
	free(name);
	return rc;
}

static int sqlite_number(struct sqlite *d, const char *sql, int64_t *out, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int code = sqlite3_prepare_v2(d->db, sql, -1, &q, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(q);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(q, 0);
	if (code != SQLITE_ROW)
		sqlite_fault(d, err);
	sqlite3_finalize(q);
	return code == SQLITE_ROW ? 0 : -1;
}

static int sqlite_exec(struct sqlite *d, const char *sql, struct err *err)
{
	if (sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	sqlite_fault(d, err);
	return -1;
}

/* Asked again within the transaction: another process may have done it meanwhile. */
static int sqlite_upgrade(struct sqlite *d, struct err *err)
{
	int64_t version = 0;

	if (sqlite_exec(d, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	int rc = sqlite_number(d, "PRAGMA user_version", &version, err);
	for (int64_t i = version; rc == 0 && i < SCHEMA; i++)
		rc = sqlite_exec(d, schema[i], err);
	if (rc == 0) {
		char pragma[96];
		sqlite3_snprintf(sizeof(pragma), pragma,
			"PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, SCHEMA);
		rc = sqlite_exec(d, pragma, err);
	}
	if (rc == 0)
		rc = sqlite_exec(d, "COMMIT", err);
	if (rc < 0 && !sqlite3_get_autocommit(d->db))
		sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

static int sqlite_migrate(struct sqlite *d, struct err *err)
{
	int64_t version = 0, application = 0, tables = 0;

	if (sqlite_number(d, "PRAGMA user_version", &version, err) < 0 ||
		sqlite_number(d, "PRAGMA application_id", &application, err) < 0 ||
		sqlite_number(d, "SELECT count(*) FROM sqlite_master", &tables, err) < 0)
		return -1;
	if (tables > 0 && application != APPLICATION_ID)
		return err_set(err, "store %s: a database of another program; give another file", d->path);
	if (version > SCHEMA)
		return err_set(err,
			"store %s: made by a newer outbore (schema %lld, this one knows %d); use that "
			"version",
			d->path, (long long)version, SCHEMA);
	return version == SCHEMA ? 0 : sqlite_upgrade(d, err);
}

static int sqlite_verify(struct sqlite *d, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(d->db, "PRAGMA quick_check(1)", -1, &q, NULL) != SQLITE_OK ||
		sqlite3_step(q) != SQLITE_ROW) {
		sqlite_fault(d, err);
		rc = -1;
	} else if (strcmp((const char *)sqlite3_column_text(q, 0), "ok") != 0) {
		rc = err_set(err, "store %s: the database is damaged (%s); restore it from a copy", d->path,
			(const char *)sqlite3_column_text(q, 0));
	}
	sqlite3_finalize(q);
	return rc;
}

static int sqlite_prepare(struct sqlite *d, struct err *err)
{
	for (int i = 0; i < Q_COUNT; i++)
		if (sqlite3_prepare_v3(d->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &d->q[i], NULL) !=
			SQLITE_OK) {
			sqlite_fault(d, err);
			return -1;
		}
	if (!sqlite_do(d, Q_VERSION, SPAN(""), SPAN(""), 0, &d->version)) {
		sqlite_fault(d, err);
		return -1;
	}
	return sqlite_number(d, "SELECT value FROM counter WHERE name = 'revision'", &d->seen, err);
}

static int sqlite_connect(struct sqlite *d, struct err *err)
{
	if (sqlite3_open_v2(d->path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK) {
		sqlite_fault(d, err);
		return -1;
	}
	sqlite3_busy_timeout(d->db, BUSY_MS);
	/* What the file says is not to be trusted with more than it needs. */
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return sqlite_exec(
		d, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON", err);
}

static int sqlite_open(struct sqlite *d, enum store_use use, bool create, struct err *err)
{
	if (sqlite_touch(d->path, create, err) < 0 || (use == STORE_SERVE && sqlite_lock(d, err) < 0) ||
		sqlite_connect(d, err) < 0)
		return -1;
	if (sqlite_migrate(d, err) < 0 || sqlite_verify(d, err) < 0)
		return -1;
	return sqlite_prepare(d, err);
}

static struct sqlite *sqlite_new(const char *path)
{
	struct sqlite *d = mem_alloc(sizeof(*d));

	d->store.ops = &sqlite_ops;
	d->path = mem_strdup(path);
	d->lock = -1;
	return d;
}

/* Of the same file: it was looked at when that was opened. */
static struct store *sqlite_writer(struct store *s, struct err *err)
{
	struct sqlite *d = sqlite_new(sqlite_of(s)->path);

	if (sqlite_connect(d, err) < 0 || sqlite_prepare(d, err) < 0) {
		sqlite_close(&d->store);
		return NULL;
	}
	return &d->store;
}

/* Pages that were written over stand in the log until it is cut. */
static enum store_result sqlite_wipe(struct store *s, struct err *err)
{
	struct sqlite *d = sqlite_of(s);

	if (sqlite3_wal_checkpoint_v2(d->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
		return sqlite_fault(d, err);
	return STORE_OK;
}

struct store *store_open_sqlite(const char *path, enum store_use use, bool create, struct err *err)
{
	struct sqlite *d = sqlite_new(path);

	if (sqlite_open(d, use, create, err) < 0) {
		sqlite_close(&d->store);
		return NULL;
	}
	return &d->store;
}
