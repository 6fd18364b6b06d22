/* The smallest unit-test harness: CHECK counts, TEST_MAIN reports. A failed check prints where and goes on. */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/span.h"

static int test_failures;
static int test_checks;

#define CHECK(cond)                                                                       \
	do {                                                                              \
		test_checks++;                                                            \
		if (!(cond)) {                                                            \
			test_failures++;                                                  \
			fprintf(stderr, "%s:%d: CHECK(%s)\n", __FILE__, __LINE__, #cond); \
		}                                                                         \
	} while (0)

/* As CHECK, with the row of a table or another hint of what was tried. */
#define CHECK_FOR(cond, ...)                                                                 \
	do {                                                                                 \
		test_checks++;                                                               \
		if (!(cond)) {                                                               \
			test_failures++;                                                     \
			fprintf(stderr, "%s:%d: CHECK(%s) for ", __FILE__, __LINE__, #cond); \
			fprintf(stderr, __VA_ARGS__);                                        \
			fputc('\n', stderr);                                                 \
		}                                                                            \
	} while (0)

/* A test is a function; its name is the sentence that is reported. */
struct test {
	const char *name;
	void (*run)(void);
};

/* Print TAP, one line a test. Exit 1 if any failed, or if one checked nothing. */
static inline int test_main(const struct test *tests, size_t count)
{
	int failed = 0;

	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		test_failures = test_checks = 0;
		tests[i].run();
		int bad = test_failures > 0 || test_checks == 0;
		failed += bad;
		printf("%s %zu %s\n", bad ? "not ok" : "ok", i + 1, tests[i].name);
		fflush(stdout);
	}
	return failed > 0;
}

#define TEST(fn)        \
	{               \
#fn, fn \
	}
#define TEST_MAIN(...)                                                     \
	int main(void)                                                     \
	{                                                                  \
		static const struct test tests[] = {__VA_ARGS__};          \
		return test_main(tests, sizeof(tests) / sizeof(tests[0])); \
	}

#endif
