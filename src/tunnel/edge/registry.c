/* Routes by host name, and the rotation of each tunnel. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/edge/registry.h"

struct route {
	char *pattern; /* lower case */
	struct registry_tunnel *tunnel;
};

struct registry {
	struct route *routes; /* sorted by pattern */
	size_t count;
	struct list tunnels;
};

struct registry *registry_new(void)
{
	struct registry *r = mem_alloc(sizeof(*r));

	list_init(&r->tunnels);
	return r;
}

void registry_free(struct registry *r)
{
	struct node *n;

	if (r == NULL)
		return;
	for (size_t i = 0; i < r->count; i++)
		free(r->routes[i].pattern);
	free(r->routes);
	while ((n = list_pop(&r->tunnels)) != NULL)
		free(list_entry(n, struct registry_tunnel, node));
	free(r);
}

struct registry_tunnel *registry_tunnel(struct registry *r, const struct uuid *id)
{
	list_for_each (n, &r->tunnels) {
		struct registry_tunnel *t = list_entry(n, struct registry_tunnel, node);
		if (uuid_eq(&t->id, id))
			return t;
	}
	struct registry_tunnel *t = mem_alloc(sizeof(*t));
	t->id = *id;
	list_init(&t->links);
	list_push(&r->tunnels, &t->node);
	return t;
}

/* Order of the route table; key is not NUL-terminated. */
static int route_compare(struct span key, const char *pattern)
{
	struct span p = span_str(pattern);
	int c = memcmp(key.p, p.p, key.len < p.len ? key.len : p.len);

	return c != 0 ? c : (key.len > p.len) - (key.len < p.len);
}

/* Index of the pattern, or where it would go. */
static size_t route_index(const struct registry *r, struct span key, bool *found)
{
	size_t low = 0, high = r->count;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = route_compare(key, r->routes[middle].pattern);
		if (c == 0) {
			*found = true;
			return middle;
		}
		if (c > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_pattern(struct span s)
{
	if (span_eq(s, SPAN("*")))
		return true;
	if (span_starts(s, SPAN("*.")))
		s = span_skip(s, 2);
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.' &&
			c != ':' && c != '[' && c != ']')
			return false;
	}
	return s.len > 0;
}

int registry_route(struct registry *r, struct span pattern, struct registry_tunnel *to, struct err *err)
{
	char *text = mem_spandup(pattern);
	bool found;

	for (char *c = text; *c != '\0'; c++)
		*c = span_lower(*c);
	size_t at = route_index(r, span_str(text), &found);
	if (found || !is_pattern(span_str(text))) {
		err_set(err, found ? "\"%s\" is routed twice" : "\"%s\" is no host name, \"*.NAME\" or \"*\"",
			text);
		free(text);
		return -1;
	}
	r->routes = mem_grow(r->routes, r->count + 1, sizeof(*r->routes));
	memmove(&r->routes[at + 1], &r->routes[at], (r->count - at) * sizeof(*r->routes));
	r->routes[at] = (struct route){text, to};
	r->count++;
	return 0;
}

/* "*" and what follows the first dot of a host: its wildcard. */
#define WILDCARD_MAX 256

static struct registry_tunnel *find_wildcard(const struct registry *r, struct span host)
{
	char pattern[WILDCARD_MAX];
	bool found;

	for (size_t dot = span_find(host, '.'); dot < host.len; dot = span_find(host, '.')) {
		host = span_skip(host, dot);
		if (host.len + 1 < sizeof(pattern)) {
			pattern[0] = '*';
			memcpy(pattern + 1, host.p, host.len);
			size_t at = route_index(r, span_of(pattern, host.len + 1), &found);
			if (found)
				return r->routes[at].tunnel;
		}
		host = span_skip(host, 1);
	}
	size_t at = route_index(r, SPAN("*"), &found);
	return found ? r->routes[at].tunnel : NULL;
}

struct registry_tunnel *registry_find(const struct registry *r, struct span host)
{
	bool found;
	size_t at = route_index(r, host, &found);

	return found ? r->routes[at].tunnel : find_wildcard(r, host);
}

void registry_add(struct registry_tunnel *t, struct registry_link *l)
{
	list_push(&t->links, &l->node);
}

void registry_remove(struct registry_link *l)
{
	list_remove(&l->node);
}

bool registry_has_other(const struct registry_link *l)
{
	/* On a list of its own both neighbours are the list's head. */
	return l->node.prev != l->node.next;
}

struct registry_link *registry_same(
	const struct registry_tunnel *t, const struct uuid *client_id, unsigned index)
{
	list_for_each (n, &t->links) {
		struct registry_link *l = list_entry(n, struct registry_link, node);
		if (l->conn_index == index && uuid_eq(&l->client_id, client_id))
			return l;
	}
	return NULL;
}

/* Another connector goes before another connection of the same one: when its process dies, all of them do. */
static bool is_better(
	const struct registry_link *l, const struct registry_link *best, const struct registry_link *avoid)
{
	if (best == NULL)
		return true;
	if (avoid != NULL) {
		bool same = uuid_eq(&l->client_id, &avoid->client_id);
		bool best_same = uuid_eq(&best->client_id, &avoid->client_id);
		if (same != best_same)
			return best_same;
	}
	return l->requests < best->requests;
}

struct registry_link *registry_pick(struct registry_tunnel *t, const struct registry_link *avoid)
{
	struct registry_link *best = NULL;

	list_for_each (n, &t->links) {
		struct registry_link *l = list_entry(n, struct registry_link, node);
		struct h2_session *session = link_session(l->link);
		if (l == avoid || session == NULL || !h2_can_open(session))
			continue;
		if (is_better(l, best, avoid))
			best = l;
	}
	/* To the end of the list, so that equals take turns. */
	if (best != NULL) {
		list_remove(&best->node);
		list_push(&t->links, &best->node);
	}
	return best;
}
