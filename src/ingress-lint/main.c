/* ingress-lint: what cloudflared makes of a configuration, and what is wrong with it. */
#include <signal.h>
#include <string.h>

#include "common/base/fsx.h"
#include "common/base/out.h"
#include "ingress-lint/cmd.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {{"lint", lint_cmd_lint}, {"rule", lint_cmd_rule}, {"rules", lint_cmd_rules},
	{"explain", lint_cmd_explain}};

static int run(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	return lint_cmd_lint(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	fsx_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	return out_finish("ingress-lint", run(argc, argv));
}
