/* The hook of the tests' own credrotate: CREDROTATE_FAULT names the point at which the process ends, as by SIGKILL. With
 * CREDROTATE_POINTS each point is appended to that file, so that a test knows all there are. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "credrotate/fault.h"

void fault_hook(const char *point)
{
	const char *wanted = getenv("CREDROTATE_FAULT"), *list = getenv("CREDROTATE_POINTS");

	if (list != NULL) {
		int fd = open(list, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || write(fd, point, strlen(point)) < 0 || write(fd, "\n", 1) < 0)
			abort();
		close(fd);
	}
	if (wanted != NULL && strcmp(wanted, point) == 0)
		kill(getpid(), SIGKILL);
}
