/* Two buffers change places between the loop and the writer's thread. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "tunnel/edge/accesslog.h"

struct accesslog {
	int fd;
	bool owns_fd;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t filled;
	struct buf queue;
	uint64_t dropped;
	bool closing;
};

static void accesslog_write_all(int fd, struct span bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.p, bytes.len);
		if (n < 0 && errno == EINTR)
			continue;
		/* A full disk costs lines, never requests. */
		if (n <= 0)
			return;
		bytes = span_skip(bytes, (size_t)n);
	}
}

static void *accesslog_run(void *arg)
{
	struct accesslog *log = arg;
	struct buf batch = {.max = ACCESSLOG_BACKLOG_MAX};
	bool closing = false;

	while (!closing) {
		pthread_mutex_lock(&log->lock);
		while (buf_len(&log->queue) == 0 && !log->closing)
			pthread_cond_wait(&log->filled, &log->lock);
		struct buf full = log->queue;
		log->queue = batch;
		batch = full;
		closing = log->closing;
		pthread_mutex_unlock(&log->lock);
		accesslog_write_all(log->fd, buf_span(&batch));
		buf_clear(&batch);
	}
	buf_free(&batch);
	return NULL;
}

struct accesslog *accesslog_open(const char *path, struct err *err)
{
	struct accesslog *log = mem_alloc(sizeof(*log));

	log->owns_fd = strcmp(path, "-") != 0;
	log->fd = log->owns_fd ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640) : STDOUT_FILENO;
	if (log->fd < 0) {
		err_sys(err, "access log %s", path);
		free(log);
		return NULL;
	}
	log->queue.max = ACCESSLOG_BACKLOG_MAX;
	pthread_mutex_init(&log->lock, NULL);
	pthread_cond_init(&log->filled, NULL);
	if (pthread_create(&log->thread, NULL, accesslog_run, log) != 0)
		abort();
	return log;
}

void accesslog_write(struct accesslog *log, struct span line)
{
	pthread_mutex_lock(&log->lock);
	bool was_empty = buf_len(&log->queue) == 0;
	if (buf_add_span(&log->queue, line) < 0)
		log->dropped++;
	if (was_empty)
		pthread_cond_signal(&log->filled);
	pthread_mutex_unlock(&log->lock);
}

uint64_t accesslog_dropped(struct accesslog *log)
{
	pthread_mutex_lock(&log->lock);
	uint64_t n = log->dropped;
	pthread_mutex_unlock(&log->lock);
	return n;
}

void accesslog_close(struct accesslog *log)
{
	if (log == NULL)
		return;
	pthread_mutex_lock(&log->lock);
	log->closing = true;
	pthread_cond_signal(&log->filled);
	pthread_mutex_unlock(&log->lock);
	pthread_join(log->thread, NULL);
	buf_free(&log->queue);
	if (log->owns_fd)
		close(log->fd);
	pthread_mutex_destroy(&log->lock);
	pthread_cond_destroy(&log->filled);
	free(log);
}
