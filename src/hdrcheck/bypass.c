/* Matching of source expressions with the lists. */
#include "hdrcheck/bypass.h"

static bool is_word(char c)
{
	char l = span_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

struct span bypass_without_scheme(struct span s)
{
	size_t i = 0;

	while (i < s.len && (is_word(s.p[i]) || (i > 0 && strchr("+.-", s.p[i]) != NULL && s.p[i] != '\0')))
		i++;
	if (i > 0 && span_starts(span_skip(s, i), SPAN("://")))
		s = span_skip(s, i + 3);
	return span_starts(s, SPAN("//")) ? span_skip(s, 2) : s;
}

struct span bypass_host(struct span source, struct span *path)
{
	struct span s = bypass_without_scheme(source);
	size_t end = 0;

	while (end < s.len && s.p[end] != '/' && s.p[end] != '?' && s.p[end] != '#' && s.p[end] != '\\')
		end++;
	*path = span_skip(s, end);
	for (size_t i = 0; i < path->len; i++)
		if (path->p[i] == '?' || path->p[i] == '#')
			path->len = i;
	s.len = end;
	size_t at = span_rfind(s, '@');
	if (at < s.len)
		s = span_skip(s, at + 1);
	if (s.len > 0 && s.p[0] == '[') {
		size_t close = span_find(s, ']');
		return span_of(s.p, close < s.len ? close + 1 : s.len);
	}
	s.len = span_find(s, ':');
	return s;
}

static bool host_matches(struct span host, struct span entry)
{
	if (span_starts(host, SPAN("*.")))
		return entry.len >= host.len - 1 &&
		       span_eq_nocase(span_skip(entry, entry.len - (host.len - 1)), span_skip(host, 1));
	return span_eq_nocase(host, entry);
}

static bool path_matches(struct span path, struct span entry)
{
	if (path.len == 0 || span_eq(path, SPAN("/")))
		return true;
	return path.p[path.len - 1] == '/' ? span_starts(entry, path) : span_eq(entry, path);
}

const struct bypass *bypass_find(const struct bypass *table, struct span source)
{
	struct span path, host = bypass_host(source, &path);

	for (; table->host != NULL; table++)
		if (host_matches(host, span_str(table->host)) && path_matches(path, span_str(table->path)))
			return table;
	return NULL;
}

static bool needs_eval(const struct bypass_list *list, const struct bypass *b)
{
	for (const char *const *host = list->needs_eval; *host != NULL; host++)
		if (strcmp(*host, b->host) == 0)
			return true;
	return false;
}

const struct bypass *bypass_script(const struct bypass_list *list, struct span source, bool eval_allowed)
{
	const struct bypass *jsonp = bypass_find(list->jsonp, source);

	if (jsonp != NULL && (eval_allowed || !needs_eval(list, jsonp)))
		return jsonp;
	return bypass_find(list->angular, source);
}
