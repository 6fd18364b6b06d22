/* Content-Security-Policy, Level 3: policies, directives, source expressions. */
#ifndef HDRCHECK_CSP_H
#define HDRCHECK_CSP_H

#include "hdrcheck/html.h"
#include "hdrcheck/response.h"

enum csp_from {
	CSP_HEADER,
	CSP_META,
	CSP_REPORT_ONLY,
};

struct csp_directive {
	struct span name; /* lower case */
	struct span *values;
	size_t count;
};

struct csp_policy {
	enum csp_from from;
	struct span text;
	struct csp_directive *at; /* each name once: browsers ignore the later ones */
	size_t count;
	struct span repeated; /* name of a directive that stood there again; empty: none did */
	bool non_ascii;
	bool late; /* META: a script stands before it, or it is outside of head, where it does nothing */
};

struct csp_list {
	struct csp_policy *at;
	size_t count;
};

/* One policy (CSP3, 2.2.1). */
void csp_parse(struct arena *a, struct span text, struct csp_policy *out);
/* Every policy of a response: header values in order, split at commas, empty ones dropped; meta elements, if the document is
 * HTML; then those that only report. */
void csp_collect(struct arena *a, const struct response *r, const struct html *html, struct csp_list *out);

/* The directive of that name, or NULL. */
const struct csp_directive *csp_find(const struct csp_policy *p, const char *name);
/* The one that governs what `name` is about: itself, or what it falls back to (CSP3, 6.8.3); NULL when nothing does. */
const struct csp_directive *csp_governing(const struct csp_policy *p, const char *name);
bool csp_is_known_directive(struct span name);

enum csp_source {
	CSP_KEYWORD, /* 'self' and the like, known */
	CSP_NONCE,
	CSP_HASH,
	CSP_SCHEME,
	CSP_HOST,
	CSP_BAD, /* none of these: matches nothing */
};
/* What a source expression is. */
enum csp_source csp_classify(struct span value);
bool csp_is_keyword(struct span value, const char *keyword);
/* Does the directive list the keyword, without regard to case? NULL lists nothing. */
bool csp_lists(const struct csp_directive *d, const char *keyword);
/* A nonce or hash that browsers would use. */
bool csp_lists_trusted(const struct csp_directive *d);

#endif
