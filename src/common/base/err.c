/* Error messages: set where it fails, wrapped on the way out, printed once by main. */
#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/err.h"

/* Names stand in parentheses because the analyser is given macros of the same names. */

int(err_set)(struct err *err, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -1;
}

int(err_sys)(struct err *err, const char *fmt, ...)
{
	va_list ap;
	int saved = errno;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	int len = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (len >= 0 && (size_t)len < sizeof(err->text))
		snprintf(err->text + len, sizeof(err->text) - (size_t)len, ": %s", strerror(saved));
	return -1;
}

int(err_wrap)(struct err *err, const char *fmt, ...)
{
	va_list ap;
	char inner[ERR_MAX];

	if (err == NULL)
		return -1;
	memcpy(inner, err->text, sizeof(inner));
	va_start(ap, fmt);
	int len = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (len >= 0 && (size_t)len < sizeof(err->text))
		snprintf(err->text + len, sizeof(err->text) - (size_t)len, ": %s", inner);
	return -1;
}

int(err_ssl)(struct err *err, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return err_set(err, "%s: %s", what, reason != NULL ? reason : "unknown TLS error");
}
