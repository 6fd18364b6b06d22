/* Caddy: the Caddyfile's site and handlers that take the request. */
#include "wscat/conffile.h"

struct caddy {
	const struct conf_question *q;
	json_t *list;
	const struct conf_node *site;
	const struct conf_node *block; /* the innermost one that takes the path */
	const struct conf_node *kept;  /* the handle whose prefix is kept; NULL */
	bool stripped;
};

/* --- The site --- */

static bool is_address_of(struct span address, const char *port)
{
	size_t colon;

	while (address.len > 0 && address.p[address.len - 1] == ',')
		address.len--;
	colon = span_rfind(address, ':');
	return colon < address.len && span_eq(span_skip(address, colon + 1), span_str(port));
}

static const struct conf_node *find_site(const struct conf_tree *t, const char *port)
{
	const struct conf_node *first = NULL;

	for (const struct conf_node *n = t->root->first; n != NULL; n = n->next) {
		if (n->first == NULL || n->count == 0 || n->words[0].p[0] == '(')
			continue;
		for (size_t i = 0; i < n->count; i++)
			if (is_address_of(n->words[i], port))
				return n;
		if (first == NULL)
			first = n;
	}
	return first;
}

/* --- Matchers --- */

/* A prefix and a star, a star and a suffix, or the path itself: as Caddy's path matcher, but for stars inside. */
static bool path_matches(const char *path, struct span pattern)
{
	struct span p = span_str(path);

	if (pattern.len > 0 && pattern.p[pattern.len - 1] == '*')
		return span_starts_nocase(p, span_of(pattern.p, pattern.len - 1));
	if (pattern.len > 0 && pattern.p[0] == '*')
		return span_ends(p, span_skip(pattern, 1));
	return span_eq_nocase(p, pattern);
}

static const struct conf_node *named_matcher(const struct caddy *x, struct span name)
{
	for (const struct conf_node *n = x->site->first; n != NULL; n = n->next)
		if (span_eq(conf_word(n, 0), name))
			return n;
	return NULL;
}

/* Does a directive's first argument, if it is a matcher, let an upgrade of the path through? */
static bool takes(const struct caddy *x, const struct conf_node *n)
{
	struct span w = conf_word(n, 1);

	if (w.len == 0)
		return true;
	if (w.p[0] == '/' || span_eq(w, SPAN("*")))
		return span_eq(w, SPAN("*")) || path_matches(x->q->path, w);
	if (w.p[0] != '@')
		return true;
	const struct conf_node *m = named_matcher(x, w);
	const struct conf_node *path = conf_is(m, "path") ? m : conf_child(m, "path");
	return path == NULL || path_matches(x->q->path, conf_word(path, 1));
}

static bool is_handler(const struct conf_node *n)
{
	return conf_is(n, "handle") || conf_is(n, "handle_path") || conf_is(n, "route");
}

/* Go down the blocks that take the path: of handlers side by side, the one with the longest matcher. */
static void descend(struct caddy *x)
{
	x->block = x->site;
	for (;;) {
		const struct conf_node *best = NULL;
		for (const struct conf_node *n = x->block->first; n != NULL; n = n->next)
			if (is_handler(n) && takes(x, n) &&
				(best == NULL || conf_word(n, 1).len > conf_word(best, 1).len))
				best = n;
		if (best == NULL)
			return;
		struct span matcher = conf_word(best, 1);
		if (conf_is(best, "handle_path"))
			x->stripped = true;
		else if (matcher.len > 2 && matcher.p[0] == '/')
			x->kept = best;
		x->block = best;
	}
}

/* A directive of the block, or of those around it. */
static const struct conf_node *around(const struct caddy *x, const char *name)
{
	for (const struct conf_node *at = x->block; at != NULL && at->count > 0; at = at->parent) {
		const struct conf_node *n = conf_child(at, name);
		if (n != NULL && takes(x, n))
			return n;
	}
	return NULL;
}

/* --- What it does --- */

static void judge_headers(struct caddy *x, const struct conf_node *proxy)
{
	for (const struct conf_node *n = proxy->first; n != NULL; n = n->next) {
		struct span field = conf_word(n, 1);
		if (!conf_is(n, "header_up"))
			continue;
		if (span_eq_nocase(field, SPAN("Host")))
			conf_suspect(x->list, x->q, n, "WS-CADDY-02", 0,
				span_eq(conf_word(n, 2), SPAN("{host}")), NULL);
		else if (span_eq_nocase(field, SPAN("Connection")) ||
			 span_eq_nocase(field, SPAN("-Connection")))
			conf_suspect(x->list, x->q, n, "WS-CADDY-03", 0, false, NULL);
		else if (span_eq_nocase(field, SPAN("-Upgrade")))
			conf_suspect(x->list, x->q, n, "WS-CADDY-04", 0, false, NULL);
	}
}

/* The upstream: the first word that is no matcher. */
static struct span upstream_of(const struct conf_node *proxy)
{
	for (size_t i = 1; i < proxy->count; i++)
		if (proxy->words[i].len > 0 && proxy->words[i].p[0] != '@' && proxy->words[i].p[0] != '/')
			return proxy->words[i];
	return conf_word(conf_child(proxy, "to"), 1);
}

static void judge_upstream(struct caddy *x, const struct conf_node *proxy)
{
	struct span to = upstream_of(proxy);
	const struct conf_node *transport = conf_child(proxy, "transport");
	const struct conf_node *versions = conf_child(transport, "versions");
	const struct conf_node *wait = conf_child(transport, "response_header_timeout");
	bool is_h2c = span_starts(to, SPAN("h2c://")) || span_eq(conf_word(versions, 1), SPAN("h2c"));
	bool is_https = span_starts(to, SPAN("https://")) || conf_child(transport, "tls") != NULL;
	const char *sep = memmem(to.p, to.len, "://", 3);
	struct span authority = sep != NULL ? span_skip(to, (size_t)(sep - to.p) + 3) : to;
	bool is_wrong = x->q->next != NULL &&
			(!conf_is_next(x->q, authority) || (x->q->next_is_tls != is_https && !is_h2c));

	if (is_h2c)
		conf_suspect(x->list, x->q, proxy, "WS-CADDY-05", 0, false, "reverse_proxy http://%.*s",
			(int)authority.len, authority.p);
	conf_suspect(x->list, x->q, proxy, "WS-CADDY-08", 0, !is_wrong, "reverse_proxy %s%s",
		x->q->next_is_tls ? "https://" : "", x->q->next != NULL ? x->q->next : "APP:PORT");
	if (wait != NULL)
		conf_suspect(
			x->list, x->q, wait, "WS-CADDY-09", conf_time(conf_word(wait, 1), 1), false, NULL);
}

static void judge_matchers(struct caddy *x)
{
	for (const struct conf_node *m = x->site->first; m != NULL; m = m->next) {
		if (conf_word(m, 0).len < 2 || conf_word(m, 0).p[0] != '@')
			continue;
		for (const struct conf_node *n = m->first; n != NULL; n = n->next)
			if (conf_is(n, "header") && span_eq_nocase(conf_word(n, 1), SPAN("Connection")) &&
				span_find(conf_word(n, 2), '*') == conf_word(n, 2).len)
				conf_suspect(x->list, x->q, n, "WS-CADDY-06", 0, false, NULL);
	}
}

static void judge_proxy(struct caddy *x, const struct conf_node *proxy)
{
	const struct conf_node *respond = conf_child(x->block, "respond"),
			       *files = conf_child(x->block, "file_server");
	const struct conf_node *uri = around(x, "uri");

	if (conf_is(x->block, "route"))
		respond = files = NULL; /* a route keeps the file's order */
	if (respond != NULL || files != NULL)
		conf_suspect(x->list, x->q, respond != NULL ? respond : files, "WS-CADDY-13", 0,
			respond == NULL, NULL);
	if (x->kept != NULL && !x->stripped && uri == NULL)
		conf_suspect(x->list, x->q, x->kept, "WS-CADDY-01", 0, false, "handle_path %.*s {",
			(int)conf_word(x->kept, 1).len, conf_word(x->kept, 1).p);
	judge_headers(x, proxy);
	judge_upstream(x, proxy);
	conf_suspect(x->list, x->q, proxy, "WS-CADDY-12", 0, true, NULL);
}

void conf_caddy(struct span text, const struct conf_question *q, json_t *list)
{
	struct caddy x = {.q = q, .list = list};
	struct conf_tree tree;

	conf_parse(&tree, text, CONF_LINES);
	x.site = find_site(&tree, q->port);
	if (x.site != NULL) {
		descend(&x);
		const struct conf_node *proxy = around(&x, "reverse_proxy");
		const struct conf_node *auth = around(&x, "basicauth");
		if (auth == NULL)
			auth = around(&x, "basic_auth");
		if (auth != NULL)
			conf_suspect(list, q, auth, "WS-CADDY-10", 0, false, NULL);
		judge_matchers(&x);
		if (proxy != NULL)
			judge_proxy(&x, proxy);
		else
			conf_suspect(list, q, x.block, "WS-CADDY-07", 0, false, NULL);
	}
	conf_free(&tree);
}
