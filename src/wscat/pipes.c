/* Standard streams in the loop. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "wscat/pipes.h"

#define WRITE_MOST 4096 /* PIPE_BUF: what a pipe takes without waiting once it is writable */

/* Can a loop wait for it? Not for files, nor for /dev/null. */
static bool is_pollable(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd));
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) > 0;
}

/* --- Reading --- */

struct source {
	struct loop *loop;
	int fd;
	source_fn *fn;
	void *arg;
	struct loop_io *io;      /* NULL for a file */
	struct loop_timer again; /* for a file: the next piece, in the loop's next round */
	bool on, over;
};

static void source_read(struct source *s)
{
	char bytes[SOURCE_CHUNK];

	if (!s->on || s->over)
		return;
	ssize_t n = read(s->fd, bytes, sizeof(bytes));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		s->over = true;
		source_set(s, false);
		s->fn(s->arg, SPAN(""), n < 0 ? strerrordesc_np(errno) : NULL);
		return;
	}
	s->fn(s->arg, span_of(bytes, (size_t)n), NULL);
}

static void source_on_io(void *arg, unsigned events)
{
	(void)events;
	source_read(arg);
}

static void source_on_again(void *arg)
{
	struct source *s = arg;

	if (s->on && !s->over)
		loop_timer_start(&s->again, 0);
	source_read(s);
}

struct source *source_new(struct loop *loop, int fd, source_fn *fn, void *arg)
{
	struct source *s = mem_alloc(sizeof(*s));

	*s = (struct source){.loop = loop, .fd = fd, .fn = fn, .arg = arg};
	loop_timer_init(&s->again, loop, source_on_again, s);
	if (is_pollable(fd))
		s->io = loop_watch(loop, fd, source_on_io, s);
	return s;
}

void source_set(struct source *s, bool on)
{
	if (s->over)
		on = false;
	if (on == s->on)
		return;
	s->on = on;
	if (s->io != NULL)
		loop_arm(s->io, on ? LOOP_READ : LOOP_NOTHING);
	else if (on)
		loop_timer_start(&s->again, 0);
	else
		loop_timer_stop(&s->again);
}

void source_free(struct source *s)
{
	if (s == NULL)
		return;
	loop_unwatch(s->io);
	loop_timer_fini(&s->again);
	free(s);
}

/* --- Writing --- */

struct sink {
	int fd;
	sink_fn *fn;
	void *arg;
	struct loop_io *io; /* NULL for a file */
	struct buf buf;
	bool broken;
};

static void sink_break(struct sink *s)
{
	const char *why = errno != EPIPE ? strerrordesc_np(errno) : "";

	s->broken = true;
	buf_clear(&s->buf);
	if (s->io != NULL)
		loop_arm(s->io, LOOP_NOTHING);
	s->fn(s->arg, why);
}

/* Write while that does not wait. */
static void sink_push(struct sink *s)
{
	if (s->broken)
		buf_clear(&s->buf);
	while (!s->broken && buf_len(&s->buf) > 0 && (s->io == NULL || is_ready(s->fd, POLLOUT))) {
		struct span left = buf_span(&s->buf);
		ssize_t n =
			write(s->fd, left.p, s->io != NULL && left.len > WRITE_MOST ? WRITE_MOST : left.len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			break;
		if (n < 0) {
			sink_break(s);
			return;
		}
		buf_consume(&s->buf, (size_t)n);
	}
	if (s->io != NULL && !s->broken)
		loop_arm(s->io, buf_len(&s->buf) > 0 ? LOOP_WRITE : LOOP_NOTHING);
}

static void sink_on_io(void *arg, unsigned events)
{
	struct sink *s = arg;

	(void)events;
	sink_push(s);
	if (buf_len(&s->buf) == 0 && !s->broken)
		s->fn(s->arg, NULL);
}

struct sink *sink_new(struct loop *loop, int fd, sink_fn *fn, void *arg)
{
	struct sink *s = mem_alloc(sizeof(*s));

	*s = (struct sink){.fd = fd, .fn = fn, .arg = arg};
	if (is_pollable(fd))
		s->io = loop_watch(loop, fd, sink_on_io, s);
	return s;
}

struct buf *sink_buf(struct sink *s)
{
	return &s->buf;
}

void sink_flush(struct sink *s)
{
	sink_push(s);
}

void sink_finish(struct sink *s)
{
	while (!s->broken && buf_len(&s->buf) > 0) {
		struct span left = buf_span(&s->buf);
		ssize_t n = write(s->fd, left.p, left.len);
		if (n >= 0)
			buf_consume(&s->buf, (size_t)n);
		else if (errno == EAGAIN)
			poll(&(struct pollfd){.fd = s->fd, .events = POLLOUT}, 1, -1);
		else if (errno != EINTR)
			sink_break(s);
	}
}

void sink_free(struct sink *s)
{
	if (s == NULL)
		return;
	loop_unwatch(s->io);
	buf_free(&s->buf);
	free(s);
}
