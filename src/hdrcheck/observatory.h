/* The verdict of the MDN HTTP Observatory: its tests, results, modifiers and grade, by algorithm 4 (its npm package) or 6
 * (what it runs now). It is not always what a browser does: findings of our own (finding.h) say that. */
#ifndef HDRCHECK_OBSERVATORY_H
#define HDRCHECK_OBSERVATORY_H

#include "hdrcheck/html.h"
#include "hdrcheck/names.h"
#include "hdrcheck/response.h"

enum obs_test {
	OBS_CSP,
	OBS_COOKIES,
	OBS_CORS,
	OBS_REDIRECTION,
	OBS_REFERRER,
	OBS_HSTS,
	OBS_SRI,
	OBS_XCTO,
	OBS_XFO,
	OBS_CORP,
	OBS_COEP, /* these two: from algorithm 6 on */
	OBS_COOP,
	OBS_TESTS,
};

/* A row of the table of results. */
struct obs_result {
	const char *name;
	int modifier, modifier_6; /* points, by algorithm 4 and 6 */
	bool pass;
};

/* What the policy was found to be, beside the result. */
struct obs_csp {
	bool judged; /* there was a policy, and it was valid */
	bool has_frame_ancestors;
	bool anti_clickjacking, default_none, insecure_base_uri, insecure_form_action, insecure_scheme_active,
		insecure_scheme_passive, strict_dynamic, unsafe_eval, unsafe_inline, unsafe_inline_style,
		unsafe_objects;
};

struct observatory {
	int algorithm;
	bool scored; /* false: the scanner refuses a response of that status, and there is no grade */
	int score;
	const char *grade;
	const struct obs_result *tests[OBS_TESTS]; /* NULL: the algorithm has no such test */
	struct obs_csp csp;
};

/* The response as the tests see it. */
struct obs_scan {
	struct arena *arena;
	const struct response *r;
	const struct html *html;
	const struct names *names;
	int algorithm;
};

void observatory_judge(const struct obs_scan *scan, struct observatory *out);
const char *observatory_test_name(enum obs_test test);
int observatory_modifier(const struct observatory *o, enum obs_test test);
/* Is the type one that the Observatory takes for HTML? It compares exactly. */
bool observatory_is_html(const struct response *r);
/* Is grade a at least b? Neither is checked: -1 when b is no grade. */
int observatory_grade_at_least(const char *a, const char *b);

/* Does the algorithm's HTML parser come by this element? */
bool obs_sees(const struct obs_scan *scan, const struct html_element *e);

/* The results, in files by subject. */
const struct obs_result *obs_csp(const struct obs_scan *scan, struct obs_csp *out);
const struct obs_result *obs_cookies(const struct obs_scan *scan, bool hsts_passes);
const struct obs_result *obs_sri(const struct obs_scan *scan);
/* The result of that name in the table. */
const struct obs_result *obs_result(const char *name);

#endif
