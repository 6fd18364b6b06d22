/* A thread in sigwait, and an eventfd that wakes sleepers. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "credrotate/interrupt.h"

struct interrupt {
	pthread_t thread;
	sigset_t signals, before; /* what is waited for here; what was blocked before that */
	atomic_int came;          /* the first one's number */
	atomic_bool over;         /* the thread is to end */
	int event;                /* readable for ever once a signal came */
};

static void *wait_for_signals(void *arg)
{
	struct interrupt *i = arg;
	int number;

	if (sigwait(&i->signals, &number) != 0 || atomic_load(&i->over))
		return NULL;
	atomic_store(&i->came, number);
	eventfd_write(i->event, 1);
	if (sigwait(&i->signals, &number) == 0 && !atomic_load(&i->over))
		_exit(128 + number);
	return NULL;
}

struct interrupt *interrupt_new(void)
{
	struct interrupt *i = mem_alloc(sizeof(*i));

	sigemptyset(&i->signals);
	sigaddset(&i->signals, SIGINT);
	sigaddset(&i->signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &i->signals, &i->before);
	i->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (i->event < 0 || pthread_create(&i->thread, NULL, wait_for_signals, i) != 0)
		abort();
	return i;
}

int interrupt_free(struct interrupt *i)
{
	if (i == NULL)
		return 0;
	/* Not cancelled, which would leave its frames as they are: woken like by any signal. */
	atomic_store(&i->over, true);
	pthread_kill(i->thread, SIGINT);
	pthread_join(i->thread, NULL);
	int came = atomic_load(&i->came);
	pthread_sigmask(SIG_SETMASK, &i->before, NULL);
	close(i->event);
	free(i);
	return came;
}

bool interrupt_came(const struct interrupt *i)
{
	return i != NULL && atomic_load(&i->came) != 0;
}

void interrupt_sleep(const struct interrupt *i, int64_t ms)
{
	struct pollfd p = {.fd = i != NULL ? i->event : -1, .events = POLLIN};

	poll(&p, 1, ms > INT32_MAX ? INT32_MAX : (int)ms);
}
