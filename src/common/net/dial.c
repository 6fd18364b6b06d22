/* Connecting with address fallback (RFC 8305 in spirit), and making listeners. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/net/dial.h"

struct attempt {
	struct dial *dial;
	struct loop_io *io;
	int fd; /* -1 when this attempt is over */
};

struct dial {
	struct loop *loop;
	dial_fn *fn;
	loop_fn *on_found;
	void *arg;
	char *host, *port;
	int64_t keepalive_s;
	bool one_by_one;
	struct loop_lookup *lookup;
	struct sockaddr_storage addresses[DIAL_ADDRESSES_MAX];
	socklen_t address_lens[DIAL_ADDRESSES_MAX];
	size_t count, next; /* addresses known, and the next to try */
	struct attempt attempts[DIAL_ADDRESSES_MAX];
	size_t running;
	const char *why; /* of the newest failure */
	struct loop_timer deadline, stagger;
	struct loop_task task; /* starts, reports and frees outside of callbacks */
	int won;               /* connected descriptor, or -1 */
	bool over;
};

static void dial_try_next(struct dial *d);

static void attempt_end(struct attempt *a)
{
	if (a->fd < 0)
		return;
	loop_unwatch(a->io);
	a->io = NULL;
	a->fd = -1;
	a->dial->running--;
}

static void dial_free(struct dial *d)
{
	loop_lookup_cancel(d->lookup);
	for (size_t i = 0; i < d->next; i++) {
		int fd = d->attempts[i].fd;
		attempt_end(&d->attempts[i]);
		if (fd >= 0)
			close(fd);
	}
	loop_timer_fini(&d->deadline);
	loop_timer_fini(&d->stagger);
	loop_task_cancel(&d->task);
	free(d->host);
	free(d->port);
	free(d);
}

void dial_cancel(struct dial *d)
{
	if (d == NULL)
		return;
	if (d->won >= 0)
		close(d->won);
	dial_free(d);
}

static void dial_report(void *arg)
{
	struct dial *d = arg;
	dial_fn *fn = d->fn;
	void *to = d->arg;
	int fd = d->won;
	char why[128];

	snprintf(why, sizeof(why), "%s", d->why != NULL ? d->why : "no address");
	d->won = -1;
	dial_free(d);
	fn(to, fd, fd < 0 ? why : NULL);
}

/* The end, good or bad: fd is reported when the wake-up is over. */
static void dial_finish(struct dial *d, int fd)
{
	if (d->over)
		return;
	d->over = true;
	d->won = fd;
	d->task.fn = dial_report;
	loop_defer(d->loop, &d->task);
}

static void dial_set_keepalive(int fd, int64_t seconds)
{
	int on = seconds >= 0, every = seconds > 32767 ? 32767 : (int)seconds;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (seconds > 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &every, sizeof(every));
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	}
}

static void attempt_done(struct attempt *a, int code)
{
	struct dial *d = a->dial;
	int fd = a->fd;

	attempt_end(a);
	if (code == 0 && !d->over) {
		dial_finish(d, fd);
		return;
	}
	close(fd);
	if (code != 0)
		d->why = strerrordesc_np(code);
	dial_try_next(d);
}

static void attempt_on_io(void *arg, unsigned events)
{
	struct attempt *a = arg;
	int code = 0;
	socklen_t len = sizeof(code);

	(void)events;
	getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &code, &len);
	attempt_done(a, code);
}

static void attempt_start(struct dial *d, size_t i)
{
	struct attempt *a = &d->attempts[i];
	const struct sockaddr_storage *to = &d->addresses[i];
	int one = 1;

	a->dial = d;
	a->fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0) {
		d->why = strerrordesc_np(errno);
		return;
	}
	d->running++;
	if (to->ss_family != AF_UNIX) {
		setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		dial_set_keepalive(a->fd, d->keepalive_s);
	}
	int rc = connect(a->fd, (const struct sockaddr *)to, d->address_lens[i]);
	if (rc < 0 && errno != EINPROGRESS) {
		d->why = strerrordesc_np(errno);
		d->running--;
		close(a->fd);
		a->fd = -1;
		return;
	}
	a->io = loop_watch(d->loop, a->fd, attempt_on_io, a);
	loop_arm(a->io, LOOP_WRITE);
}

/* Start the next address when none is running, or besides those running; report when none is left. */
static void dial_try_next(struct dial *d)
{
	size_t before = d->running;

	while (!d->over && d->next < d->count && d->running == before)
		attempt_start(d, d->next++);
	if (d->over)
		return;
	if (d->running == 0)
		dial_finish(d, -1);
	else if (!d->one_by_one && d->next < d->count)
		loop_timer_start(&d->stagger, DIAL_STAGGER_MS);
}

static void dial_on_stagger(void *arg)
{
	dial_try_next(arg);
}

static void dial_on_deadline(void *arg)
{
	struct dial *d = arg;

	d->why = "timed out";
	dial_finish(d, -1);
}

/* Keep the addresses, families taken in turn so that a dead one costs one pause only. */
static void dial_keep(struct dial *d, const struct addrinfo *found)
{
	int family = found->ai_family;
	const struct addrinfo *mine = found, *other = found;

	while (d->count < DIAL_ADDRESSES_MAX && (mine != NULL || other != NULL)) {
		while (mine != NULL && mine->ai_family != family)
			mine = mine->ai_next;
		while (other != NULL && other->ai_family == family)
			other = other->ai_next;
		const struct addrinfo **take = d->count % 2 == 0 || other == NULL ? &mine : &other;
		if (*take == NULL)
			take = take == &mine ? &other : &mine;
		if (*take == NULL)
			break;
		memcpy(&d->addresses[d->count], (*take)->ai_addr, (*take)->ai_addrlen);
		d->address_lens[d->count++] = (*take)->ai_addrlen;
		*take = (*take)->ai_next;
	}
}

static void dial_on_found(void *arg, struct addrinfo *found, const char *why)
{
	struct dial *d = arg;

	d->lookup = NULL;
	if (found != NULL) {
		dial_keep(d, found);
		freeaddrinfo(found);
	}
	if (why != NULL)
		d->why = why;
	if (d->on_found != NULL && d->count > 0)
		d->on_found(d->arg);
	dial_try_next(d);
}

/* A numeric address needs no resolver, and no thread. */
static bool dial_keep_numeric(struct dial *d)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *found;

	if (getaddrinfo(d->host, d->port, &hints, &found) != 0)
		return false;
	dial_keep(d, found);
	freeaddrinfo(found);
	return true;
}

static void dial_begin(void *arg)
{
	struct dial *d = arg;
	struct err err;

	if (d->count > 0 || dial_keep_numeric(d)) {
		if (d->on_found != NULL)
			d->on_found(d->arg);
		dial_try_next(d);
		return;
	}
	d->lookup = loop_lookup(d->loop, d->host, d->port, dial_on_found, d, &err);
	if (d->lookup == NULL) {
		d->why = "name cannot be looked up";
		dial_finish(d, -1);
	}
}

/* A path that does not fit would lead to another socket. */
static void dial_keep_unix(struct dial *d, const char *path)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&d->addresses[0];
	size_t len = strlen(path);

	if (len >= sizeof(un->sun_path)) {
		d->why = "path of the socket too long";
		dial_finish(d, -1);
		return;
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len + 1);
	d->address_lens[0] = sizeof(*un);
	d->count = 1;
}

struct dial *dial_start(struct loop *loop, const struct dial_target *target, dial_fn *fn, void *arg)
{
	struct dial *d = mem_alloc(sizeof(*d));

	d->loop = loop;
	d->fn = fn;
	d->on_found = target->on_found;
	d->arg = arg;
	d->won = -1;
	d->keepalive_s = target->keepalive_s;
	d->one_by_one = target->one_by_one;
	loop_timer_init(&d->deadline, loop, dial_on_deadline, d);
	loop_timer_init(&d->stagger, loop, dial_on_stagger, d);
	d->task = (struct loop_task){.fn = dial_begin, .arg = d};
	if (target->timeout_ms > 0)
		loop_timer_start(&d->deadline, (uint64_t)target->timeout_ms);
	loop_defer(loop, &d->task);
	if (target->unix_path != NULL) {
		dial_keep_unix(d, target->unix_path);
	} else {
		d->host = mem_strdup(target->host);
		d->port = mem_strdup(target->port);
	}
	return d;
}

/* --- Listeners and names --- */

/* Split "HOST:PORT", "[HOST]:PORT" or ":PORT" into two strings that the caller frees. */
static int dial_split(const char *address, char **host, char **port)
{
	struct span s = span_str(address);
	size_t colon = span_rfind(s, ':');

	if (s.p == NULL || colon == s.len || colon + 1 == s.len)
		return -1;
	struct span name = span_of(s.p, colon);
	if (name.len >= 2 && name.p[0] == '[' && name.p[name.len - 1] == ']')
		name = span_of(name.p + 1, name.len - 2);
	*host = name.len > 0 ? mem_spandup(name) : NULL;
	*port = mem_spandup(span_skip(s, colon + 1));
	return 0;
}

static const char *bind_remedy(int error)
{
	switch (error) {
	case EADDRINUSE: return "; another program listens there";
	case EADDRNOTAVAIL: return "; it is no address of this machine";
	case EACCES: return "; ports below 1024 take root or CAP_NET_BIND_SERVICE";
	default: return "";
	}
}

static int dial_bind(const struct addrinfo *to, const char *address, struct err *err)
{
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return err_sys(err, "listen %s", address);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Accepted sockets inherit these (tcp(7) does not say so of the first, Linux does it): small messages must not wait
	 * for the acknowledgement of those before. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (bind(fd, to->ai_addr, to->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
		int error = errno;
		close(fd);
		return err_set(err, "listen %s: %s%s", address, strerror(error), bind_remedy(error));
	}
	return fd;
}

int dial_listen(const char *address, struct err *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found = NULL;
	char *host, *port;
	int fd = -1;

	if (dial_split(address, &host, &port) < 0)
		return err_set(err, "listen %s: not ADDRESS:PORT", address);
	int rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0)
		err_set(err, "listen %s: %s", address, gai_strerror(rc));
	else
		fd = dial_bind(found, address, err);
	if (found != NULL)
		freeaddrinfo(found);
	free(host);
	free(port);
	return fd;
}

void dial_address_name(const struct sockaddr_storage *sa, bool with_port, char out[DIAL_NAME_MAX])
{
	char host[INET6_ADDRSTRLEN] = "";
	unsigned port = 0;
	const char *open = "", *shut = "";

	if (sa->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		port = ntohs(in->sin_port);
	} else if (sa->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], host, sizeof(host));
		} else {
			inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
			open = with_port ? "[" : "";
			shut = with_port ? "]" : "";
		}
		port = ntohs(in6->sin6_port);
	} else {
		snprintf(host, sizeof(host), "unix");
	}
	if (with_port)
		snprintf(out, DIAL_NAME_MAX, "%s%s%s:%u", open, host, shut, port);
	else
		snprintf(out, DIAL_NAME_MAX, "%s", host);
}

void dial_network_name(const char *address, char out[DIAL_NAME_MAX])
{
	struct in6_addr in6;
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET6, address, &in6) != 1) {
		snprintf(out, DIAL_NAME_MAX, "%s", address);
		return;
	}
	memset(&in6.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &in6, text, sizeof(text));
	snprintf(out, DIAL_NAME_MAX, "%s/64", text);
}

void dial_local_name(int fd, char out[DIAL_NAME_MAX])
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);

	getsockname(fd, (struct sockaddr *)&sa, &len);
	dial_address_name(&sa, true, out);
}

void dial_peer_name(int fd, char out[DIAL_NAME_MAX])
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);

	getpeername(fd, (struct sockaddr *)&sa, &len);
	dial_address_name(&sa, true, out);
}
