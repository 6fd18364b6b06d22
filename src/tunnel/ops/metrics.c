/* Prometheus text. */
#include <math.h>

#include "tunnel/ops/metrics.h"

void metrics_family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_sample(struct buf *out, const char *name, const char *labels, double value)
{
	buf_add_str(out, name);
	if (labels != NULL)
		buf_addf(out, "{%s}", labels);
	/* Whole numbers as such. */
	if (value == floor(value) && fabs(value) < 1e15)
		buf_addf(out, " %.0f\n", value);
	else
		buf_addf(out, " %.9g\n", value);
}

void metrics_counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
	metrics_family(out, name, "counter", help);
	metrics_sample(out, name, NULL, (double)value);
}

void metrics_gauge(struct buf *out, const char *name, const char *help, double value)
{
	metrics_family(out, name, "gauge", help);
	metrics_sample(out, name, NULL, value);
}

void metrics_observe(struct metrics_histogram *h, double value)
{
	size_t i = 0;

	while (i < h->count && value > h->bounds[i])
		i++;
	h->buckets[i]++;
	h->sum += value;
}

void metrics_histogram_print(
	struct buf *out, const char *name, const char *labels, const struct metrics_histogram *h)
{
	const char *comma = labels != NULL ? "," : "", *open = labels != NULL ? "{" : "",
		   *shut = labels != NULL ? "}" : "";
	uint64_t total = 0;

	labels = labels != NULL ? labels : "";
	for (size_t i = 0; i < h->count; i++) {
		total += h->buckets[i];
		buf_addf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", name, labels, comma, h->bounds[i],
			(unsigned long long)total);
	}
	total += h->buckets[h->count];
	buf_addf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma, (unsigned long long)total);
	buf_addf(out, "%s_sum%s%s%s %.9g\n", name, open, labels, shut, h->sum);
	buf_addf(out, "%s_count%s%s%s %llu\n", name, open, labels, shut, (unsigned long long)total);
}
