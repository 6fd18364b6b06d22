/* credrotate: the secret of a tunnel rotated without a lost request; interrupted, resumed, taken back, and on record. */
#include <signal.h>

#include "common/base/fsx.h"
#include "common/base/out.h"
#include "credrotate/session.h"

int main(int argc, char **argv)
{
	struct flags f;
	struct err err = {0};
	int code = EXIT_DONE;

	fsx_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	switch (flags_read(&f, argc - 1, argv + 1, &err)) {
	case OPT_RUN: return session_run(&f);
	case OPT_DONE: break;
	case OPT_BAD: code = out_die("credrotate", &err, EXIT_USAGE); break;
	}
	flags_drop(&f);
	return code;
}
