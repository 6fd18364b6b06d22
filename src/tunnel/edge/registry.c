/* Routes by host name, and the rotation of each tunnel. */
#include <stdlib.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "tunnel/edge/registry.h"

struct registry_route {
	char *pattern; /* lower case */
	bool is_fixed;
	struct registry_tunnel **tunnels; /* owned array */
	size_t count;
	size_t turn; /* which of them is asked first */
};

struct registry {
	struct registry_route *routes; /* sorted by pattern */
	size_t count;
	struct map tunnels; /* by id */
};

struct registry *registry_new(void)
{
	return mem_alloc(sizeof(struct registry));
}

static void route_free(struct registry_route *route)
{
	free(route->pattern);
	free(route->tunnels);
}

void registry_free(struct registry *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->count; i++)
		route_free(&r->routes[i]);
	free(r->routes);
	for (size_t i = 0; i < r->tunnels.cap; i++)
		free(r->tunnels.slots[i].value);
	map_free(&r->tunnels);
	free(r);
}

static struct span id_key(const struct uuid *id)
{
	return span_of((const char *)id->bytes, UUID_LEN);
}

struct registry_tunnel *registry_tunnel(struct registry *r, const struct uuid *id)
{
	struct registry_tunnel *t = map_get(&r->tunnels, id_key(id));

	if (t != NULL)
		return t;
	t = mem_alloc(sizeof(*t));
	t->id = *id;
	list_init(&t->links);
	map_put(&r->tunnels, id_key(&t->id), t);
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

bool registry_is_pattern(struct span s)
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

/* Put a route into the table, where there is none of that pattern. */
static struct registry_route *route_insert(struct registry *r, struct span pattern, size_t at)
{
	r->routes = mem_grow(r->routes, r->count + 1, sizeof(*r->routes));
	memmove(&r->routes[at + 1], &r->routes[at], (r->count - at) * sizeof(*r->routes));
	r->routes[at] = (struct registry_route){.pattern = mem_spandup(pattern)};
	r->count++;
	return &r->routes[at];
}

static void route_remove(struct registry *r, size_t at)
{
	route_free(&r->routes[at]);
	r->count--;
	memmove(&r->routes[at], &r->routes[at + 1], (r->count - at) * sizeof(*r->routes));
}

static void route_point(
	struct registry *r, struct registry_route *route, const struct uuid *ids, size_t count)
{
	free(route->tunnels);
	route->tunnels = mem_array(count, sizeof(struct registry_tunnel *));
	route->count = count;
	for (size_t i = 0; i < count; i++)
		route->tunnels[i] = registry_tunnel(r, &ids[i]);
}

int registry_route(struct registry *r, struct span pattern, struct registry_tunnel *to, struct err *err)
{
	char *text = mem_spandup(pattern);
	bool found;
	int rc = 0;

	for (char *c = text; *c != '\0'; c++)
		*c = span_lower(*c);
	size_t at = route_index(r, span_str(text), &found);
	if (found || !registry_is_pattern(span_str(text))) {
		rc = err_set(err,
			found ? "\"%s\" is routed twice" : "\"%s\" is no host name, \"*.NAME\" or \"*\"",
			text);
	} else {
		struct registry_route *route = route_insert(r, span_str(text), at);
		route->is_fixed = true;
		if (to != NULL)
			route_point(r, route, &to->id, 1);
	}
	free(text);
	return rc;
}

bool registry_is_fixed(const struct registry *r, struct span pattern)
{
	bool found;
	size_t at = route_index(r, pattern, &found);

	return found && r->routes[at].is_fixed;
}

void registry_set(struct registry *r, struct span pattern, const struct uuid *ids, size_t count)
{
	bool found;
	size_t at = route_index(r, pattern, &found);

	if (found && r->routes[at].is_fixed)
		return;
	if (count > 0)
		route_point(r, found ? &r->routes[at] : route_insert(r, pattern, at), ids, count);
	else if (found)
		route_remove(r, at);
}

/* Take the tunnel off the route. False when that is for good. */
static bool route_drop(struct registry_route *route, const struct registry_tunnel *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < route->count; i++) {
		if (route->tunnels[i] == t && route->is_fixed)
			return false;
		if (route->tunnels[i] != t)
			route->tunnels[kept++] = route->tunnels[i];
	}
	route->count = kept;
	return true;
}

void registry_forget(struct registry *r, const struct uuid *id)
{
	struct registry_tunnel *t = map_get(&r->tunnels, id_key(id));
	bool used = false;

	if (t == NULL)
		return;
	for (size_t i = r->count; i-- > 0;) {
		size_t had = r->routes[i].count;
		used = !route_drop(&r->routes[i], t) || used;
		if (had > 0 && r->routes[i].count == 0)
			route_remove(r, i);
	}
	if (used)
		return;
	map_remove(&r->tunnels, id_key(id));
	free(t);
}

/* "*" and what follows the first dot of a host: its wildcard. */
#define WILDCARD_MAX 256

static struct registry_route *find_wildcard(const struct registry *r, struct span host)
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
				return &r->routes[at];
		}
		host = span_skip(host, 1);
	}
	size_t at = route_index(r, SPAN("*"), &found);
	return found ? &r->routes[at] : NULL;
}

struct registry_route *registry_find(const struct registry *r, struct span host)
{
	bool found;
	size_t at = route_index(r, host, &found);

	return found ? &r->routes[at] : find_wildcard(r, host);
}

bool registry_is_up(const struct registry_route *route)
{
	for (size_t i = 0; i < route->count; i++)
		if (!list_empty(&route->tunnels[i]->links))
			return true;
	return false;
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

struct registry_link *registry_pick(struct registry_route *route, const struct registry_link *avoid)
{
	struct registry_link *best = NULL;
	struct registry_tunnel *of = NULL;

	for (size_t i = 0; i < route->count; i++) {
		struct registry_tunnel *t = route->tunnels[(route->turn + i) % route->count];
		list_for_each (n, &t->links) {
			struct registry_link *l = list_entry(n, struct registry_link, node);
			struct h2_session *session = link_session(l->link);
			if (l == avoid || session == NULL || !h2_can_open(session))
				continue;
			if (is_better(l, best, avoid)) {
				best = l;
				of = t;
			}
		}
	}
	/* To the end of the list, so that equals take turns; so do tunnels. */
	route->turn++;
	if (best != NULL) {
		list_remove(&best->node);
		list_push(&of->links, &best->node);
	}
	return best;
}
