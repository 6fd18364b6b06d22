/* Allocation that cannot fail: the out-of-memory policy of all five programs. */
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"

static _Noreturn void mem_exhausted(void)
{
	fputs("error: out of memory\n", stderr);
	abort();
}

void mem_expect_traffic(void)
{
	mallopt(M_TRIM_THRESHOLD, MEM_KEEP);
	mallopt(M_MMAP_THRESHOLD, MEM_KEEP);
}

void *mem_alloc(size_t size)
{
	return mem_array(1, size);
}

void *mem_array(size_t count, size_t size)
{
	void *p = calloc(count > 0 ? count : 1, size > 0 ? size : 1);

	if (p == NULL)
		mem_exhausted();
	return p;
}

void *mem_grow(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count > 0 ? count : 1, size > 0 ? size : 1);

	if (p == NULL)
		mem_exhausted();
	return p;
}

char *mem_strdup(const char *s)
{
	return mem_spandup(span_str(s));
}

char *mem_spandup(struct span s)
{
	char *copy = mem_alloc(s.len + 1);

	if (s.len > 0)
		memcpy(copy, s.p, s.len);
	return copy;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		mem_exhausted();
	va_end(ap);
	return text;
}
