/* The credentials of `tunnel run`: a token, or those of the tunnel that is named. */
#ifndef CMD_RUN_CRED_H
#define CMD_RUN_CRED_H

#include "common/conf/cred.h"

/* Where they may come from; NULL for what is not given. Texts are borrowed. */
struct run_cred {
	const char *token, *token_file;
	const char *contents, *file;
	const char *tunnel; /* UUID or name */
};

/* Find and read them, as cloudflared does: a token wins; else contents before the file, else UUID.json in the usual
 * places. A UUID is the tunnel's id whatever the file says; a name stands for the id in the file. 0, or an exit status
 * with err. */
int run_cred_read(const struct run_cred *from, struct cred *out, struct err *err);
/* The file that they come from; NULL when there is none. Owned by the caller. */
char *run_cred_file(const struct run_cred *from);

#endif
