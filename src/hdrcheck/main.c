/* hdrcheck: security headers audited, explained, and traced to the hop that set them. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/fsx.h"
#include "common/base/out.h"
#include "hdrcheck/explain.h"
#include "hdrcheck/run.h"

#define EXIT_USAGE 2

static int audit(int argc, char **argv)
{
	struct flags c;
	struct err err = {0};
	int code = EXIT_SUCCESS;

	switch (flags_parse(&c, &argc, &argv, &err)) {
	case OPT_RUN: code = run(&c, argv, (size_t)argc); break;
	case OPT_DONE: break;
	case OPT_BAD: code = out_die("hdrcheck", &err, EXIT_USAGE); break;
	}
	flags_free(&c);
	return code;
}

int main(int argc, char **argv)
{
	bool explains = argc > 1 && strcmp(argv[1], "explain") == 0;

	fsx_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	fsx_raise_limit();
	int code = explains ? explain(argc - 2, argv + 2) : audit(argc - 1, argv + 1);
	return out_finish("hdrcheck", code);
}
