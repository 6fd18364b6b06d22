/* Looking into YAML trees. */
#include "ingress-lint/tree.h"
#include "common/conf/yaml_scalar.h"

const struct yaml_node *tree_first(const struct yaml_node *n, enum yaml_kind kind)
{
	if (n == NULL)
		return NULL;
	n = yaml_resolve(n);
	return n->kind == kind ? n->first : NULL;
}

const struct yaml_node *tree_key(const struct yaml_node *n, const char *key)
{
	tree_each_pair (k, n) {
		const struct yaml_node *name = yaml_resolve(k);
		if (name->kind == YAML_SCALAR && name->tag != YAML_TAG_MERGE &&
			span_eq(name->text, span_str(key)))
			return k;
	}
	return NULL;
}

/* Put the mappings that n merges on the stack, so that the first is taken off first. */
static size_t push_merged(const struct yaml_node *n, const struct yaml_node **stack, size_t depth)
{
	tree_each_pair (k, n) {
		if (k->tag != YAML_TAG_MERGE || !k->plain)
			continue;
		const struct yaml_node *from = yaml_resolve(k->next);
		if (from->kind == YAML_MAPPING && depth < TREE_MERGES_MAX)
			stack[depth++] = from;
		size_t first = depth;
		tree_each (item, from)
			if (depth < TREE_MERGES_MAX)
				stack[depth++] = yaml_resolve(item);
		for (size_t last = depth; first + 1 < last; first++) {
			const struct yaml_node *swapped = stack[first];
			stack[first] = stack[--last];
			stack[last] = swapped;
		}
	}
	return depth;
}

const struct yaml_node *tree_get(const struct yaml_node *n, const char *key)
{
	const struct yaml_node *stack[TREE_MERGES_MAX];
	size_t depth = 0;

	if (n == NULL)
		return NULL;
	stack[depth++] = yaml_resolve(n);
	for (size_t looked = 0; depth > 0 && looked < TREE_MERGES_MAX; looked++) {
		const struct yaml_node *map = stack[--depth], *found = tree_key(map, key);
		if (found != NULL)
			return yaml_resolve(found->next);
		depth = push_merged(map, stack, depth);
	}
	return NULL;
}

const struct yaml_node *tree_path(const struct yaml_node *n, const char *keys)
{
	char key[64];
	struct span rest = span_str(keys);

	while (rest.p != NULL && n != NULL) {
		struct span next = span_cut(rest, '.', &rest);
		if (next.len >= sizeof(key))
			return NULL;
		memcpy(key, next.p, next.len);
		key[next.len] = '\0';
		n = tree_get(n, key);
	}
	return n;
}

bool tree_is_null(const struct yaml_node *n)
{
	return yaml_resolve(n)->kind == YAML_SCALAR && yaml_resolve(n)->tag == YAML_TAG_NULL;
}

const struct yaml_node *tree_value(const struct yaml_node *n, const char *key)
{
	const struct yaml_node *value = tree_get(n, key);

	return value != NULL && !tree_is_null(value) ? value : NULL;
}

struct span tree_text(const struct yaml_node *n)
{
	if (n == NULL)
		return SPAN("");
	n = yaml_resolve(n);
	return n->kind == YAML_SCALAR ? n->text : SPAN("");
}

bool tree_text_is(const struct yaml_node *n, const char *text)
{
	return n != NULL && span_eq(tree_text(n), span_str(text));
}

bool tree_bool(const struct yaml_node *n, bool none)
{
	struct yaml_value v;
	bool value = none;

	if (n == NULL)
		return none;
	n = yaml_resolve(n);
	if (n->kind != YAML_SCALAR || yaml_scalar_value(n, &v, NULL) < 0 || !yaml_as_bool(n, &v, &value))
		return none;
	return value;
}

int64_t tree_int(const struct yaml_node *n, int64_t none)
{
	struct yaml_value v;
	int64_t value = none;

	if (n == NULL)
		return none;
	n = yaml_resolve(n);
	if (n->kind != YAML_SCALAR || yaml_scalar_value(n, &v, NULL) < 0 || !yaml_as_int(&v, &value))
		return none;
	return value;
}
