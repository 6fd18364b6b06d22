/* Directories of configurations and credentials. */
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "tunnel/cmd/confdir.h"

static const char *const dirs[] = {"~/.cloudflared", "~/.cloudflare-warp", "~/cloudflare-warp",
	"/etc/cloudflared", "/usr/local/etc/cloudflared"};
#define DIR_COUNT (sizeof(dirs) / sizeof(dirs[0]))

/* HOME, else what the system says; NULL when neither knows. */
static const char *home_dir(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user = home == NULL || *home == '\0' ? getpwuid(getuid()) : NULL;

	if (user != NULL)
		home = user->pw_dir;
	return home != NULL && *home != '\0' ? home : NULL;
}

char *confdir_expand(const char *path)
{
	const char *home = path[0] == '~' && (path[1] == '/' || path[1] == '\0') ? home_dir() : NULL;

	return home != NULL ? mem_printf("%s%s", home, path + 1) : mem_strdup(path);
}

/* DIR/NAME if it can be opened, else NULL. */
static char *find_in(const char *dir, const char *name)
{
	char *at = confdir_expand(dir), *path = mem_printf("%s/%s", at, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	free(at);
	if (fd >= 0) {
		close(fd);
		return path;
	}
	free(path);
	return NULL;
}

char *confdir_find(const char *name)
{
	char *path = NULL;

	for (size_t i = 0; i < DIR_COUNT && path == NULL; i++)
		path = find_in(dirs[i], name);
	return path;
}

char *confdir_find_beside(const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	char *dir = slash == NULL   ? mem_strdup(".")
		    : slash == file ? mem_strdup("/")
				    : mem_spandup(span_of(file, (size_t)(slash - file)));
	char *path = find_in(dir, name);

	free(dir);
	return path;
}

char *confdir_find_config(void)
{
	char *path = NULL;

	for (size_t i = 0; i < DIR_COUNT && path == NULL; i++) {
		path = find_in(dirs[i], "config.yml");
		if (path == NULL)
			path = find_in(dirs[i], "config.yaml");
	}
	return path;
}
