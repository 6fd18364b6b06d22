/* The pieces of a path expression as its author sees them. For expressions that rx_new accepts. */
#ifndef LINT_EXPR_H
#define LINT_EXPR_H

#include "common/base/span.h"

enum expr_kind {
	EXPR_LITERAL, /* one character, or an escaped one */
	EXPR_DOT,
	EXPR_CLASS, /* [...], \d, \pL, \Q...\E */
	EXPR_BEGIN, /* ^ \A */
	EXPR_END,   /* $ \z */
	EXPR_EDGE,  /* \b \B */
	EXPR_REPEAT,
	EXPR_OPEN,
	EXPR_CLOSE,
	EXPR_BAR,
	EXPR_NONE, /* the end */
};

struct expr_token {
	enum expr_kind kind;
	bool escaped;     /* of LITERAL */
	struct span text; /* of the token, in the expression */
};

/* Take the next token off rest. */
struct expr_token expr_next(struct span *rest);
/* Is the expression "^" and then nothing but literals? They are *prefix, unescaped, to be freed. */
bool expr_is_prefix(const char *expr, char **prefix);

#endif
