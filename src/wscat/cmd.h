/* The subcommands of wscat(1). Each parses its own arguments, which are what follows its name, and returns the exit
 * status. */
#ifndef WSCAT_CMD_H
#define WSCAT_CMD_H

int cmd_chat(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_bench(int argc, char **argv);

#endif
