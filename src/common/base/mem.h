/* Allocation with one policy: out of memory is reported and the process aborts. Traffic cannot get here, since
 * everything a peer can make us keep has a ceiling. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "common/base/span.h"

/* For a process with traffic, before it begins: up to MEM_KEEP freed bytes stay with the process, so that the buffers of
 * a burst are not fetched from the kernel again and again. */
#define MEM_KEEP (1 << 20)
void mem_expect_traffic(void);

void *mem_alloc(size_t size);                         /* zeroed */
void *mem_array(size_t count, size_t size);           /* zeroed; the product is checked */
void *mem_grow(void *old, size_t count, size_t size); /* realloc; the product is checked */
char *mem_strdup(const char *s);
/* A NUL-terminated copy of the span. */
char *mem_spandup(struct span s);
/* printf into a fresh string. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
