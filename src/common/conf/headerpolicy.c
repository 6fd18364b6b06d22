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

static bool has_value(enum op_kind kind)
{
	return kind != OP_REMOVE && kind != OP_LEAVE;
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

/* A nonce that stands in a file is the same for everybody, and so protects from nothing (CSP3, 7.1). */
static int check_nonces(struct headerpolicy *p, const struct yaml_node *n, struct op *op, struct err *err)
{
	struct span rest = op->value, start = SPAN("'nonce-");
	bool is_csp = span_starts_nocase(op->name, SPAN("content-security-policy"));

	while (is_csp && rest.len >= start.len) {
		if (span_starts_nocase(rest, start) &&
			!span_starts(span_skip(rest, start.len), SPAN("{nonce}'")))
			return bad(err, n, "the nonce of a policy is written 'nonce-{nonce}', unlike in",
				op->value);
		rest = span_skip(rest, 1);
	}
	op->nonces = headerpolicy_nonces(op->value);
	p->nonces += op->nonces;
	if (p->nonces > HEADERPOLICY_NONCES_MAX)
		return bad(err, n, "{nonce} stands in too many places", nothing);
	if (op->nonces > 0)
		p->nonce_bytes += op->value.len + op->nonces * HEADERPOLICY_NONCE_MAX;
	return 0;
}

static struct span lower(struct arena *a, struct span s)
{
	char *p = arena_alloc(a, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		p[i] = span_lower(s.p[i]);
	return span_of(p, s.len);
}

/* The number of a header's name among all that the policy is about. */
static size_t number_of(struct headerpolicy *p, struct span name)
{
	struct span key = lower(&p->arena, name);

	if (map_get(&p->names, key) == NULL)
		map_put(&p->names, key, (void *)(intptr_t)(p->names.count + 1));
	return (size_t)(intptr_t)map_get(&p->names, key) - 1;
}

static int add_op(
	struct headerpolicy *p, struct rule *rule, const struct yaml_node *n, struct op op, struct err *err)
{
	if (check_name(n, op.name, err) < 0)
		return -1;
	if (has_value(op.kind) && (!header_is_value(op.value) || op.value.len > HEADERPOLICY_VALUE_MAX))
		return bad(err, n, "this is no value of a header:", op.value);
	if (op.kind == OP_STRENGTHEN && check_strengthen(n, &op, err) < 0)
		return -1;
	if (has_value(op.kind) && check_nonces(p, n, &op, err) < 0)
		return -1;
	op.line = n->start.line;
	op.mark = headerpolicy_mark(op.name);
	op.number = number_of(p, op.name);
	if (rule->op_count == HEADERPOLICY_OPS_MAX)
		return bad(err, n, "too many headers for one rule", nothing);
	rule->ops = arena_more(&p->arena, rule->ops, rule->op_count, sizeof(op));
	rule->ops[rule->op_count++] = op;
	return 0;
}

static int read_ops(struct headerpolicy *p, struct rule *rule, enum op_kind kind, const struct yaml_node *n,
	struct err *err)
{
	struct texts names = {0};

	n = yaml_resolve(n);
	if (!has_value(kind)) {
		if (read_texts(&p->arena, n, &names, err) < 0)
			return -1;
		for (size_t i = 0; i < names.count; i++)
			if (add_op(p, rule, n, (struct op){.kind = kind, .name = names.at[i]}, err) < 0)
				return -1;
		return 0;
	}
	if (n->kind != YAML_MAPPING)
		return bad(err, n, "a mapping of header: value is expected here", nothing);
	for (const struct yaml_node *key = n->first; key != NULL; key = key->next->next) {
		struct op op = {.kind = kind};
		if (read_text(&p->arena, key, &op.name, err) < 0 ||
			read_text(&p->arena, key->next, &op.value, err) < 0 ||
			add_op(p, rule, key, op, err) < 0)
			return -1;
	}
	return 0;
}

/* --- Rules --- */

static const char *const op_names[] = {
	[OP_LEAVE] = "leave",
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

/* Where a rule stands decides which keys it has. */
static bool is_key(const struct yaml_node *key, const char *name, bool in_section)
{
	bool about_hosts = strcmp(name, "hosts") == 0 || strcmp(name, "except-hosts") == 0;
	bool leave = strcmp(name, "leave") == 0;

	return span_eq(key->text, span_str(name)) && (in_section ? !about_hosts : !leave);
}

static int read_key(struct headerpolicy *p, struct rule *rule, const struct yaml_node *key, bool in_section,
	struct err *err)
{
	for (size_t i = 0; i < CONDITIONS; i++)
		if (is_key(key, conditions[i].name, in_section))
			return read_texts(&p->arena, key->next,
				(struct texts *)(void *)((char *)rule + conditions[i].offset), err);
	for (enum op_kind kind = 0; kind < OPS; kind++)
		if (is_key(key, op_names[kind], in_section))
			return read_ops(p, rule, kind, key->next, err);
	return bad(err, key, in_section ? "no key of a host's rule:" : "no key of a rule:", key->text);
}

static int read_rule(struct headerpolicy *p, struct rules *rules, const struct yaml_node *n, bool in_section,
	struct err *err)
{
	n = yaml_resolve(n);
	if (n->kind != YAML_MAPPING)
		return bad(err, n, "a rule is a mapping", nothing);
	if (rules->count == HEADERPOLICY_RULES_MAX)
		return bad(err, n, "too many rules", nothing);
	rules->at = arena_more(&p->arena, rules->at, rules->count, sizeof(*rules->at));
	struct rule *rule = &rules->at[rules->count++];
	*rule = (struct rule){0};
	for (const struct yaml_node *key = n->first; key != NULL; key = key->next->next)
		if (read_key(p, rule, key, in_section, err) < 0)
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

static int read_rules(struct headerpolicy *p, const struct yaml_node *list, struct err *err)
{
	if (list->kind != YAML_SEQUENCE)
		return bad(err, list, "\"rules\" is a list", nothing);
	for (const struct yaml_node *n = list->first; n != NULL; n = n->next)
		if (read_rule(p, &p->rules, n, false, err) < 0)
			return -1;
	return 0;
}

/* --- Hosts --- */

/* A section is a rule, or a list of these. */
static int read_section(
	struct headerpolicy *p, struct section *s, const struct yaml_node *content, struct err *err)
{
	bool is_list = content->kind == YAML_SEQUENCE;
	const struct yaml_node *n = is_list ? content->first : content;

	for (; n != NULL; n = is_list ? n->next : NULL)
		if (read_rule(p, &s->rules, n, true, err) < 0)
			return -1;
	return s->rules.count > 0 ? 0 : bad(err, content, "nothing is said for", s->host);
}

static int read_hosts(struct headerpolicy *p, const struct yaml_node *map, struct err *err)
{
	if (map->kind != YAML_MAPPING)
		return bad(err, map, "\"hosts\" is a mapping of host: rules", nothing);
	if (map->count / 2 > HEADERPOLICY_HOSTS_MAX)
		return bad(err, map, "too many hosts", nothing);
	p->sections = arena_alloc(&p->arena, (map->count / 2 + 1) * sizeof(*p->sections));
	for (const struct yaml_node *key = map->first; key != NULL; key = key->next->next) {
		struct section *s = &p->sections[p->section_count++];
		struct span name;
		if (read_text(&p->arena, key, &name, err) < 0)
			return -1;
		s->host = lower(&p->arena, name);
		if (read_section(p, s, yaml_resolve(key->next), err) < 0)
			return -1;
		if (map_get(&p->by_name, s->host) != NULL)
			return bad(err, key, "there already is", s->host);
		if (span_find(s->host, '*') == s->host.len) {
			map_put(&p->by_name, s->host, s);
			continue;
		}
		if (p->pattern_count == HEADERPOLICY_PATTERNS_MAX)
			return bad(err, key, "too many patterns of hosts", nothing);
		p->patterns = arena_more(&p->arena, p->patterns, p->pattern_count, sizeof(struct section *));
		p->patterns[p->pattern_count++] = s;
	}
	return 0;
}

/* Once all names are known: which of them each section speaks about. */
static void note_owners(struct headerpolicy *p)
{
	for (size_t i = 0; i < p->section_count; i++) {
		struct section *s = &p->sections[i];
		s->owns = arena_alloc(&p->arena, p->names.count + 1);
		for (size_t j = 0; j < s->rules.count; j++)
			for (size_t k = 0; k < s->rules.at[j].op_count; k++)
				s->owns[s->rules.at[j].ops[k].number] = true;
	}
}

/* --- The whole --- */

static int read_nonce_header(struct headerpolicy *p, const struct yaml_node *n, struct err *err)
{
	static const char *const taken[] = {"authorization", "cookie", "origin", "referer", "user-agent"};
	struct span name;

	if (read_text(&p->arena, n, &name, err) < 0 || check_name(n, name, err) < 0)
		return -1;
	p->nonce_header = lower(&p->arena, name);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (span_eq(p->nonce_header, span_str(taken[i])))
			return bad(err, n, "a request has another use for", name);
	/* Theirs is what the edge itself tells the application. */
	if (span_starts(p->nonce_header, SPAN("cf-")) || span_starts(p->nonce_header, SPAN("x-forwarded-")))
		return bad(err, n, "a request has another use for", name);
	return 0;
}

static int read_top(struct headerpolicy *p, const struct yaml_node *key, struct err *err)
{
	static const struct {
		const char *name;
		int (*read)(struct headerpolicy *p, const struct yaml_node *n, struct err *err);
	} keys[] = {{"rules", read_rules}, {"hosts", read_hosts}, {"nonce-header", read_nonce_header}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (span_eq(key->text, span_str(keys[i].name)))
			return keys[i].read(p, yaml_resolve(key->next), err);
	return bad(err, key, "no key of a policy:", key->text);
}

static int read_policy(struct headerpolicy *p, const struct yaml_node *root, struct err *err)
{
	if (root->kind != YAML_MAPPING)
		return bad(err, root, "a policy is a mapping with the key \"rules\"", nothing);
	for (const struct yaml_node *key = root->first; key != NULL; key = key->next->next)
		if (read_top(p, key, err) < 0)
			return -1;
	if (p->rules.count == 0 && p->section_count == 0)
		return bad(err, root, "there are no rules", nothing);
	if (p->nonce_header.p != NULL && p->nonces == 0)
		return bad(err, root, "there is a nonce-header, and no value has {nonce}", nothing);
	if (p->nonce_header.p == NULL)
		p->nonce_header = SPAN("x-csp-nonce");
	note_owners(p);
	return 0;
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

struct span headerpolicy_nonce_header(const struct headerpolicy *p)
{
	return p->nonces > 0 ? p->nonce_header : nothing;
}

void headerpolicy_free(struct headerpolicy *p)
{
	if (p == NULL)
		return;
	map_free(&p->by_name);
	map_free(&p->names);
	arena_free(&p->arena);
	free(p);
}
