/* Apache: ProxyPass lines. In the server itself the first that fits wins, of Location sections the last. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "ingress-lint/proxy.h"

#define WORDS_MAX 16 /* of a line */

struct entry {
	struct proxy_word at;
	struct span path;       /* literal, or an expression */
	struct proxy_expr expr; /* sample NULL: the path is literal */
	size_t host;            /* number of the <VirtualHost> it stands in; 0: in none */
	bool in_location, upgrades;
	struct span balancer; /* that it goes to; a NULL pointer for none */
};

/* <Proxy balancer://NAME>: do its members upgrade? */
struct balancer {
	struct span name;
	bool upgrades;
};

struct site {
	struct proxy_chain *chain;
	struct entry *entries;
	size_t count, cap;
	struct balancer *balancers;
	size_t balancer_count;
	struct span location; /* NULL pointer outside of sections */
	bool location_is_expr, in_balancer;
	size_t host, hosts;
	bool rewrites; /* some RewriteRule goes to ws:// */
	size_t known;
};

static size_t split(struct span line, const char *file, unsigned number, struct proxy_word words[WORDS_MAX])
{
	size_t count = 0, i = 0;

	while (count < WORDS_MAX) {
		while (i < line.len && strchr(" \t\r", line.p[i]) != NULL && line.p[i] != '\0')
			i++;
		if (i == line.len || (count == 0 && line.p[i] == '#'))
			return count;
		char quote = (char)(line.p[i] == '"' || line.p[i] == '\'' ? line.p[i++] : '\0');
		size_t from = i;
		while (i < line.len &&
			(quote != '\0' ? line.p[i] != quote
				       : line.p[i] == '\0' || strchr(" \t\r", line.p[i]) == NULL))
			i++;
		words[count++] = (struct proxy_word){
			span_of(line.p + from, i - from), file, number, (unsigned)from + 1};
		i += quote != '\0' && i < line.len;
	}
	return count;
}

static bool is(struct proxy_word w, const char *name)
{
	return span_eq_nocase(w.text, span_str(name));
}

/* --- Entries --- */

/* Does a parameter say that upgrades are passed on? */
static bool says_upgrade(const struct proxy_word *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_starts_nocase(words[i].text, SPAN("upgrade=")) && !is(words[i], "upgrade=NONE"))
			return true;
	return false;
}

static bool is_websocket(struct span url)
{
	return span_starts_nocase(url, SPAN("ws://")) || span_starts_nocase(url, SPAN("wss://"));
}

/* The name in "balancer://NAME/..."; a NULL pointer when it is no such URL. */
static struct span balancer_of(struct span url)
{
	struct span rest;

	if (!span_starts_nocase(url, SPAN("balancer://")))
		return (struct span){NULL, 0};
	struct span name = span_cut(span_skip(url, 11), '/', &rest);
	if (name.len > 0 && name.p[name.len - 1] == '>')
		name.len--;
	return name;
}

static void add_entry(struct site *s, const struct proxy_word *words, size_t count, bool is_expr)
{
	size_t next = 1;
	struct span path = s->location;

	if (path.p == NULL && count > 1)
		path = words[next++].text;
	if (next >= count || path.p == NULL || s->count == PROXY_ENTRIES_MAX)
		return;
	struct span url = words[next].text, balancer = balancer_of(url);
	bool upgrades = is_websocket(url) || says_upgrade(words + next + 1, count - next - 1);
	bool http = span_starts_nocase(url, SPAN("http://")) || span_starts_nocase(url, SPAN("https://"));
	if (!http && !upgrades && balancer.p == NULL)
		return;
	is_expr = s->location.p != NULL ? s->location_is_expr : is_expr;
	struct proxy_expr expr = {.scan = NULL};
	if (is_expr && !proxy_expr_init(&expr, path, false))
		return;
	if (s->count == s->cap) {
		s->cap = s->cap > 0 ? 2 * s->cap : 8;
		s->entries = mem_grow(s->entries, s->cap, sizeof(s->entries[0]));
	}
	s->entries[s->count++] =
		(struct entry){words[next], path, expr, s->host, s->location.p != NULL, upgrades, balancer};
}

static struct balancer *find_balancer(const struct site *s, struct span name)
{
	for (size_t i = 0; i < s->balancer_count; i++)
		if (span_eq_nocase(s->balancers[i].name, name))
			return &s->balancers[i];
	return NULL;
}

static void open_balancer(struct site *s, struct span name)
{
	s->in_balancer = true;
	if (find_balancer(s, name) != NULL || s->balancer_count == PROXY_ENTRIES_MAX)
		return;
	if ((s->balancer_count & (s->balancer_count - 1)) == 0)
		s->balancers = mem_grow(s->balancers, s->balancer_count > 0 ? 2 * s->balancer_count : 1,
			sizeof(s->balancers[0]));
	s->balancers[s->balancer_count++] = (struct balancer){name, false};
}

/* "BalancerMember URL", in a section, or with the balancer named first. */
static void add_member(struct site *s, const struct proxy_word *w, size_t count)
{
	struct span named = balancer_of(w[1].text);
	size_t next = named.p != NULL ? 2 : 1;
	struct balancer *b = named.p != NULL  ? find_balancer(s, named)
			     : s->in_balancer ? &s->balancers[s->balancer_count - 1]
					      : NULL;

	if (b != NULL && next < count)
		b->upgrades = b->upgrades || is_websocket(w[next].text) ||
			      says_upgrade(w + next + 1, count - next - 1);
}

/* --- Lines --- */

/* <Location PATH>, <Location ~ EXPR>, <LocationMatch EXPR>. */
static void open_location(struct site *s, const struct proxy_word *w, size_t count)
{
	size_t at = count > 2 && is(w[1], "~") ? 2 : 1;

	s->location = w[at].text;
	s->location_is_expr = at == 2 || is(w[0], "<LocationMatch");
	if (s->location.len > 0 && s->location.p[s->location.len - 1] == '>')
		s->location.len--;
	s->known++;
}

static bool read_section(struct site *s, const struct proxy_word *w, size_t count)
{
	if ((is(w[0], "<Location") || is(w[0], "<LocationMatch")) && count > 1) {
		open_location(s, w, count);
	} else if (is(w[0], "</Location>") || is(w[0], "</LocationMatch>")) {
		s->location = (struct span){NULL, 0};
	} else if (is(w[0], "<VirtualHost")) {
		s->host = ++s->hosts;
	} else if (is(w[0], "</VirtualHost>")) {
		s->host = 0;
	} else if (is(w[0], "<Proxy") && count > 1 && balancer_of(w[1].text).p != NULL) {
		open_balancer(s, balancer_of(w[1].text));
	} else if (is(w[0], "</Proxy>")) {
		s->in_balancer = false;
	} else {
		return false;
	}
	return true;
}

static void read_line(struct site *s, const struct proxy_word *w, size_t count)
{
	if (read_section(s, w, count))
		return;
	if (is(w[0], "ProxyPass") || is(w[0], "ProxyPassMatch")) {
		s->known++;
		add_entry(s, w, count, is(w[0], "ProxyPassMatch"));
	} else if (is(w[0], "BalancerMember") && count > 1) {
		add_member(s, w, count);
	} else if (is(w[0], "RewriteRule") && count > 2) {
		s->rewrites = s->rewrites || is_websocket(w[2].text);
	} else if (is(w[0], "RequestHeader") && count > 2 && is(w[1], "unset") && is(w[2], "Upgrade")) {
		proxy_find(s->chain, "IL801", w[2], RULEBOOK_WARNING, "Upgrade is taken out of requests");
	} else if (is(w[0], "SetEnv") && count > 1 && is(w[1], "force-proxy-request-1.0")) {
		proxy_find(s->chain, "IL801", w[1], RULEBOOK_WARNING,
			"requests go on as HTTP/1.0, without their Upgrade");
	}
}

static void read_text(void *arg, const char *file, struct span text, unsigned depth)
{
	struct site *s = arg;
	struct proxy_word words[WORDS_MAX];
	struct span rest = text;

	for (unsigned number = 1; rest.p != NULL; number++) {
		size_t n = split(span_cut(rest, '\n', &rest), file, number, words);
		if (n > 1 && (is(words[0], "Include") || is(words[0], "IncludeOptional")))
			proxy_include(s->chain, words[1], depth, read_text, s);
		else if (n > 0)
			read_line(s, words, n);
	}
}

/* --- Checking --- */

static struct span sample_of(const struct entry *e)
{
	return e->expr.sample != NULL ? span_str(e->expr.sample) : e->path;
}

static bool takes(struct entry *e, const struct entry *other)
{
	struct span path = sample_of(other);

	return e->expr.sample != NULL ? proxy_expr_matches(&e->expr, path) : span_starts(path, e->path);
}

/* Does an entry that upgrades lie at or under the path? */
static bool upgrades_below(const struct site *s, struct entry *e)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->entries[i].upgrades && s->entries[i].host == e->host && takes(e, &s->entries[i]))
			return true;
	return s->rewrites;
}

/* Is a hidden by b, an entry of the same kind? */
static bool hides(const struct entry *a, struct entry *b)
{
	bool b_wins = a->in_location ? b > a : b < a;

	return a->in_location == b->in_location && a->host == b->host && b_wins && !b->upgrades &&
	       takes(b, a);
}

static void check_hidden(const struct site *s, const struct entry *e, size_t *comparisons)
{
	for (size_t k = 0; k < s->count && *comparisons < PROXY_COMPARISONS_MAX; k++, ++*comparisons)
		if (hides(e, &s->entries[k])) {
			char *place = proxy_place(s->entries[k].at, e->at);
			proxy_find(s->chain, "IL802", e->at, RULEBOOK_WARNING,
				"%s takes the requests to %.*s", place, (int)e->path.len, e->path.p);
			free(place);
			return;
		}
}

static void check(const struct site *s)
{
	size_t comparisons = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct entry *e = &s->entries[i];
		const struct balancer *b = e->balancer.p != NULL ? find_balancer(s, e->balancer) : NULL;
		if (b != NULL && b->upgrades)
			e->upgrades = true;
	}
	for (size_t i = 0; i < s->count && comparisons < PROXY_COMPARISONS_MAX; i++) {
		struct entry *e = &s->entries[i];
		if (e->upgrades) {
			check_hidden(s, e, &comparisons);
			continue;
		}
		comparisons += s->count;
		/* The members of a balancer may be in a file that was not given. */
		if (upgrades_below(s, e) || (e->balancer.p != NULL && find_balancer(s, e->balancer) == NULL))
			continue;
		bool expected = proxy_expects(s->chain, sample_of(e));
		proxy_find(s->chain, "IL801", e->at, expected ? RULEBOOK_WARNING : RULEBOOK_INFO,
			"upgrades of requests to %.*s are not passed on%s", (int)e->path.len, e->path.p,
			expected ? ", and a rule of the configuration expects them" : "");
	}
}

size_t proxy_lint_apache(struct proxy_chain *c)
{
	struct site s = {.chain = c};

	read_text(&s, c->in->name, buf_span(&c->in->text), 0);
	check(&s);
	for (size_t i = 0; i < s.count; i++)
		proxy_expr_fini(&s.entries[i].expr);
	free(s.entries);
	free(s.balancers);
	return s.known;
}
