/* Fixes that are safe: they put other bytes in place of a value or a key, and leave all else as it is. */
#ifndef LINT_FIX_H
#define LINT_FIX_H

#include <stdio.h>

#include "ingress-lint/input.h"

/* Write the input's fixes into its file. 0 also when there is none. Standard input has no file: an error. */
int fix_write(const struct input *in, struct err *err);
/* Print what fix_write would change as a patch. -1 when the stream failed. */
int fix_diff(FILE *to, const struct input *inputs, size_t count);

#endif
