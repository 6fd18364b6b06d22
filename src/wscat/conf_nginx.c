/* nginx: which server and location take the request, and what they do to an upgrade. */
#include <regex.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "wscat/conffile.h"

struct nginx {
	const struct conf_question *q;
	json_t *list;
	const struct conf_node *server, *location; /* location may be NULL */
	struct span prefix;                        /* of a prefix location */
	bool is_regex;
};

/* The directive that applies: the innermost level that has it wins. */
static const struct conf_node *inherited(const struct nginx *x, const char *name)
{
	const struct conf_node *n = NULL;

	for (const struct conf_node *at = x->location != NULL ? x->location : x->server;
		at != NULL && n == NULL; at = at->parent)
		n = conf_last_child(at, name);
	return n;
}

static bool is_on(const struct conf_node *n)
{
	return n != NULL && !span_eq(conf_word(n, 1), SPAN("off"));
}

static const struct conf_node *header_at(const struct conf_node *level, const char *field)
{
	for (const struct conf_node *n = level->first; n != NULL; n = n->next)
		if (conf_is(n, "proxy_set_header") && span_eq_nocase(conf_word(n, 1), span_str(field)))
			return n;
	return NULL;
}

/* The level whose proxy_set_header lines count: one such line hides all further out. */
static const struct conf_node *header_level(const struct nginx *x)
{
	for (const struct conf_node *at = x->location != NULL ? x->location : x->server; at != NULL;
		at = at->parent)
		if (conf_child(at, "proxy_set_header") != NULL)
			return at;
	return NULL;
}

static const struct conf_node *header(const struct nginx *x, const char *field)
{
	const struct conf_node *level = header_level(x);

	return level != NULL ? header_at(level, field) : NULL;
}

/* --- Server and location --- */

static bool listens_on(const struct conf_node *server, const char *port)
{
	bool any = false;

	for (const struct conf_node *n = server->first; n != NULL; n = n->next) {
		if (!conf_is(n, "listen"))
			continue;
		struct span address = conf_word(n, 1), digits = span_str(port);
		any = true;
		size_t colon = span_rfind(address, ':');
		if (span_eq(colon < address.len ? span_skip(address, colon + 1) : address, digits))
			return true;
	}
	return !any;
}

static bool has_name(const struct conf_node *server, const char *host)
{
	const struct conf_node *n = conf_child(server, "server_name");
	struct span name = span_cut(span_str(host), ':', &(struct span){0});

	for (size_t i = 1; n != NULL && i < n->count; i++) {
		struct span s = n->words[i];
		if (span_eq_nocase(s, name) ||
			(s.len > 2 && s.p[0] == '*' && span_ends(name, span_skip(s, 1))))
			return true;
	}
	return false;
}

/* Best by port and name; the first with the port otherwise. Servers stand at the root, in http, or in what includes them. */
static const struct conf_node *find_server(const struct conf_tree *t, const struct conf_question *q)
{
	const struct conf_node *by_port = NULL;

	for (size_t i = 0; i < t->count; i++) {
		const struct conf_node *n = t->nodes[i];
		if (!conf_is(n, "server") || n->count != 1 || n->first == NULL || !listens_on(n, q->port))
			continue;
		if (has_name(n, q->host))
			return n;
		if (by_port == NULL)
			by_port = n;
	}
	return by_port;
}

static bool regex_matches(struct span pattern, const char *path, bool nocase)
{
	char *text = mem_spandup(pattern);
	regex_t re;
	bool yes = false;

	if (regcomp(&re, text, REG_EXTENDED | REG_NOSUB | (nocase ? REG_ICASE : 0)) == 0) {
		yes = regexec(&re, path, 0, NULL, 0) == 0;
		regfree(&re);
	}
	free(text);
	return yes;
}

#define NEST_MAX 8 /* locations inside one another */

/* What one level of locations offers: "= exact", "^~ prefix", "~ regex", "prefix" (ngx_http_core_module, location). */
struct choice {
	const struct conf_node *exact, *prefix, *regex; /* NULL: none takes the path */
	bool is_final;                                  /* the prefix keeps regexes out */
};

static struct span prefix_of(const struct conf_node *location)
{
	return conf_word(location, location->count > 2 ? 2 : 1);
}

static struct choice choose(const struct nginx *x, const struct conf_node *level)
{
	struct choice c = {0};
	struct span path = span_str(x->q->path);

	for (const struct conf_node *n = level->first; n != NULL; n = n->next) {
		if (!conf_is(n, "location") || n->count < 2)
			continue;
		struct span how = n->count > 2 ? conf_word(n, 1) : SPAN(""), what = prefix_of(n);
		bool is_prefix = how.len == 0 || span_eq(how, SPAN("^~"));
		if (span_eq(how, SPAN("=")) && span_eq(what, path))
			c.exact = n;
		if (is_prefix && span_starts(path, what) &&
			(c.prefix == NULL || what.len >= prefix_of(c.prefix).len)) {
			c.prefix = n;
			c.is_final = how.len > 0;
		}
		if (how.len > 0 && how.p[0] == '~' && c.regex == NULL &&
			regex_matches(what, x->q->path, span_eq(how, SPAN("~*"))))
			c.regex = n;
	}
	return c;
}

static void take_prefix(struct nginx *x, const struct conf_node *location)
{
	x->location = location;
	x->prefix = prefix_of(location);
	x->is_regex = false;
}

static void take_regex(struct nginx *x, const struct choice *c)
{
	x->location = c->regex;
	x->is_regex = true;
	if (c->prefix != NULL && header_at(c->prefix, "Upgrade") != NULL &&
		header_at(c->regex, "Upgrade") == NULL)
		conf_suspect(x->list, x->q, c->regex, "WS-NGINX-06", 0, false, NULL);
}

/* Prefixes go inwards as far as they match; then the innermost regex that takes the path wins, and it may have locations
 * of its own (ngx_http_core_find_location). */
static void find_location(struct nginx *x)
{
	const struct conf_node *level = x->server;

	while (level != NULL) {
		struct choice at[NEST_MAX];
		size_t n = 0;
		for (; level != NULL && n < NEST_MAX; n++) {
			at[n] = choose(x, level);
			level = at[n].exact != NULL ? at[n].exact : at[n].prefix;
			if (level != NULL)
				take_prefix(x, level);
			if (at[n].exact != NULL)
				return;
		}
		level = NULL;
		while (n-- > 0 && level == NULL) {
			if (at[n].regex == NULL || at[n].is_final)
				continue;
			take_regex(x, &at[n]);
			level = at[n].regex;
		}
	}
}

/* --- What it does --- */

static void judge_upgrade(struct nginx *x, const struct conf_node *pass)
{
	const struct conf_node *version = inherited(x, "proxy_http_version"), *upgrade = header(x, "Upgrade");
	const struct conf_node *connection = header(x, "Connection"), *level = header_level(x);
	bool is_11 = span_eq(conf_word(version, 1), SPAN("1.1"));
	struct span says = conf_word(connection, 2);
	bool is_dropped = connection == NULL || says.len == 0 || span_eq_nocase(says, SPAN("close")) ||
			  span_eq_nocase(says, SPAN("keep-alive"));

	if (upgrade == NULL) {
		for (const struct conf_node *at = level != NULL ? level->parent : NULL; at != NULL;
			at = at->parent)
			if (header_at(at, "Upgrade") != NULL) {
				conf_suspect(x->list, x->q, level, "WS-NGINX-05", 0, false, NULL);
				return;
			}
		conf_suspect(x->list, x->q, pass, is_11 ? "WS-NGINX-02" : "WS-NGINX-01", 0, false, NULL);
	} else if (is_dropped) {
		conf_suspect(x->list, x->q, connection != NULL ? connection : upgrade, "WS-NGINX-03", 0,
			false, NULL);
	} else if (!is_11) {
		conf_suspect(x->list, x->q, pass, "WS-NGINX-04", 0, false, NULL);
	}
}

static void judge_target(struct nginx *x, const struct conf_node *pass)
{
	struct span url = conf_word(pass, 1), rest;
	bool is_https = span_starts(url, SPAN("https://"));
	size_t scheme = is_https ? 8 : span_starts(url, SPAN("http://")) ? 7 : 0;

	if (scheme == 0)
		return;
	struct span authority = span_cut(span_skip(url, scheme), '/', &rest);
	bool has_path = rest.p != NULL, path_ends = has_path && url.p[url.len - 1] == '/';
	bool prefix_ends = x->prefix.len > 0 && x->prefix.p[x->prefix.len - 1] == '/';
	bool is_variable = span_find(authority, '$') < authority.len;
	bool is_named = span_find(authority, ':') == authority.len;

	if (!has_path && x->prefix.len > 1 && !x->is_regex)
		conf_suspect(x->list, x->q, pass, "WS-NGINX-10", 0, false, "proxy_pass %.*s/;", (int)url.len,
			url.p);
	if (path_ends && !prefix_ends && x->prefix.len > 0)
		conf_suspect(x->list, x->q, x->location, "WS-NGINX-11", 0, false, "location %.*s/ {",
			(int)x->prefix.len, x->prefix.p);
	if (x->q->next != NULL && !is_variable && !is_named && !conf_is_next(x->q, authority))
		conf_suspect(x->list, x->q, pass, "WS-NGINX-12", 0, false, "proxy_pass %s://%s%s;",
			x->q->next_is_tls ? "https" : "http", x->q->next, has_path ? "/" : "");
	else if (x->q->next != NULL && x->q->next_is_tls != is_https)
		conf_suspect(x->list, x->q, pass, "WS-NGINX-12", 0, false, "proxy_pass %s://%.*s%s;",
			is_https ? "http" : "https", (int)authority.len, authority.p, has_path ? "/" : "");
	else
		conf_suspect(x->list, x->q, pass, "WS-NGINX-12", 0, true, NULL);
}

static void judge_headers(struct nginx *x, const struct conf_node *pass)
{
	const struct conf_node *host = header(x, "Host"), *cookie = header(x, "Cookie");
	const struct conf_node *extensions = header(x, "Sec-WebSocket-Extensions");
	const struct conf_node *hidden = inherited(x, "proxy_hide_header");
	struct span says = conf_word(host, 2);

	if (host == NULL || span_eq(says, SPAN("$proxy_host")))
		conf_suspect(x->list, x->q, host != NULL ? host : pass, "WS-NGINX-08", 0, false, NULL);
	else if (span_eq(says, SPAN("$host")) || span_eq(says, SPAN("$server_name")))
		conf_suspect(x->list, x->q, host, "WS-NGINX-09", 0, false, NULL);
	if (cookie != NULL && conf_word(cookie, 2).len == 0)
		conf_suspect(x->list, x->q, cookie, "WS-NGINX-19", 0, false, NULL);
	if (extensions != NULL && conf_word(extensions, 2).len == 0)
		conf_suspect(x->list, x->q, extensions, "WS-NGINX-21", 0, false, NULL);
	if (span_eq_nocase(conf_word(hidden, 1), SPAN("Sec-WebSocket-Accept")))
		conf_suspect(x->list, x->q, hidden, "WS-NGINX-20", 0, false, NULL);
}

static void judge_timeout(struct nginx *x, const struct conf_node *pass)
{
	const struct conf_node *n = inherited(x, "proxy_read_timeout");
	double ms = n != NULL ? conf_time(conf_word(n, 1), 1000) : 60000;

	conf_suspect(x->list, x->q, n != NULL ? n : pass, "WS-NGINX-07", ms, false, NULL);
	conf_suspect(x->list, x->q, n != NULL ? n : pass, "WS-NGINX-13", ms, false, NULL);
}

static bool has_word(const struct conf_node *n, const char *beginning)
{
	for (size_t i = 1; i < n->count; i++)
		if (span_starts(n->words[i], span_str(beginning)))
			return true;
	return false;
}

/* What answers before anything is proxied. */
static void judge_own_answers(struct nginx *x)
{
	const struct conf_node *ret = x->location != NULL ? conf_child(x->location, "return") : NULL;
	const struct conf_node *files = x->location != NULL ? conf_child(x->location, "try_files") : NULL;
	const struct conf_node *limit = inherited(x, "limit_req"), *conns = inherited(x, "limit_conn");
	const struct conf_node *ask = inherited(x, "auth_request"), *basic = inherited(x, "auth_basic");

	if (ret == NULL)
		ret = conf_child(x->server, "return");
	if (ret != NULL && conf_word(ret, 1).len == 3 && conf_word(ret, 1).p[0] == '3')
		conf_suspect(x->list, x->q, ret, "WS-NGINX-15", 0, false, NULL);
	else if (ret != NULL)
		conf_suspect(x->list, x->q, ret, "WS-NGINX-16", 0, false, NULL);
	if (files != NULL)
		conf_suspect(x->list, x->q, files, "WS-NGINX-16", 0, false, NULL);
	if (limit != NULL && !has_word(limit, "burst="))
		conf_suspect_line(x->list, x->q, limit, "WS-NGINX-17", "", " burst=20 nodelay;");
	else if (limit != NULL || conns != NULL)
		conf_suspect(x->list, x->q, limit != NULL ? limit : conns, "WS-NGINX-17", 0, false, NULL);
	if (is_on(ask) || is_on(basic))
		conf_suspect(x->list, x->q, is_on(ask) ? ask : basic, "WS-NGINX-18", 0, false,
			is_on(ask) ? "auth_request off;" : "auth_basic off;");
}

static void judge_listener(struct nginx *x)
{
	for (const struct conf_node *n = x->server->first; n != NULL; n = n->next)
		for (size_t i = 2; conf_is(n, "listen") && i < n->count; i++)
			if (span_eq(n->words[i], SPAN("ssl")) && !x->q->is_tls)
				conf_suspect(x->list, x->q, n, "WS-NGINX-14", 0, false, NULL);
}

void conf_nginx(struct span text, const struct conf_question *q, json_t *list)
{
	struct nginx x = {.q = q, .list = list};
	struct conf_tree tree;

	conf_parse(&tree, text, CONF_SEMICOLONS);
	x.server = find_server(&tree, q);
	if (x.server != NULL) {
		find_location(&x);
		const struct conf_node *pass =
			x.location != NULL ? conf_child(x.location, "proxy_pass") : NULL;
		judge_listener(&x);
		judge_own_answers(&x);
		if (pass != NULL) {
			judge_upgrade(&x, pass);
			judge_target(&x, pass);
			judge_headers(&x, pass);
			judge_timeout(&x, pass);
		} else {
			conf_suspect(list, q, x.location, "WS-NGINX-16", 0, true, NULL);
			conf_suspect(list, q, x.location, "WS-K8S-03", 0, true, NULL);
		}
	}
	conf_free(&tree);
}
