/* From targets to reports. */
#ifndef HDRCHECK_RUN_H
#define HDRCHECK_RUN_H

#include "hdrcheck/flags.h"

/* Judge the URLs, which may be "-" for standard input, or the hops of c. The exit status. */
int run(const struct flags *c, char **urls, size_t count);

#endif
