/* Reading policies. A rule is a few lists that say when, and the operations in the order of op_names. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/mem.h"
#include "common/conf/headerpolicy_private.h"
#include "common/conf/yaml.h"

static int bad(struct err *err, const struct yaml_node *n, const char *what, struct span text)
{
	int shown = text.len < 64 ? (int)text.len : 64;

	return err_set(err, "line %u: %s%s%.*s%s", n->start.line, what, text.p != NULL ? " \"" : "", shown,
		text.p != NULL ? text.p : "", text.p != NULL ? "\"" : "");
}

static const struct span nothing = {NULL, 0};

/* --- Lists of texts: one, or a sequence --- */

static int read_text(struct arena *a, const struct yaml_node *n, struct span *out, struct err *err)
{
	n = yaml_resolve(n);
	if (n->kind != YAML_SCALAR)
		return bad(err, n, "a text is expected here", nothing);
	*out = arena_copy(a, n->text);
	return 0;
}

static int read_texts(struct arena *a, const struct yaml_node *n, struct texts *out, struct err *err)
{
	n = yaml_resolve(n);
	const struct yaml_node *item = n->kind == YAML_SEQUENCE ? n->first : n;

	for (; item != NULL; item = n->kind == YAML_SEQUENCE ? item->next : NULL) {
		out->at = arena_more(a, out->at, out->count, sizeof(*out->at));
		if (read_text(a, item, &out->at[out->count], err) < 0)
			return -1;
		out->count++;
	}
	return 0;
}

/* --- Operations --- */

/* Theirs is the edge's own business, or that of the application alone. */
static const char *const untouchable[] = {"content-length", "content-type", "content-encoding", "set-cookie",
	"date", "host", "trailer", "content-range"};

static int check_name(const struct yaml_node *n, struct span name, struct err *err)
{
	if (!header_is_token(name) || name.len > HEADERPOLICY_NAME_MAX)
		return bad(err, n, "this is no header's name:", name);
	for (size_t i = 0; i < sizeof(untouchable) / sizeof(untouchable[0]); i++)
		if (span_eq_nocase(name, span_str(untouchable[i])))
			return bad(err, n, "a policy does not touch", name);
	return header_is_hop_by_hop(name) ? bad(err, n, "a policy does not touch", name) : 0;
}

static int check_strengthen(const struct yaml_node *n, struct op *op, struct err *err)
{
	if (span_eq_nocase(op->name, SPAN("content-security-policy")))
		return 0;
	if (!span_eq_nocase(op->name, SPAN("strict-transport-security")))
		return bad(err, n,
			"strengthen knows Strict-Transport-Security and Content-Security-Policy alone, not",
			op->name);
	enum hsts_fault fault = hsts_parse(op->value, &op->hsts);
	return fault == HSTS_OK ? 0 : bad(err, n, hsts_fault_text(fault), op->value);
}

static int add_op(
	struct arena *a, struct rule *rule, const struct yaml_node *n, struct op op, struct err *err)
{
	if (check_name(n, op.name, err) < 0)
		return -1;
	if (op.kind != OP_REMOVE && (!header_is_value(op.value) || op.value.len > HEADERPOLICY_VALUE_MAX))
		return bad(err, n, "this is no value of a header:", op.value);
	if (op.kind == OP_STRENGTHEN && check_strengthen(n, &op, err) < 0)
		return -1;
	rule->ops = arena_more(a, rule->ops, rule->op_count, sizeof(op));
	rule->ops[rule->op_count++] = op;
	return 0;
}

static int read_ops(
	struct arena *a, struct rule *rule, enum op_kind kind, const struct yaml_node *n, struct err *err)
{
	struct texts names = {0};

	n = yaml_resolve(n);
	if (kind == OP_REMOVE) {
		if (read_texts(a, n, &names, err) < 0)
			return -1;
		for (size_t i = 0; i < names.count; i++)
			if (add_op(a, rule, n, (struct op){.kind = kind, .name = names.at[i]}, err) < 0)
				return -1;
		return 0;
	}
	if (n->kind != YAML_MAPPING)
		return bad(err, n, "a mapping of header: value is expected here", nothing);
	for (const struct yaml_node *key = n->first; key != NULL; key = key->next->next) {
		struct op op = {.kind = kind};
		if (read_text(a, key, &op.name, err) < 0 || read_text(a, key->next, &op.value, err) < 0 ||
			add_op(a, rule, key, op, err) < 0)
			return -1;
	}
	return 0;
}

/* --- Rules --- */

static const char *const op_names[] = {
	[OP_REMOVE] = "remove",
	[OP_SET] = "set",
	[OP_SET_IF_ABSENT] = "set-if-absent",
	[OP_STRENGTHEN] = "strengthen",
	[OP_APPEND] = "append",
};
#define OPS (sizeof(op_names) / sizeof(op_names[0]))

static const struct {
	const char *name;
	size_t offset; /* of its struct texts */
} conditions[] = {
	{"types", offsetof(struct rule, types)},
	{"except-types", offsetof(struct rule, except_types)},
	{"type-contains", offsetof(struct rule, type_contains)},
	{"paths", offsetof(struct rule, paths)},
	{"except-paths", offsetof(struct rule, except_paths)},
	{"hosts", offsetof(struct rule, hosts)},
	{"except-hosts", offsetof(struct rule, except_hosts)},
	{"unless", offsetof(struct rule, unless)},
	{"if-present", offsetof(struct rule, if_present)},
};
#define CONDITIONS (sizeof(conditions) / sizeof(conditions[0]))

static int read_key(struct arena *a, struct rule *rule, const struct yaml_node *key, struct err *err)
{
	for (size_t i = 0; i < CONDITIONS; i++)
		if (span_eq(key->text, span_str(conditions[i].name)))
			return read_texts(a, key->next,
				(struct texts *)(void *)((char *)rule + conditions[i].offset), err);
	for (enum op_kind kind = 0; kind < OPS; kind++)
		if (span_eq(key->text, span_str(op_names[kind])))
			return read_ops(a, rule, kind, key->next, err);
	return bad(err, key, "no key of a rule:", key->text);
}

static int read_rule(struct headerpolicy *p, const struct yaml_node *n, struct err *err)
{
	n = yaml_resolve(n);
	if (n->kind != YAML_MAPPING)
		return bad(err, n, "a rule is a mapping", nothing);
	if (p->count == HEADERPOLICY_RULES_MAX)
		return bad(err, n, "too many rules", nothing);
	p->rules = arena_more(&p->arena, p->rules, p->count, sizeof(*p->rules));
	struct rule *rule = &p->rules[p->count++];
	*rule = (struct rule){0};
	for (const struct yaml_node *key = n->first; key != NULL; key = key->next->next)
		if (read_key(&p->arena, rule, key, err) < 0)
			return -1;
	/* In the order of their kinds, so that what is removed can be set again. */
	for (size_t i = 1; i < rule->op_count; i++)
		for (size_t j = i; j > 0 && rule->ops[j - 1].kind > rule->ops[j].kind; j--) {
			struct op op = rule->ops[j];
			rule->ops[j] = rule->ops[j - 1];
			rule->ops[j - 1] = op;
		}
	return 0;
}

static int read_policy(struct headerpolicy *p, const struct yaml_node *root, struct err *err)
{
	if (root->kind != YAML_MAPPING)
		return bad(err, root, "a policy is a mapping with the key \"rules\"", nothing);
	for (const struct yaml_node *key = root->first; key != NULL; key = key->next->next) {
		const struct yaml_node *list = yaml_resolve(key->next);
		if (!span_eq(key->text, SPAN("rules")))
			return bad(err, key, "no key of a policy:", key->text);
		if (list->kind != YAML_SEQUENCE)
			return bad(err, list, "\"rules\" is a list", nothing);
		for (const struct yaml_node *n = list->first; n != NULL; n = n->next)
			if (read_rule(p, n, err) < 0)
				return -1;
	}
	return p->count > 0 ? 0 : bad(err, root, "there are no rules", nothing);
}

struct headerpolicy *headerpolicy_parse(struct span yaml, struct err *err)
{
	struct yaml_error error;
	struct yaml_tree *tree = yaml_tree_parse(yaml, &error);

	if (tree == NULL) {
		err_set(err, "line %u: %s", error.at.line, error.err.text);
		return NULL;
	}
	struct headerpolicy *p = mem_alloc(sizeof(*p));
	int rc = read_policy(p, yaml_resolve(yaml_tree_root(tree)), err);
	yaml_tree_free(tree);
	if (rc == 0)
		return p;
	headerpolicy_free(p);
	return NULL;
}

void headerpolicy_free(struct headerpolicy *p)
{
	if (p == NULL)
		return;
	arena_free(&p->arena);
	free(p);
}
