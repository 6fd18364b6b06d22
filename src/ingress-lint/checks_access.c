/* Access, bastions and SOCKS proxies, and keys that stand at the wrong level. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "ingress-lint/lint.h"

static bool is_required(const struct view_rule *r)
{
	return tree_bool(tree_value(tree_value(r->options, "access"), "required"), false);
}

static void global_access(struct lint *l, const struct view *v)
{
	const struct yaml_node *key = tree_key(v->global, "access");

	if (tree_first(tree_value(v->global, "access"), YAML_MAPPING) != NULL && key != NULL)
		lint_find(l, key->start, "access at the global level is not enforced: every service is open");
}

static void not_required(struct lint *l, const struct view *v, const struct view_rule *r)
{
	const struct yaml_node *access = tree_value(r->options, "access");

	(void)v;
	if (access != NULL && !is_required(r) &&
		(tree_value(access, "teamName") != NULL || tree_value(access, "audTag") != NULL))
		lint_find(l, access->start, "access of rule %zu checks nothing without required: true",
			r->number);
}

static void no_audience(struct lint *l, const struct view *v, const struct view_rule *r)
{
	const struct yaml_node *access = tree_value(r->options, "access");

	(void)v;
	if (!is_required(r))
		return;
	bool tags = tree_first(tree_value(access, "audTag"), YAML_SEQUENCE) != NULL;
	if (!tags || tree_text(tree_value(access, "teamName")).len == 0)
		lint_find(l, access->start, "access of rule %zu lets nothing pass: %s is missing", r->number,
			tags ? "teamName" : "audTag");
}

/* --- Wrong levels --- */

/* A mapping, the keys that belong into it, and where others would belong. */
struct level {
	const char *place;
	const char *const *here;
	struct {
		const char *const *keys;
		const char *under;
	} elsewhere[3];
};

static const struct level at_top = {"at the top", NULL,
	{{lint_origin_keys, "originRequest"}, {lint_access_keys, "access"}, {NULL, NULL}}};
static const struct level in_rule = {"in a rule", lint_rule_keys,
	{{lint_origin_keys, "originRequest"}, {lint_access_keys, "originRequest.access"},
		{lint_ip_keys, "originRequest.ipRules"}}};
static const struct level in_options = {"in originRequest", lint_origin_keys,
	{{lint_rule_keys, "the rule itself"}, {lint_access_keys, "access"}, {lint_ip_keys, "ipRules"}}};

static void check_level(struct lint *l, const struct yaml_node *map, const struct level *level)
{
	tree_each_pair (key, map) {
		struct span name = tree_text(key);
		if (level->here != NULL && lint_is_key(name, level->here))
			continue;
		for (size_t i = 0; i < 3 && level->elsewhere[i].keys != NULL; i++) {
			if (!lint_is_key(name, level->elsewhere[i].keys))
				continue;
			lint_find(l, key->start, "%.*s has no effect %s; it belongs under %s", (int)name.len,
				name.p, level->place, level->elsewhere[i].under);
			break;
		}
	}
}

static void misplaced(struct lint *l, const struct view *v)
{
	check_level(l, v->root, &at_top);
	check_level(l, v->global, &in_options);
	for (size_t i = 0; i < v->count; i++) {
		check_level(l, v->rules[i].node, &in_rule);
		check_level(l, v->rules[i].options, &in_options);
	}
}

/* --- Ways into the network --- */

static void bastion_global(struct lint *l, const struct view *v)
{
	const struct yaml_node *global = tree_value(v->global, "bastionMode");

	if (tree_bool(global, false))
		lint_find(l, global->start, "every service that is a URL becomes an open bastion");
	for (size_t i = 0; i < v->count; i++) {
		const struct view_rule *r = &v->rules[i];
		const struct yaml_node *n = tree_value(r->options, "bastionMode");
		if (tree_bool(n, false) && strstr(r->text, "://") != NULL)
			lint_find(l, n->start, "bastionMode replaces the service %s of rule %zu", r->text,
				r->number);
	}
}

static bool allows(const struct yaml_node *list, bool everything)
{
	tree_each (item, list) {
		const struct yaml_node *prefix = tree_value(item, "prefix");
		if (!tree_bool(tree_value(item, "allow"), false))
			continue;
		if (!everything || tree_text_is(prefix, "0.0.0.0/0") || tree_text_is(prefix, "::/0"))
			return true;
	}
	return false;
}

static bool is_socks(const struct view_rule *r)
{
	return r->fault == INGRESS_OK && r->target.kind == INGRESS_SOCKS_PROXY;
}

static void socks_denies(struct lint *l, const struct view *v, const struct view_rule *r)
{
	const struct yaml_node *list = tree_value(r->options, "ipRules");

	if (!is_socks(r) || allows(list, false))
		return;
	lint_find(l, r->service->start, "the SOCKS proxy denies everything: %s",
		list != NULL                               ? "none of its ipRules allows anything"
		: tree_value(v->global, "ipRules") != NULL ? "the global ipRules do not count"
							   : "the rule has no ipRules");
}

static void open_jump(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (r->fault != INGRESS_OK || is_required(r))
		return;
	if (r->target.kind == INGRESS_BASTION)
		lint_find(l, r->service != NULL ? r->service->start : r->node->start,
			"the bastion takes anybody anywhere; require access in the rule");
	else if (is_socks(r) && allows(tree_value(r->options, "ipRules"), true))
		lint_find(l, r->service->start,
			"the SOCKS proxy takes anybody anywhere; require access in the rule");
}

const struct lint_check checks_access[] = {
	{"IL401", NULL, global_access},
	{"IL402", not_required, NULL},
	{"IL403", no_audience, NULL},
	{"IL404", NULL, misplaced},
	{"IL405", NULL, bastion_global},
	{"IL406", socks_denies, NULL},
	{"IL407", open_jump, NULL},
	{0},
};
