/* Applying fixes. */
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "ingress-lint/fix.h"
#include "ingress-lint/kube.h"

static int by_place(const void *a, const void *b)
{
	const struct lint_edit *x = *(const struct lint_edit *const *)a,
			       *y = *(const struct lint_edit *const *)b;

	return (x->from > y->from) - (x->from < y->from);
}

/* The edits in order; of those that overlap the first. To be freed. */
static const struct lint_edit **edits_of(const struct input *in, size_t *count)
{
	const struct lint_edit **edits = mem_array(in->lint.count + 1, sizeof(struct lint_edit *));
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < in->lint.count; i++)
		if (in->lint.findings[i].edit.text != NULL &&
			in->lint.findings[i].edit.to <= buf_len(&in->text))
			edits[n++] = &in->lint.findings[i].edit;
	if (n > 1)
		qsort(edits, n, sizeof(struct lint_edit *), by_place);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || edits[i]->from >= edits[kept - 1]->to)
			edits[kept++] = edits[i];
	*count = kept;
	return edits;
}

static void replace(const struct input *in, struct buf *out)
{
	struct span text = buf_span(&in->text);
	size_t count, at = 0;
	const struct lint_edit **edits = edits_of(in, &count);

	for (size_t i = 0; i < count; i++) {
		buf_add_span(out, span_of(text.p + at, edits[i]->from - at));
		buf_add_str(out, edits[i]->text);
		at = edits[i]->to;
	}
	buf_add_span(out, span_skip(text, at));
	free(edits);
}

/* Is every configuration that was accepted in the input accepted in its fixed text too? */
static bool stays_accepted(const struct input *in, struct span fixed)
{
	struct input again = {.name = in->name, .is_manifest = in->is_manifest};

	buf_add_span(&again.text, fixed);
	if (in->is_manifest) {
		kube_lint(&again, 1, in->views[0].release);
	} else {
		struct view_origin origin = {
			.file = in->name, .text = fixed, .line = 1, .column = 1, .exact = true};
		again.views = mem_alloc(sizeof(again.views[0]));
		again.view_count = 1;
		view_init(&again.views[0], origin, fixed, in->views[0].release);
	}
	bool good = again.view_count == in->view_count;
	for (size_t i = 0; i < in->view_count && good; i++)
		good = in->views[i].fault != INGRESS_OK || again.views[i].fault == INGRESS_OK;
	input_fini(&again);
	return good;
}

/* The fixed text. What would be refused afterwards and is not now stays as it is. */
static void apply(const struct input *in, struct buf *out)
{
	struct span text = buf_span(&in->text);

	if (in->view_count == 0 || in->err.text[0] != '\0') {
		buf_add_span(out, text);
		return;
	}
	replace(in, out);
	if (span_eq(buf_span(out), text) || stays_accepted(in, buf_span(out)))
		return;
	buf_clear(out);
	buf_add_span(out, text);
}

int fix_write(const struct input *in, struct err *err)
{
	struct buf fixed = {0};
	int rc = 0;

	apply(in, &fixed);
	if (!span_eq(buf_span(&fixed), buf_span(&in->text))) {
		if (strcmp(in->name, "-") == 0)
			rc = err_set(err, "-: cannot be written to; use --fix=diff");
		else
			rc = fsx_rewrite(in->name, buf_span(&fixed), err);
	}
	buf_free(&fixed);
	return rc;
}

/* --- Patches --- */

#define CONTEXT 3 /* lines around a change */

/* Lines of a text, and whether the last one has an end. */
struct lines {
	struct span *at;
	size_t count;
	bool ended;
};

static struct lines split(struct span text)
{
	struct lines l = {mem_array(2, sizeof(l.at[0])), 0, text.len > 0 && text.p[text.len - 1] == '\n'};
	struct span rest = l.ended ? span_of(text.p, text.len - 1) : text;

	while (rest.p != NULL) {
		if ((l.count & (l.count - 1)) == 0)
			l.at = mem_grow(l.at, 2 * l.count + 1, sizeof(l.at[0]));
		l.at[l.count++] = span_cut(rest, '\n', &rest);
	}
	return l;
}

static void print_line(FILE *to, char sign, const struct lines *l, size_t i)
{
	fprintf(to, "%c%.*s\n", sign, (int)l->at[i].len, l->at[i].p);
	if (i + 1 == l->count && !l->ended)
		fputs("\\ No newline at end of file\n", to);
}

/* Where the changes end that begin at line i and have no more than the context of both between them. */
static size_t find_end(const struct lines *a, const struct lines *b, size_t i)
{
	size_t end = i + 1;

	for (size_t k = i; k < a->count && k < end + 2 * (size_t)CONTEXT; k++)
		end = span_eq(a->at[k], b->at[k]) ? end : k + 1;
	return end;
}

/* Lines are replaced one by one: an edit stays within its line. */
static void print_hunk(FILE *to, const struct lines *a, const struct lines *b, size_t first, size_t end)
{
	size_t from = first > CONTEXT ? first - CONTEXT : 0,
	       past = end + CONTEXT < a->count ? end + CONTEXT : a->count;

	fprintf(to, "@@ -%zu,%zu +%zu,%zu @@\n", from + 1, past - from, from + 1, past - from);
	for (size_t i = from, run; i < past; i = run) {
		for (run = i; run < past && !span_eq(a->at[run], b->at[run]); run++)
			print_line(to, '-', a, run);
		for (size_t k = i; k < run; k++)
			print_line(to, '+', b, k);
		if (run == i)
			print_line(to, ' ', a, run++);
	}
}

static void print_patch(FILE *to, const struct input *in, struct span fixed)
{
	struct lines a = split(buf_span(&in->text)), b = split(fixed);

	fprintf(to, "--- %s\n+++ %s\n", in->name, in->name);
	for (size_t i = 0; i < a.count && a.count == b.count; i++) {
		if (span_eq(a.at[i], b.at[i]))
			continue;
		size_t end = find_end(&a, &b, i);
		print_hunk(to, &a, &b, i, end);
		i = end - 1;
	}
	free(a.at);
	free(b.at);
}

int fix_diff(FILE *to, const struct input *inputs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buf fixed = {0};
		apply(&inputs[i], &fixed);
		if (!span_eq(buf_span(&fixed), buf_span(&inputs[i].text)))
			print_patch(to, &inputs[i], buf_span(&fixed));
		buf_free(&fixed);
	}
	return ferror(to) != 0 ? -1 : 0;
}
