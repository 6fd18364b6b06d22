/* The credentials of `tunnel run`: a token, or those of the tunnel that is named. */
#ifndef CMD_RUN_CRED_H
#define CMD_RUN_CRED_H

#include "common/conf/cred.h"

/* Where they may come from; NULL for what is not given. Texts are borrowed. */
struct run_cred {
	const char *token, *token_file;
	const char *contents, *file;
	const char *tunnel;           /* UUID or name */
	const char *api_url, *api_ca; /* who knows the id of a name */
	const char *origin_cert;      /* cert.pem for that; credentials are looked for beside it too */
};

/* Where nothing but a tunnel's name and the management API is given, ask that for the id, which blocks, and make UUID.json in the
 * usual places the file; *file is then its path, to be freed after from. 0, or an exit status with err. */
int run_cred_look_up(struct run_cred *from, char **file, struct err *err);
/* Find and read them, as cloudflared does: a token wins; else contents before the file, else UUID.json in the usual
 * places. A UUID is the tunnel's id whatever the file says; a name stands for the id in the file, and without one for the id
 * that the management API tells, which blocks. 0, or an exit status with err. */
int run_cred_read(const struct run_cred *from, struct cred *out, struct err *err);
/* The file that they come from; NULL when there is none. Owned by the caller. */
char *run_cred_file(const struct run_cred *from);

#endif
