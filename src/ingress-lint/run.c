/* From inputs to findings. */
#include "ingress-lint/run.h"
#include "common/base/mem.h"
#include "ingress-lint/kube.h"
#include "ingress-lint/proxy.h"

static void lint_input(struct input *in, const struct run_options *how)
{
	struct span text = buf_span(&in->text);
	struct view_origin origin = {.file = in->name, .text = text, .line = 1, .column = 1, .exact = true};

	in->lint.looks_at_files = how->looks_at_files;
	in->lint.in_container = how->in_container;
	if (in->err.text[0] != '\0' && text.len == 0)
		return;
	if (kube_is_manifest(text)) {
		in->is_manifest = true;
		return;
	}
	in->views = mem_alloc(sizeof(in->views[0]));
	in->view_count = 1;
	view_init(&in->views[0], origin, text, how->release);
	input_judge(in, &in->views[0]);
	lint_view(&in->lint, &in->views[0]);
}

static bool is_listed(const struct opt_list *list, const struct rulebook_rule *rule)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], "all") == 0 || rulebook_find(span_str(list->items[i])) == rule)
			return true;
	return false;
}

static void filter(struct input *in, const struct run_options *how)
{
	struct lint *l = &in->lint;
	size_t kept = 0;

	input_ignore(in);
	for (size_t i = 0; i < l->count; i++) {
		struct lint_finding *f = &l->findings[i];
		if (is_listed(how->disable, f->rule) && !is_listed(how->enable, f->rule))
			lint_finding_free(f);
		else
			l->findings[kept++] = *f;
	}
	l->count = kept;
	lint_sort(l);
	for (size_t i = 0; i < l->count; i++) {
		in->errors += l->findings[i].severity == RULEBOOK_ERROR;
		in->warnings += l->findings[i].severity == RULEBOOK_WARNING;
	}
}

void run_lint(struct input *inputs, size_t count, const struct run_options *how)
{
	size_t configs = count - how->proxies;

	for (size_t i = 0; i < configs; i++)
		lint_input(&inputs[i], how);
	kube_lint(inputs, configs, how->release);
	proxy_lint(inputs, configs, count);
	for (size_t i = 0; i < count; i++)
		filter(&inputs[i], how);
}
