/* The command line of hdrcheck. */
#ifndef HDRCHECK_FLAGS_H
#define HDRCHECK_FLAGS_H

#include "hdrcheck/fetch.h"
#include "hdrcheck/show.h"

#define FLAGS_POLICY_ONLY \
	((enum severity)(SEVERITY_ERROR + 1)) /* no finding of the built-in rules fails a target */

struct flags {
	struct fetch_options fetch;
	struct opt_list hops, paths;
	const char *policy, *profile, *grade, *expect, *suggest, *preload, *bypass_list, *from_curl;
	const char *fail_on_text, *format_text, *colour_text;
	bool json, quiet;
	int64_t algorithm;

	enum severity fail_on; /* the least that fails a target */
	enum show_format format;
	bool colour;
};

/* Parse argv without the program's name; operands are left in it. */
enum opt_result flags_parse(struct flags *c, int *argc, char ***argv, struct err *err);
void flags_free(struct flags *c);

#endif
