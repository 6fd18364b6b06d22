/* Targets for other tools: a record for each rule that can be reached. */
#ifndef LINT_RECORDS_H
#define LINT_RECORDS_H

#include <stdio.h>

#include "ingress-lint/input.h"

/* -1 when the stream failed. */
int records_print(FILE *to, const struct input *inputs, size_t count);

/* Does the rule, whose service is valid, look like one for WebSockets? */
bool records_is_websocket(const struct view_rule *r);

#endif
