/* The event loop: file descriptors, directories, timers, signals, deferred work and work that waits, name resolution. One
 * thread, one loop; several loops may live in one process. The only module that knows the event library. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/list.h"

struct loop;    /* opaque */
struct loop_io; /* opaque: one watched file descriptor */

struct loop *loop_new(struct err *err);
/* Free the loop. Everything that was registered must have been closed. */
void loop_free(struct loop *loop);
/* Run until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Monotonic milliseconds, read once per wake-up. */
uint64_t loop_now_ms(const struct loop *loop);
/* Monotonic microseconds, read now. */
uint64_t loop_clock_us(void);

/* --- File descriptors, level-triggered --- */
enum loop_want {
	LOOP_NOTHING = 0,
	LOOP_READ = 1,
	LOOP_WRITE = 2,
};
/* events: LOOP_READ and LOOP_WRITE or-ed; an error or hang-up reports both. */
typedef void loop_io_fn(void *arg, unsigned events);

/* Watch fd; nothing is armed yet. fd stays the caller's. */
struct loop_io *loop_watch(struct loop *loop, int fd, loop_io_fn *fn, void *arg);
/* Say what to wait for; costs nothing when it is unchanged. */
void loop_arm(struct loop_io *io, unsigned want);
/* Hand the watch to another owner. */
void loop_io_set(struct loop_io *io, loop_io_fn *fn, void *arg);
/* End the watch: no callback comes any more, and fd may be closed. NULL is fine. */
void loop_unwatch(struct loop_io *io);

/* --- Directories --- */
struct loop_dir; /* opaque: one watched directory */
/* name: of the entry that was made, changed, renamed or removed. When the directory itself is gone, moved or unmounted: its
 * own name. NULL when the system does not say. */
typedef void loop_dir_fn(void *arg, const char *name);

/* Watch the directory that path leads to now, not what it leads to later. NULL with err. */
struct loop_dir *loop_watch_dir(
	struct loop *loop, const char *path, loop_dir_fn *fn, void *arg, struct err *err);
/* End the watch; may be called in its callback. NULL is fine. */
void loop_unwatch_dir(struct loop_dir *d);

/* --- Timers --- */
typedef void loop_fn(void *arg);
struct loop_timer {
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	void *handle;    /* the library's timer, made at the first start */
	uint64_t due_ms; /* when it is to fire; 0 when stopped */
	uint64_t
		set_ms; /* when the handle fires: at due_ms or earlier, so that pushing a deadline back is cheap */
};
void loop_timer_init(struct loop_timer *t, struct loop *loop, loop_fn *fn, void *arg);
/* (Re)start: fire once, ms from now. */
void loop_timer_start(struct loop_timer *t, uint64_t ms);
void loop_timer_stop(struct loop_timer *t);
/* Stop and give the handle back; the struct may be freed afterwards. */
void loop_timer_fini(struct loop_timer *t);

/* --- Deferred work --- */
/* Runs once, after all that this wake-up has brought was handled: where output is written in one go, and where objects
 * are freed. Embedded in its owner. */
struct loop_task {
	struct node node;
	loop_fn *fn;
	void *arg;
};
/* Queue the task unless it is queued already. */
void loop_defer(struct loop *loop, struct loop_task *task);
/* Take it off the queue; harmless when it is not there. */
void loop_task_cancel(struct loop_task *task);

/* --- Signals --- */
struct loop_signal; /* opaque */
struct loop_signal *loop_on_signal(struct loop *loop, int signum, loop_fn *fn, void *arg);
void loop_signal_free(struct loop_signal *s);

/* --- Work that waits, for a disk above all --- */
/* Run fn on a thread of its own, then done on the loop's. Both are given arg, which is the thread's alone in between. No
 * taking back: loop_free waits for it, and calls done. */
void loop_work(struct loop *loop, loop_fn *fn, loop_fn *done, void *arg);

/* --- Names --- */
struct loop_lookup; /* opaque: one running look-up */
/* found is NULL when the look-up failed (why says it); otherwise the callee frees it with freeaddrinfo. */
typedef void loop_lookup_fn(void *arg, struct addrinfo *found, const char *why);
/* Resolve host and port (both text) to stream addresses, off the loop's thread. NULL when it cannot be started. */
struct loop_lookup *loop_lookup(struct loop *loop, const char *host, const char *port, loop_lookup_fn *fn,
	void *arg, struct err *err);
/* Forget it: fn is not called. */
void loop_lookup_cancel(struct loop_lookup *l);

#endif
