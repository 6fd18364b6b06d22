/* Log lines: one write per line, control bytes escaped. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

static size_t log_stamp(char *out, size_t size)
{
	struct timeval now;
	struct tm utc;

	gettimeofday(&now, NULL);
	gmtime_r(&now.tv_sec, &utc);
	size_t len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
	int more = snprintf(out + len, size - len, ".%03dZ", (int)(now.tv_usec / 1000));
	return len + (size_t)more;
}

/* Length of what snprintf left in a buffer of size bytes. */
static size_t log_clamp(int len, size_t size)
{
	if (len < 0)
		return 0;
	return (size_t)len < size ? (size_t)len : size - 1;
}

void log_line(const struct log *log, enum log_level level, const char *message, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];

	if (!log_wants(log, level))
		return;
	size_t len = log_stamp(line, sizeof(line));
	len += log_clamp(snprintf(line + len, sizeof(line) - len - 1, " %s: %s", level_names[level], message),
		sizeof(line) - len - 1);
	if (fmt != NULL) {
		va_list ap;

		line[len++] = ' ';
		va_start(ap, fmt);
		len += log_clamp(
			vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap), sizeof(line) - len - 1);
		va_end(ap);
	}
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	/* A log that cannot be written is no reason to stop serving. */
	ssize_t ignored = write(log->fd, line, len);
	(void)ignored;
}

bool log_level_parse(struct span text, enum log_level *out)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (span_eq_nocase(text, span_str(level_names[i]))) {
			*out = (enum log_level)i;
			return true;
		}
	}
	if (span_eq_nocase(text, SPAN("fatal"))) {
		*out = LOG_ERROR;
		return true;
	}
	return false;
}
