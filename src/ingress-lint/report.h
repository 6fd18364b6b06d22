/* What is printed of findings. Everything goes to one stream, stdout. */
#ifndef LINT_REPORT_H
#define LINT_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "ingress-lint/input.h"

struct report {
	const struct input *inputs;
	size_t count;
	bool carets; /* show the lines: for people at a terminal */
	bool color;
	bool quiet; /* leave out infos */
};

/* 0, or -1 when the stream failed. */
typedef int report_fn(FILE *to, const struct report *r);
report_fn report_text, report_json, report_sarif, report_junit, report_github;

/* "file:line:col". To be freed. */
char *report_where(const struct lint_finding *f);
/* The text as JSON: bytes that are not UTF-8 become U+FFFD. */
json_t *report_string(const char *text);

#endif
