/* What hdrcheck prints: records, a table for people, and what CI systems read. */
#ifndef HDRCHECK_REPORT_H
#define HDRCHECK_REPORT_H

#include <stdio.h>

#include "common/base/buf.h"
#include "hdrcheck/audit.h"
#include "hdrcheck/hops.h"

enum report_format {
	REPORT_TEXT,
	REPORT_JSON,
	REPORT_SARIF,
	REPORT_JUNIT,
	REPORT_GITHUB,
};

/* One target, judged or not. */
struct report_target {
	const char *url;
	const char *error; /* why it could not be judged; NULL: it was */
	struct audit *audit;
	const struct hops *hops; /* NULL: no hops were asked for */
	const char *policy;      /* name of the policy that was applied; NULL: none */
	bool policy_met;
	json_t *record; /* the record that it came in, owned by the caller; NULL: none */
	int64_t took_ms;
};

struct report {
	FILE *to;
	enum report_format format;
	bool colour, quiet;
	json_t *collected; /* SARIF's results, or JUnit's suites: printed by report_end */
	size_t count;
};

/* False when text names no format. */
bool report_format_of(const char *text, enum report_format *out);
void report_begin(struct report *out, FILE *to, enum report_format format);
/* -1 when the stream failed. */
int report_target(struct report *out, const struct report_target *t);
int report_end(struct report *out);

/* The record of a target, to be released by the caller. */
json_t *report_record(const struct report_target *t);
/* Text of a response as JSON may hold it: what is not UTF-8 becomes U+FFFD. */
json_t *report_json_text(struct span s);

void report_text(struct report *out, const struct report_target *t);
void report_github(struct report *out, const struct report_target *t);
json_t *report_sarif_results(const struct report_target *t);
json_t *report_sarif(json_t *results);
void report_junit_suite(struct buf *to, const struct report_target *t);

#endif
