/* The findings of Google's csp_evaluator about a policy: same types, same severities (STRICTCSP and default checks and the one
 * for reporting). Policies that it throws an exception at are judged like others here. */
#ifndef HDRCHECK_EVALUATOR_H
#define HDRCHECK_EVALUATOR_H

#include "hdrcheck/bypass.h"
#include "hdrcheck/csp.h"

struct eval_finding {
	size_t policy;
	bool meta;
	const char *type, *severity;
	struct span directive;
	struct span value; /* a NULL pointer: the directive as a whole */
};

struct eval_list {
	struct eval_finding *at;
	size_t count;
};

/* Append the findings about the enforced policies of the list. */
void evaluator_judge(struct arena *a, const struct csp_list *policies, const struct bypass_list *bypass,
	struct eval_list *out);

#endif
