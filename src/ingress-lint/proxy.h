/* Site files of Apache and nginx that stand in front of services: do they pass WebSocket upgrades on? The readers take what
 * they know and skip the rest: nothing in such a file is an error. Files that they include are looked for where the file is
 * that says so, and passed over when they are not there. */
#ifndef LINT_PROXY_H
#define LINT_PROXY_H

#include "ingress-lint/input.h"
#include "ingress-lint/proof.h"

#define PROXY_ENTRIES_MAX 10000 /* in a file with all that it includes; those after are not looked at */
#define PROXY_FILES_MAX 100     /* included, in all */
#define PROXY_DEPTH_MAX 8       /* of files that include one another */
#define PROXY_INCLUDED_MAX ((size_t)4 << 20)     /* bytes of them, in all */
#define PROXY_COMPARISONS_MAX ((size_t)20000000) /* of entries with one another */

/* Lint the inputs from `from` on, which are site files. The rules of the others tell where upgrades are to be expected. */
void proxy_lint(struct input *inputs, size_t from, size_t count);

/* --- For the two readers --- */

/* A word of the line or statement at hand. */
struct proxy_word {
	struct span text;
	const char *file; /* borrowed from the chain */
	unsigned line, column;
};

/* One of the files that were given, and what it includes. */
struct proxy_chain {
	struct input *in;
	const struct input *inputs; /* all of them: configurations, and site files from `from` on */
	size_t from, count;
	size_t files, bytes;         /* included so far */
	struct proxy_rule *expected; /* rules that look like ones for WebSockets */
	size_t expected_count;
};

/* A path that such a rule serves, and the literal that its expression begins with. */
struct proxy_rule {
	char *path, *prefix;
};

/* Does some rule of the configurations look like one for WebSockets, and lie at or under the path? */
bool proxy_expects(const struct proxy_chain *c, struct span path);
/* An expression of a site file. It is of PCRE, so it may be one that RE2 does not know. */
struct proxy_expr {
	struct proof_set set;
	struct rx_scan *scan;
	char *sample; /* a path in which it occurs, owned */
};
/* False when it is of another dialect, or occurs in no path. */
bool proxy_expr_init(struct proxy_expr *e, struct span text, bool any_case);
bool proxy_expr_matches(struct proxy_expr *e, struct span path);
void proxy_expr_fini(struct proxy_expr *e); /* zero-initialised is fine */
/* "line 7", with the file's name if it is another than that of the word that is reported. To be freed. */
char *proxy_place(struct proxy_word of, struct proxy_word reported);
/* Report a rule of the catalogue at the word. */
void proxy_find(struct proxy_chain *c, const char *id, struct proxy_word at, enum rulebook_severity severity,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Call fn for each file that the pattern of an include names, as seen from the word's file. */
typedef void proxy_file_fn(void *arg, const char *name, struct span text, unsigned depth);
void proxy_include(
	struct proxy_chain *c, struct proxy_word pattern, unsigned depth, proxy_file_fn *fn, void *arg);
/* Does one of the site files say what? */
bool proxy_says(const struct proxy_chain *c, const char *what, struct span and);
/* How many directives the reader knew. */
size_t proxy_lint_apache(struct proxy_chain *c);
size_t proxy_lint_nginx(struct proxy_chain *c);

#endif
