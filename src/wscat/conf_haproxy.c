/* HAProxy: frontend, backend and server of the request, and the times that apply. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "wscat/conffile.h"

struct haproxy {
	const struct conf_question *q;
	json_t *list;
	const struct conf_tree *tree;
	const struct conf_node *front, *back; /* sections; both the same for listen; back may be NULL */
	const struct conf_node *front_defaults, *back_defaults;
	const struct conf_node *server;
};

static bool is_section(const struct conf_node *n, const char *kind)
{
	return n->parent != NULL && n->parent->parent == NULL && conf_is(n, kind);
}

/* The last defaults section above a section. */
static const struct conf_node *defaults_of(const struct haproxy *x, const struct conf_node *section)
{
	const struct conf_node *found = NULL;

	for (const struct conf_node *n = x->tree->root->first; n != NULL && n != section; n = n->next)
		if (is_section(n, "defaults"))
			found = n;
	return found;
}

static bool binds(const struct conf_node *section, const char *port)
{
	for (const struct conf_node *n = section->first; n != NULL; n = n->next) {
		struct span address = conf_word(n, 1);
		size_t colon = span_rfind(address, ':');
		if (conf_is(n, "bind") && colon < address.len &&
			span_eq(span_skip(address, colon + 1), span_str(port)))
			return true;
	}
	return false;
}

static const struct conf_node *find_front(const struct haproxy *x)
{
	const struct conf_node *first = NULL;

	for (const struct conf_node *n = x->tree->root->first; n != NULL; n = n->next) {
		if (!is_section(n, "frontend") && !is_section(n, "listen"))
			continue;
		if (binds(n, x->q->port))
			return n;
		if (first == NULL)
			first = n;
	}
	return first;
}

static const struct conf_node *find_back(const struct haproxy *x, struct span name)
{
	for (const struct conf_node *n = x->tree->root->first; n != NULL; n = n->next)
		if ((is_section(n, "backend") || is_section(n, "listen")) && span_eq(conf_word(n, 1), name))
			return n;
	return NULL;
}

/* --- Conditions --- */

enum truth { NO, YES, PERHAPS };

/* One test, its words from i on: "path_beg /ws", "hdr(Upgrade) -i websocket". */
static enum truth test(const struct haproxy *x, const struct conf_node *n, size_t i)
{
	struct span what = conf_word(n, i), value;
	bool is_sub = false;

	for (i++; span_starts(conf_word(n, i), SPAN("-")); i++)
		if (span_eq(conf_word(n, i), SPAN("-m")))
			is_sub = span_eq(conf_word(n, ++i), SPAN("sub"));
	value = conf_word(n, i);
	if (span_eq(what, SPAN("path_beg")))
		return span_starts(span_str(x->q->path), value) ? YES : NO;
	if (span_eq(what, SPAN("path")))
		return span_eq(span_str(x->q->path), value) ? YES : NO;
	if (span_eq_nocase(what, SPAN("hdr(Upgrade)")))
		return span_eq_nocase(value, SPAN("websocket")) ? YES : NO;
	if (span_eq_nocase(what, SPAN("hdr(Connection)")))
		return is_sub || span_eq_nocase(value, SPAN("upgrade")) ? YES : NO;
	if (span_eq_nocase(what, SPAN("hdr(host)")))
		return span_eq_nocase(value, span_str(x->q->host)) ? YES : NO;
	return PERHAPS;
}

/* A named acl: true when one of its lines is. */
static enum truth named(const struct haproxy *x, const struct conf_node *section, struct span name)
{
	enum truth found = NO;
	bool known = false;

	for (const struct conf_node *n = section->first; n != NULL; n = n->next) {
		if (!conf_is(n, "acl") || !span_eq(conf_word(n, 1), name))
			continue;
		known = true;
		enum truth one = test(x, n, 2);
		if (one == YES || (one == PERHAPS && found == NO))
			found = one;
	}
	return known ? found : PERHAPS;
}

/* "if a !b", "unless { ... }": all must hold; "or" is not looked into. From word i on, which is "if" or "unless". */
static enum truth condition(
	const struct haproxy *x, const struct conf_node *section, const struct conf_node *n, size_t i)
{
	bool unless = span_eq(conf_word(n, i), SPAN("unless"));
	enum truth all = YES;

	if (conf_word(n, i).len == 0)
		return YES;
	for (i++; i < n->count; i++) {
		struct span w = conf_word(n, i);
		bool negated = w.len > 1 && w.p[0] == '!';
		enum truth one;
		if (negated)
			w = span_skip(w, 1);
		if (span_eq(w, SPAN("{"))) {
			one = test(x, n, i + 1);
			while (i < n->count && !span_eq(conf_word(n, i), SPAN("}")))
				i++;
		} else if (span_eq(w, SPAN("or")) || span_eq(w, SPAN("||"))) {
			return PERHAPS;
		} else {
			one = named(x, section, w);
		}
		if (negated && one != PERHAPS)
			one = one == YES ? NO : YES;
		if (one == NO)
			all = NO;
		else if (one == PERHAPS && all == YES)
			all = PERHAPS;
	}
	if (unless && all != PERHAPS)
		return all == YES ? NO : YES;
	return all;
}

static void choose_back(struct haproxy *x)
{
	const struct conf_node *fallback = conf_last_child(x->front, "default_backend");
	bool any_perhaps = false;

	if (is_section(x->front, "listen")) {
		x->back = x->front;
		return;
	}
	for (const struct conf_node *n = x->front->first; n != NULL; n = n->next) {
		if (!conf_is(n, "use_backend"))
			continue;
		enum truth holds = condition(x, x->front, n, 2);
		if (holds == YES) {
			x->back = find_back(x, conf_word(n, 1));
			return;
		}
		any_perhaps = any_perhaps || holds == PERHAPS;
	}
	if (fallback == NULL && x->front_defaults != NULL)
		fallback = conf_last_child(x->front_defaults, "default_backend");
	if (fallback != NULL)
		x->back = find_back(x, conf_word(fallback, 1));
	if (x->back == NULL)
		conf_suspect(x->list, x->q, fallback != NULL ? fallback : x->front, "WS-HAPROXY-05", 0,
			any_perhaps, NULL);
}

/* --- What it does --- */

/* "timeout NAME TIME" of a section; negative when there is none, or no section. */
static double timeout_in(const struct conf_node *section, const char *name, const struct conf_node **at)
{
	double ms = -1;

	for (const struct conf_node *n = section != NULL ? section->first : NULL; n != NULL; n = n->next) {
		if (conf_is(n, "timeout") && span_eq(conf_word(n, 1), span_str(name))) {
			ms = conf_time(conf_word(n, 2), 1);
			*at = n;
		}
	}
	return ms;
}

/* The same, or else that of the section's defaults. */
static double timeout_of(const struct conf_node *section, const struct conf_node *defaults, const char *name,
	const struct conf_node **at)
{
	double ms = timeout_in(section, name, at);

	return ms < 0 ? timeout_in(defaults, name, at) : ms;
}

static bool is_tcp(const struct haproxy *x)
{
	const struct conf_node *mode = conf_last_child(x->front, "mode");

	if (mode == NULL && x->front_defaults != NULL)
		mode = conf_last_child(x->front_defaults, "mode");
	return mode == NULL || span_eq(conf_word(mode, 1), SPAN("tcp"));
}

static void judge_times(struct haproxy *x)
{
	const struct conf_node *at = NULL, *client_at = x->front, *server_at = x->back;
	double tunnel = timeout_of(x->back, x->back_defaults, "tunnel", &at);
	double client = timeout_of(x->front, x->front_defaults, "client", &client_at);
	double server = timeout_of(x->back, x->back_defaults, "server", &server_at);
	double idle = client > 0 && (server <= 0 || client < server) ? client : server;

	if (is_tcp(x))
		conf_suspect(x->list, x->q, client_at, "WS-HAPROXY-11", idle, tunnel > 0, NULL);
	else if (tunnel < 0)
		conf_suspect(x->list, x->q, client_at, "WS-HAPROXY-01", idle, false, NULL);
	else
		conf_suspect(x->list, x->q, at, "WS-HAPROXY-01", tunnel, false, NULL);
	conf_suspect(x->list, x->q, server_at, "WS-HAPROXY-07", server, false, NULL);
}

/* A rule that denies, with this path let through. A condition of alternatives takes more than a word at its end. */
static void suspect_deny(struct haproxy *x, const struct conf_node *n)
{
	bool is_plain = strpbrk(x->q->path, " \t{}#\"'\\") == NULL;

	for (size_t i = 0; i < n->count; i++)
		is_plain = is_plain && !span_eq(n->words[i], SPAN("or")) &&
			   !span_eq(n->words[i], SPAN("||")) && !span_eq(n->words[i], SPAN("unless"));
	char *except = mem_printf(" !{ path_beg %s }", x->q->path);
	if (is_plain)
		conf_suspect_line(x->list, x->q, n, "WS-HAPROXY-03", "", except);
	else
		conf_suspect(x->list, x->q, n, "WS-HAPROXY-03", 0, false, NULL);
	free(except);
}

/* Rules of the frontend and the backend on the way in. */
static void judge_rules(struct haproxy *x, const struct conf_node *section)
{
	for (const struct conf_node *n = section->first; n != NULL; n = n->next) {
		struct span verb = conf_word(n, 1), field = conf_word(n, 2);
		bool is_ours =
			span_eq_nocase(field, SPAN("Upgrade")) || span_eq_nocase(field, SPAN("Connection"));
		if (conf_is(n, "acl") && span_starts_nocase(conf_word(n, 2), SPAN("hdr(Connection)"))) {
			bool is_sub = false;
			for (size_t i = 3; i < n->count; i++)
				is_sub = is_sub || span_eq(n->words[i], SPAN("sub"));
			if (!is_sub)
				conf_suspect(x->list, x->q, n, "WS-HAPROXY-04", 0, false, NULL);
		}
		if (!conf_is(n, "http-request"))
			continue;
		if (is_ours && (span_eq(verb, SPAN("del-header")) || span_eq(verb, SPAN("set-header")) ||
				       span_eq(verb, SPAN("replace-header"))))
			conf_suspect_line(x->list, x->q, n, "WS-HAPROXY-02", "Remove `", "`");
		for (size_t i = 2; span_eq(verb, SPAN("deny")) && i < n->count; i++)
			if (span_eq(n->words[i], SPAN("if")) || span_eq(n->words[i], SPAN("unless"))) {
				if (condition(x, section, n, i) != NO)
					suspect_deny(x, n);
				break;
			}
	}
}

/* What is suggested for tunnels: more than limits of up to three digits, or more than others. */
#define MAXCONN "1000"
#define MAXCONN_MORE "100000"

/* The value after a word of the server line. */
static struct span server_option(const struct haproxy *x, const char *name)
{
	for (size_t i = 3; i + 1 < x->server->count; i++)
		if (span_eq(x->server->words[i], span_str(name)))
			return x->server->words[i + 1];
	return SPAN("");
}

/* A suspect whose fix is the server line with the value behind `ws` (from h2), or behind `maxconn`, replaced. */
static void suspect_server(struct haproxy *x, const char *id, const char *from, const char *to, double ms)
{
	struct buf line = {0};

	for (size_t i = 0; i < x->server->count; i++) {
		struct span w = x->server->words[i], before = i > 0 ? x->server->words[i - 1] : SPAN("");
		bool replace = from != NULL ? span_eq(before, SPAN("ws")) && span_eq(w, span_str(from))
					    : span_eq(before, SPAN("maxconn"));
		buf_addf(&line, "%s%.*s", i > 0 ? " " : "", replace ? (int)strlen(to) : (int)w.len,
			replace ? to : w.p);
	}
	char *fix = mem_spandup(buf_span(&line));
	conf_suspect(x->list, x->q, x->server, id, ms, false, "%s", fix);
	free(fix);
	buf_free(&line);
}

static void judge_server(struct haproxy *x)
{
	const struct conf_node *at = x->server;
	double queue = timeout_of(x->back, x->back_defaults, "queue", &at);
	double connect = timeout_of(x->back, x->back_defaults, "connect", &at);

	conf_suspect(x->list, x->q, x->server, "WS-HAPROXY-06", 0,
		x->q->next == NULL || conf_is_next(x->q, conf_word(x->server, 2)), "server %.*s %s",
		(int)conf_word(x->server, 1).len, conf_word(x->server, 1).p,
		x->q->next != NULL ? x->q->next : "APP:PORT");
	if (span_eq(server_option(x, "proto"), SPAN("h2")))
		conf_suspect(x->list, x->q, x->server, "WS-HAPROXY-08", 0, false, NULL);
	if (span_eq(server_option(x, "ws"), SPAN("h2")))
		suspect_server(x, "WS-HAPROXY-09", "h2", "h1", 0);
	if (server_option(x, "maxconn").len > 0)
		suspect_server(x, "WS-HAPROXY-10", NULL,
			server_option(x, "maxconn").len < 4 ? MAXCONN : MAXCONN_MORE,
			queue > 0 ? queue : connect);
}

void conf_haproxy(struct span text, const struct conf_question *q, json_t *list)
{
	struct conf_tree tree;
	struct haproxy x = {.q = q, .list = list, .tree = &tree};

	conf_parse(&tree, text, CONF_FLAT);
	x.front = find_front(&x);
	if (x.front != NULL) {
		x.front_defaults = defaults_of(&x, x.front);
		choose_back(&x);
		judge_rules(&x, x.front);
	}
	if (x.back != NULL) {
		x.back_defaults = defaults_of(&x, x.back);
		if (x.back != x.front)
			judge_rules(&x, x.back);
		judge_times(&x);
		x.server = conf_child(x.back, "server");
		if (x.server != NULL)
			judge_server(&x);
	}
	conf_free(&tree);
}
