/* What security depends on in an HTML document: meta elements, scripts, styles, the base. Read by gumbo, which parses as
 * browsers do, in bounded memory. */
#ifndef HDRCHECK_HTML_H
#define HDRCHECK_HTML_H

#include "common/base/arena.h"
#include "common/base/err.h"

#define HTML_BYTES_MAX ((size_t)256 << 10) /* of a document; what follows is not read */
#define HTML_SECONDS_MAX 2 /* of processor time for it: deep nesting takes the square of its depth */
#define HTML_MEMORY_MAX ((size_t)128 << 20) /* of the tree that gumbo builds for it */

enum html_kind {
	HTML_META,
	HTML_SCRIPT,
	HTML_LINK,
	HTML_BASE,
};

/* An element. Attributes that are not there have a NULL pointer. */
struct html_element {
	enum html_kind kind;
	bool in_head, in_noscript, in_template;
	struct span src, href, integrity, crossorigin; /* script, link, base */
	struct span http_equiv, name, content;         /* meta */
	struct span nonce, rel;
	bool has_text; /* an inline script that is not empty */
};

/* What becomes, on an HTTPS page, of a URL over plain HTTP (Mixed Content, 3 and 4). */
enum html_use {
	HTML_UPGRADED, /* images and media: fetched over HTTPS in its place, by old browsers as it is */
	HTML_BLOCKED,  /* frames, styles, plugins, sets of images: not fetched */
	HTML_FORM,     /* where a form is sent: a warning at most */
	HTML_USES,
};

struct html_plain {
	size_t count;
	struct span first;   /* URL */
	const char *element; /* that has it */
};

struct html {
	struct html_element *at; /* in document order */
	size_t count;
	bool inline_handlers;               /* an onload= or the like somewhere */
	struct html_plain plain[HTML_USES]; /* URLs over plain HTTP, those of scripts apart */
};

/* Read the first HTML_BYTES_MAX bytes of text. -1 when the tree would take more than HTML_MEMORY_MAX, or
 * longer than HTML_SECONDS_MAX. */
int html_read(struct arena *a, struct span text, struct html *out, struct err *err);

#endif
