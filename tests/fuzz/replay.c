/* Feeds a fuzz target the files of its corpus, and every beginning of each, without a fuzzer. The corpus is found by the
 * program's name, from the top of the tree: tests/fuzz/corpus/NAME. Prints TAP. */
#include <dirent.h>
#include <string.h>

#include "common/base/fsx.h"
#include "fuzz.h"

#define FILE_MAX ((size_t)256 * 1024)
#define PREFIX_MAX ((size_t)4 * 1024) /* longer files are fed whole only */

/* Each input is a block of just its size, so that the sanitizer sees a byte read too many. */
static void feed(struct span bytes)
{
	uint8_t *block = malloc(bytes.len > 0 ? bytes.len : 1);

	MUST(block != NULL);
	memcpy(block, bytes.p, bytes.len);
	LLVMFuzzerTestOneInput(block, bytes.len);
	free(block);
}

static void replay(const char *path)
{
	struct buf file = {.max = FILE_MAX};
	struct err err = {{0}};

	if (fsx_read(path, &file, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	for (size_t n = 0; n < buf_len(&file) && buf_len(&file) <= PREFIX_MAX; n++)
		feed(span_of(buf_span(&file).p, n));
	feed(buf_span(&file));
	buf_free(&file);
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	char dir[512], path[1024];
	size_t count = 0;

	snprintf(dir, sizeof(dir), "tests/fuzz/corpus/%s", slash != NULL ? slash + 1 : "");
	DIR *d = opendir(dir);
	if (d == NULL) {
		perror(dir);
		return 1;
	}
	for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		replay(path);
		printf("ok %zu %s\n", ++count, e->d_name);
	}
	closedir(d);
	printf("1..%zu\n", count);
	return count == 0;
}
