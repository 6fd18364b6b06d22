/* Prometheus text exposition (version 0.0.4). */
#ifndef OPS_METRICS_H
#define OPS_METRICS_H

#include "common/base/buf.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* "# HELP" and "# TYPE" lines; type is "counter", "gauge" or "histogram". */
void metrics_family(struct buf *out, const char *name, const char *type, const char *help);
/* One sample; labels as `a="b"`, without braces, NULL for none. */
void metrics_sample(struct buf *out, const char *name, const char *labels, double value);
/* A family of one sample without labels. */
void metrics_counter(struct buf *out, const char *name, const char *help, uint64_t value);
void metrics_gauge(struct buf *out, const char *name, const char *help, double value);

/* A histogram with fixed bounds. */
#define METRICS_BOUNDS_MAX 16
struct metrics_histogram {
	const double *bounds; /* ascending; constant */
	size_t count;         /* of bounds, at most METRICS_BOUNDS_MAX */
	uint64_t buckets[METRICS_BOUNDS_MAX + 1];
	double sum;
};
/* A fresh one over a constant array of bounds. */
#define METRICS_HISTOGRAM(array) \
	((struct metrics_histogram){.bounds = (array), .count = sizeof(array) / sizeof((array)[0])})
void metrics_observe(struct metrics_histogram *h, double value);
/* Its samples; labels as for metrics_sample. The family's lines come before. */
void metrics_histogram_print(
	struct buf *out, const char *name, const char *labels, const struct metrics_histogram *h);

#endif
