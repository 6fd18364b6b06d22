/* What is said of a run: a line for people on stderr for each step, and a record where records are asked for. */
#ifndef CREDROTATE_REPORT_H
#define CREDROTATE_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "credrotate/fingerprint.h"

struct report {
	FILE *records;            /* NULL for none */
	bool quiet;               /* no lines for people but of what went wrong */
	const char *run, *tunnel; /* borrowed; "" before they are known */
	long counts[5];           /* by result */
	bool broken;              /* a record could not be written */
};

enum report_result { REPORT_OK, REPORT_WAIT, REPORT_RETRY, REPORT_FAILED, REPORT_SKIPPED };

/* A step, as far as it is known; zeroed members are left out. */
struct report_step {
	const char *step; /* "preflight", "intent", "issue", "install", ... */
	enum report_result result;
	const char *target;
	int64_t since_ms; /* when it began, of clock.h */
	int64_t version;
	const struct fingerprint *fingerprint;
	json_t *more; /* further members; released */
};

void report_step(struct report *r, const struct report_step *s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The last record: counts, and the members of more, which is released. */
void report_summary(struct report *r, int64_t since_ms, bool good, json_t *more);

#endif
