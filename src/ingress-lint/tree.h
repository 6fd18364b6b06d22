/* Looking into YAML trees, merge keys counted in. */
#ifndef LINT_TREE_H
#define LINT_TREE_H

#include "common/conf/yaml.h"

#define TREE_MERGES_MAX 64 /* mappings merged into one that are looked at */

/* The value of a key: of the mapping's own, else of those it merges, in go-yaml's order. NULL when the key is not there or n
 * is no mapping. Aliases are resolved. n may be NULL. */
const struct yaml_node *tree_get(const struct yaml_node *n, const char *key);
/* The same, along keys separated by dots: "spec.template.spec". */
const struct yaml_node *tree_path(const struct yaml_node *n, const char *keys);
/* As tree_get, but NULL also for null values, which decoding skips. */
const struct yaml_node *tree_value(const struct yaml_node *n, const char *key);
/* The key itself, of the mapping's own. */
const struct yaml_node *tree_key(const struct yaml_node *n, const char *key);

bool tree_is_null(const struct yaml_node *n);
/* The text of a scalar; empty for anything else, and NULL. Not NULL-terminated when it is empty. */
struct span tree_text(const struct yaml_node *n);
bool tree_text_is(const struct yaml_node *n, const char *text);
/* The first element of a sequence, the first key of a mapping; NULL for anything else, and NULL. */
const struct yaml_node *tree_first(const struct yaml_node *n, enum yaml_kind kind);
/* A scalar as a boolean or an integer, as a typed field takes it; `none` when it is neither. */
bool tree_bool(const struct yaml_node *n, bool none);
int64_t tree_int(const struct yaml_node *n, int64_t none);

/* Walk the elements of a sequence, the pairs of a mapping. */
/* NOLINTBEGIN(bugprone-macro-parentheses): item and key are names that are declared */
#define tree_each(item, seq) \
	for (const struct yaml_node *item = tree_first(seq, YAML_SEQUENCE); item != NULL; item = item->next)
#define tree_each_pair(key, map) \
	for (const struct yaml_node *key = tree_first(map, YAML_MAPPING); key != NULL; key = key->next->next)

/* NOLINTEND(bugprone-macro-parentheses) */

#endif
