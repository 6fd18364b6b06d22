/* Everything that is found out about one response. */
#ifndef HDRCHECK_AUDIT_H
#define HDRCHECK_AUDIT_H

#include "hdrcheck/csp.h"
#include "hdrcheck/evaluator.h"
#include "hdrcheck/observatory.h"
#include "hdrcheck/rules.h"

struct finding {
	const struct rule *rule;
	struct span header;  /* as the response writes it, or the rule's */
	struct span value;   /* that it is about; a NULL pointer: none */
	size_t column;       /* of the fault in the value, from 1; 0: the value as a whole */
	const char *message; /* one line */
	const char *hop;     /* that did it; NULL: not known */
	const char *url;     /* of the response, when it is not the last of the chain; else NULL */
};

struct audit {
	struct arena arena; /* owned: everything below lives in it */
	const struct response *r;
	const struct names *names;
	struct html html; /* empty when the response is no document */
	struct csp_list csp;
	struct eval_list evaluator;
	struct observatory observatory;
	struct finding *findings;
	size_t count;
	const char *at_url; /* for the findings of a step of the chain; NULL: the final response */
};

/* Judge a response. It and the names are borrowed until audit_fini. algorithm is 4 or 6. */
void audit_run(struct audit *au, const struct response *r, const struct names *names, int algorithm);
/* Judge a step of the redirects that led there: what matters on any response. */
void audit_step(struct audit *au, const struct response *step);
void audit_fini(struct audit *au);

/* Add a finding; header NULL stands for the rule's. The message may be NULL: the rule's first sentence does then. */
struct finding *audit_report(struct audit *au, const char *id, const char *header, struct span value,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Does the response hold a document that browsers show: HTML, XHTML, SVG, or what they have to guess? */
bool audit_is_document(const struct response *r);
/* The worst severity found; false when nothing was. */
bool audit_worst(const struct audit *au, enum severity *out);
/* Our own score: 100, less 15 an error and 5 a warning, at most 30 for a header, not below 0. */
int audit_score(const struct audit *au);

/* The checks, by subject. */
void check_hsts(struct audit *au, const struct response *r, bool is_redirect);
void check_cookies(struct audit *au, const struct response *r);
void check_csp(struct audit *au);
void check_document(struct audit *au);
void check_isolation(struct audit *au);
void check_cors(struct audit *au);
void check_noise(struct audit *au, const struct response *r);
void check_scripts(struct audit *au);

#endif
