/* Reads tests/vectors/tunnel/NAME.hex, from the top of the tree. */
#ifndef VECTOR_H
#define VECTOR_H

#include "common/base/fsx.h"
#include "test.h"

/* Append the bytes of a vector. */
static inline void vector_read(const char *name, struct buf *out)
{
	struct buf text = {.max = 8192};
	struct err err = {{0}};
	char path[256];
	unsigned byte;

	snprintf(path, sizeof(path), "tests/vectors/tunnel/%s.hex", name);
	if (fsx_read(path, &text, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	buf_add_char(&text, '\0');
	for (const char *p = buf_span(&text).p; sscanf(p, " %2x", &byte) == 1; p += strspn(p, " \n") + 2)
		buf_add_char(out, (char)byte);
	buf_free(&text);
}

#endif
