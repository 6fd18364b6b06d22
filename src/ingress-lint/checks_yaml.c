/* YAML that says something else than it seems to. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/conf/yaml_scalar.h"
#include "ingress-lint/lint.h"

/* --- After the first document --- */

/* Is there nothing to read in the line, or only a mark between documents? */
static bool is_idle(struct span line)
{
	line = span_trim(line);
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	if (span_starts(line, SPAN("---")) || span_starts(line, SPAN("...")))
		line = span_trim(span_skip(line, 3));
	return line.len == 0 || line.p[0] == '#';
}

static void ignored_document(struct lint *l, const struct view *v)
{
	if (v->root == NULL)
		return;
	struct span rest = span_skip(yaml_tree_text(v->tree), v->root->end.offset);
	struct yaml_mark at = {.line = v->root->end.line, .column = v->root->end.column};
	for (; rest.p != NULL; at = (struct yaml_mark){.line = at.line + 1, .column = 1}) {
		struct span line = span_cut(rest, '\n', &rest);
		if (is_idle(line))
			continue;
		lint_find(l, at, "from here on nothing is read: only the first document counts");
		return;
	}
}

/* --- Scalars --- */

static const char *const text_keys[] = {"hostname", "path", "service", "tunnel", "httpHostHeader",
	"originServerName", "caPool", "proxyType", "proxyAddress", "teamName", "prefix", NULL};
static const char *const bool_keys[] = {"noHappyEyeballs", "matchSNItoHost", "noTLSVerify",
	"disableChunkedEncoding", "bastionMode", "http2Origin", "required", "allow", NULL};
static const char *const int_keys[] = {"keepAliveConnections", "proxyPort", NULL};
static const char *const time_keys[] = {
	"connectTimeout", "tlsTimeout", "tcpKeepAlive", "keepAliveTimeout", NULL};
static const char *const old_booleans[] = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no",
	"No", "NO", "off", "Off", "OFF", NULL};

/* Call fn for each pair of the mappings that have typed keys. */
static void each_typed(
	struct lint *l, const struct view *v, void (*fn)(struct lint *l, const struct yaml_node *map))
{
	fn(l, v->root);
	fn(l, v->global);
	for (size_t i = 0; i < v->count; i++) {
		fn(l, v->rules[i].node);
		fn(l, v->rules[i].options);
		fn(l, tree_value(v->rules[i].options, "access"));
		tree_each (item, tree_value(v->rules[i].options, "ipRules"))
			fn(l, item);
	}
}

static void surprises_in(struct lint *l, const struct yaml_node *map)
{
	tree_each_pair (key, map) {
		const struct yaml_node *n = key->next;
		struct span name = tree_text(key);
		if (n->kind != YAML_SCALAR || !n->plain || n->tag_explicit || n->text.len == 0 ||
			!lint_is_key(name, text_keys))
			continue;
		if (n->tag == YAML_TAG_STR && !lint_is_key(n->text, old_booleans))
			continue;
		lint_find(l, n->start, "%.*s: other programs do not read %.*s as a text", (int)name.len,
			name.p, (int)n->text.len, n->text.p);
		if (n->tag != YAML_TAG_NULL) {
			char *value = mem_spandup(n->text);
			lint_fix(l, n, value, LINT_QUOTES_SOME);
			free(value);
		}
	}
}

static void surprise(struct lint *l, const struct view *v)
{
	each_typed(l, v, surprises_in);
}

static void booleans_in(struct lint *l, const struct yaml_node *map)
{
	tree_each_pair (key, map) {
		const struct yaml_node *n = key->next;
		struct span name = tree_text(key);
		if (n->kind != YAML_SCALAR || !lint_is_key(name, bool_keys) ||
			!lint_is_key(n->text, old_booleans))
			continue;
		bool value = tree_bool(n, false);
		lint_find(l, n->start, "%.*s: write %s", (int)name.len, name.p, value ? "true" : "false");
		lint_fix(l, n, value ? "true" : "false", LINT_QUOTES_NONE);
	}
}

static void old_boolean(struct lint *l, const struct view *v)
{
	each_typed(l, v, booleans_in);
}

/* --- Characters --- */

struct lookalike {
	uint32_t lo, hi;
	const char *name;
	bool letter; /* no mistake unless ASCII letters stand beside it */
};

static const struct lookalike lookalikes[] = {
	{0x00a0, 0x00a0, "a no-break space", false},
	{0x00ad, 0x00ad, "a soft hyphen", false},
	{0x037a, 0x03ff, "a Greek letter", true},
	{0x0400, 0x04ff, "a Cyrillic letter", true},
	{0x2000, 0x200a, "a special space", false},
	{0x200b, 0x200f, "a character without width", false},
	{0x2010, 0x2015, "a dash that is no hyphen", false},
	{0x2018, 0x201f, "a typographic quote", false},
	{0x2028, 0x202f, "a special space", false},
	{0x2060, 0x2064, "a character without width", false},
	{0x3000, 0x3000, "a special space", false},
	{0xfeff, 0xfeff, "a byte order mark", false},
	{0xff01, 0xff5e, "a full-width character", false},
};

static bool has_ascii_letter(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (span_lower(s.p[i]) >= 'a' && span_lower(s.p[i]) <= 'z')
			return true;
	return false;
}

static const struct lookalike *find_lookalike(struct span label, uint32_t *found)
{
	bool ascii = has_ascii_letter(label);

	while (label.len > 0) {
		uint32_t c = 0;
		size_t len = utf8_decode(label, &c);
		for (size_t i = 0; len > 1 && i < sizeof(lookalikes) / sizeof(lookalikes[0]); i++)
			if (c >= lookalikes[i].lo && c <= lookalikes[i].hi &&
				(ascii || !lookalikes[i].letter)) {
				*found = c;
				return &lookalikes[i];
			}
		label = span_skip(label, len > 0 ? len : 1);
	}
	return NULL;
}

/* Label by label: a name may have one in another script. */
static void check_characters(struct lint *l, const struct yaml_node *n)
{
	struct span rest = tree_text(n);

	while (rest.p != NULL && rest.len > 0) {
		uint32_t c = 0;
		struct span label = span_cut(rest, '.', &rest);
		const struct lookalike *found = find_lookalike(label, &c);
		if (found == NULL)
			continue;
		lint_find(l, n->start, "U+%04X is %s, and part of the text", (unsigned)c, found->name);
		return;
	}
}

static void lookalike(struct lint *l, const struct view *v)
{
	tree_each_pair (key, v->root)
		check_characters(l, key);
	for (size_t i = 0; i < v->count; i++) {
		tree_each_pair (key, v->rules[i].node)
			check_characters(l, key);
		tree_each_pair (key, v->rules[i].options)
			check_characters(l, key);
		check_characters(l, v->rules[i].hostname);
		check_characters(l, v->rules[i].service);
	}
}

/* --- Merges --- */

static bool fits(struct span key, const struct yaml_node *n)
{
	struct yaml_value v;
	int64_t number;
	bool boolean;

	n = yaml_resolve(n);
	if (n->kind != YAML_SCALAR || tree_is_null(n) || yaml_scalar_value(n, &v, NULL) < 0)
		return true;
	if (lint_is_key(key, bool_keys))
		return yaml_as_bool(n, &v, &boolean);
	if (lint_is_key(key, int_keys))
		return yaml_as_int(&v, &number);
	return !lint_is_key(key, time_keys) || yaml_as_duration(n, &v, &number);
}

static void check_merged(struct lint *l, const struct yaml_node *map, const struct yaml_node *merge,
	const struct yaml_node *from)
{
	tree_each_pair (key, from) {
		struct span name = tree_text(key);
		bool known = lint_is_key(name, lint_origin_keys) || lint_is_key(name, lint_rule_keys) ||
			     lint_is_key(name, lint_access_keys) || key->tag == YAML_TAG_MERGE;
		char *text = mem_spandup(name);
		if (!known)
			lint_find(l, merge->start, "the merge brings \"%s\", which is no key here", text);
		else if (tree_key(map, text) != NULL && !fits(name, key->next))
			lint_find(l, merge->start,
				"the merge brings a wrong value of %s, which is overridden and so not "
				"checked",
				text);
		free(text);
	}
}

static void merges_in(struct lint *l, const struct yaml_node *map)
{
	tree_each_pair (key, map) {
		if (key->kind == YAML_SCALAR && !key->plain && span_eq(key->text, SPAN("<<")))
			lint_find(l, key->start, "\"<<\" in quotes merges nothing");
		if (key->tag != YAML_TAG_MERGE)
			continue;
		const struct yaml_node *from = yaml_resolve(key->next);
		check_merged(l, map, key, from);
		tree_each (item, from)
			check_merged(l, map, key, yaml_resolve(item));
	}
}

static void merge_surprise(struct lint *l, const struct view *v)
{
	merges_in(l, v->global);
	for (size_t i = 0; i < v->count; i++) {
		merges_in(l, v->rules[i].node);
		merges_in(l, v->rules[i].options);
	}
}

const struct lint_check checks_yaml[] = {
	{"IL601", NULL, ignored_document},
	{"IL602", NULL, surprise},
	{"IL603", NULL, old_boolean},
	{"IL604", NULL, lookalike},
	{"IL605", NULL, merge_surprise},
	{0},
};
