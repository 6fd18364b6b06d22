/* Algebra on the languages of path expressions: the texts that lie in some of them and outside of others. Products and
 * complements are never built whole: what is asked for is looked for in them, breadth first, so the text that is found is
 * a shortest one. */
#ifndef CONF_RX_ALGEBRA_H
#define CONF_RX_ALGEBRA_H

#include "common/base/buf.h"
#include "common/conf/rx.h"

#define RX_TERMS_MAX 32                     /* languages in one question */
#define RX_ALGEBRA_STATES ((size_t)20000)   /* visited before a question is given up */
#define RX_ALGEBRA_BYTES ((size_t)32 << 20) /* kept before the same */

/* A language: of the texts in which an expression occurs, or of all others. */
struct rx_term {
	const struct rx_set *set; /* of one member; borrowed */
	bool without;             /* the complement */
};

enum rx_answer {
	RX_SOME,      /* there is such a text */
	RX_NONE,      /* there is none: proven */
	RX_UNDECIDED, /* the budget ended first */
};

/* Is there a text in every term? With RX_SOME a shortest one, of the plainest characters that do, is appended to witness
 * (as UTF-8; NULL when it is not wanted). count is at most RX_TERMS_MAX, states at most RX_ALGEBRA_STATES. */
enum rx_answer rx_witness(const struct rx_term *terms, size_t count, size_t states, struct buf *witness);

#endif
