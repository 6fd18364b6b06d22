/* The subcommands of tunnel(1). Each parses its own arguments and returns the exit status. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

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

#endif
