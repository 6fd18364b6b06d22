/* Files on a real file system, changed in each of the ways that occur, and watched in a real loop. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/net/watch.h"
#include "test.h"

#define SETTLE_MS 40
#define QUIET_MS (SETTLE_MS * 5) /* nothing comes within it: nothing will */
#define COME_MS 10000            /* only a failing test waits so long */

struct bench {
	struct loop *loop;
	struct watch *watch;
	struct loop_timer timer;
	char dir[64];
	unsigned calls;
	bool timed_out;
};

static const char *in(struct bench *b, const char *name)
{
	static char path[8][256]; /* several in one call */
	static unsigned next;

	next = (next + 1) % 8;
	snprintf(path[next], sizeof(path[next]), "%s%s%s", b->dir, name[0] != '\0' ? "/" : "", name);
	return path[next];
}

static void put(struct bench *b, const char *name, const char *text)
{
	int fd = open(in(b, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK_FOR(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s", name);
	close(fd);
}

static void bench_on_change(void *arg)
{
	struct bench *b = arg;

	b->calls++;
	loop_stop(b->loop);
}

static void bench_on_time(void *arg)
{
	struct bench *b = arg;

	b->timed_out = true;
	loop_stop(b->loop);
}

static void bench_open(struct bench *b)
{
	struct err err;

	*b = (struct bench){.dir = "/tmp/watch-test.XXXXXX"};
	CHECK(mkdtemp(b->dir) != NULL);
	b->loop = loop_new(&err);
	loop_timer_init(&b->timer, b->loop, bench_on_time, b);
}

static void bench_watch(struct bench *b, const char *name)
{
	struct watch_conf conf = {.path = in(b, name), .max = 100, .settle_ms = SETTLE_MS};

	b->watch = watch_open(b->loop, &conf, bench_on_change, b);
}

static void bench_close(struct bench *b)
{
	char command[128];

	watch_free(b->watch);
	loop_timer_fini(&b->timer);
	loop_free(b->loop);
	snprintf(command, sizeof(command), "rm -r %s", b->dir);
	CHECK(system(command) == 0);
}

/* Run until it is called, or until ms have passed. True when it was called. */
static bool bench_called(struct bench *b, uint64_t ms)
{
	unsigned before = b->calls;

	b->timed_out = false;
	loop_timer_start(&b->timer, ms);
	loop_run(b->loop);
	loop_timer_stop(&b->timer);
	return b->calls > before;
}

#define COMES(b) CHECK(bench_called(b, COME_MS))
#define QUIET(b) CHECK(!bench_called(b, QUIET_MS))

static void written_in_place(void)
{
	struct bench b;

	bench_open(&b);
	put(&b, "f", "one");
	bench_watch(&b, "f");
	QUIET(&b);
	put(&b, "f", "two");
	COMES(&b);
	QUIET(&b);
	put(&b, "other", "x");
	put(&b, "f", "two");
	CHECK(utimensat(AT_FDCWD, in(&b, "f"), NULL, 0) == 0);
	QUIET(&b);
	bench_close(&b);
}

static void renamed_over_as_editors_do(void)
{
	struct bench b;

	bench_open(&b);
	put(&b, "f", "one");
	bench_watch(&b, "f");
	put(&b, "f.new", "two");
	CHECK(rename(in(&b, "f.new"), in(&b, "f")) == 0);
	COMES(&b);
	/* The old one is moved away first. */
	CHECK(rename(in(&b, "f"), in(&b, "f~")) == 0);
	QUIET(&b);
	put(&b, "f", "three");
	COMES(&b);
	/* The same contents in another file. */
	put(&b, "f.new", "three");
	CHECK(rename(in(&b, "f.new"), in(&b, "f")) == 0);
	QUIET(&b);
	bench_close(&b);
}

static void missing_at_first(void)
{
	struct bench b;

	bench_open(&b);
	bench_watch(&b, "a/b/f");
	QUIET(&b);
	CHECK(mkdir(in(&b, "a"), 0700) == 0 && mkdir(in(&b, "a/b"), 0700) == 0);
	QUIET(&b);
	put(&b, "a/b/f", "one");
	COMES(&b);
	CHECK(unlink(in(&b, "a/b/f")) == 0);
	QUIET(&b);
	put(&b, "a/b/f", "one");
	QUIET(&b);
	bench_close(&b);
}

/* As kubelet's atomic writer does it. */
static void swap_data(struct bench *b, const char *version, const char *text)
{
	char name[64];

	CHECK(mkdir(in(b, version), 0700) == 0);
	snprintf(name, sizeof(name), "%s/f", version);
	put(b, name, text);
	CHECK(symlink(version, in(b, "..data_tmp")) == 0);
	CHECK(rename(in(b, "..data_tmp"), in(b, "..data")) == 0);
}

static void kubernetes_swaps_a_link(void)
{
	struct bench b;

	bench_open(&b);
	swap_data(&b, "..2026_01_02_03_04_05.1", "one");
	CHECK(symlink("..data/f", in(&b, "f")) == 0);
	bench_watch(&b, "f");
	QUIET(&b);
	swap_data(&b, "..2026_01_02_03_05_05.2", "two");
	CHECK(unlink(in(&b, "..2026_01_02_03_04_05.1/f")) == 0);
	CHECK(rmdir(in(&b, "..2026_01_02_03_04_05.1")) == 0);
	COMES(&b);
	swap_data(&b, "..2026_01_02_03_06_05.3", "two");
	QUIET(&b);
	swap_data(&b, "..2026_01_02_03_07_05.4", "three");
	COMES(&b);
	bench_close(&b);
}

static void links_that_lead_elsewhere(void)
{
	struct bench b;

	bench_open(&b);
	CHECK(mkdir(in(&b, "real"), 0700) == 0 && mkdir(in(&b, "next"), 0700) == 0);
	put(&b, "real/f", "one");
	put(&b, "next/f", "two");
	CHECK(symlink(in(&b, "real"), in(&b, "dir")) == 0);
	CHECK(symlink("./real/../dir/f", in(&b, "f")) == 0);
	bench_watch(&b, "f");
	/* In the far directory. */
	put(&b, "real/f", "three");
	COMES(&b);
	/* A link in the middle. */
	CHECK(symlink("next", in(&b, "dir.new")) == 0);
	CHECK(rename(in(&b, "dir.new"), in(&b, "dir")) == 0);
	COMES(&b);
	put(&b, "next/f", "four");
	COMES(&b);
	/* A circle cannot be read. */
	CHECK(unlink(in(&b, "dir")) == 0 && symlink("dir", in(&b, "dir")) == 0);
	COMES(&b);
	CHECK(unlink(in(&b, "dir")) == 0 && symlink("real", in(&b, "dir")) == 0);
	COMES(&b);
	bench_close(&b);
}

static void the_directory_is_replaced(void)
{
	struct bench b;

	bench_open(&b);
	CHECK(mkdir(in(&b, "a"), 0700) == 0 && mkdir(in(&b, "a/b"), 0700) == 0);
	put(&b, "a/b/f", "one");
	bench_watch(&b, "a/b/f");
	/* The one above it, so that nothing happens in the file's own. */
	CHECK(mkdir(in(&b, "c"), 0700) == 0 && mkdir(in(&b, "c/b"), 0700) == 0);
	put(&b, "c/b/f", "two");
	CHECK(rename(in(&b, "a"), in(&b, "a.old")) == 0 && rename(in(&b, "c"), in(&b, "a")) == 0);
	COMES(&b);
	put(&b, "a.old/b/f", "three");
	QUIET(&b);
	put(&b, "a/b/f", "four");
	COMES(&b);
	/* Removed, made again. */
	CHECK(unlink(in(&b, "a/b/f")) == 0 && rmdir(in(&b, "a/b")) == 0);
	QUIET(&b);
	CHECK(mkdir(in(&b, "a/b"), 0700) == 0);
	put(&b, "a/b/f", "five");
	COMES(&b);
	bench_close(&b);
}

static void what_cannot_be_read_is_told_once(void)
{
	struct bench b;
	char large[102];

	memset(large, 'x', sizeof(large));
	large[101] = '\0';
	bench_open(&b);
	put(&b, "f", "one");
	bench_watch(&b, "f");
	put(&b, "f", large);
	COMES(&b);
	large[0] = 'y';
	put(&b, "f", large);
	QUIET(&b);
	put(&b, "f", "one");
	QUIET(&b);
	large[100] = '\0';
	put(&b, "f", large);
	COMES(&b);
	bench_close(&b);
}

static void a_pipe_is_not_read(void)
{
	struct bench b;

	bench_open(&b);
	CHECK(mkfifo(in(&b, "f"), 0600) == 0);
	bench_watch(&b, "f");
	QUIET(&b);
	CHECK(unlink(in(&b, "f")) == 0);
	put(&b, "f", "one");
	COMES(&b);
	bench_close(&b);
}

static void noted_contents_are_not_told(void)
{
	struct bench b;

	bench_open(&b);
	put(&b, "f", "one");
	bench_watch(&b, "f");
	put(&b, "f", "two");
	watch_note(b.watch);
	QUIET(&b);
	put(&b, "f", "one");
	COMES(&b);
	bench_close(&b);
}

/* Writes that never pause do not put it off for ever. */
static void a_file_that_never_rests(void)
{
	struct bench b;
	char text[16];
	int i = 0;

	bench_open(&b);
	put(&b, "f", "one");
	bench_watch(&b, "f");
	for (; i < 1000 && b.calls == 0; i++) {
		snprintf(text, sizeof(text), "%d", i);
		put(&b, "f", text);
		bench_called(&b, SETTLE_MS / 4);
	}
	CHECK(b.calls == 1 && i >= 10); /* not before it had settled, either */
	bench_close(&b);
}

static void freed_in_its_own_call_on_change(void *arg)
{
	struct bench *b = arg;

	watch_free(b->watch);
	b->watch = NULL;
	bench_on_change(b);
}

static void freed_in_its_own_call(void)
{
	struct bench b;

	bench_open(&b);
	put(&b, "f", "one");
	struct watch_conf conf = {.path = in(&b, "f"), .max = 100, .settle_ms = SETTLE_MS};
	b.watch = watch_open(b.loop, &conf, freed_in_its_own_call_on_change, &b);
	put(&b, "f", "two");
	COMES(&b);
	put(&b, "f", "three");
	QUIET(&b);
	bench_close(&b);
}

TEST_MAIN(TEST(written_in_place), TEST(renamed_over_as_editors_do), TEST(missing_at_first),
	TEST(kubernetes_swaps_a_link), TEST(links_that_lead_elsewhere), TEST(the_directory_is_replaced),
	TEST(what_cannot_be_read_is_told_once), TEST(a_pipe_is_not_read), TEST(a_file_that_never_rests),
	TEST(noted_contents_are_not_told), TEST(freed_in_its_own_call))
