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

	snprintf(path, sizeof(path), "tests/vectors/tunnel/%s.hex", name);
	if (fsx_read(path, &text, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	struct span rest = span_trim(buf_span(&text)), line;
	while (rest.len > 0) {
		line = span_trim(span_cut(rest, '\n', &rest));
		for (size_t i = 0; i + 1 < line.len; i += 2) {
			const char digits[3] = {line.p[i], line.p[i + 1], '\0'};
			buf_add_char(out, (char)strtoul(digits, NULL, 16));
		}
	}
	buf_free(&text);
}

#endif
