/* Which of the two a site file is for, and where upgrades go. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "ingress-lint/proxy.h"
#include "ingress-lint/records.h"

/* The literal beginning of a rule's path; "/" for any. */
static bool lies_under(const struct view_rule *r, struct span path)
{
	struct span expr = span_str(r->expr);

	if (expr.len > 0 && expr.p[0] == '^')
		expr = span_skip(expr, 1);
	if (path.len > 1 && path.p[path.len - 1] == '/')
		path.len--;
	return path.len <= 1 || span_starts(expr, path);
}

bool proxy_expects(const struct input *configs, size_t count, struct span path)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < configs[i].view_count; k++)
			for (size_t n = 0; n < configs[i].views[k].count; n++) {
				const struct view_rule *r = &configs[i].views[k].rules[n];
				if (r->fault == INGRESS_OK && records_is_websocket(r) && lies_under(r, path))
					return true;
			}
	return false;
}

void proxy_find(struct lint *l, const char *id, struct proxy_word at, enum rulebook_severity severity,
	const char *fmt, ...)
{
	va_list args;
	char *message;

	va_start(args, fmt);
	int len = vasprintf(&message, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	l->rule = rulebook_find(span_str(id));
	lint_find_as(l, severity, (struct yaml_mark){.line = at.line, .column = at.column}, "%s", message);
	free(message);
}

void proxy_lint(struct input *in, const struct input *configs, size_t count)
{
	struct span text = buf_span(&in->text);
	struct view place = {
		.origin = {.file = in->name, .text = text, .exact = true, .line = 1, .column = 1}};

	if (in->err.text[0] != '\0')
		return;
	in->lint.view = &place;
	size_t known = proxy_lint_apache(&in->lint, text, configs, count);
	if (known == 0)
		known = proxy_lint_nginx(&in->lint, text, configs, count);
	if (known == 0)
		proxy_find(&in->lint, "IL804", (struct proxy_word){.line = 1, .column = 1}, RULEBOOK_INFO,
			"no ProxyPass of Apache, no proxy_pass of nginx: nothing was checked");
	in->lint.view = NULL;
}
