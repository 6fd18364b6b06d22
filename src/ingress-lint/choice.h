/* Options that take one of a few names. */
#ifndef LINT_CHOICE_H
#define LINT_CHOICE_H

#include "common/base/err.h"
#include "common/conf/release.h"

struct choice {
	const char *name; /* NULL ends a list */
	int value;
};

/* The value of a name; `none` for NULL. -1 with err when it is none of them. */
int choice_value(
	const struct choice *choices, const char *option, const char *name, int none, struct err *err);
/* The same for --compat: an enum release. */
int choice_release(const char *name, struct err *err);

#endif
