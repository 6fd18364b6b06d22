/* Apache: ProxyPass lines. In the server itself the first that fits wins, of Location sections the last. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "ingress-lint/proxy.h"

#define WORDS_MAX 16 /* of a line */

struct entry {
	struct proxy_word at;
	struct span path;
	bool in_location, upgrades;
};

struct site {
	struct lint *lint;
	struct entry *entries;
	size_t count, cap;
	struct span location; /* NULL pointer outside of sections */
	bool rewrites;        /* some RewriteRule goes to ws:// */
	size_t known;
};

static size_t split(struct span line, unsigned number, struct proxy_word words[WORDS_MAX])
{
	size_t count = 0, i = 0;

	while (count < WORDS_MAX) {
		while (i < line.len && strchr(" \t\r", line.p[i]) != NULL)
			i++;
		if (i == line.len || (count == 0 && line.p[i] == '#'))
			return count;
		char quote = (char)(line.p[i] == '"' || line.p[i] == '\'' ? line.p[i++] : '\0');
		size_t from = i;
		while (i < line.len &&
			(quote != '\0' ? line.p[i] != quote : strchr(" \t\r", line.p[i]) == NULL))
			i++;
		words[count++] =
			(struct proxy_word){span_of(line.p + from, i - from), number, (unsigned)from + 1};
		i += quote != '\0' && i < line.len;
	}
	return count;
}

static bool is(struct proxy_word w, const char *name)
{
	return span_eq_nocase(w.text, span_str(name));
}

static void add_entry(struct site *s, const struct proxy_word *words, size_t count)
{
	size_t next = 1;
	struct span path = s->location;

	if (path.p == NULL && count > 1)
		path = words[next++].text;
	if (next >= count || path.p == NULL || s->count == PROXY_ENTRIES_MAX)
		return;
	struct span url = words[next].text;
	bool upgrades = span_starts_nocase(url, SPAN("ws://")) || span_starts_nocase(url, SPAN("wss://"));
	bool http = span_starts_nocase(url, SPAN("http://")) || span_starts_nocase(url, SPAN("https://"));
	for (size_t i = next + 1; i < count; i++)
		upgrades = upgrades || (span_starts_nocase(words[i].text, SPAN("upgrade=")) &&
					       !is(words[i], "upgrade=NONE"));
	if (!http && !upgrades)
		return;
	if (s->count == s->cap) {
		s->cap = s->cap > 0 ? 2 * s->cap : 8;
		s->entries = mem_grow(s->entries, s->cap, sizeof(s->entries[0]));
	}
	s->entries[s->count++] = (struct entry){words[next], path, s->location.p != NULL, upgrades};
}

static void read_line(struct site *s, const struct proxy_word *w, size_t count)
{
	if (is(w[0], "<Location") && count > 1) {
		s->location = w[1].text;
		if (s->location.len > 0 && s->location.p[s->location.len - 1] == '>')
			s->location.len--;
		s->known++;
	} else if (is(w[0], "</Location>")) {
		s->location = (struct span){NULL, 0};
	} else if (is(w[0], "ProxyPass")) {
		s->known++;
		add_entry(s, w, count);
	} else if (is(w[0], "RewriteRule") && count > 2) {
		s->rewrites = s->rewrites || span_starts_nocase(w[2].text, SPAN("ws"));
	} else if (is(w[0], "RequestHeader") && count > 2 && is(w[1], "unset") && is(w[2], "Upgrade")) {
		proxy_find(s->lint, "IL801", w[2], RULEBOOK_WARNING, "Upgrade is taken out of requests");
	} else if (is(w[0], "SetEnv") && count > 1 && is(w[1], "force-proxy-request-1.0")) {
		proxy_find(s->lint, "IL801", w[1], RULEBOOK_WARNING,
			"requests go on as HTTP/1.0, without their Upgrade");
	}
}

/* Does an entry that upgrades lie at or under the path? */
static bool upgrades_below(const struct site *s, struct span path)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->entries[i].upgrades && span_starts(s->entries[i].path, path))
			return true;
	return s->rewrites;
}

/* Is a hidden by b, an entry of the same kind? */
static bool hides(const struct entry *a, const struct entry *b)
{
	bool b_wins = a->in_location ? b > a : b < a;

	return a->in_location == b->in_location && b_wins && span_starts(a->path, b->path) && !b->upgrades;
}

static void check(const struct site *s, const struct input *configs, size_t count)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct entry *e = &s->entries[i];
		for (size_t k = 0; k < s->count && e->upgrades; k++)
			if (hides(e, &s->entries[k])) {
				proxy_find(s->lint, "IL802", e->at, RULEBOOK_WARNING,
					"line %u takes the requests to %.*s", s->entries[k].at.line,
					(int)e->path.len, e->path.p);
				break;
			}
		if (e->upgrades || upgrades_below(s, e->path))
			continue;
		bool expected = proxy_expects(configs, count, e->path);
		proxy_find(s->lint, "IL801", e->at, expected ? RULEBOOK_WARNING : RULEBOOK_INFO,
			"upgrades of requests to %.*s are not passed on%s", (int)e->path.len, e->path.p,
			expected ? ", and a rule of the configuration expects them" : "");
	}
}

size_t proxy_lint_apache(struct lint *l, struct span text, const struct input *configs, size_t count)
{
	struct site s = {.lint = l};
	struct proxy_word words[WORDS_MAX];
	struct span rest = text;

	for (unsigned number = 1; rest.p != NULL; number++) {
		size_t n = split(span_cut(rest, '\n', &rest), number, words);
		if (n > 0)
			read_line(&s, words, n);
	}
	check(&s, configs, count);
	free(s.entries);
	return s.known;
}
