/* Subcommands of `tunnel edge` that work on its store. */
#ifndef CMD_EDGE_TOKEN_H
#define CMD_EDGE_TOKEN_H

/* argv is what follows "token" or "cert". The exit status. */
int edge_token(int argc, char **argv);
int edge_cert(int argc, char **argv);

#endif
