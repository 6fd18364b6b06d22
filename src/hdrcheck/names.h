/* What is known of host names: public suffixes (libpsl), the HSTS preload list, and those that defeat policies. */
#ifndef HDRCHECK_NAMES_H
#define HDRCHECK_NAMES_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "hdrcheck/bypass.h"

#define NAMES_PRELOAD_MAX ((size_t)64 << 20) /* bytes of a preload list */

struct names; /* opaque */

/* With the public suffix list that libpsl brings, and the preload list of that file: an object of
 * name -> {"mode": "force-https", "includeSubDomains": bool}. preload may be NULL: nothing is preloaded then. bypass is a file
 * for bypass_read; NULL: the list that is built in. NULL with err when a file cannot be used. */
struct names *names_new(const char *preload, const char *bypass, struct err *err);
void names_free(struct names *n); /* NULL is fine */

/* The domain that is registered below a public suffix of ICANN ("b.co.uk" of "a.b.co.uk"): part of host. A NULL pointer
 * for addresses, single labels and public suffixes. */
struct span names_registered(const struct names *n, struct span host);
/* Is it a public suffix, also a private one ("github.io")? */
bool names_is_suffix(const struct names *n, struct span host);
bool names_is_address(struct span host);
/* Do browsers know it for HTTPS only? */
bool names_is_preloaded(const struct names *n, struct span host);
/* Hosts that scripts of anybody's choice come from. */
const struct bypass_list *names_bypass(const struct names *n);
/* Is a preload list there at all? */
bool names_has_preload(const struct names *n);

#endif
