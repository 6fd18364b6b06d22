/* Files: read one up to a limit, replace one whole. */
#ifndef BASE_FSX_H
#define BASE_FSX_H

#include <sys/stat.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Append the file's contents to out, whose ceiling is the limit. Only regular files, pipes and character devices;
 * "-" is no special name. -1 with a message that names the path. */
int fsx_read(const char *path, struct buf *out, struct err *err);
/* The same, but "-" is standard input, whatever that is: a socket has no path that could be opened. */
int fsx_read_input(const char *path, struct buf *out, struct err *err);
/* Write the bytes beside path and rename over it: readers see the old or the new file, never half of one. The file
 * and its directory are synced. mode is exact, whatever the umask. */
int fsx_write(const char *path, struct span bytes, mode_t mode, struct err *err);
/* The same for a file that is there: a link stays, and where it leads is written; owner, group and mode stay too, or nothing is
 * done. */
int fsx_rewrite(const char *path, struct span bytes, struct err *err);
/* Write all bytes to a descriptor that blocks. -1 with errno; some may have been written then. */
int fsx_write_all(int fd, struct span bytes);
/* Let the process open as many descriptors as it may: raises the soft limit to the hard one, as Go's runtime does. Once,
 * at start. */
void fsx_raise_limit(void);
/* Open what is closed of descriptors 0 to 2, so that no file or connection gets its number. Reading and writing there fail as
 * before. First of all, at start. */
void fsx_fill_standard(void);
/* Can everybody on this machine read it? False when it is not there. */
bool fsx_is_exposed(const char *path);
/* Make a directory unless it is there. */
int fsx_mkdir(const char *path, mode_t mode, struct err *err);

#endif
