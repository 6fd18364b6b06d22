/* The event loop over libuv. Handles close in the background, so what embeds them here is heap memory of this file;
 * owners may free their own structs at once. */
#include <assert.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#include "common/base/mem.h"
#include "common/net/loop.h"

struct loop {
	uv_loop_t uv;
	uv_prepare_t before; /* runs the tasks that timers and start-up queued */
	uv_check_t after;    /* runs the tasks of this wake-up's descriptors */
	struct list tasks;
};

struct loop_io {
	uv_poll_t poll;
	loop_io_fn *fn;
	void *arg;
	unsigned armed;
	bool closed;
};

struct loop_dir {
	uv_fs_event_t handle;
	loop_dir_fn *fn;
	void *arg;
};

struct loop_signal {
	uv_signal_t handle;
	loop_fn *fn;
	void *arg;
};

struct loop_job {
	uv_work_t request;
	loop_fn *fn, *done;
	void *arg;
};

struct loop_lookup {
	uv_getaddrinfo_t request;
	loop_lookup_fn *fn; /* NULL when cancelled */
	void *arg;
};

static void loop_free_handle(uv_handle_t *handle)
{
	free(handle->data);
}

/* Tasks may queue more tasks: run until none is left. */
static void loop_run_tasks(struct loop *loop)
{
	struct node *n;

	while ((n = list_pop(&loop->tasks)) != NULL) {
		struct loop_task *task = list_entry(n, struct loop_task, node);
		task->fn(task->arg);
	}
}

static void loop_before(uv_prepare_t *handle)
{
	loop_run_tasks(handle->data);
}

static void loop_after(uv_check_t *handle)
{
	loop_run_tasks(handle->data);
}

struct loop *loop_new(struct err *err)
{
	struct loop *loop = mem_alloc(sizeof(*loop));
	int rc = uv_loop_init(&loop->uv);

	if (rc < 0) {
		err_set(err, "event loop: %s", uv_strerror(rc));
		free(loop);
		return NULL;
	}
	list_init(&loop->tasks);
	uv_prepare_init(&loop->uv, &loop->before);
	uv_check_init(&loop->uv, &loop->after);
	loop->before.data = loop->after.data = loop;
	uv_prepare_start(&loop->before, loop_before);
	uv_check_start(&loop->after, loop_after);
	uv_unref((uv_handle_t *)&loop->before);
	uv_unref((uv_handle_t *)&loop->after);
	return loop;
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	loop_run_tasks(loop);
	uv_close((uv_handle_t *)&loop->before, NULL);
	uv_close((uv_handle_t *)&loop->after, NULL);
	/* Let the handles that were closed before finish closing. */
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	int rc = uv_loop_close(&loop->uv);
	assert(rc == 0);
	(void)rc;
	free(loop);
}

void loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return uv_now(&loop->uv);
}

uint64_t loop_clock_us(void)
{
	return uv_hrtime() / 1000;
}

/* --- File descriptors --- */

static void loop_on_poll(uv_poll_t *poll, int status, int events)
{
	struct loop_io *io = poll->data;
	unsigned seen = 0;

	if (status < 0)
		seen = LOOP_READ | LOOP_WRITE;
	if (events & (UV_READABLE | UV_DISCONNECT))
		seen |= LOOP_READ;
	if (events & UV_WRITABLE)
		seen |= LOOP_WRITE;
	/* After an error the library has stopped the poll; the owner learns of it by reading or writing. */
	if (status < 0)
		io->armed = 0;
	io->fn(io->arg, seen);
}

struct loop_io *loop_watch(struct loop *loop, int fd, loop_io_fn *fn, void *arg)
{
	struct loop_io *io = mem_alloc(sizeof(*io));
	int rc = uv_poll_init(&loop->uv, &io->poll, fd);

	/* Only a descriptor that is closed or already watched fails here: a bug of the caller. */
	if (rc < 0)
		abort();
	io->poll.data = io;
	io->fn = fn;
	io->arg = arg;
	return io;
}

void loop_arm(struct loop_io *io, unsigned want)
{
	int events = 0;

	if (want == io->armed || io->closed)
		return;
	io->armed = want;
	if (want & LOOP_READ)
		events |= UV_READABLE;
	if (want & LOOP_WRITE)
		events |= UV_WRITABLE;
	if (events == 0)
		uv_poll_stop(&io->poll);
	else
		uv_poll_start(&io->poll, events, loop_on_poll);
}

void loop_io_set(struct loop_io *io, loop_io_fn *fn, void *arg)
{
	io->fn = fn;
	io->arg = arg;
}

void loop_unwatch(struct loop_io *io)
{
	if (io == NULL)
		return;
	io->closed = true;
	uv_close((uv_handle_t *)&io->poll, loop_free_handle);
}

/* --- Directories --- */

static void loop_on_dir(uv_fs_event_t *handle, const char *name, int events, int status)
{
	struct loop_dir *d = handle->data;

	(void)events;
	d->fn(d->arg, status < 0 ? NULL : name);
}

struct loop_dir *loop_watch_dir(
	struct loop *loop, const char *path, loop_dir_fn *fn, void *arg, struct err *err)
{
	struct loop_dir *d = mem_alloc(sizeof(*d));

	uv_fs_event_init(&loop->uv, &d->handle);
	d->handle.data = d;
	d->fn = fn;
	d->arg = arg;
	int rc = uv_fs_event_start(&d->handle, loop_on_dir, path, 0);
	if (rc < 0) {
		err_set(err, "%s: %s", path, uv_strerror(rc));
		loop_unwatch_dir(d);
		return NULL;
	}
	return d;
}

void loop_unwatch_dir(struct loop_dir *d)
{
	if (d != NULL)
		uv_close((uv_handle_t *)&d->handle, loop_free_handle);
}

/* --- Timers --- */

static void loop_on_timer(uv_timer_t *handle)
{
	struct loop_timer *t = handle->data;
	uint64_t now = uv_now(handle->loop);

	t->set_ms = 0;
	if (t->due_ms > now) {
		t->set_ms = t->due_ms;
		uv_timer_start(handle, loop_on_timer, t->due_ms - now, 0);
		return;
	}
	t->due_ms = 0;
	t->fn(t->arg);
}

void loop_timer_init(struct loop_timer *t, struct loop *loop, loop_fn *fn, void *arg)
{
	*t = (struct loop_timer){.loop = loop, .fn = fn, .arg = arg};
}

void loop_timer_start(struct loop_timer *t, uint64_t ms)
{
	uv_timer_t *handle = t->handle;

	if (handle == NULL) {
		handle = t->handle = mem_alloc(sizeof(*handle));
		uv_timer_init(&t->loop->uv, handle);
		handle->data = t;
	}
	t->due_ms = uv_now(&t->loop->uv) + ms;
	if (t->set_ms != 0 && t->set_ms <= t->due_ms)
		return;
	t->set_ms = t->due_ms;
	uv_timer_start(handle, loop_on_timer, ms, 0);
}

void loop_timer_stop(struct loop_timer *t)
{
	t->due_ms = t->set_ms = 0;
	if (t->handle != NULL)
		uv_timer_stop(t->handle);
}

static void loop_free_timer(uv_handle_t *handle)
{
	free(handle);
}

void loop_timer_fini(struct loop_timer *t)
{
	if (t->handle != NULL)
		uv_close(t->handle, loop_free_timer);
	t->handle = NULL;
	t->due_ms = t->set_ms = 0;
}

/* --- Deferred work --- */

void loop_defer(struct loop *loop, struct loop_task *task)
{
	if (!node_linked(&task->node))
		list_push(&loop->tasks, &task->node);
}

void loop_task_cancel(struct loop_task *task)
{
	list_remove(&task->node);
}

/* --- Signals --- */

static void loop_on_uv_signal(uv_signal_t *handle, int signum)
{
	struct loop_signal *s = handle->data;

	(void)signum;
	s->fn(s->arg);
}

struct loop_signal *loop_on_signal(struct loop *loop, int signum, loop_fn *fn, void *arg)
{
	struct loop_signal *s = mem_alloc(sizeof(*s));

	uv_signal_init(&loop->uv, &s->handle);
	s->handle.data = s;
	s->fn = fn;
	s->arg = arg;
	uv_signal_start(&s->handle, loop_on_uv_signal, signum);
	return s;
}

void loop_signal_free(struct loop_signal *s)
{
	if (s != NULL)
		uv_close((uv_handle_t *)&s->handle, loop_free_handle);
}

/* --- Work that waits --- */

static void loop_on_work(uv_work_t *request)
{
	struct loop_job *job = request->data;

	job->fn(job->arg);
}

static void loop_on_worked(uv_work_t *request, int status)
{
	struct loop_job *job = request->data;

	(void)status; /* only what is cancelled fails */
	job->done(job->arg);
	free(job);
}

void loop_work(struct loop *loop, loop_fn *fn, loop_fn *done, void *arg)
{
	struct loop_job *job = mem_alloc(sizeof(*job));

	*job = (struct loop_job){.fn = fn, .done = done, .arg = arg};
	job->request.data = job;
	if (uv_queue_work(&loop->uv, &job->request, loop_on_work, loop_on_worked) < 0)
		abort(); /* of a missing function only */
}

/* --- Names --- */

static void loop_on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct loop_lookup *l = request->data;

	if (l->fn == NULL)
		uv_freeaddrinfo(found);
	else if (status < 0)
		l->fn(l->arg, NULL, uv_strerror(status));
	else
		l->fn(l->arg, found, NULL);
	free(l);
}

struct loop_lookup *loop_lookup(
	struct loop *loop, const char *host, const char *port, loop_lookup_fn *fn, void *arg, struct err *err)
{
	struct loop_lookup *l = mem_alloc(sizeof(*l));
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};

	l->request.data = l;
	l->fn = fn;
	l->arg = arg;
	int rc = uv_getaddrinfo(&loop->uv, &l->request, loop_on_found, host, port, &hints);
	if (rc < 0) {
		err_set(err, "%s: %s", host, uv_strerror(rc));
		free(l);
		return NULL;
	}
	return l;
}

void loop_lookup_cancel(struct loop_lookup *l)
{
	if (l == NULL)
		return;
	l->fn = NULL;
	uv_cancel((uv_req_t *)&l->request);
}
