/* Reading inputs. */
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "ingress-lint/input.h"

#define BINARY_LOOK 8000 /* bytes in which a NUL shows that a file is no text */

static bool is_binary(struct span text)
{
	if (span_starts(text, SPAN("\xff\xfe")) || span_starts(text, SPAN("\xfe\xff")))
		return false; /* UTF-16 */
	return span_find(span_of(text.p, text.len < BINARY_LOOK ? text.len : BINARY_LOOK), '\0') <
	       (text.len < BINARY_LOOK ? text.len : BINARY_LOOK);
}

void input_read(struct input *in, const char *name)
{
	*in = (struct input){.name = name, .text = {.max = YAML_BYTES_MAX}};
	if (fsx_read_input(name, &in->text, &in->err) < 0)
		buf_free(&in->text); /* a part of a file says nothing of the whole */
	else if (is_binary(buf_span(&in->text)))
		err_set(&in->err, "%s: is no text", name);
}

/* What no parser can be blamed for is no finding alone: the input is not what it should be. */
void input_judge(struct input *in, const struct view *v)
{
	struct span text = buf_span(&in->text);
	bool utf16 = span_starts(text, SPAN("\xff\xfe")) || span_starts(text, SPAN("\xfe\xff"));

	if (in->err.text[0] != '\0')
		return;
	if (v->is_excessive)
		err_set(&in->err, "%s:%u: %s", in->name, v->error.at.line, v->error.err.text);
	else if (v->fault == INGRESS_YAML_SYNTAX && !utf16 && !utf8_is_whole(text))
		err_set(&in->err, "%s: is no text in UTF-8 or UTF-16", in->name);
}

void input_fini(struct input *in)
{
	for (size_t i = 0; i < in->view_count; i++)
		view_fini(&in->views[i]);
	free(in->views);
	lint_fini(&in->lint);
	for (size_t i = 0; i < in->decoded_count; i++)
		free(in->decoded[i]);
	free(in->decoded);
	buf_free(&in->text);
}

/* --- Comments that ignore --- */

static bool names(struct span list, const struct rulebook_rule *rule)
{
	struct span item;

	while (span_next_item(&list, &item)) {
		size_t end = 0;
		while (end < item.len && item.p[end] != ' ' && item.p[end] != '\t' && item.p[end] != '\r')
			end++;
		item.len = end;
		if (span_eq(item, SPAN("all")) || span_eq_nocase(item, span_str(rule->id)) ||
			span_eq(item, span_str(rule->name)))
			return true;
	}
	return false;
}

static bool line_ignores(struct span line, const struct rulebook_rule *rule)
{
	static const char mark[] = "# ingress-lint: ignore=";
	size_t len = sizeof(mark) - 1;

	for (size_t i = 0; i + len <= line.len; i++)
		if (line.p[i] == '#' && memcmp(line.p + i, mark, len) == 0)
			return names(span_skip(line, i + len), rule);
	return false;
}

/* Where each line begins, and the end of the text. To be freed. */
static size_t *index_lines(struct span text, size_t *count)
{
	size_t *starts = mem_array(2, sizeof(starts[0])), n = 1;

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] != '\n')
			continue;
		if ((n & (n - 1)) == 0)
			starts = mem_grow(starts, 2 * n + 1, sizeof(starts[0]));
		starts[n++] = i + 1;
	}
	starts[n] = text.len + 1;
	*count = n;
	return starts;
}

static struct span nth_line(struct span text, const size_t *starts, size_t count, unsigned number)
{
	if (number == 0 || number > count)
		return SPAN("");
	return span_of(text.p + starts[number - 1], starts[number] - 1 - starts[number - 1]);
}

void input_ignore(struct input *in)
{
	struct span text = buf_span(&in->text);
	struct lint *l = &in->lint;
	size_t lines, kept = 0, *starts = index_lines(text, &lines);

	for (size_t i = 0; i < l->count; i++) {
		struct lint_finding *f = &l->findings[i];
		if (f->file == in->name &&
			(line_ignores(nth_line(text, starts, lines, f->line), f->rule) ||
				(f->line > 1 &&
					line_ignores(nth_line(text, starts, lines, f->line - 1), f->rule))))
			lint_finding_free(f);
		else
			l->findings[kept++] = *f;
	}
	l->count = kept;
	free(starts);
}

struct span input_line(const struct input *in, unsigned number)
{
	struct span rest = buf_span(&in->text), line = SPAN("");

	for (unsigned i = 0; i < number && rest.p != NULL; i++)
		line = span_cut(rest, '\n', &rest);
	return rest.p == NULL && number == 0 ? SPAN("") : line;
}
