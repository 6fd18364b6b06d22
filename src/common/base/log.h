/* Log lines on stderr: a fixed phrase, then key=value. error: a person must act; warn: we coped; info: life cycle;
 * debug: each exchange. Never a secret, a token or a body. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "common/base/span.h"

enum log_level {
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARN,
	LOG_ERROR,
};

/* Where lines go and which. One per process, passed to whoever logs. */
struct log {
	int fd;               /* borrowed; usually 2 */
	enum log_level level; /* lines below are dropped */
};

#define LOG_LINE_MAX 2048 /* bytes; a longer line is cut */

/* Would a line of this level be written? Ask before building costly arguments. */
static inline bool log_wants(const struct log *log, enum log_level level)
{
	return log != NULL && level >= log->level;
}

/* One line: time, level, message, key=value text made from fmt (NULL for none). Control bytes are escaped.
 * Written with one write(2). log may be NULL: nothing is written. */
void log_line(const struct log *log, enum log_level level, const char *message, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "debug", "info", "warn", "error", also cloudflared's "fatal" (as error). False when the text is none of these. */
bool log_level_parse(struct span text, enum log_level *out);

#endif
