/* A file seen through its directories. The way to it is walked as the kernel does, link by link; each step is a directory and
 * the one name in it that matters. After an event for such a name, and a pause, the way is walked again and the contents are
 * compared by their hash. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/secret.h"
#include "common/net/watch.h"

#define WATCH_CHUNK 8192

/* One directory on the way. */
struct watch_step {
	struct watch *watch;
	char *dir, *name; /* owned: an absolute path without links, and the entry looked up in it */
	dev_t dev;
	ino_t ino;
	struct loop_dir *handle; /* NULL when it cannot be watched */
};

struct watch_way {
	struct watch_step step[WATCH_DIRS_MAX];
	size_t count;
	bool is_blind; /* not all of it is watched */
};

enum watch_look {
	WATCH_MISSING,
	WATCH_UNREADABLE,
	WATCH_READ,
};

struct watch {
	struct loop *loop;
	char *path; /* absolute */
	size_t max;
	uint64_t settle_ms;
	watch_fn *fn;
	void *arg;
	struct watch_way *way;
	struct loop_timer settle, look;
	uint64_t first_ms; /* when the events began that wait to settle; 0 when none do */
	bool was_read;     /* hash is set */
	bool unreadable;   /* and that has been told */
	unsigned char hash[SECRET_HASH_LEN];
};

/* --- The way --- */

static void way_free(struct watch_way *way)
{
	if (way == NULL)
		return;
	for (size_t i = 0; i < way->count; i++) {
		loop_unwatch_dir(way->step[i].handle);
		free(way->step[i].dir);
		free(way->step[i].name);
	}
	free(way);
}

static void way_add(struct watch_way *way, const char *dir, struct span name)
{
	struct stat st;

	if (way->count == WATCH_DIRS_MAX || stat(dir, &st) < 0) {
		way->is_blind = true;
		return;
	}
	way->step[way->count++] = (struct watch_step){
		.dir = mem_strdup(dir), .name = mem_spandup(name), .dev = st.st_dev, .ino = st.st_ino};
}

/* Where the walk is: dir has no links and no slash at its end, but for "/" alone, which is empty. */
struct walk {
	char dir[PATH_MAX], rest[PATH_MAX];
	unsigned links;
};

static void walk_up(struct walk *k)
{
	char *slash = strrchr(k->dir, '/');

	if (slash != NULL)
		*slash = '\0';
}

/* Take the first name off the rest; empty at its end. */
static struct span walk_name(struct walk *k, char name[NAME_MAX + 1])
{
	char *from = k->rest + strspn(k->rest, "/");
	size_t len = strcspn(from, "/");

	if (len > NAME_MAX)
		return (struct span){name, 0};
	memcpy(name, from, len);
	name[len] = '\0';
	memmove(k->rest, from + len, strlen(from + len) + 1);
	return (struct span){name, len};
}

/* Put a link's text in front of the rest. False when there is too much of it. */
static bool walk_link(struct walk *k, const char *path)
{
	char text[PATH_MAX];
	ssize_t n = readlink(path, text, sizeof(text) - 1);
	size_t rest = strlen(k->rest);

	if (n <= 0 || ++k->links > WATCH_LINKS_MAX || (size_t)n + rest >= sizeof(k->rest))
		return false;
	memmove(k->rest + n, k->rest, rest + 1);
	memcpy(k->rest, text, (size_t)n);
	if (text[0] == '/')
		k->dir[0] = '\0';
	return true;
}

/* One name further. False at the end of the way, or where it breaks off. */
static bool walk_step(struct walk *k, struct watch_way *way)
{
	char name[NAME_MAX + 1], path[PATH_MAX];
	struct span entry = walk_name(k, name);
	struct stat st;

	if (entry.len == 0)
		return false;
	if (span_eq(entry, SPAN(".")))
		return true;
	if (span_eq(entry, SPAN(".."))) {
		walk_up(k);
		return true;
	}
	way_add(way, k->dir[0] != '\0' ? k->dir : "/", entry);
	size_t len = strlen(k->dir);
	if (len + 1 + entry.len >= sizeof(path))
		return false;
	memcpy(path, k->dir, len);
	path[len] = '/';
	memcpy(path + len + 1, name, entry.len + 1);
	if (lstat(path, &st) < 0)
		return false;
	if (S_ISLNK(st.st_mode))
		return walk_link(k, path);
	memcpy(k->dir, path, len + 1 + entry.len + 1);
	return S_ISDIR(st.st_mode);
}

static struct watch_way *way_walk(const char *path)
{
	struct watch_way *way = mem_alloc(sizeof(*way));
	struct walk k = {.links = 0};
	size_t len = strlen(path);

	if (len >= sizeof(k.rest)) {
		way->is_blind = true;
		return way;
	}
	memcpy(k.rest, path, len + 1);
	while (walk_step(&k, way))
		;
	return way;
}

static bool way_equal(const struct watch_way *a, const struct watch_way *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct watch_step *x = &a->step[i], *y = &b->step[i];
		if (x->dev != y->dev || x->ino != y->ino || strcmp(x->dir, y->dir) != 0 ||
			strcmp(x->name, y->name) != 0)
			return false;
	}
	return true;
}

/* --- Events --- */

static void watch_soon(struct watch *w)
{
	uint64_t now = loop_now_ms(w->loop);

	if (w->first_ms == 0)
		w->first_ms = now;
	if (now - w->first_ms < w->settle_ms * WATCH_SETTLE_FACTOR)
		loop_timer_start(&w->settle, w->settle_ms);
}

static void step_on_event(void *arg, const char *name)
{
	struct watch_step *s = arg;

	/* The directory's own name: it has gone itself. */
	if (name == NULL || strcmp(name, s->name) == 0 || strcmp(name, strrchr(s->dir, '/') + 1) == 0)
		watch_soon(s->watch);
}

/* Watch what the path leads over now. What happens between the walk and the watching is seen at the look that this asks
 * for. */
static void watch_walk(struct watch *w)
{
	struct watch_way *way = way_walk(w->path);

	if (w->way != NULL && way_equal(w->way, way)) {
		way_free(way);
		return;
	}
	for (size_t i = 0; i < way->count; i++) {
		struct watch_step *s = &way->step[i];
		s->watch = w;
		s->handle = loop_watch_dir(w->loop, s->dir, step_on_event, s, NULL);
		way->is_blind |= s->handle == NULL;
	}
	way_free(w->way);
	w->way = way;
	watch_soon(w);
}

/* --- Contents --- */

static enum watch_look watch_hash_fd(const struct watch *w, int fd, EVP_MD_CTX *md, unsigned char *hash)
{
	char chunk[WATCH_CHUNK];
	size_t total = 0;
	ssize_t n;

	if (EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
		return WATCH_UNREADABLE;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		total += (size_t)n;
		if (total > w->max)
			break;
		EVP_DigestUpdate(md, chunk, (size_t)n);
	}
	secret_wipe(chunk, sizeof(chunk));
	return n == 0 && EVP_DigestFinal_ex(md, hash, NULL) == 1 ? WATCH_READ : WATCH_UNREADABLE;
}

static enum watch_look watch_hash(const struct watch *w, unsigned char hash[SECRET_HASH_LEN])
{
	int fd = open(w->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	enum watch_look look = WATCH_MISSING;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? WATCH_MISSING : WATCH_UNREADABLE;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		EVP_MD_CTX *md = EVP_MD_CTX_new();
		look = md != NULL ? watch_hash_fd(w, fd, md, hash) : WATCH_UNREADABLE;
		EVP_MD_CTX_free(md);
	}
	close(fd);
	return look;
}

/* Compare with what was told last. True when there is something to tell; with keep it counts as told. */
static bool watch_compare(struct watch *w, bool keep)
{
	unsigned char hash[SECRET_HASH_LEN];
	bool tell = false;

	switch (watch_hash(w, hash)) {
	case WATCH_MISSING: break;
	case WATCH_UNREADABLE:
		tell = !w->unreadable;
		w->unreadable |= keep;
		break;
	case WATCH_READ:
		tell = !w->was_read || !secret_equal(w->hash, hash);
		if (!keep)
			break;
		w->was_read = true;
		w->unreadable = false;
		memcpy(w->hash, hash, sizeof(hash));
		break;
	}
	return tell;
}

static void watch_look_later(struct watch *w)
{
	loop_timer_start(&w->look, w->way->is_blind ? WATCH_LOOK_BLIND_MS : WATCH_LOOK_MS);
}

static void watch_on_settled(void *arg)
{
	struct watch *w = arg;

	w->first_ms = 0;
	watch_walk(w);
	watch_look_later(w);
	if (watch_compare(w, true))
		w->fn(w->arg);
}

/* Nothing was heard. What has changed may still be changing: it settles first. */
static void watch_on_look(void *arg)
{
	struct watch *w = arg;

	watch_walk(w);
	watch_look_later(w);
	if (w->first_ms == 0 && watch_compare(w, false))
		watch_soon(w);
}

/* --- Life --- */

struct watch *watch_open(struct loop *loop, const struct watch_conf *conf, watch_fn *fn, void *arg)
{
	struct watch *w = mem_alloc(sizeof(*w));
	char here[PATH_MAX];

	w->loop = loop;
	w->path = conf->path[0] == '/' || getcwd(here, sizeof(here)) == NULL
			  ? mem_strdup(conf->path)
			  : mem_printf("%s/%s", here, conf->path);
	w->max = conf->max;
	w->settle_ms = conf->settle_ms != 0 ? conf->settle_ms : WATCH_SETTLE_MS;
	w->fn = fn;
	w->arg = arg;
	loop_timer_init(&w->settle, loop, watch_on_settled, w);
	loop_timer_init(&w->look, loop, watch_on_look, w);
	watch_walk(w);
	watch_compare(w, true);
	watch_look_later(w);
	return w;
}

void watch_note(struct watch *w)
{
	watch_compare(w, true);
}

void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	loop_timer_fini(&w->settle);
	loop_timer_fini(&w->look);
	way_free(w->way);
	free(w->path);
	free(w);
}
