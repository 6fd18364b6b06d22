/* wscat: a WebSocket client, a test server, a probe and a bench in one program. */
#include <signal.h>
#include <string.h>

#include "common/base/fsx.h"
#include "common/base/out.h"
#include "common/base/secret.h"
#include "wscat/cmd.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{"serve", cmd_serve},
	{"probe", cmd_probe},
	{"explain", cmd_explain},
	{"bench", cmd_bench},
};

static int run(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	return cmd_chat(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	fsx_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	secret_guard_json();
	return out_finish("wscat", run(argc, argv));
}
