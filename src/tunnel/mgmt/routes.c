/* Public host names of tunnels. There is no DNS here: a route is an entry of the edge's own table. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/hostname.h"
#include "common/proto/url.h"
#include "tunnel/mgmt/decode.h"
#include "tunnel/mgmt/private.h"

/* What stands in the store for a host name. */
struct existing {
	struct route_record route;
	int64_t revision; /* STORE_ABSENT: nothing */
	struct err *err;
	bool failed;
};

static void on_existing(void *arg, const struct store_record *r)
{
	struct existing *x = arg;

	x->revision = r->revision;
	x->failed = route_record_parse(r->value, &x->route, x->err) < 0;
}

/* The name as it is routed: lower case, punycode, with the domain if it has none; NULL when it is none. To be freed. */
static char *complete_name(const struct call *c, const char *given)
{
	struct span s = span_str(given);
	bool wild = span_starts(s, SPAN("*."));
	struct span base = wild ? span_skip(s, 2) : s;
	char *ascii = hostname_punycode(base);
	char *name = ascii != NULL ? ascii : mem_spandup(base);
	const char *domain = c->m->conf->domain;

	for (char *p = name; *p != '\0'; p++)
		*p = span_lower(*p);
	bool bare = strchr(name, '.') == NULL && domain != NULL;
	char *whole = mem_printf("%s%s%s%s", wild ? "*." : "", name, bare ? "." : "", bare ? domain : "");
	free(name);
	struct url_authority host;
	struct span text = span_str(whole);
	bool ok = registry_is_pattern(text) && text.len <= URL_HOST_MAX && !span_eq(text, SPAN("*")) &&
		  url_split_authority(wild ? span_skip(text, 2) : text, &host) && host.port < 0 && !host.ipv6;
	if (ok)
		return whole;
	free(whole);
	return NULL;
}

static bool route_has(const struct route_record *r, const struct uuid *id)
{
	for (size_t i = 0; i < r->count; i++)
		if (uuid_eq(&r->tunnels[i], id))
			return true;
	return false;
}

/* --- How many a tunnel has --- */

struct counting {
	const struct uuid *id;
	size_t count;
};

static void count_one(void *arg, const struct store_record *r)
{
	struct counting *n = arg;
	struct route_record route;

	if (route_record_parse(r->value, &route, NULL) < 0)
		return;
	n->count += route_has(&route, n->id);
	route_record_free(&route);
}

static bool has_room(struct call *c)
{
	struct counting n = {.id = &c->tunnel->record.id};
	struct err err;

	if (store_list(c->m->store, RECORD_ROUTE, SPAN(""), 0, count_one, &n, &err) != STORE_OK) {
		answer_failed(c, &err);
		return false;
	}
	if (n.count < ROUTES_PER_TUNNEL)
		return true;
	answer_error(c->answer, 400, CODE_VALUE, "A tunnel has at most %d host names", ROUTES_PER_TUNNEL);
	return false;
}

/* --- Answers --- */

static void answer_route(
	struct call *c, bool is_lb, const char *tag, const char *name, const char *changed, const char *pool)
{
	json_t *result;

	if (is_lb)
		result = json_pack("{s:s, s:s}", "load_balancer", changed, "pool", pool);
	else
		result = json_pack("{s:s, s:s, s:s}", "cname", changed, "name", name, "dns_tag", tag);
	answer_ok(c->answer, result);
}

static void answer_taken(struct call *c)
{
	answer_error(
		c->answer, 400, CODE_NOT_FOUND, "An A, AAAA, or CNAME record with that host already exists.");
}

/* What is to be answered once it is done. */
struct routing {
	bool is_lb;
	char tag[RECORD_ID_LEN + 1];
	char *name;                 /* owned */
	const char *changed, *pool; /* constant */
};

static void routed(struct call *c, void *with, enum store_result result, const struct err *err)
{
	struct routing *x = with;

	if (result == STORE_OK) {
		answer_route(c, x->is_lb, x->tag, x->name, x->changed, x->pool);
	} else if (result == STORE_CONFLICT) {
		answer_taken(c);
	} else {
		answer_failed(c, err);
	}
	free(x->name);
	free(x);
}

static void commit_route(struct call *c, const struct route_record *r, const char *name, int64_t revision,
	const char *changed, const char *pool)
{
	struct change *change = change_new();
	struct routing *x = mem_alloc(sizeof(*x));
	const struct tunnel_record *t = &c->tunnel->record;
	struct buf json = {0};

	*x = (struct routing){.is_lb = r->is_lb, .name = mem_strdup(name), .changed = changed, .pool = pool};
	memcpy(x->tag, r->tag, sizeof(x->tag));
	route_record_print(r, &json);
	change_put(change, RECORD_ROUTE, span_str(name), buf_span(&json), revision);
	change_audit(change, c, "route", &t->id, "hostname", t->current.version, t->current.version);
	change_commit(change, c, routed, x);
	buf_free(&json);
}

/* --- Deciding --- */

/* One tunnel for one name. */
static void route_dns(struct call *c, const struct decode_route *body, const char *name, struct existing *x)
{
	struct route_record r = {.pool = mem_strdup(""), .tunnels = {c->tunnel->record.id}, .count = 1};
	bool there = x->revision != STORE_ABSENT;

	record_random_id(r.tag);
	if (there && !x->route.is_lb && x->route.count == 1 && route_has(&x->route, &c->tunnel->record.id))
		answer_route(c, false, x->route.tag, name, "unchanged", "");
	else if (there && !body->overwrite)
		answer_taken(c);
	else if (has_room(c))
		commit_route(c, &r, name, x->revision, there ? "updated" : "new", "");
	free(r.pool);
}

/* Several tunnels for one name; the pool is a label. */
static void route_lb(struct call *c, const struct decode_route *body, const char *name, struct existing *x)
{
	struct route_record r = x->route;
	bool there = x->revision != STORE_ABSENT, has = there && route_has(&r, &c->tunnel->record.id);

	if (there && !r.is_lb) {
		answer_taken(c);
		return;
	}
	bool same_pool = there && strcmp(r.pool, body->pool) == 0;
	const char *pool = same_pool ? (has ? "unchanged" : "updated") : "new";
	if (has && same_pool) {
		answer_route(c, true, r.tag, name, "unchanged", pool);
		return;
	}
	if (!has && r.count == RECORD_LB_MAX) {
		answer_error(
			c->answer, 400, CODE_LB, "A load balancer has at most %d tunnels", RECORD_LB_MAX);
		return;
	}
	if (!has)
		r.tunnels[r.count++] = c->tunnel->record.id;
	r.is_lb = true;
	r.pool = body->pool; /* borrowed */
	if (!there)
		record_random_id(r.tag);
	if (has || has_room(c))
		commit_route(c, &r, name, x->revision, there ? "updated" : "new", pool);
}

static void put_route(struct call *c, const struct decode_route *body, const char *name)
{
	struct err err = {0};
	struct existing x = {.err = &err};
	struct record_key key;

	enum store_result result =
		store_get(c->m->store, record_key(&key, RECORD_ROUTE, span_str(name)), on_existing, &x, &err);
	if (result == STORE_FAILED || x.failed)
		answer_failed(c, &err);
	else if (registry_is_fixed(c->m->edge->registry, span_str(name)))
		answer_taken(c);
	else if (body->is_lb)
		route_lb(c, body, name, &x);
	else
		route_dns(c, body, name, &x);
	route_record_free(&x.route);
}

void routes_put(struct call *c)
{
	struct decode_route body;
	struct err err;

	if (c->tunnel->record.deleted_at != 0) {
		answer_error(c->answer, 404, CODE_NOT_FOUND, "Tunnel not found");
		return;
	}
	switch (decode_route(c->request->body, &body, &err)) {
	case DECODE_OK: break;
	case DECODE_JSON: answer_error(c->answer, 400, CODE_JSON, "%s", err.text); return;
	case DECODE_VALUE: answer_error(c->answer, 400, CODE_VALUE, "%s", err.text); return;
	}
	char *name = complete_name(c, body.host);
	if (name == NULL)
		answer_error(c->answer, 400, CODE_VALUE, "the host name is not valid");
	else
		put_route(c, &body, name);
	free(name);
	decode_route_free(&body);
}

/* --- Ending a tunnel's routes --- */

struct ending {
	struct change *change;
	const struct uuid *id;
};

static void end_one(void *arg, const struct store_record *r)
{
	struct ending *e = arg;
	struct route_record route;
	struct buf json = {0};
	struct span name = span_skip(r->key, RECORD_ROUTE.len);
	size_t left = 0;

	if (route_record_parse(r->value, &route, NULL) < 0)
		return;
	if (route_has(&route, e->id)) {
		for (size_t i = 0; i < route.count; i++)
			if (!uuid_eq(&route.tunnels[i], e->id))
				route.tunnels[left++] = route.tunnels[i];
		route.count = left;
		route_record_print(&route, &json);
		if (left > 0)
			change_put(e->change, RECORD_ROUTE, name, buf_span(&json), r->revision);
		else
			change_delete(e->change, RECORD_ROUTE, name);
	}
	buf_free(&json);
	route_record_free(&route);
}

int routes_end(struct store *s, struct change *change, const struct uuid *id, struct err *err)
{
	struct ending e = {.change = change, .id = id};

	return store_list(s, RECORD_ROUTE, SPAN(""), 0, end_one, &e, err) == STORE_OK ? 0 : -1;
}
