/* The subcommands of tunnel(1). Each parses its own arguments and returns the exit status. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "common/base/opt.h"

/* Exit statuses shared by all five programs. */
enum {
	EXIT_OK = 0,
	EXIT_WRONG = 1, /* did it, and something is wrong */
	EXIT_USAGE = 2,
	EXIT_CANNOT = 3, /* could not do it */
};

/* argv is what follows "tunnel", without the subcommand's name. */
int cmd_run(int argc, char **argv);
int cmd_edge(int argc, char **argv);
int cmd_quick(int argc, char **argv);
int cmd_ready(int argc, char **argv);

/* Those that ask the management API. Their options may stand before the command's name. */
int cmd_create(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_delete(int argc, char **argv);
int cmd_cleanup(int argc, char **argv);
int cmd_route(int argc, char **argv);
int cmd_config(int argc, char **argv);
extern const struct opt cmd_create_options[], cmd_list_options[], cmd_info_options[], cmd_token_options[],
	cmd_delete_options[], cmd_cleanup_options[], cmd_route_options[], cmd_config_options[];

#endif
