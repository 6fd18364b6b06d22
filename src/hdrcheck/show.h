/* What hdrcheck prints: records, a table for people, and what CI systems read. */
#ifndef HDRCHECK_SHOW_H
#define HDRCHECK_SHOW_H

#include <stdio.h>

#include "common/base/buf.h"
#include "hdrcheck/audit.h"
#include "hdrcheck/hops.h"
#include "hdrcheck/overwrite.h"
#include "hdrcheck/sides.h"

enum show_format {
	SHOW_TEXT,
	SHOW_JSON,
	SHOW_SARIF,
	SHOW_JUNIT,
	SHOW_GITHUB,
};

/* One target, judged or not. */
struct show_target {
	const char *url;
	const char *error; /* why it could not be judged; NULL: it was */
	struct audit *audit;
	const struct hops *hops; /* NULL: no hops were asked for */
	struct sides sides;      /* none: nobody looked beside the page */
	const char *policy;      /* name of the policy that was applied; NULL: none */
	bool policy_met;
	struct overwrites
		overwrites; /* what an edge with that policy would do to the application's headers */
	json_t *record;     /* the record that it came in, owned by the caller; NULL: none */
	int64_t took_ms;
};

struct show {
	FILE *to;
	enum show_format format;
	bool colour, quiet;
	json_t *collected; /* SARIF's results, or JUnit's suites: printed by show_end */
	size_t count;
};

/* False when text names no format. */
bool show_format_of(const char *text, enum show_format *out);
void show_begin(struct show *out, FILE *to, enum show_format format);
/* -1 when the stream failed. */
int show_target(struct show *out, const struct show_target *t);
int show_end(struct show *out);

/* The record of a target, to be released by the caller. */
json_t *show_record(const struct show_target *t);
/* Text of a response as JSON may hold it: what is not UTF-8 becomes U+FFFD. */
json_t *show_json_text(struct span s);

void show_text(struct show *out, const struct show_target *t);
void show_github(struct show *out, const struct show_target *t);
json_t *show_sarif_results(const struct show_target *t);
json_t *show_sarif(json_t *results);
void show_junit_suite(struct buf *to, const struct show_target *t);

#endif
