/* One writer per server. Each takes the application's own header away first, or else it arrives twice; each reaches errors and
 * redirects too (header-policy(5) has the table of what does not). */
#include <string.h>

#include "hdrcheck/suggest.h"

struct line {
	struct span name;
	struct span *values; /* none: the header goes */
	size_t count;
};

/* Append a value between double quotes: a backslash before each of the characters of `escaped`, and `doubled`, which begins
 * something in the server's syntax, twice. */
static void add_quoted(struct buf *out, struct span value, const char *escaped, char doubled)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < value.len; i++) {
		if (strchr(escaped, value.p[i]) != NULL && value.p[i] != '\0')
			buf_add_char(out, '\\');
		if (value.p[i] == doubled)
			buf_add_char(out, doubled);
		buf_add_char(out, value.p[i]);
	}
	buf_add_char(out, '"');
}

static void add_name(struct buf *out, const char *before, struct span name)
{
	buf_add_str(out, before);
	buf_add_span(out, name);
}

/* --- nginx: inside the location that proxies; a "$" cannot be escaped and no policy has one --- */

static void nginx(struct buf *out, const struct line *l)
{
	add_name(out, "proxy_hide_header ", l->name);
	buf_add_str(out, ";\n");
	for (size_t i = 0; i < l->count; i++) {
		add_name(out, "add_header ", l->name);
		buf_add_char(out, ' ');
		add_quoted(out, l->values[i], "\"\\", '\0');
		buf_add_str(out, " always;\n");
	}
}

/* --- Apache: its two tables are separate; "%" begins a format --- */

static void apache(struct buf *out, const struct line *l)
{
	add_name(out, "Header unset ", l->name);
	add_name(out, "\nHeader always unset ", l->name);
	buf_add_char(out, '\n');
	for (size_t i = 0; i < l->count; i++) {
		add_name(out, i == 0 ? "Header always set " : "Header always add ", l->name);
		buf_add_char(out, ' ');
		add_quoted(out, l->values[i], "\"\\", '%');
		buf_add_char(out, '\n');
	}
}

/* --- HAProxy: "%" begins a format; after-response reaches its own errors --- */

static void haproxy(struct buf *out, const struct line *l)
{
	if (l->count == 0) {
		add_name(out, "http-after-response del-header ", l->name);
		buf_add_char(out, '\n');
	}
	for (size_t i = 0; i < l->count; i++) {
		add_name(out, i == 0 ? "http-after-response set-header " : "http-after-response add-header ",
			l->name);
		buf_add_char(out, ' ');
		add_quoted(out, l->values[i], "\"\\$", '%');
		buf_add_char(out, '\n');
	}
}

/* --- Caddy: inside reverse_proxy, what the application sends goes; outside, ours comes --- */

static void caddy(struct buf *out, const struct line *l)
{
	add_name(out, "# in reverse_proxy: header_down -", l->name);
	buf_add_char(out, '\n');
	for (size_t i = 0; i < l->count; i++) {
		add_name(out, i == 0 ? "header " : "header +", l->name);
		buf_add_char(out, ' ');
		add_quoted(out, l->values[i], "\"\\", '\0');
		buf_add_char(out, '\n');
	}
}

/* --- The edge: a policy file --- */

static void add_yaml(struct buf *out, struct span value)
{
	buf_add_char(out, '\'');
	for (size_t i = 0; i < value.len; i++) {
		if (value.p[i] == '\'')
			buf_add_char(out, '\'');
		buf_add_char(out, value.p[i]);
	}
	buf_add_char(out, '\'');
}

static void edge(struct buf *out, const struct line *l)
{
	if (l->count == 0) {
		add_name(out, "  - remove: ", l->name);
		buf_add_char(out, '\n');
	}
	for (size_t i = 0; i < l->count; i++) {
		add_name(out, i == 0 ? "  - set: {" : "  - append: {", l->name);
		buf_add_str(out, ": ");
		add_yaml(out, l->values[i]);
		buf_add_str(out, "}\n");
	}
}

static const struct {
	const char *name, *head;
	void (*write)(struct buf *out, const struct line *l);
} servers[] = {
	{"apache", "", apache},
	{"nginx", "", nginx},
	{"haproxy", "", haproxy},
	{"caddy", "", caddy},
	{"edge", "rules:\n", edge},
};
#define SERVERS (sizeof(servers) / sizeof(servers[0]))

bool suggest_is_server(const char *server)
{
	for (size_t i = 0; i < SERVERS; i++)
		if (strcmp(servers[i].name, server) == 0)
			return true;
	return false;
}

/* The lines of that name, in order. */
static struct line lines_of(struct arena *a, const struct fields *headers, struct span name)
{
	struct line l = {.name = name};

	for (size_t i = 0; i < headers->count; i++) {
		if (!span_eq_nocase(headers->at[i].name, name))
			continue;
		l.values = arena_more(a, l.values, l.count, sizeof(*l.values));
		l.values[l.count++] = headers->at[i].value;
	}
	return l;
}

static bool is_same(const struct line *a, const struct line *b)
{
	for (size_t i = 0; a->count == b->count && i < a->count; i++)
		if (!span_eq(a->values[i], b->values[i]))
			return false;
	return a->count == b->count;
}

/* Is it the first field of its name in the list? */
static bool is_first(const struct fields *headers, size_t at)
{
	return header_find(headers, headers->at[at].name) == &headers->at[at];
}

void suggest_lines(
	const char *server, const struct headerpolicy *p, const struct response *r, struct buf *out)
{
	struct headerpolicy_subject subject = {r->url.host, r->url.path, r->status};
	struct headerpolicy_scratch scratch;
	struct fields then = {0}, both = {0};
	struct arena a = {0};
	bool begun = false;

	for (size_t i = 0; i < r->headers.count; i++)
		header_add(&then, r->headers.at[i].name, r->headers.at[i].value);
	headerpolicy_apply(p, &subject, &then, &scratch);
	for (size_t i = 0; i < then.count; i++)
		header_add(&both, then.at[i].name, then.at[i].value);
	for (size_t i = 0; i < r->headers.count; i++)
		header_add(&both, r->headers.at[i].name, r->headers.at[i].value);
	for (size_t i = 0; i < both.count; i++) {
		struct line now = lines_of(&a, &r->headers, both.at[i].name),
			    wanted = lines_of(&a, &then, both.at[i].name);
		if (!is_first(&both, i) || is_same(&now, &wanted))
			continue;
		for (size_t s = 0; s < SERVERS; s++) {
			if (strcmp(servers[s].name, server) != 0)
				continue;
			buf_add_str(out, begun ? "" : servers[s].head);
			servers[s].write(out, &wanted);
		}
		begun = true;
	}
	header_free(&then);
	header_free(&both);
	arena_free(&a);
}
