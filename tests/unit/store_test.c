/* Stores: both kinds do the same, by one table. What only a file has, after them. Sealed secrets. */
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "test.h"
#include "tunnel/store/record.h"
#include "tunnel/store/seal.h"

static char *temporary(void)
{
	char name[] = "/tmp/outbore-store-XXXXXX";

	if (mkdtemp(name) == NULL)
		abort();
	return mem_printf("%s/a.db", name);
}

static void forget(char *path)
{
	static const char *const tails[] = {"", "-wal", "-shm", ".lock", ".key"};

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		char *name = mem_printf("%s%s", path, tails[i]);
		unlink(name);
		free(name);
	}
	*strrchr(path, '/') = '\0';
	rmdir(path);
	free(path);
}

static struct store *open_file(const char *path)
{
	struct err err;

	return store_open_sqlite(path, STORE_SERVE, true, &err);
}

static struct store *open_memory(const char *path)
{
	(void)path;
	return store_open_memory();
}

static const struct kind {
	const char *name;
	struct store *(*open)(const char *path);
} kinds[] = {{"sqlite", open_file}, {"memory", open_memory}};

static const struct kind *kind; /* of the run at hand */

/* All keys and values that came by, "key=value;" each; "key-" for one that was deleted. */
static void gather(void *arg, const struct store_record *r)
{
	struct buf *out = arg;

	buf_add_span(out, r->key);
	buf_add_char(out, r->value.p != NULL ? '=' : '-');
	buf_add_span(out, r->value);
	buf_add_char(out, ';');
}

static void keep_revision(void *arg, const struct store_record *r)
{
	*(int64_t *)arg = r->revision;
}

static bool same(struct buf *text, const char *expected)
{
	bool ok = span_eq(buf_span(text), span_str(expected));

	if (!ok)
		fprintf(stderr, "%s: %.*s\n", kind->name, (int)buf_len(text), buf_span(text).p);
	buf_clear(text);
	return ok;
}

static void check_conditions(struct store *s)
{
	struct err err;
	int64_t first = 0, second = 0, is = 0;

	CHECK(store_put(s, SPAN("a"), SPAN("1"), STORE_ABSENT, &first, &err) == STORE_OK);
	CHECK(first > 0);
	CHECK(store_put(s, SPAN("a"), SPAN("2"), STORE_ABSENT, NULL, &err) == STORE_CONFLICT);
	CHECK(store_put(s, SPAN("a"), SPAN("2"), first, &second, &err) == STORE_OK);
	CHECK(second > first);
	CHECK(store_put(s, SPAN("a"), SPAN("3"), first, NULL, &err) == STORE_CONFLICT);
	CHECK(store_get(s, SPAN("a"), keep_revision, &is, &err) == STORE_OK && is == second);
	CHECK(store_get(s, SPAN("b"), keep_revision, &is, &err) == STORE_MISSING);
	CHECK(store_delete(s, SPAN("a"), first, &err) == STORE_CONFLICT);
	CHECK(store_delete(s, SPAN("a"), second, &err) == STORE_OK);
	CHECK(store_get(s, SPAN("a"), keep_revision, &is, &err) == STORE_MISSING);
	CHECK(store_put(s, SPAN(""), SPAN("1"), STORE_ANY, NULL, &err) == STORE_FAILED);
	CHECK(store_put(s, span_of("a\0b", 3), SPAN("1"), STORE_ANY, NULL, &err) == STORE_FAILED);
}

static void check_batches(struct store *s)
{
	struct err err;
	struct buf text = {0};
	struct store_step good[] = {{SPAN("t/1"), SPAN("one"), STORE_ABSENT, STORE_SET},
		{SPAN("n/x"), SPAN("1"), STORE_ABSENT, STORE_SET},
		{.key = SPAN("t/0"), .if_revision = STORE_ANY}};
	struct store_step bad[] = {{SPAN("t/2"), SPAN("two"), STORE_ABSENT, STORE_SET},
		{SPAN("n/x"), SPAN("2"), STORE_ABSENT, STORE_SET}};

	store_watch(s, gather, &text);
	CHECK(store_commit(s, good, 3, NULL, &err) == STORE_OK);
	CHECK(same(&text, "t/1=one;n/x=1;t/0-;"));
	CHECK(store_commit(s, bad, 2, NULL, &err) == STORE_CONFLICT);
	CHECK(same(&text, ""));
	store_watch(s, NULL, NULL);
	CHECK(store_list(s, SPAN("t/"), SPAN(""), 0, gather, &text, &err) == STORE_OK);
	CHECK(same(&text, "t/1=one;"));
	buf_free(&text);
}

static void check_lists(struct store *s)
{
	static const char *const keys[] = {
		"k/b", "k/a", "k/\xc3\xa4", "k", "k0", "l/a", "k/a'; DROP TABLE record; --"};
	struct err err;
	struct buf text = {0};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		CHECK(store_put(s, span_str(keys[i]), SPAN(""), STORE_ANY, NULL, &err) == STORE_OK);
	CHECK(store_list(s, SPAN("k/"), SPAN(""), 0, gather, &text, &err) == STORE_OK);
	CHECK(same(&text, "k/a=;k/a'; DROP TABLE record; --=;k/b=;k/\xc3\xa4=;"));
	CHECK(store_list(s, SPAN("k/"), SPAN("k/a"), 2, gather, &text, &err) == STORE_OK);
	CHECK(same(&text, "k/a'; DROP TABLE record; --=;k/b=;"));
	CHECK(store_list(s, SPAN("m"), SPAN(""), 0, gather, &text, &err) == STORE_OK);
	CHECK(same(&text, ""));
	buf_free(&text);
}

static void check_kinds_of_steps(struct store *s)
{
	struct err err;
	struct buf text = {0};
	int64_t revision = 0;

	store_put(s, SPAN("t/1"), SPAN("good"), STORE_ABSENT, &revision, &err);
	const struct store_step checked[] = {
		{.key = SPAN("t/1"), .if_revision = revision, .kind = STORE_CHECK},
		{.key = SPAN("c"), .value = SPAN("1"), .if_revision = STORE_ANY}};
	store_watch(s, gather, &text);
	CHECK(store_commit(s, checked, 2, NULL, &err) == STORE_OK);
	CHECK(same(&text, "c=1;"));
	CHECK(store_delete(s, SPAN("t/1"), STORE_ANY, &err) == STORE_OK);
	CHECK(same(&text, "t/1-;"));
	CHECK(store_commit(s, checked, 2, NULL, &err) == STORE_CONFLICT);
	for (const char *key = "abcde"; *key != '\0'; key++) {
		char name[] = {'r', '/', *key, '\0'};
		store_put(s, span_str(name), SPAN(""), STORE_ANY, NULL, &err);
	}
	buf_clear(&text);
	const struct store_step range = {.key = SPAN("r/b"), .value = SPAN("r/d"), .kind = STORE_RANGE};
	CHECK(store_commit(s, &range, 1, NULL, &err) == STORE_OK);
	CHECK(same(&text, "")); /* nobody is told */
	store_watch(s, NULL, NULL);
	CHECK(store_list(s, SPAN("r/"), SPAN(""), 0, gather, &text, &err) == STORE_OK);
	CHECK(same(&text, "r/a=;r/d=;r/e=;"));
	const struct store_step empty = {.key = SPAN("r/d"), .value = SPAN("r/a"), .kind = STORE_RANGE};
	CHECK(store_commit(s, &empty, 1, NULL, &err) == STORE_OK);
	const struct store_step bad = {.key = SPAN("r/d"), .kind = STORE_RANGE};
	CHECK(store_commit(s, &bad, 1, NULL, &err) == STORE_FAILED);
	CHECK(store_list(s, SPAN("r/"), SPAN(""), 0, gather, &text, &err) == STORE_OK);
	CHECK(same(&text, "r/a=;r/d=;r/e=;"));
	buf_free(&text);
}

static void both_kinds(void (*check)(struct store *s))
{
	for (size_t i = 0; i < 2; i++) {
		char *path = temporary();
		kind = &kinds[i];
		struct store *s = kind->open(path);
		CHECK_FOR(s != NULL, "%s", kind->name);
		if (s != NULL)
			check(s);
		store_close(s);
		forget(path);
	}
}

static void a_record_changes_only_from_the_revision_that_was_named(void)
{
	both_kinds(check_conditions);
}

static void a_commit_is_done_whole_or_not_at_all(void)
{
	both_kinds(check_batches);
}

static void records_are_listed_by_prefix_in_order(void)
{
	both_kinds(check_lists);
}

static void a_step_may_be_a_condition_alone_or_delete_a_range(void)
{
	both_kinds(check_kinds_of_steps);
}

/* --- Files --- */

static void a_file_keeps_its_records_and_nobody_else_may_read_it(void)
{
	char *path = temporary();
	struct err err;
	struct buf text = {0};
	struct stat st;
	struct store *s = open_file(path);

	store_put(s, SPAN("a"), SPAN("kept"), STORE_ANY, NULL, &err);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	char *wal = mem_printf("%s-wal", path);
	CHECK(stat(wal, &st) == 0 && (st.st_mode & 0777) == 0600);
	free(wal);
	store_close(s);
	s = open_file(path);
	CHECK(store_get(s, SPAN("a"), gather, &text, &err) == STORE_OK);
	kind = &kinds[0];
	CHECK(same(&text, "a=kept;"));
	store_close(s);
	buf_free(&text);
	forget(path);
}

static void a_second_edge_is_refused_and_a_command_is_not(void)
{
	char *path = temporary();
	struct err err = {{0}};
	struct buf text = {0};
	struct store *first = open_file(path);

	CHECK(store_open_sqlite(path, STORE_SERVE, true, &err) == NULL);
	CHECK_FOR(strstr(err.text, "another tunnel edge serves it") != NULL, "%s", err.text);
	struct store *command = store_open_sqlite(path, STORE_TOUCH, false, &err);
	CHECK(command != NULL);
	store_watch(first, gather, &text);
	CHECK(store_poll(first, &err) == STORE_OK);
	store_put(first, SPAN("own"), SPAN("0"), STORE_ANY, NULL, &err);
	buf_clear(&text);
	store_put(command, SPAN("a"), SPAN("1"), STORE_ANY, NULL, &err);
	store_put(command, SPAN("b"), SPAN("2"), STORE_ANY, NULL, &err);
	store_delete(command, SPAN("a"), STORE_ANY, &err);
	kind = &kinds[0];
	CHECK(store_poll(first, &err) == STORE_OK);
	CHECK(same(&text, "b=2;a-;"));
	CHECK(store_poll(first, &err) == STORE_OK);
	CHECK(same(&text, ""));
	store_close(command);
	store_close(first);
	buf_free(&text);
	forget(path);
}

/* Every order in which a commit of the writer, one of a command and a poll can come: the newest is told last. */
static void what_the_writer_commits_is_told_once_and_never_after_what_is_newer(void)
{
	char *path = temporary();
	struct err err = {{0}};
	struct buf text = {0};
	struct store *s = open_file(path), *writer = store_writer(s, &err);
	struct store *command = store_open_sqlite(path, STORE_TOUCH, false, &err);
	const struct store_step one = {SPAN("a"), SPAN("1"), STORE_ANY, STORE_SET},
				two = {SPAN("a"), SPAN("2"), STORE_ANY, STORE_SET};
	int64_t revision = 0;

	CHECK_FOR(writer != NULL && command != NULL, "%s", err.text);
	kind = &kinds[0];
	store_watch(s, gather, &text);
	CHECK(store_commit(writer, &one, 1, &revision, &err) == STORE_OK);
	store_told(s, &one, 1, revision);
	CHECK(same(&text, "a=1;"));
	CHECK(store_poll(s, &err) == STORE_OK);
	CHECK(same(&text, ""));
	/* A poll came first, and a command had written meanwhile. */
	CHECK(store_commit(writer, &one, 1, &revision, &err) == STORE_OK);
	CHECK(store_commit(command, &two, 1, NULL, &err) == STORE_OK);
	CHECK(store_poll(s, &err) == STORE_OK);
	CHECK(same(&text, "a=2;"));
	store_told(s, &one, 1, revision);
	CHECK(same(&text, ""));
	/* The command's change, still unknown, lies before that of the writer. */
	CHECK(store_put(command, SPAN("b"), SPAN("3"), STORE_ANY, NULL, &err) == STORE_OK);
	CHECK(store_commit(writer, &one, 1, &revision, &err) == STORE_OK);
	store_told(s, &one, 1, revision);
	CHECK(same(&text, "a=1;"));
	CHECK(store_poll(s, &err) == STORE_OK);
	CHECK(same(&text, "b=3;a=1;"));
	store_close(command);
	store_close(writer);
	store_close(s);
	buf_free(&text);
	forget(path);
}

/* Does the file hold this text? A missing file does not. */
static bool file_holds(const char *path, const char *tail, struct span text)
{
	char *name = mem_printf("%s%s", path, tail);
	FILE *f = fopen(name, "rb");
	char *bytes = mem_alloc(1 << 20);
	size_t len = f != NULL ? fread(bytes, 1, 1 << 20, f) : 0;
	bool holds = memmem(bytes, len, text.p, text.len) != NULL;

	if (f != NULL)
		fclose(f);
	free(bytes);
	free(name);
	return holds;
}

static void what_was_deleted_leaves_the_disk_when_wiped(void)
{
	char *path = temporary();
	struct err err = {{0}};
	struct store *s = open_file(path);
	struct span text = SPAN("a text to be found nowhere");

	store_put(s, SPAN("a"), text, STORE_ANY, NULL, &err);
	CHECK(file_holds(path, "-wal", text));
	store_delete(s, SPAN("a"), STORE_ANY, &err);
	CHECK(file_holds(path, "-wal", text));
	CHECK_FOR(store_wipe(s, &err) == STORE_OK, "%s", err.text);
	CHECK(!file_holds(path, "-wal", text) && !file_holds(path, "", text));
	store_close(s);
	forget(path);
}

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK_FOR(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void an_older_schema_is_brought_forward_with_its_records(void)
{
	char *path = temporary();
	struct err err = {{0}};
	struct buf text = {0};

	run_sql(path,
		"CREATE TABLE record(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, revision INTEGER "
		"NOT NULL)"
		" WITHOUT ROWID;"
		"CREATE TABLE counter(name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID;"
		"INSERT INTO counter VALUES('revision', 7);"
		"INSERT INTO record VALUES('old', 'kept', 7);"
		"PRAGMA application_id = 1869968495; PRAGMA user_version = 1");
	struct store *s = open_file(path);
	CHECK(s != NULL);
	if (s != NULL) {
		int64_t revision = 0;
		kind = &kinds[0];
		CHECK(store_get(s, SPAN("old"), gather, &text, &err) == STORE_OK);
		CHECK(same(&text, "old=kept;"));
		CHECK(store_delete(s, SPAN("old"), 7, &err) == STORE_OK);
		CHECK(store_put(s, SPAN("new"), SPAN(""), STORE_ANY, &revision, &err) == STORE_OK);
		CHECK(revision == 9);
	}
	store_close(s);
	buf_free(&text);
	forget(path);
}

static void refused(const char *path, const char *why)
{
	struct err err = {{0}};
	struct store *s = store_open_sqlite(path, STORE_SERVE, true, &err);

	CHECK_FOR(s == NULL && strstr(err.text, why) != NULL, "%s: %s", why, err.text);
	store_close(s);
}

static void files_that_are_no_store_are_refused_by_name(void)
{
	char *path = temporary();
	int fd;

	store_close(open_file(path));
	run_sql(path, "PRAGMA user_version = 99");
	refused(path, "made by a newer outbore (schema 99");
	unlink(path);
	run_sql(path, "CREATE TABLE contacts(name)");
	refused(path, "a database of another program");
	fd = open(path, O_WRONLY | O_TRUNC);
	CHECK(write(fd, "this is a text and no database whatsoever\n", 42) == 42);
	close(fd);
	refused(path, "it is no database of this kind");
	unlink(path);
	mkdir(path, 0700);
	refused(path, "Is a directory");
	rmdir(path);
	forget(path);
}

static void a_damaged_file_is_refused(void)
{
	char *path = temporary(), page[4096];
	struct err err;
	struct store *s = open_file(path);

	memset(page, 0xa5, sizeof(page));
	for (int i = 0; i < 200; i++) {
		char key[16];
		snprintf(key, sizeof(key), "key/%03d", i);
		store_put(s, span_str(key), SPAN("some value that fills the pages of the file up"), STORE_ANY,
			NULL, &err);
	}
	store_close(s);
	int fd = open(path, O_WRONLY);
	for (off_t at = 4096; at < lseek(fd, 0, SEEK_END); at += 4096)
		CHECK(pwrite(fd, page, sizeof(page), at) == (ssize_t)sizeof(page));
	close(fd);
	refused(path, "damaged");
	forget(path);
}

/* --- Secrets --- */

static void a_sealed_secret_opens_with_its_key_and_its_tunnel_only(void)
{
	struct seal seal = {0}, other = {0};
	struct uuid id, id2;
	struct buf text = {0}, again = {0};
	struct secret out = {0};

	uuid_random(&id);
	uuid_random(&id2);
	seal_random(&seal);
	seal_random(&other);
	CHECK(seal_close(&seal, &id, SPAN("0123456789abcdef"), &text) == 0);
	CHECK(seal_close(&seal, &id, SPAN("0123456789abcdef"), &again) == 0);
	CHECK(!span_eq(buf_span(&text), buf_span(&again)));
	CHECK(seal_open(&seal, &id, buf_span(&text), &out) == 0 && out.len == 16 &&
		memcmp(out.data, "0123456789abcdef", 16) == 0);
	CHECK(seal_open(&seal, &id2, buf_span(&text), &out) < 0);
	CHECK(seal_open(&other, &id, buf_span(&text), &out) < 0);
	for (size_t i = 0; i < buf_len(&text); i++) {
		char was = text.data[text.head + i];
		text.data[text.head + i] = was == 'A' ? 'B' : 'A';
		CHECK_FOR(seal_open(&seal, &id, buf_span(&text), &out) < 0, "byte %zu", i);
		text.data[text.head + i] = was;
	}
	secret_free(&out);
	seal_free(&seal);
	seal_free(&other);
	buf_free(&text);
	buf_free(&again);
}

static void a_tunnel_record_comes_back_as_it_was(void)
{
	char name[] = "na\"me\xc3\xa4", account[] = "0123456789abcdef0123456789abcdef", sealed[] = "c2VhbGVk";
	struct tunnel_record t = {.name = name,
		.account = account,
		.is_remote = true,
		.created_at = 1767323045123456,
		.current = {.version = 3, .sealed = sealed},
		.previous = {.version = 2},
		.previous_expires_at = 1767323145123456};
	struct tunnel_record back;
	struct buf text = {0};
	struct err err;

	uuid_random(&t.id);
	memset(t.current.proof, 7, sizeof(t.current.proof));
	memset(t.previous.proof, 9, sizeof(t.previous.proof));
	CHECK(tunnel_record_print(&t, &text) == 0);
	CHECK(tunnel_record_parse(buf_span(&text), &back, &err) == 0);
	CHECK(uuid_eq(&t.id, &back.id) && strcmp(back.name, name) == 0 && back.is_remote && !back.is_quick);
	CHECK(back.current.version == 3 && strcmp(back.current.sealed, sealed) == 0 &&
		back.current.proof[31] == 7);
	CHECK(back.previous.version == 2 && back.previous.sealed == NULL && back.previous.proof[0] == 9);
	CHECK(back.previous_expires_at == t.previous_expires_at && back.created_at == t.created_at);
	tunnel_record_free(&back);
	CHECK(tunnel_record_parse(SPAN("{\"id\":\"x\"}"), &back, &err) < 0);
	CHECK(tunnel_record_parse(SPAN("[]"), &back, &err) < 0);
	buf_free(&text);
}

TEST_MAIN(TEST(a_record_changes_only_from_the_revision_that_was_named),
	TEST(a_commit_is_done_whole_or_not_at_all), TEST(records_are_listed_by_prefix_in_order),
	TEST(a_file_keeps_its_records_and_nobody_else_may_read_it),
	TEST(a_step_may_be_a_condition_alone_or_delete_a_range),
	TEST(a_second_edge_is_refused_and_a_command_is_not),
	TEST(what_the_writer_commits_is_told_once_and_never_after_what_is_newer),
	TEST(what_was_deleted_leaves_the_disk_when_wiped),
	TEST(an_older_schema_is_brought_forward_with_its_records),
	TEST(files_that_are_no_store_are_refused_by_name), TEST(a_damaged_file_is_refused),
	TEST(a_sealed_secret_opens_with_its_key_and_its_tunnel_only),
	TEST(a_tunnel_record_comes_back_as_it_was))
