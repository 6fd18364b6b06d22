/* Path expressions in RE2 syntax, as Go's regexp/syntax reads them with Perl flags: parsed, then matched in time linear
 * in the text, many at once. Searches are unanchored, as Go's MatchString; each byte that is not UTF-8 counts as
 * U+FFFD. Source: package regexp/syntax of Go 1.23, Unicode 15.0. One mistake of Go 1.23, mended in 1.26, is left out:
 * (?i:a)b+|Ac+ does not match ac. */
#ifndef CONF_RX_H
#define CONF_RX_H

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/conf/release.h"

/* Ceilings, the same as Go's. What passes them is refused with Go's reason. Go looks at the size only if counts make it
 * large, we always do: a text of more than three million characters is refused too. */
#define RX_REPEAT_MAX 1000                     /* a count, and the product of nested ones */
#define RX_HEIGHT_MAX 1000                     /* levels of the expression's tree */
#define RX_SIZE_MAX ((128L << 20) / 40)        /* instructions of the compiled form */
#define RX_RUNES_MAX ((size_t)(128 << 20) / 4) /* bounds of ranges in all classes together */

/* Bytes of automaton a scan may keep between texts. It grows to that only if the texts make it. Beside it a scan holds
 * 20 bytes for each instruction of its set. */
#define RX_SCAN_MAX ((size_t)4 << 20)

struct rx;      /* one expression, parsed and compiled; read-only */
struct rx_set;  /* several, to be matched in one pass over the text; read-only */
struct rx_scan; /* memory for matching one set: one for each loop */

/* Parse and compile, by the syntax of the Go that the release was built with: 2023.7.0 refuses (?<name>, and 2026.8.2 takes
 * names of properties in any case, with their aliases. All have the tables of Unicode 15.0, though Go 1.19 had those of
 * 13.0. NULL when Go refuses the text: err then holds Go's reason and the offending part
 * ("missing closing ): `(a`"), *at its offset in text. The text is not kept. at may be NULL. */
struct rx *rx_new(struct span text, enum release release, size_t *at, struct err *err);
void rx_free(struct rx *r); /* NULL is fine */

/* Put members together; the index of each is its number from now on. They are borrowed until rx_set_free. */
struct rx_set *rx_set_new(const struct rx *const *members, size_t count);
void rx_set_free(struct rx_set *set); /* NULL is fine */

/* The set is borrowed until rx_scan_free, and may be shared by any number of scans. */
struct rx_scan *rx_scan_new(const struct rx_set *set);
/* The lowest index of a member that occurs in text; the number of members when none does. Not const: what is learnt
 * about the automaton is kept for the next text. */
size_t rx_scan_first(struct rx_scan *scan, struct span text);
/* Bytes of automaton that it keeps now. */
size_t rx_scan_kept(const struct rx_scan *scan);
void rx_scan_free(struct rx_scan *scan); /* NULL is fine */

#endif
