/* One writer per server. Each takes the application's own header away first, or else it arrives twice; each reaches errors and
 * redirects too (header-policy(5) has the table of what does not). */
#include <string.h>

#include "hdrcheck/suggest.h"

struct line {
	struct span name;
	struct span *values; /* none: the header goes */
	size_t count;
};

/* How a server writes a value. */
struct syntax {
	const char *escaped; /* characters that take a backslash */
	char doubled;        /* that begins something, and stands for itself twice; 0: none */
	const char *nonce; /* what {nonce} is there: at least 122 random bits, other ones for each request */
};

static const struct syntax nginx_syntax = {"\"\\", '\0', "$request_id"}, apache_syntax = {"\"\\", '%', NULL},
			   haproxy_syntax = {"\"\\$", '%', "%[var(txn.nonce)]"},
			   caddy_syntax = {"\"\\", '\0', "{http.request.uuid}"};

#define NONCE SPAN("{nonce}")

static bool has_nonce(struct span value)
{
	return memmem(value.p, value.len, NONCE.p, NONCE.len) != NULL;
}

static bool any_nonce(const struct line *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (has_nonce(l->values[i]))
			return true;
	return false;
}

/* Append a value between double quotes. */
static void add_quoted(struct buf *out, struct span value, const struct syntax *s)
{
	buf_add_char(out, '"');
	while (value.len > 0) {
		if (s->nonce != NULL && span_starts(value, NONCE)) {
			buf_add_str(out, s->nonce);
			value = span_skip(value, NONCE.len);
			continue;
		}
		if (strchr(s->escaped, value.p[0]) != NULL && value.p[0] != '\0')
			buf_add_char(out, '\\');
		if (value.p[0] == s->doubled)
			buf_add_char(out, s->doubled);
		buf_add_char(out, value.p[0]);
		value = span_skip(value, 1);
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
		add_quoted(out, l->values[i], &nginx_syntax);
		buf_add_str(out, " always;\n");
	}
}

/* --- Apache: its two tables are separate; "%" begins a format --- */

static void apache(struct buf *out, const struct line *l)
{
	if (any_nonce(l)) { /* and so does not take the application's away */
		add_name(out, "# Apache httpd has no random value for a nonce: let the application set ",
			l->name);
		buf_add_char(out, '\n');
		return;
	}
	add_name(out, "Header unset ", l->name);
	add_name(out, "\nHeader always unset ", l->name);
	buf_add_char(out, '\n');
	for (size_t i = 0; i < l->count; i++) {
		add_name(out, i == 0 ? "Header always set " : "Header always add ", l->name);
		buf_add_char(out, ' ');
		add_quoted(out, l->values[i], &apache_syntax);
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
		add_quoted(out, l->values[i], &haproxy_syntax);
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
		add_quoted(out, l->values[i], &caddy_syntax);
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
	const char *nonce_head,
		*nonce_end; /* of the line that tells the application a nonce: around the header's name */
	void (*write)(struct buf *out, const struct line *l);
} servers[] = {
	{"apache", "", NULL, NULL, apache},
	{"nginx", "", "proxy_set_header ", " $request_id;\n", nginx},
	{"haproxy", "", "http-request set-var(txn.nonce) uuid()\nhttp-request set-header ",
		" %[var(txn.nonce)]\n", haproxy},
	{"caddy", "", "# in reverse_proxy: header_up ", " {http.request.uuid}\n", caddy},
	{"edge", "rules:\n", "nonce-header: ", "\n", edge},
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

/* The lines of every header that is not as it should be. */
static size_t differences(
	struct arena *a, const struct fields *now, const struct fields *then, struct line **out)
{
	struct fields both = {0};
	size_t count = 0;

	for (size_t i = 0; i < then->count; i++)
		header_add(&both, then->at[i].name, then->at[i].value);
	for (size_t i = 0; i < now->count; i++)
		header_add(&both, now->at[i].name, now->at[i].value);
	for (size_t i = 0; i < both.count; i++) {
		struct line is = lines_of(a, now, both.at[i].name),
			    wanted = lines_of(a, then, both.at[i].name);
		if (!is_first(&both, i) || is_same(&is, &wanted))
			continue;
		*out = arena_more(a, *out, count, sizeof(**out));
		(*out)[count++] = wanted;
	}
	header_free(&both);
	return count;
}

static void write_lines(const char *server, const struct headerpolicy *p, const struct line *lines,
	size_t count, struct buf *out)
{
	struct span header = headerpolicy_nonce_header(p);
	bool nonce = false;
	size_t s = 0;

	while (strcmp(servers[s].name, server) != 0)
		s++;
	for (size_t i = 0; i < count; i++)
		nonce = nonce || any_nonce(&lines[i]);
	if (nonce && servers[s].nonce_head != NULL) {
		add_name(out, servers[s].nonce_head, header);
		buf_add_str(out, servers[s].nonce_end);
	}
	if (count > 0)
		buf_add_str(out, servers[s].head);
	for (size_t i = 0; i < count; i++)
		servers[s].write(out, &lines[i]);
}

void suggest_lines(
	const char *server, const struct headerpolicy *p, const struct response *r, struct buf *out)
{
	struct headerpolicy_subject subject = {r->url.host, r->url.path, r->status, {0}};
	struct headerpolicy_scratch scratch = {0};
	struct fields then = {0};
	struct arena a = {0};
	struct line *lines = NULL;

	for (size_t i = 0; i < r->headers.count; i++)
		header_add(&then, r->headers.at[i].name, r->headers.at[i].value);
	headerpolicy_apply(p, &subject, &then, &scratch);
	size_t count = differences(&a, &r->headers, &then, &lines);
	write_lines(server, p, lines, count, out);
	headerpolicy_scratch_free(&scratch);
	header_free(&then);
	arena_free(&a);
}
