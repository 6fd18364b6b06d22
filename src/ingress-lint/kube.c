/* Reading manifests: documents, objects, and the configurations inside. */
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "ingress-lint/kube_model.h"

/* --- Is it one? --- */

static bool has_line(struct span text, struct span beginning)
{
	struct span rest = text;

	while (rest.p != NULL)
		if (span_starts(span_cut(rest, '\n', &rest), beginning))
			return true;
	return false;
}

bool kube_holds(struct span text, const char *what)
{
	size_t len = strlen(what);

	for (size_t i = 0; i + len <= text.len; i++)
		if (memcmp(text.p + i, what, len) == 0)
			return true;
	return false;
}

bool kube_is_manifest(struct span text)
{
	struct span start = text;

	while (start.len > 0 && strchr(" \t\r\n", start.p[0]) != NULL)
		start = span_skip(start, 1);
	if (start.len > 0 && start.p[0] == '{')
		return kube_holds(text, "\"apiVersion\"") && kube_holds(text, "\"kind\"");
	return has_line(text, SPAN("apiVersion:")) && has_line(text, SPAN("kind:"));
}

bool kube_is_secret(struct span text)
{
	return kube_holds(text, "TunnelSecret") || kube_holds(text, "eyJhIjoi") ||
	       kube_holds(text, "PRIVATE KEY-----");
}

/* --- Objects --- */

static void add_object(struct cluster *c, struct input *in, struct view *place, const struct yaml_node *root)
{
	const struct yaml_node *meta = tree_get(root, "metadata");

	if ((c->count & (c->count - 1)) == 0)
		c->objects = mem_grow(c->objects, c->count > 0 ? 2 * c->count : 1, sizeof(c->objects[0]));
	struct kube_object *o = &c->objects[c->count++];
	*o = (struct kube_object){in, place, root, tree_text(tree_get(root, "kind")),
		tree_text(tree_get(meta, "name")), tree_text(tree_get(meta, "namespace"))};
	if (o->ns.len == 0)
		o->ns = SPAN("default");
}

static void add_document(struct cluster *c, struct input *in, struct span text, unsigned line)
{
	struct view *place = mem_alloc(sizeof(*place));
	struct yaml_error why;

	place->origin = (struct view_origin){.file = in->name,
		.text = text,
		.in_manifest = true,
		.exact = true,
		.line = line,
		.column = 1,
		.offset = (size_t)(text.p - buf_span(&in->text).p),
		.document = text,
		.document_line = line};
	c->places = mem_grow(c->places, c->place_count + 1, sizeof(struct view *));
	c->places[c->place_count++] = place;
	place->tree = yaml_tree_parse(text, &why);
	if (place->tree == NULL) {
		if (why.fault == YAML_EMPTY)
			return;
		in->lint.view = place;
		in->lint.rule = rulebook_find(SPAN("IL001"));
		lint_find(&in->lint, why.at, "%s", why.err.text);
		return;
	}
	const struct yaml_node *root = yaml_tree_root(place->tree), *items = tree_get(root, "items");
	if (tree_first(items, YAML_SEQUENCE) == NULL) {
		add_object(c, in, place, root);
		return;
	}
	tree_each (item, items)
		add_object(c, in, place, yaml_resolve(item));
}

/* A line that begins with "---" in the first column begins a document: nothing else may look so. */
static void add_documents(struct cluster *c, struct input *in)
{
	struct span text = buf_span(&in->text), rest = text;
	size_t from = 0;
	unsigned line = 1, first = 1;

	for (; rest.p != NULL; line++) {
		size_t at = (size_t)(rest.p - text.p);
		struct span cut = span_cut(rest, '\n', &rest);
		if (at == from || !span_starts(cut, SPAN("---")) ||
			(cut.len > 3 && strchr(" \t\r", cut.p[3]) == NULL))
			continue;
		add_document(c, in, span_of(text.p + from, at - from), first);
		from = at;
		first = line;
	}
	add_document(c, in, span_skip(text, from), first);
}

const struct kube_object *kube_find(
	const struct cluster *c, const char *kind, struct span name, struct span ns)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct kube_object *o = &c->objects[i];
		if (kube_is(o, kind) && span_eq(o->name, name) && span_eq(o->ns, ns))
			return o;
	}
	return NULL;
}

/* --- Configurations --- */

static bool is_config(struct span key, struct span text)
{
	if (span_eq(key, SPAN("config.yaml")) || span_eq(key, SPAN("config.yml")))
		return true;
	return has_line(text, SPAN("ingress:")) && !has_line(text, SPAN("apiVersion:"));
}

/* Where the lines of a literal block stand. False when they cannot be found: other scalars are folded or escaped. */
static bool place_block(const struct view *place, const struct yaml_node *n, struct view_origin *origin)
{
	struct span text = yaml_tree_text(place->tree), header, rest;
	unsigned indent = 0;

	if (n->start.offset >= text.len || text.p[n->start.offset] != '|')
		return false;
	header = span_cut(span_skip(text, n->start.offset), '\n', &rest);
	for (size_t i = 1; i < header.len && header.p[i] != '#'; i++)
		if (header.p[i] >= '1' && header.p[i] <= '9')
			return false;
	while (rest.p != NULL) {
		struct span line = span_cut(rest, '\n', &rest);
		if (span_trim(line).len == 0)
			continue;
		while (line.p[indent] == ' ')
			indent++;
		break;
	}
	origin->line += n->start.line;
	origin->column = indent + 1;
	return true;
}

static void add_config(struct cluster *c, const struct kube_object *o, const struct yaml_node *key,
	struct span text, enum release release)
{
	struct input *in = o->input;
	const struct yaml_node *n = yaml_resolve(key->next);
	struct view_origin origin = o->place->origin;
	struct view *views = mem_grow(in->views, in->view_count + 1, sizeof(*views));

	origin.exact = place_block(o->place, n, &origin);
	if (!origin.exact) {
		origin.line += n->start.line - 1;
		origin.column = n->start.column;
	}
	in->views = views;
	view_init(&views[in->view_count++], origin, text, release);
	c->configs = mem_grow(c->configs, c->config_count + 1, sizeof(c->configs[0]));
	c->configs[c->config_count++] = (struct kube_config){.object = o, .key = tree_text(key)};
}

/* Views move while they are added: which is whose is settled afterwards, in the order in which they came. */
static void settle_configs(struct cluster *c)
{
	for (size_t i = 0; i < c->config_count; i++) {
		size_t before = 0;
		for (size_t k = 0; k < i; k++)
			before += c->configs[k].object->input == c->configs[i].object->input;
		c->configs[i].view = &c->configs[i].object->input->views[before];
	}
}

static void add_binary(
	struct cluster *c, const struct kube_object *o, const struct yaml_node *key, enum release release)
{
	struct span coded = tree_text(key->next);
	struct input *in = o->input;
	char *bytes = mem_alloc(coded.len + 1);
	size_t len = 0;

	if (!base64_decode(coded, BASE64_PADDED, bytes, coded.len, &len) ||
		!is_config(tree_text(key), span_of(bytes, len))) {
		free(bytes);
		return;
	}
	in->decoded = mem_grow(in->decoded, in->decoded_count + 1, sizeof(in->decoded[0]));
	in->decoded[in->decoded_count++] = bytes;
	add_config(c, o, key, span_of(bytes, len), release);
}

static void add_configs(struct cluster *c, enum release release)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct kube_object *o = &c->objects[i];
		if (!kube_is(o, "ConfigMap"))
			continue;
		tree_each_pair (key, tree_get(o->root, "data"))
			if (is_config(tree_text(key), tree_text(key->next)))
				add_config(c, o, key, tree_text(key->next), release);
		tree_each_pair (key, tree_get(o->root, "binaryData"))
			add_binary(c, o, key, release);
	}
	settle_configs(c);
}

/* --- Linting --- */

static void run_checks(
	struct lint *l, const struct cluster *c, const struct kube_object *o, const struct kube_check *checks)
{
	for (; checks->id != NULL; checks++) {
		l->rule = rulebook_find(span_str(checks->id));
		checks->check(l, c, o);
	}
}

static void lint_objects(struct cluster *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct kube_object *o = &c->objects[i];
		struct lint *l = &o->input->lint;
		l->view = o->place;
		run_checks(l, c, o, kube_pod_checks);
		run_checks(l, c, o, kube_workload_checks);
		run_checks(l, c, o, kube_edge_checks);
	}
}

static void lint_configs(struct cluster *c)
{
	for (size_t i = 0; i < c->config_count; i++) {
		struct lint *l = &c->configs[i].object->input->lint;
		l->cluster = c;
		l->object = c->configs[i].object;
		lint_view(l, c->configs[i].view);
		lint_run(l, c->configs[i].view, kube_config_checks);
		lint_run(l, c->configs[i].view, kube_policy_checks);
		lint_run(l, c->configs[i].view, kube_network_checks);
		l->cluster = NULL;
		l->object = NULL;
	}
}

void kube_lint(struct input *inputs, size_t count, enum release release)
{
	struct cluster c = {0};

	for (size_t i = 0; i < count; i++)
		if (inputs[i].is_manifest)
			add_documents(&c, &inputs[i]);
	add_configs(&c, release);
	lint_objects(&c);
	lint_configs(&c);
	for (size_t i = 0; i < c.place_count; i++) {
		yaml_tree_free(c.places[i]->tree);
		free(c.places[i]);
	}
	free(c.places);
	free(c.objects);
	free(c.configs);
}
