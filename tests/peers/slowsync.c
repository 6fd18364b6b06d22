/* To be preloaded: a disk that is slow. Each sync takes as many milliseconds longer as the file named by SLOW_SYNC says; none
 * while there is no such file. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int delayed(const char *name, int fd)
{
	const char *path = getenv("SLOW_SYNC");
	FILE *f = path != NULL ? fopen(path, "re") : NULL;
	int (*real)(int fd);
	long ms = 0;

	*(void **)&real = dlsym(RTLD_NEXT, name);
	if (f != NULL) {
		if (fscanf(f, "%ld", &ms) != 1)
			ms = 0;
		fclose(f);
	}
	struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&wait, NULL);
	return real(fd);
}

int fsync(int fd);
int fdatasync(int fd);

int fsync(int fd)
{
	return delayed("fsync", fd);
}

int fdatasync(int fd)
{
	return delayed("fdatasync", fd);
}
