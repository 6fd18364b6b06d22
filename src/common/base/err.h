/* One error message in a fixed buffer. The place that fails sets it; callers add context in front. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_MAX 512 /* bytes, NUL included; longer messages are cut */

struct err {
	char text[ERR_MAX];
};

/* Set the message. Always returns -1, so that `return err_set(...)` reads well. err may be NULL. */
int err_set(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Set the message and append ": " and the text of errno. Returns -1. */
int err_sys(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Put "CONTEXT: " in front of the message. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Set the message to what and the newest OpenSSL error of this thread; empties that queue. Returns -1. */
int err_ssl(struct err *err, const char *what);

#ifdef __clang_analyzer__ /* reads one file at a time, and would take the result for unknown */
#define err_set(...) (err_set(__VA_ARGS__), -1)
#define err_sys(...) (err_sys(__VA_ARGS__), -1)
#define err_wrap(...) (err_wrap(__VA_ARGS__), -1)
#define err_ssl(...) (err_ssl(__VA_ARGS__), -1)
#endif

#endif
