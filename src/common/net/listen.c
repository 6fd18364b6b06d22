/* Accepting connections. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/net/dial.h"
#include "common/net/listen.h"

struct listen {
	int fd;
	struct loop_io *io;
	struct loop_timer pause;
	listen_fn *fn;
	void *arg;
	bool accepting; /* within listen_on_io */
	bool closed;    /* listen_free was called meanwhile */
	char address[DIAL_NAME_MAX];
};

static void listen_on_pause_over(void *arg)
{
	struct listen *l = arg;

	loop_arm(l->io, LOOP_READ);
}

static void listen_bury(struct listen *l)
{
	loop_unwatch(l->io);
	close(l->fd);
	loop_timer_fini(&l->pause);
	free(l);
}

/* What is wrong with one connection is no reason to stop; what is wrong with the process is one to wait. */
static bool is_out_of_descriptors(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void listen_on_io(void *arg, unsigned events)
{
	struct listen *l = arg;

	(void)events;
	l->accepting = true;
	for (int i = 0; i < LISTEN_ROUNDS && !l->closed; i++) {
		struct sockaddr_storage from = {0};
		socklen_t len = sizeof(from);
		int fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && is_out_of_descriptors(errno)) {
			loop_arm(l->io, LOOP_NOTHING);
			loop_timer_start(&l->pause, LISTEN_PAUSE_MS);
			l->fn(l->arg, -1, NULL);
			break;
		}
		if (fd < 0)
			break;
		l->fn(l->arg, fd, &from);
	}
	l->accepting = false;
	if (l->closed)
		listen_bury(l);
}

struct listen *listen_new(struct loop *loop, const char *address, listen_fn *fn, void *arg, struct err *err)
{
	int fd = dial_listen(address, err);

	if (fd < 0)
		return NULL;
	struct listen *l = mem_alloc(sizeof(*l));
	l->fd = fd;
	l->fn = fn;
	l->arg = arg;
	dial_local_name(fd, l->address);
	loop_timer_init(&l->pause, loop, listen_on_pause_over, l);
	l->io = loop_watch(loop, fd, listen_on_io, l);
	loop_arm(l->io, LOOP_READ);
	return l;
}

const char *listen_address(const struct listen *l)
{
	return l->address;
}

void listen_free(struct listen *l)
{
	if (l == NULL)
		return;
	l->closed = true;
	if (!l->accepting)
		listen_bury(l);
}
