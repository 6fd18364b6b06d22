/* tunnel: one program, several roles. */
#include <signal.h>
#include <string.h>

#include "common/base/fsx.h"
#include "common/base/secret.h"
#include "tunnel/cmd/cmd.h"

struct role {
	const char *name;
	int (*run)(int argc, char **argv);
};

static const struct role roles[] = {
	{"edge", cmd_edge},
};

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	secret_guard_json();
	fsx_raise_limit();
	for (size_t i = 0; argc > 1 && i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(argv[1], roles[i].name) == 0)
			return roles[i].run(argc - 2, argv + 2);
	return cmd_run(argc - 1, argv + 1);
}
