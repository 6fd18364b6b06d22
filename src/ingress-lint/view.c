/* Reading a configuration for the checks. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/conf/hostname.h"
#include "common/conf/servicetext.h"
#include "common/conf/yaml_scalar.h"
#include "ingress-lint/view.h"

/* --- Rules --- */

static char *text_of(const struct yaml_node *n)
{
	struct yaml_value v;
	char *text = NULL;
	size_t len;

	if (n != NULL && n->kind == YAML_SCALAR && yaml_scalar_value(n, &v, NULL) == 0)
		text = yaml_as_text(n, &v, &len);
	return text != NULL ? text : mem_strdup("");
}

static void read_path(struct view_rule *r, enum release release)
{
	const struct rx *member;

	if (r->expr[0] == '\0')
		return;
	r->rx = rx_new(span_str(r->expr), release, NULL, &r->rx_err);
	if (r->rx == NULL)
		return;
	member = r->rx;
	r->set = rx_set_new(&member, 1);
}

static void read_rule(struct view *v, const struct yaml_node *node)
{
	struct view_rule *r = &v->rules[v->count++];

	r->number = v->count;
	r->node = node;
	r->hostname = tree_value(node, "hostname");
	r->path = tree_value(node, "path");
	r->service = tree_value(node, "service");
	r->options = tree_value(node, "originRequest");
	r->host = text_of(r->hostname);
	r->expr = text_of(r->path);
	r->text = text_of(r->service);
	if (!view_is_any(r->host))
		r->punycode = hostname_punycode(span_str(r->host));
	r->bastion = tree_bool(view_option(v, r, "bastionMode"), false);
	r->fault = servicetext_parse(span_str(r->text), r->bastion, v->release, &r->target, &r->fault_err);
	read_path(r, v->release);
}

static void read_rules(struct view *v)
{
	size_t count = 0;

	tree_each (item, v->list)
		count++;
	v->rules = mem_array(count + 1, sizeof(v->rules[0]));
	tree_each (item, v->list)
		if (yaml_resolve(item)->kind == YAML_MAPPING)
			read_rule(v, yaml_resolve(item));
}

/* --- The verdict --- */

/* `ingress validate` refuses a url beside rules, as its last step. */
static void judge_url(struct view *v)
{
	const struct setting *url = settings_find(&v->file.settings, "url");

	if (v->fault != INGRESS_OK || url == NULL || url->misfit || url->values[0][0] == '\0')
		return;
	v->fault = v->error.fault = INGRESS_URL_SETTING;
	v->error.at = url->at;
	err_set(&v->error.err, "url and ingress rules exclude each other");
}

void view_init(struct view *v, struct view_origin origin, struct span yaml, enum release release)
{
	struct yaml_error why;

	*v = (struct view){.origin = origin, .yaml = yaml, .release = release};
	v->fault = ingress_parse_as(yaml, release, &v->file, &v->error, &v->errors);
	v->tree = yaml_tree_parse(yaml, &why);
	if (v->tree != NULL) {
		v->root = yaml_tree_root(v->tree);
		v->global = tree_value(v->root, "originRequest");
		v->list = tree_value(v->root, "ingress");
		read_rules(v);
	}
	names_init(&v->names, v->rules, v->count);
	bool bomb =
		v->fault == INGRESS_YAML_SYNTAX && strstr(v->error.err.text, "expand to too much") != NULL;
	v->is_excessive = bomb || (v->tree == NULL && why.fault == YAML_LIMIT);
	judge_url(v);
	if (v->file.ingress != NULL)
		v->matcher = ingress_matcher_new(v->file.ingress);
}

void view_fini(struct view *v)
{
	for (size_t i = 0; i < v->count; i++) {
		struct view_rule *r = &v->rules[i];
		free(r->host);
		free(r->punycode);
		free(r->expr);
		free(r->text);
		servicetext_free(&r->target);
		rx_set_free(r->set);
		rx_free(r->rx);
	}
	free(v->rules);
	names_fini(&v->names);
	ingress_matcher_free(v->matcher);
	ingress_file_free(&v->file);
	free(v->errors.items);
	yaml_tree_free(v->tree);
}

/* --- Asking --- */

const struct yaml_node *view_option(const struct view *v, const struct view_rule *r, const char *key)
{
	const struct yaml_node *own = tree_value(r->options, key);

	return own != NULL ? own : tree_value(v->global, key);
}

void view_place(const struct view *v, struct yaml_mark at, unsigned *line, unsigned *column)
{
	*line = v->origin.line;
	*column = v->origin.column;
	if (at.line == 0 || (v->origin.in_manifest && !v->origin.exact))
		return;
	*line += at.line - 1;
	*column += at.column - 1;
}

bool view_host_covers(const char *a, const char *b)
{
	if (view_is_any(a) || strcmp(a, b) == 0)
		return true;
	return view_is_wildcard(a) && span_ends(span_str(b), span_str(a + 1));
}

bool view_is_http(const struct view_rule *r)
{
	return r->fault == INGRESS_OK && (r->target.kind == INGRESS_HTTP || r->target.kind == INGRESS_UNIX ||
						 r->target.kind == INGRESS_HELLO_WORLD);
}

bool view_is_stream(const struct view_rule *r)
{
	return r->fault == INGRESS_OK &&
	       (r->target.kind == INGRESS_TCP || r->target.kind == INGRESS_BASTION ||
		       r->target.kind == INGRESS_SOCKS_PROXY);
}

bool view_is_tls(const struct view_rule *r)
{
	return r->fault == INGRESS_OK && r->target.tls;
}

bool view_is_protected(const struct view_rule *r)
{
	bool refuses =
		r->target.kind == INGRESS_STATUS && (r->target.status == 401 || r->target.status == 403);

	return r->fault == INGRESS_OK &&
	       (refuses || tree_bool(tree_value(tree_value(r->options, "access"), "required"), false));
}

char *view_rule_name(const struct view_rule *r)
{
	struct buf name = {0};

	buf_addf(&name, "rule %zu (", r->number);
	out_escape(view_is_any(r->host) ? SPAN("any host") : span_str(r->host), &name);
	if (r->expr[0] != '\0') {
		buf_add_str(&name, ", path ");
		out_escape(span_str(r->expr), &name);
	}
	buf_add_char(&name, ')');
	char *text = mem_spandup(buf_span(&name));
	buf_free(&name);
	return text;
}
