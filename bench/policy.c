/* What a header policy costs an edge for each response: answers are put together with the policy and without it, in turns.
 *
 *   policy FILE...
 *
 * Prints a JSON line for each file: nanoseconds of the policy alone, by kind of answer, the median of ROUNDS. A policy with
 * nonces includes making one. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/fsx.h"
#include "common/conf/headerpolicy.h"
#include "common/proto/nonce.h"

#define ROUNDS 31
#define ANSWERS 20000 /* in each round */

static const struct field bare[] = {
	{{"content-type", 12}, {"text/html; charset=utf-8", 24}},
	{{"cache-control", 13}, {"no-store", 8}},
	{{"cf-ray", 6}, {"0123456789abcdef-LOC", 20}},
};
static const struct field script[] = {
	{{"content-type", 12}, {"text/javascript", 15}},
	{{"cache-control", 13}, {"public, max-age=31536000", 24}},
	{{"etag", 4}, {"\"5e9c1a\"", 8}},
	{{"cf-ray", 6}, {"0123456789abcdef-LOC", 20}},
};
/* An application with headers of its own, each weaker than what policies ask for, or another. */
static const struct field full[] = {
	{{"date", 4}, {"Thu, 26 Nov 2026 10:00:00 GMT", 29}},
	{{"content-type", 12}, {"text/html; charset=utf-8", 24}},
	{{"set-cookie", 10}, {"session=0123456789abcdef; Path=/; Secure; HttpOnly", 50}},
	{{"strict-transport-security", 25}, {"max-age=3600; preload", 21}},
	{{"content-security-policy", 23}, {"default-src 'self'; script-src 'self'; object-src 'none'", 56}},
	{{"x-frame-options", 15}, {"SAMEORIGIN", 10}},
	{{"x-content-type-options", 22}, {"nosniff", 7}},
	{{"referrer-policy", 15}, {"origin", 6}},
	{{"x-xss-protection", 16}, {"1; mode=block", 13}},
	{{"x-powered-by", 12}, {"PHP/8.2", 7}},
	{{"vary", 4}, {"Accept-Encoding", 15}},
	{{"cache-control", 13}, {"private", 7}},
	{{"cf-ray", 6}, {"0123456789abcdef-LOC", 20}},
};

static const struct {
	const char *name;
	const struct field *fields;
	size_t count;
} answers[] = {
	{"document without headers", bare, sizeof(bare) / sizeof(bare[0])},
	{"document with eleven", full, sizeof(full) / sizeof(full[0])},
	{"script", script, sizeof(script) / sizeof(script[0])},
};
#define KINDS (sizeof(answers) / sizeof(answers[0]))

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Put ANSWERS answers together; p NULL: as they are. Returns nanoseconds for each. */
static double run(const struct headerpolicy *p, size_t kind, struct fields *headers,
	struct headerpolicy_scratch *scratch)
{
	struct headerpolicy_subject subject = {
		SPAN("grafana.example.com"), SPAN("/d/abcdef/home"), 200, SPAN("")};
	bool nonces = p != NULL && headerpolicy_nonce_header(p).p != NULL;
	char nonce[NONCE_TEXT] = "";
	struct nonce_pool pool = {.left = 0};
	double began = now_ns();

	for (int i = 0; i < ANSWERS; i++) {
		header_clear(headers);
		for (size_t k = 0; k < answers[kind].count; k++)
			header_add(headers, answers[kind].fields[k].name, answers[kind].fields[k].value);
		if (nonces)
			nonce_make(&pool, nonce);
		subject.nonce = span_str(nonce);
		if (p != NULL && headerpolicy_apply(p, &subject, headers, scratch) < 0)
			abort();
	}
	return (now_ns() - began) / ANSWERS;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double cost(const struct headerpolicy *p, size_t kind)
{
	struct headerpolicy_scratch scratch = {0};
	struct fields headers = {0};
	double costs[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		/* Neither always comes first. */
		double first = run(i % 2 == 0 ? NULL : p, kind, &headers, &scratch);
		double second = run(i % 2 == 0 ? p : NULL, kind, &headers, &scratch);
		costs[i] = i % 2 == 0 ? second - first : first - second;
	}
	qsort(costs, ROUNDS, sizeof(costs[0]), compare);
	header_free(&headers);
	headerpolicy_scratch_free(&scratch);
	return costs[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	struct err err;

	for (int i = 1; i < argc; i++) {
		struct buf text = {.max = HEADERPOLICY_BYTES_MAX};
		struct headerpolicy *p = NULL;
		if (fsx_read(argv[i], &text, &err) < 0 ||
			(p = headerpolicy_parse(buf_span(&text), &err)) == NULL) {
			fprintf(stderr, "policy: %s: %s\n", argv[i], err.text);
			return 1;
		}
		printf("{\"file\": \"%s\", \"ns\": {", argv[i]);
		for (size_t kind = 0; kind < KINDS; kind++)
			printf("%s\"%s\": %.1f", kind > 0 ? ", " : "", answers[kind].name, cost(p, kind));
		printf("}}\n");
		fflush(stdout);
		headerpolicy_free(p);
		buf_free(&text);
	}
	return 0;
}
