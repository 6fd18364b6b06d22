/* Datagrams to the service manager. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tunnel/cmd/notify.h"

static int notify_send(const char *to, struct span text)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t len = strlen(to);

	if ((to[0] != '/' && to[0] != '@') || len < 2 || len >= sizeof(at.sun_path)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(at.sun_path, to, len);
	if (to[0] == '@')
		at.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	ssize_t n = sendto(fd, text.p, text.len, MSG_NOSIGNAL, (const struct sockaddr *)&at,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	int why = errno;
	close(fd);
	errno = why;
	return n == (ssize_t)text.len ? 0 : -1;
}

static void notify_tell(const struct log *log, const char *text)
{
	const char *to = getenv("NOTIFY_SOCKET");

	if (to != NULL && to[0] != '\0' && notify_send(to, span_str(text)) < 0)
		log_line(log, LOG_WARN, "the service manager was not told",
			"NOTIFY_SOCKET=\"%s\" error=\"%s\"", to, strerror(errno));
}

void notify_ready(const struct log *log)
{
	notify_tell(log, "READY=1\n");
}

void notify_reloading(const struct log *log)
{
	struct timespec now;
	char text[64];

	/* Type=notify-reload takes the answer for one to its own signal only if it is younger. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld\n",
		(long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify_tell(log, text);
}

void notify_stopping(const struct log *log)
{
	notify_tell(log, "STOPPING=1\n");
}
