/* A configuration file with the files it includes in their places. */
#ifndef WSCAT_CONFLOAD_H
#define WSCAT_CONFLOAD_H

#include "common/base/err.h"
#include "wscat/conffile.h"

#define CONFLOAD_DEPTH_MAX 8   /* files inside one another; what is deeper is passed over */
#define CONFLOAD_FILES_MAX 256 /* files in all; likewise */

/* The text, at most CONFFILE_MAX bytes, and where its lines came from. */
struct confload {
	struct buf text;
	struct conf_lines lines;
	char *files[CONFLOAD_FILES_MAX]; /* owned; lines points to them */
	size_t file_count;
};

/* Read the file. Followed are Apache's Include and IncludeOptional, nginx's include and Caddy's import, with patterns;
 * relative names against the file's folder and, where that has none such, the folders above. Included files that
 * cannot be read are passed over. -1 with err when the file itself cannot be, or all is too large. */
int confload_read(struct confload *c, const char *path, struct err *err);
void confload_free(struct confload *c);

/* The first directive of a line that includes: at its beginning, or after nginx's ";", "{" or "}". Its offset, with the
 * pattern, which lies in the line, and the directive's length; or the line's length. */
size_t confload_find(struct span line, struct span *pattern, size_t *len);

#endif
