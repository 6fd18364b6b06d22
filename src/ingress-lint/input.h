/* Files to be linted. */
#ifndef LINT_INPUT_H
#define LINT_INPUT_H

#include "common/base/buf.h"
#include "ingress-lint/lint.h"

struct input {
	const char *name; /* borrowed; "-" for standard input */
	struct buf text;
	struct err err;   /* why it could not be read, or is no text; "" when it is */
	struct lint lint; /* its findings */
	char **decoded;   /* texts of configurations that were encoded in it */
	size_t decoded_count;
	struct view *views; /* configurations in it: one, or those of a manifest */
	size_t view_count;
	bool is_manifest;
	size_t errors, warnings; /* among the findings, after all filters */
};

/* Read a file, or standard input. What is wrong goes to err; the rest is empty then. */
void input_read(struct input *in, const char *name);
/* Put into err what no parser can be blamed for, once the text was read as a configuration. */
void input_judge(struct input *in, const struct view *v);
void input_fini(struct input *in);

/* Drop the findings that a comment in the file ignores: "# ingress-lint: ignore=IL101,IL102" in the line or the one above
 * it. */
void input_ignore(struct input *in);
/* Line `number` of the text, from 1, without its end; empty past the last. */
struct span input_line(const struct input *in, unsigned number);

#endif
