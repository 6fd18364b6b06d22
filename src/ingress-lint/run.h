/* Linting inputs, from what was read to what is reported. */
#ifndef LINT_RUN_H
#define LINT_RUN_H

#include "common/base/opt.h"
#include "ingress-lint/input.h"

struct run_options {
	enum release release;
	bool looks_at_files, in_container;
	size_t proxies; /* so many of the inputs, the last ones, are site files of proxies */
	const struct opt_list *enable, *disable; /* ids, names and "all"; borrowed */
};

/* Fill in findings, configurations and counts of each input; manifests are taken as one cluster. Findings that comments or
 * options rule out are dropped, the others are in the order of their places. */
void run_lint(struct input *inputs, size_t count, const struct run_options *how);

#endif
