/* Findings, and the checks that make them. */
#ifndef LINT_LINT_H
#define LINT_LINT_H

#include "common/base/buf.h"
#include "ingress-lint/rulebook.h"
#include "ingress-lint/view.h"

#define LINT_FINDINGS_MAX ((size_t)20000) /* kept for a file; what comes after them is only counted */

/* Bytes of the file to be replaced: a fix that changes nothing else. */
struct lint_edit {
	size_t from, to;
	char *text; /* NULL: there is no fix that can be made without knowing what was meant */
};

struct lint_finding {
	const struct rulebook_rule *rule;
	enum rulebook_severity severity;
	const char *file; /* borrowed */
	unsigned line, column;
	char *message;
	char *witness; /* a URL that shows it; NULL when none is needed */
	struct lint_edit edit;
};

struct proof;
struct cluster;
struct kube_object;

/* The findings of one run over a file, or over the files of a cluster. */
struct lint {
	struct lint_finding *findings;
	size_t count, cap, dropped;
	/* What is being checked. */
	const struct rulebook_rule *rule;
	const struct view *view;
	struct proof *proof; /* NULL when the file is refused */
	/* Of a configuration in a manifest: all manifests, and the object that it is in. */
	const struct cluster *cluster;
	const struct kube_object *object;
	bool looks_at_files; /* --files */
	bool in_container;   /* --container */
};

struct lint_check {
	const char *id; /* NULL ends a table */
	/* For each rule, and once for the file; NULL for none. */
	void (*rule)(struct lint *l, const struct view *v, const struct view_rule *r);
	void (*file)(struct lint *l, const struct view *v);
};

extern const struct lint_check checks_refused[], checks_routing[], checks_path[], checks_service[],
	checks_origin[], checks_overlap[], checks_access[], checks_settings[], checks_yaml[];

/* All checks of a configuration. Disabled rules are dropped later. */
void lint_view(struct lint *l, const struct view *v);
/* The checks of one table. */
void lint_run(struct lint *l, const struct view *v, const struct lint_check *checks);

/* Report the rule at hand. The message names what is wrong here; why and the fix are in the catalogue. Bytes that could
 * drive a terminal are escaped. */
void lint_find(struct lint *l, struct yaml_mark at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with another severity than the catalogue's. */
void lint_find_as(struct lint *l, enum rulebook_severity severity, struct yaml_mark at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Give what was reported last a witness, which is taken over and may be NULL. */
void lint_witness(struct lint *l, char *url);
/* Give it a fix: another value in place of the scalar. No fix is made for values that are not written as they read: escapes,
 * blocks, several lines; nor in a manifest outside of a literal block. */
enum lint_quotes {
	LINT_QUOTES_SAME, /* those that it has, or none */
	LINT_QUOTES_SOME, /* the same, or double ones */
	LINT_QUOTES_NONE,
};
void lint_fix(struct lint *l, const struct yaml_node *node, const char *value, enum lint_quotes quotes);

/* Order by place, and drop what was found twice. */
void lint_sort(struct lint *l);
void lint_finding_free(struct lint_finding *f);
void lint_fini(struct lint *l);

/* The name among candidates, a list that ends with NULL, that was probably meant; NULL when none is near. */
const char *lint_nearest(struct span name, const char *const *candidates);
/* Add to out how a rule serves, service and options: the same bytes for rules that do so in the same way, others for each
 * rule that has a fault. */
void lint_way(const struct view *v, const struct view_rule *r, struct buf *out);
/* Do the two serve in the same way? */
bool lint_is_alike(const struct view *v, const struct view_rule *a, const struct view_rule *b);
/* Keys that are known: of a rule, of originRequest, of access, of ipRules, of warp-routing. Lists that end with NULL. */
extern const char *const lint_rule_keys[],
	*const lint_origin_keys[], *const lint_access_keys[], *const lint_ip_keys[], *const lint_warp_keys[];
bool lint_is_key(struct span name, const char *const *keys);

#endif
