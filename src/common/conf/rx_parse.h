/* Reading the text of an expression: rx_parse.c, and rx_escape.c for escapes and classes. */
#ifndef CONF_RX_PARSE_H
#define CONF_RX_PARSE_H

#include "common/conf/rx.h"
#include "common/conf/rx_tree.h"

struct rx_property {
	struct span name;
	bool folded;
	struct rx_class set; /* clean */
};

struct rx_parser {
	struct span text; /* whole */
	struct span in;   /* what is left of it */
	enum release release;
	struct rx_tree tree;
	struct rx_property *properties; /* those met so far, to be made once only */
	size_t property_count, property_cap;
	size_t *at;
	struct err *err;
};

static inline const char *rx_end(struct span s)
{
	return s.p + s.len;
}

static inline void rx_skip(struct rx_parser *p, size_t n)
{
	p->in = span_skip(p->in, n);
}

static inline bool rx_next_is(const struct rx_parser *p, char c)
{
	return p->in.len > 0 && p->in.p[0] == c;
}

/* Refuse the part of the text between from and to. Returns -1. */
int rx_refuse(struct rx_parser *p, const char *reason, const char *from, const char *to);
/* Take the next character off s; U+FFFD at the end. -1 when it is not UTF-8. */
int rx_take(struct rx_parser *p, struct span *s, uint32_t *c);
/* The three below take one thing off p->in: an escape that stands for a character, one that may stand for a set, and
 * a bracketed class. The second: 0 when it is no set, 1 when it was added to c (clean if c was empty). */
int rx_parse_escape(struct rx_parser *p, uint32_t *c);
int rx_parse_set_escape(struct rx_parser *p, struct rx_class *c);
int rx_parse_class(struct rx_parser *p);

#endif
