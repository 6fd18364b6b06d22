/* What can be proven of the rules of an accepted configuration: which of them ever serve, and by which requests.
 *
 * Hosts first. The hosts that a rule matches fall into those named by other rules and all the rest, and the rest is served
 * alike: a name under the wildcard that nobody mentions stands for it. What covers that name covers every host of the rule,
 * so it is enough to ask there. Then paths: a text is looked for that is in the rule's language and in none of those rules
 * that took the texts found before. So only the rules that matter enter the product. Every text found is put to the
 * matcher, whose answer counts. */
#ifndef LINT_PROOF_H
#define LINT_PROOF_H

#include "common/conf/rx_algebra.h"
#include "ingress-lint/view.h"

enum proof_reach {
	PROOF_SERVES,    /* host and path are a request that it serves */
	PROOF_NEVER,     /* no request with a path from "/" on reaches it: proven */
	PROOF_UNDECIDED, /* the budget ended */
};

struct proof_rule {
	enum proof_reach reach;
	bool is_strange; /* its expression matches no path without control characters, "?", "#" or "%" in the decoded form */
	char *host; /* that stands for the rule's hosts */
	char *path; /* decoded; NULL unless it serves */
	size_t path_len;
	size_t *takers; /* rules that together take all its requests, by index; in the order they were found */
	size_t taker_count; /* 0 with PROOF_NEVER: the path matches nothing at all */
};

struct proof;
/* The view, which cloudflared accepts, is borrowed. */
struct proof *proof_new(const struct view *v);
void proof_free(struct proof *p); /* NULL is fine */

const struct proof_rule *proof_of(const struct proof *p, const struct view_rule *r);
/* Paths in set, and in the rule's language, that reach the rule on its host: a shortest one is put into path, which is empty. */
enum rx_answer proof_reaches(
	struct proof *p, const struct view_rule *r, const struct rx_set *set, struct buf *path);
/* The same on another of its hosts, and of paths in its language and in set. set is not NULL. */
enum rx_answer proof_takes(struct proof *p, const struct view_rule *r, const char *host,
	const struct rx_set *set, struct buf *path);
/* The index of the rule that serves a request. */
size_t proof_match(struct proof *p, const char *host, struct span path);
/* Ordinary paths in both, or in a and not in b. NULL stands for a rule without a path. The shortest is appended. */
enum rx_answer proof_both(struct proof *p, const struct rx_set *a, const struct rx_set *b, struct buf *path);
enum rx_answer proof_only(struct proof *p, const struct rx_set *a, const struct rx_set *b, struct buf *path);

/* "https://host/path" with what must be escaped. To be freed. */
char *proof_url(const char *host, struct span path);
/* The URL of a request that reaches the rule, NULL when there is none. To be freed. */
char *proof_witness(const struct proof *p, const struct view_rule *r);

/* A language from an expression of ours; proof_set_free frees it. */
struct proof_set {
	struct rx *rx;
	struct rx_set *set;
};
/* False when the expression is none, as those made of a user's may be. */
bool proof_set_init(struct proof_set *s, const char *expr);
void proof_set_fini(struct proof_set *s);

#endif
