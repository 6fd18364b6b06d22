/* The subcommands of ingress-lint(1). Each parses its own arguments and returns the exit status. */
#ifndef LINT_CMD_H
#define LINT_CMD_H

/* Exit statuses shared by all five programs. */
enum {
	LINT_EXIT_OK = 0,
	LINT_EXIT_WRONG = 1, /* findings at error level; with --strict warnings too */
	LINT_EXIT_USAGE = 2,
	LINT_EXIT_CANNOT = 3, /* a file could not be read, or is no text */
};

/* argv is what follows the program's name and that of the subcommand. */
int lint_cmd_lint(int argc, char **argv);
int lint_cmd_rule(int argc, char **argv);
int lint_cmd_rules(int argc, char **argv);
int lint_cmd_explain(int argc, char **argv);

#endif
