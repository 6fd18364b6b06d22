/* Site files of Apache and nginx that stand in front of services: do they pass WebSocket upgrades on? The readers take what
 * they know and skip the rest: nothing in such a file is an error. */
#ifndef LINT_PROXY_H
#define LINT_PROXY_H

#include "ingress-lint/input.h"

#define PROXY_ENTRIES_MAX 10000 /* in a file; those after are not looked at */

/* Lint a file that was read. configs are the other inputs: their rules tell where upgrades are to be expected. */
void proxy_lint(struct input *in, const struct input *configs, size_t count);

/* --- For the two readers --- */

/* A word of the line or statement at hand. */
struct proxy_word {
	struct span text;
	unsigned line, column;
};

/* Does some rule of the configurations look like one for WebSockets, and lie at or under the path? */
bool proxy_expects(const struct input *configs, size_t count, struct span path);
/* Report a rule of the catalogue at the word. */
void proxy_find(struct lint *l, const char *id, struct proxy_word at, enum rulebook_severity severity,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* How many directives the reader knew. */
size_t proxy_lint_apache(struct lint *l, struct span text, const struct input *configs, size_t count);
size_t proxy_lint_nginx(struct lint *l, struct span text, const struct input *configs, size_t count);

#endif
