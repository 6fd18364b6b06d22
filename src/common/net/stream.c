/* Plain sockets as streams. */
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/net/loop.h"
#include "common/net/stream.h"

/* Constant texts for what sockets die of in practice. */
static const char *stream_errno_text(int code)
{
	switch (code) {
	case ECONNRESET: return "connection reset";
	case EPIPE: return "broken pipe";
	case ETIMEDOUT: return "timed out";
	case EHOSTUNREACH: return "host unreachable";
	case ENETUNREACH: return "network unreachable";
	default: return "socket error";
	}
}

static ssize_t stream_result(struct stream *s, ssize_t n)
{
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return STREAM_AGAIN;
	s->why = stream_errno_text(errno);
	return STREAM_FAIL;
}

static ssize_t plain_read(struct stream *s, void *p, size_t len)
{
	ssize_t n = stream_result(s, recv(s->fd, p, len, 0));

	s->more = n == (ssize_t)len;
	return n;
}

static ssize_t plain_write(struct stream *s, const void *p, size_t len)
{
	return stream_result(s, send(s->fd, p, len, MSG_NOSIGNAL));
}

static void plain_shutdown(struct stream *s)
{
	shutdown(s->fd, SHUT_WR);
}

static void plain_close(struct stream *s)
{
	close(s->fd);
}

static const struct stream_ops plain_ops = {plain_read, plain_write, plain_shutdown, plain_close};

void stream_open(struct stream *s, int fd)
{
	*s = (struct stream){.ops = &plain_ops, .fd = fd, .want_read = LOOP_READ, .want_write = LOOP_WRITE};
}

size_t stream_unsent(const struct stream *s)
{
	int bytes = 0;

	return ioctl(s->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

void stream_close(struct stream *s)
{
	if (s->ops != NULL)
		s->ops->close(s);
	s->ops = NULL;
	s->fd = -1;
}

void stream_abort(struct stream *s)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (s->ops != NULL)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	stream_close(s);
}
