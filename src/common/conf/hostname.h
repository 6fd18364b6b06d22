/* Hostnames of ingress rules: what they may be, and the form in which a visitor's browser sends them. */
#ifndef CONF_HOSTNAME_H
#define CONF_HOSTNAME_H

#include "common/base/span.h"

/* Does the text split into host and port, as Go's net.SplitHostPort sees it? *host is then the part before the port,
 * without brackets; else it is the whole text. An empty port counts. */
bool hostname_split_port(struct span text, struct span *host);

/* Is there a "*" anywhere but at the beginning? */
bool hostname_has_bad_wildcard(struct span name);

/* The punycode form by UTS 46 lookup processing, as golang.org/x/net/idna does it (idna.Lookup): mapped, lower case, not
 * transitional, with the STD3 and hyphen rules, lengths not checked. NULL when a label breaks a rule or when the form is
 * the name itself. To be freed.
 *
 * Labels in ASCII are judged here, and those of ASCII and symbols (U+2603, emoji), which IDNA 2008 disallows and UTS 46 does
 * not; others by libidn2, which differs in this: labels of letters and symbols beyond ASCII, and of more than 63 bytes, have
 * no form; the bidi rule is judged label by label, not over the whole name; and its Unicode tables are newer or older than
 * those of the Go release that cloudflared was built with. */
char *hostname_punycode(struct span name);

#endif
