/* hdrcheck explain: what findings mean. */
#ifndef HDRCHECK_EXPLAIN_H
#define HDRCHECK_EXPLAIN_H

/* Print what is known of a finding, or of every finding about a header. The exit status. */
int explain(int argc, char **argv);

#endif
