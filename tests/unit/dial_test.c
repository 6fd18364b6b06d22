/* Connecting, and what is set on both ends of a connection. */
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/net/dial.h"
#include "test.h"

struct seen {
	struct loop *loop;
	int fd, listener;
	char why[64];
};

static void on_dialed(void *arg, int fd, const char *why)
{
	struct seen *s = arg;

	s->fd = fd;
	snprintf(s->why, sizeof(s->why), "%s", why != NULL ? why : "");
	loop_stop(s->loop);
}

static bool is_set(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, option, &value, &len) == 0 && value != 0;
}

static const char *port_of(int listener, char name[DIAL_NAME_MAX])
{
	dial_local_name(listener, name);
	return strrchr(name, ':') + 1;
}

static void dial(struct seen *s, int64_t keepalive_s)
{
	char name[DIAL_NAME_MAX];
	struct dial_target target = {.host = "127.0.0.1",
		.port = port_of(s->listener, name),
		.timeout_ms = 10000,
		.keepalive_s = keepalive_s};

	dial_start(s->loop, &target, on_dialed, s);
	loop_run(s->loop);
}

/* Who waits for an answer to a small message waits for no delayed acknowledgement (RFC 9293, 3.7.4). */
static void connections_send_at_once_and_are_kept_alive_if_asked(void)
{
	struct err err;
	struct seen s = {.loop = loop_new(&err), .fd = -1, .listener = dial_listen("127.0.0.1:0", &err)};

	dial(&s, 30);
	CHECK(s.fd >= 0);
	CHECK(is_set(s.fd, IPPROTO_TCP, TCP_NODELAY));
	CHECK(is_set(s.fd, SOL_SOCKET, SO_KEEPALIVE));
	close(s.fd);
	dial(&s, -1);
	CHECK(!is_set(s.fd, SOL_SOCKET, SO_KEEPALIVE));
	close(s.fd);
	close(s.listener);
	loop_free(s.loop);
}

static void who_does_not_listen_refuses(void)
{
	struct err err;
	struct seen s = {.loop = loop_new(&err), .fd = 0, .listener = dial_listen("127.0.0.1:0", &err)};

	shutdown(s.listener, SHUT_RDWR); /* it keeps its port */
	dial(&s, 0);
	CHECK_FOR(s.fd == -1 && strcasecmp(s.why, "connection refused") == 0, "%s", s.why);
	close(s.listener);
	loop_free(s.loop);
}

TEST_MAIN(TEST(connections_send_at_once_and_are_kept_alive_if_asked), TEST(who_does_not_listen_refuses))
