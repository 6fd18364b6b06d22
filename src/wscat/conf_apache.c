/* Apache httpd: which ProxyPass or RewriteRule takes the request, and what it does to an upgrade. */
#include <regex.h>
#include <stdlib.h>
#include <strings.h>

#include "common/base/mem.h"
#include "wscat/conffile.h"

struct apache {
	const struct conf_question *q;
	json_t *list;
	const struct conf_tree *tree;
	const struct conf_node *host; /* the <VirtualHost> that serves; NULL: the main server */
	/* What takes the path: */
	const struct conf_node *pass;
	struct span left, url;          /* of it; left empty for a RewriteRule */
	const struct conf_node *params; /* where upgrade= and timeout= stand: pass or a BalancerMember */
	bool is_rewrite;
};

/* --- Which directives apply --- */

static const struct conf_node *section_of(const struct conf_node *n, const char *name)
{
	for (const struct conf_node *at = n->parent; at != NULL; at = at->parent)
		if (conf_is(at, name))
			return at;
	return NULL;
}

static bool in_server(const struct apache *x, const struct conf_node *n)
{
	const struct conf_node *host = section_of(n, "VirtualHost");

	return host == NULL || host == x->host;
}

static bool pattern_matches(struct span pattern, const char *path)
{
	char *text = mem_spandup(pattern);
	regex_t re;
	bool yes = false;

	if (regcomp(&re, text, REG_EXTENDED | REG_NOSUB) == 0) {
		yes = regexec(&re, path, 0, NULL, 0) == 0;
		regfree(&re);
	}
	free(text);
	return yes;
}

/* Is n inside sections that all take the path? */
static bool applies(const struct apache *x, const struct conf_node *n)
{
	if (!in_server(x, n))
		return false;
	for (const struct conf_node *at = n->parent; at != NULL; at = at->parent) {
		if (conf_is(at, "Location") && !span_eq(conf_word(at, 1), SPAN("~")) &&
			!conf_path_under(x->q->path, conf_word(at, 1)))
			return false;
		if (conf_is(at, "LocationMatch") && !pattern_matches(conf_word(at, 1), x->q->path))
			return false;
		if (conf_is(at, "Proxy") || conf_is(at, "Directory") || conf_is(at, "Files"))
			return false;
	}
	return true;
}

static bool is_located(const struct conf_node *n)
{
	return section_of(n, "Location") != NULL || section_of(n, "LocationMatch") != NULL;
}

/* The last directive of that name that applies: later ones override. */
static const struct conf_node *setting(const struct apache *x, const char *name)
{
	const struct conf_node *found = NULL;

	for (size_t i = 0; i < x->tree->count; i++)
		if (conf_is(x->tree->nodes[i], name) && applies(x, x->tree->nodes[i]))
			found = x->tree->nodes[i];
	return found;
}

static bool is_set_on(const struct apache *x, const char *name)
{
	return span_eq_nocase(conf_word(setting(x, name), 1), SPAN("on"));
}

static void find_host(struct apache *x)
{
	struct span port = span_str(x->q->port),
		    name = span_cut(span_str(x->q->host), ':', &(struct span){0});

	for (size_t i = 0; i < x->tree->count; i++) {
		const struct conf_node *n = x->tree->nodes[i];
		if (!conf_is(n, "VirtualHost"))
			continue;
		struct span address = conf_word(n, 1), its = conf_word(conf_child(n, "ServerName"), 1);
		size_t colon = span_rfind(address, ':');
		bool same_port = colon == address.len || span_eq(span_skip(address, colon + 1), port) ||
				 span_eq(span_skip(address, colon + 1), SPAN("*"));
		if (same_port && (x->host == NULL || span_eq_nocase(its, name)))
			x->host = n;
	}
}

static const char *parameter(const struct conf_node *n, const char *name, char out[64])
{
	size_t len = strlen(name);

	for (size_t i = 1; n != NULL && i < n->count; i++) {
		struct span w = n->words[i];
		if (w.len > len + 1 && w.len - len - 1 < 64 && strncasecmp(w.p, name, len) == 0 &&
			w.p[len] == '=') {
			memcpy(out, w.p + len + 1, w.len - len - 1);
			out[w.len - len - 1] = '\0';
			return out;
		}
	}
	return NULL;
}

/* --- What takes the path --- */

static bool takes_ws(struct span url)
{
	return span_starts_nocase(url, SPAN("ws://")) || span_starts_nocase(url, SPAN("wss://"));
}

static bool has_flag(struct span flags, const char *name)
{
	struct span item, list = flags;

	if (list.len < 2 || list.p[0] != '[')
		return false;
	list = span_of(list.p + 1, list.len - 2);
	while (span_next_item(&list, &item))
		if (span_eq_nocase(span_cut(item, '=', &(struct span){0}), span_str(name)))
			return true;
	return false;
}

/* A RewriteRule with [P] comes before any ProxyPass outside <Location>. Its conditions on Upgrade hold for an upgrade. */
static void find_rewrite(struct apache *x)
{
	const struct conf_node *condition = NULL;

	for (size_t i = 0; i < x->tree->count && is_set_on(x, "RewriteEngine"); i++) {
		const struct conf_node *n = x->tree->nodes[i];
		if (!applies(x, n) || is_located(n))
			continue;
		if (conf_is(n, "RewriteCond")) {
			struct span test = conf_word(n, 1), value = conf_word(n, 2);
			bool loose = has_flag(conf_word(n, 3), "NC") && value.len > 0 && value.p[0] != '^' &&
				     value.p[0] != '=' && value.p[value.len - 1] != '$';
			if (span_eq_nocase(test, SPAN("%{HTTP:Connection}")) && !loose)
				condition = n;
		}
		if (!conf_is(n, "RewriteRule"))
			continue;
		if (!pattern_matches(conf_word(n, 1), x->q->path)) {
			condition = NULL;
			continue;
		}
		struct span to = conf_word(n, 2), flags = conf_word(n, 3);
		if (has_flag(flags, "R") ||
			(span_starts_nocase(to, SPAN("https://")) && !has_flag(flags, "P")))
			conf_suspect(x->list, x->q, n, "WS-APACHE-22", 0, false, NULL);
		if (!has_flag(flags, "P"))
			continue;
		if (condition != NULL)
			conf_suspect(x->list, x->q, condition, "WS-APACHE-06", 0, false, NULL);
		x->pass = x->params = n;
		x->url = to;
		x->is_rewrite = true;
		if (!takes_ws(to))
			conf_suspect(x->list, x->q, n, "WS-APACHE-05", 0, false, NULL);
		return;
	}
}

static void find_pass(struct apache *x)
{
	const struct conf_node *located = NULL, *bare = NULL;

	for (size_t i = 0; i < x->tree->count; i++) {
		const struct conf_node *n = x->tree->nodes[i];
		if (!conf_is(n, "ProxyPass") || !applies(x, n))
			continue;
		if (is_located(n))
			located = n; /* sections are merged in the file's order: the last one wins */
		else if (bare == NULL && span_starts(span_str(x->q->path), conf_word(n, 1)))
			bare = n; /* the first one wins */
	}
	if (located == NULL && bare == NULL)
		return;
	x->pass = x->params = located != NULL ? located : bare;
	x->left = located != NULL ? conf_word(section_of(located, "Location"), 1) : conf_word(bare, 1);
	x->url = conf_word(x->pass, located != NULL ? 1 : 2);
}

static void find_member(struct apache *x)
{
	for (size_t i = 0; span_starts_nocase(x->url, SPAN("balancer://")) && i < x->tree->count; i++) {
		const struct conf_node *n = x->tree->nodes[i];
		struct span name = conf_word(section_of(n, "Proxy"), 1);
		if (conf_is(n, "BalancerMember") && name.len > 0 && span_starts(x->url, name)) {
			x->params = n;
			return;
		}
	}
}

/* The ProxyPass at hand written anew: with this URL, and these parameters behind it. */
static char *pass_with(const struct apache *x, struct span url, const char *parameters)
{
	struct buf line = {0};

	buf_add_str(&line, "ProxyPass ");
	if (!is_located(x->pass))
		buf_addf(&line, "%.*s ", (int)x->left.len, x->left.p);
	buf_addf(&line, "%.*s%s%s", (int)url.len, url.p, parameters[0] != '\0' ? " " : "", parameters);
	char *out = mem_spandup(buf_span(&line));
	buf_free(&line);
	return out;
}

/* A suspect whose fix is the ProxyPass with this URL and these parameters. */
static void suspect_pass(
	struct apache *x, const char *id, double ms, bool weak, struct span url, const char *parameters)
{
	char *fix = x->is_rewrite ? NULL : pass_with(x, url, parameters);

	if (fix != NULL)
		conf_suspect(x->list, x->q, x->pass, id, ms, weak, "%s", fix);
	else
		conf_suspect(x->list, x->q, x->pass, id, ms, weak, NULL);
	free(fix);
}

/* --- Does it upgrade? --- */

/* Another ProxyPass would have taken it as a WebSocket. */
static const struct conf_node *shadowed(const struct apache *x, bool located)
{
	for (size_t i = 0; i < x->tree->count; i++) {
		const struct conf_node *n = x->tree->nodes[i];
		if (!conf_is(n, "ProxyPass") || n == x->pass || is_located(n) != located || !applies(x, n))
			continue;
		char value[64];
		struct span left = conf_word(n, 1), url = conf_word(n, located ? 1 : 2);
		const char *upgrade = parameter(n, "upgrade", value);
		if ((located || span_starts(span_str(x->q->path), left)) &&
			(takes_ws(url) || upgrade != NULL))
			return n;
	}
	return NULL;
}

static void judge_upgrade(struct apache *x)
{
	char value[64];
	const char *upgrade = parameter(x->params, "upgrade", value);
	bool is_none = upgrade != NULL && strcasecmp(upgrade, "NONE") == 0;
	const struct conf_node *other = shadowed(x, is_located(x->pass));

	for (size_t i = 0; i < x->tree->count; i++) {
		const struct conf_node *n = x->tree->nodes[i];
		bool unset = conf_is(n, "RequestHeader") && span_eq_nocase(conf_word(n, 1), SPAN("unset")) &&
			     span_eq_nocase(conf_word(n, 2), SPAN("Upgrade"));
		bool old =
			conf_is(n, "SetEnv") && span_starts(conf_word(n, 1), SPAN("force-proxy-request-1.0"));
		if ((unset || old) && applies(x, n))
			conf_suspect(x->list, x->q, n, "WS-APACHE-07", 0, false, NULL);
	}
	if (is_none)
		suspect_pass(x, "WS-APACHE-08", 0, false, x->url, "upgrade=websocket");
	else if (x->is_rewrite || takes_ws(x->url) || takes_ws(conf_word(x->params, 1)) || upgrade != NULL)
		return;
	else if (span_starts_nocase(x->url, SPAN("balancer://")))
		conf_suspect(x->list, x->q, x->params, "WS-APACHE-04", 0, false,
			"BalancerMember %.*s upgrade=websocket", (int)conf_word(x->params, 1).len,
			conf_word(x->params, 1).p);
	else if (other != NULL)
		suspect_pass(x, is_located(x->pass) ? "WS-APACHE-03" : "WS-APACHE-02", 0, false, x->url,
			"upgrade=websocket");
	else
		suspect_pass(x, "WS-APACHE-01", 0, false, x->url, "upgrade=websocket");
}

/* --- Where does it go? --- */

static void judge_slashes(struct apache *x, struct span path)
{
	bool left_ends = x->left.len > 0 && x->left.p[x->left.len - 1] == '/';
	bool right_ends = path.p != NULL && (path.len == 0 || path.p[path.len - 1] == '/');
	bool right_is_bare = path.p == NULL;

	if (left_ends && right_is_bare)
		conf_suspect(x->list, x->q, x->pass, "WS-APACHE-09", 0, false, "ProxyPass %.*s %.*s/",
			(int)x->left.len, x->left.p, (int)x->url.len, x->url.p);
	else if (!left_ends && right_ends && x->left.len > 0)
		conf_suspect(x->list, x->q, x->pass, "WS-APACHE-10", 0, false, "ProxyPass %.*s/ %.*s",
			(int)x->left.len, x->left.p, (int)x->url.len, x->url.p);
	else
		conf_suspect(x->list, x->q, x->pass, "WS-APACHE-11", 0, path.len < 2, NULL);
}

/* TLS to the app: is it one that speaks TLS? */
static void judge_plain(struct apache *x, struct span url)
{
	bool is_ws = takes_ws(url);
	struct span rest = span_skip(url, span_find(url, ':'));
	char *plain = mem_printf("%s%.*s", is_ws ? "ws" : "http", (int)rest.len, rest.p);

	suspect_pass(x, "WS-APACHE-16", 0, x->q->next == NULL || x->q->next_is_tls, span_str(plain),
		is_ws ? "" : "upgrade=websocket");
	free(plain);
}

static void judge_target(struct apache *x)
{
	struct span url = span_starts_nocase(x->url, SPAN("balancer://")) ? conf_word(x->params, 1) : x->url,
		    path;
	const char *sep = memmem(url.p, url.len, "://", 3);

	if (sep == NULL)
		return;
	bool is_tls = span_starts_nocase(url, SPAN("wss")) || span_starts_nocase(url, SPAN("https"));
	struct span authority = span_cut(span_skip(url, (size_t)(sep - url.p) + 3), '/', &path);
	bool balanced = url.p != x->url.p;

	if (!balanced && !x->is_rewrite)
		judge_slashes(x, path);
	char *moved = mem_printf("%.*s://%s%s%.*s", (int)(sep - url.p), url.p,
		x->q->next != NULL ? x->q->next : "APP:PORT", path.p != NULL ? "/" : "", (int)path.len,
		path.p != NULL ? path.p : "");
	suspect_pass(x, "WS-APACHE-14", 0, x->q->next == NULL || conf_is_next(x->q, authority),
		span_str(moved), takes_ws(url) ? "" : "upgrade=websocket");
	free(moved);
	if (!is_tls)
		return;
	if (!is_set_on(x, "SSLProxyEngine"))
		conf_suspect(x->list, x->q, x->pass, "WS-APACHE-15", 0, false, NULL);
	else
		judge_plain(x, url);
}

/* --- Times, workers, access --- */

static double seconds_of(const struct apache *x, const char *name)
{
	return conf_time(conf_word(setting(x, name), 1), 1000);
}

static void judge_times(struct apache *x)
{
	char value[64];
	const char *own = parameter(x->params, "timeout", value);
	double core = seconds_of(x, "Timeout"), proxy = seconds_of(x, "ProxyTimeout");

	core = core > 0 ? core : 60000;
	double idle = proxy > core ? proxy : core, wait = proxy > 0 ? proxy : core;
	if (own != NULL)
		idle = wait = conf_time(span_str(own), 1000);
	bool is_ws = takes_ws(x->url);
	suspect_pass(x, "WS-APACHE-18", idle, false, x->url,
		is_ws ? "timeout=3600" : "upgrade=websocket timeout=3600");
	suspect_pass(x, "WS-APACHE-17", wait, false, x->url,
		is_ws ? "timeout=60" : "upgrade=websocket timeout=60");
}

static void judge_workers(struct apache *x)
{
	const struct conf_node *n = setting(x, "MaxRequestWorkers");
	uint64_t most;

	if (n == NULL)
		n = setting(x, "MaxClients");
	bool is_few = n != NULL && span_to_u64(conf_word(n, 1), 1000000, &most) && most <= 64;
	conf_suspect(x->list, x->q, n, "WS-APACHE-19", 0, !is_few, NULL);
}

static bool is_restriction(const struct conf_node *n)
{
	struct span what = conf_word(n, 1), how = conf_word(n, 2);

	if (conf_is(n, "Require"))
		return !span_eq_nocase(what, SPAN("all")) || !span_eq_nocase(how, SPAN("granted"));
	return conf_is(n, "Deny");
}

/* A rule of mod_security: it is switched off by its id, which stands among the actions. */
static void suspect_rule(struct apache *x, const struct conf_node *n)
{
	struct span actions = conf_word(n, 3), id = SPAN("");

	while (actions.len > 0 && id.len == 0) {
		struct span action = span_cut(actions, ',', &actions);
		if (span_starts(action, SPAN("id:")))
			id = span_skip(action, 3);
	}
	for (size_t i = 0; i < id.len; i++)
		if (id.p[i] < '0' || id.p[i] > '9')
			id.len = 0;
	conf_suspect(x->list, x->q, n, "WS-APACHE-13", 0, false,
		id.len > 0 ? "SecRuleRemoveById %.*s    (in a <Location> of this path alone)" : NULL,
		(int)id.len, id.p);
}

static void judge_access(struct apache *x)
{
	for (size_t i = 0; i < x->tree->count; i++) {
		const struct conf_node *n = x->tree->nodes[i];
		struct span what = conf_word(n, 1);
		if (!applies(x, n))
			continue;
		if (is_restriction(n) && !span_eq_nocase(what, SPAN("valid-user")) &&
			!span_eq_nocase(what, SPAN("user")))
			conf_suspect(x->list, x->q, n, "WS-APACHE-13", 0, false, "Require all granted");
		else if (is_restriction(n))
			conf_suspect(x->list, x->q, n, "WS-APACHE-23", 0, false, "Require all granted");
		if (conf_is(n, "SecRule") && span_starts_nocase(what, SPAN("REQUEST_HEADERS:Upgrade")) &&
			is_set_on(x, "SecRuleEngine"))
			suspect_rule(x, n);
		if ((conf_is(n, "Redirect") || conf_is(n, "RedirectPermanent") ||
			    conf_is(n, "RedirectMatch")))
			conf_suspect(x->list, x->q, n, "WS-APACHE-22", 0, false, NULL);
	}
}

static void judge_host(struct apache *x)
{
	const struct conf_node *n = setting(x, "ProxyPreserveHost");

	if (!span_eq_nocase(conf_word(n, 1), SPAN("on")))
		conf_suspect(x->list, x->q, n != NULL ? n : x->pass, "WS-APACHE-20", 0, false, NULL);
	if (!is_set_on(x, "H2WebSockets"))
		conf_suspect(x->list, x->q, setting(x, "Protocols"), "WS-APACHE-21", 0, false, NULL);
	else
		conf_suspect(x->list, x->q, setting(x, "H2WebSockets"), "WS-APACHE-24", 0, false, NULL);
}

void conf_apache(struct span text, const struct conf_question *q, json_t *list)
{
	struct conf_tree tree;
	struct apache x = {.q = q, .list = list, .tree = &tree};

	conf_parse(&tree, text, CONF_TAGS);
	find_host(&x);
	find_rewrite(&x);
	if (x.pass == NULL)
		find_pass(&x);
	judge_access(&x);
	judge_workers(&x);
	if (x.pass == NULL || span_eq(x.url, SPAN("!"))) {
		conf_suspect(list, q, x.pass, "WS-APACHE-12", 0, false, NULL);
	} else {
		find_member(&x);
		judge_upgrade(&x);
		judge_target(&x);
		judge_times(&x);
		judge_host(&x);
	}
	conf_free(&tree);
}
