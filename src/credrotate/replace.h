/* A file replaced whole, with the owner, the mode, the ACL and the security label of the one before; readers see the old or
 * the new one. The one before is kept beside it until it is forgotten. */
#ifndef CREDROTATE_REPLACE_H
#define CREDROTATE_REPLACE_H

#include <sys/stat.h>

#include "common/base/err.h"
#include "common/base/secret.h"

#define REPLACE_MAX ((size_t)64 * 1024) /* bytes of a file */

struct replace {
	int dir;            /* of the real file; -1 when not open */
	char *path;         /* as given, for messages; owned */
	char *name;         /* of the real file in dir; owned */
	struct secret text; /* what was read */
	struct stat st;     /* of what was read */
};

/* Find the file: a symbolic link at the end of path is followed once, and stays what it is. Refuses mount points, and links
 * into a mounted Kubernetes volume. */
int replace_open(struct replace *r, const char *path, struct err *err);
/* Read it into text and st. */
int replace_read(struct replace *r, struct err *err);
/* Can it be replaced by len bytes? Writes as many to a file beside it and removes that. */
int replace_try(const struct replace *r, const char *run, size_t len, struct err *err);

/* Replace what was read by bytes; what stands there by now must still be that. keep: leave the one before as the kept copy.
 * *tightened, where not NULL: write rights of the group and all rights of others were taken away. After a failure nothing
 * has changed and nothing is left behind. */
int replace_write(
	struct replace *r, const char *run, struct span bytes, bool keep, bool *tightened, struct err *err);

/* The contents of the kept copy; false when there is none. */
bool replace_kept(const struct replace *r, struct secret *out);
void replace_forget(const struct replace *r);
/* Remove temporary files of that run, which a crash left. */
void replace_tidy(const struct replace *r, const char *run);
void replace_close(struct replace *r);

#endif
