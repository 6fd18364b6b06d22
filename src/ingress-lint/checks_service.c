/* Services. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/gourl.h"
#include "ingress-lint/lint.h"

/* --- What a service is --- */

/* The URL of a service that is one, and in effect. */
static bool url_of(const struct view_rule *r, struct gourl *u)
{
	return r->fault == INGRESS_OK && (r->target.kind == INGRESS_HTTP || r->target.kind == INGRESS_TCP) &&
	       gourl_parse(span_str(r->text), RELEASE_2025, u) == NULL;
}

static bool has_scheme(const struct gourl *u, const char *const *names)
{
	for (; *names != NULL; names++)
		if (span_eq_nocase(u->scheme, span_str(*names)))
			return true;
	return false;
}

static bool is_loopback(const char *host)
{
	struct in_addr ipv4;
	struct in6_addr ipv6;

	if (strcmp(host, "localhost") == 0 || span_ends(span_str(host), SPAN(".localhost")))
		return true;
	if (inet_pton(AF_INET, host, &ipv4) == 1)
		return (ntohl(ipv4.s_addr) >> 24) == 127 || ipv4.s_addr == 0;
	return inet_pton(AF_INET6, host, &ipv6) == 1 &&
	       (IN6_IS_ADDR_LOOPBACK(&ipv6) || IN6_IS_ADDR_UNSPECIFIED(&ipv6));
}

/* --- The checks --- */

static void scheme_unknown(struct lint *l, const struct view *v, const struct view_rule *r)
{
	static const char *const known[] = {"http", "https", "ws", "wss", "ssh", "rdp", "smb", "tcp", NULL};
	struct gourl u;

	(void)v;
	if (!url_of(r, &u) || has_scheme(&u, known))
		return;
	char *scheme = mem_spandup(u.scheme);
	const char *near = lint_nearest(u.scheme, known);
	lint_find(l, r->service->start, "scheme \"%s\" is not known, and taken for a raw TCP stream%s%s",
		scheme, near != NULL ? "; probably meant: " : "", near != NULL ? near : "");
	free(scheme);
}

static void stream_port(struct lint *l, const struct view *v, const struct view_rule *r)
{
	static const char *const with_port[] = {"http", "https", "ws", "wss", "ssh", "rdp", "smb", NULL};
	struct gourl u;
	struct span host, port;

	(void)v;
	if (!url_of(r, &u) || has_scheme(&u, with_port))
		return;
	gourl_split_host(u.host, &host, &port);
	if (port.len == 0)
		lint_find(l, r->service->start, "%s has no port; %s", r->text,
			r->target.port[0] != '\0' ? "7864 is taken" : "each request will fail");
}

static void parts_ignored(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct gourl u;

	(void)v;
	if (!url_of(r, &u))
		return;
	if (u.userinfo.p != NULL)
		lint_find(l, r->service->start, "user and password in the URL are ignored");
	else if (u.query.p != NULL || u.fragment.p != NULL)
		lint_find(l, r->service->start, "%s in the URL is ignored",
			u.query.p != NULL ? "the query" : "the fragment");
}

static void port_range(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct gourl u;
	struct span host, port;
	uint64_t number;

	(void)v;
	if (!url_of(r, &u))
		return;
	gourl_split_host(u.host, &host, &port);
	if (port.len > 0 && (!span_to_u64(port, 65535, &number) || number == 0))
		lint_find(l, r->service->start, "port %.*s does not exist", (int)port.len, port.p);
}

static void unix_path(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (r->fault != INGRESS_OK || r->target.kind != INGRESS_UNIX)
		return;
	const char *path = r->target.path;
	if (path[0] != '/' || path[1] == '/')
		lint_find(l, r->service->start, "the socket's path would be \"%s\"; write unix:/run/app.sock",
			path);
}

static void localhost(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (r->fault == INGRESS_OK && r->target.host != NULL && strcmp(r->target.host, "localhost") == 0)
		lint_find(l, r->service->start,
			"localhost may be ::1 or 127.0.0.1; write the one that the application has");
}

static void localhost_in_container(struct lint *l, const struct view *v, const struct view_rule *r)
{
	if ((v->origin.in_manifest || l->in_container) && r->fault == INGRESS_OK && r->target.host != NULL &&
		is_loopback(r->target.host))
		lint_find(l, r->service->start, "%s is the connector's own container", r->target.host);
}

static void scheme_and_port(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (r->fault != INGRESS_OK || r->target.kind != INGRESS_HTTP)
		return;
	const char *port = r->target.port;
	bool tls_port = strcmp(port, "443") == 0 || strcmp(port, "8443") == 0;
	bool plain_port = strcmp(port, "80") == 0 || strcmp(port, "8080") == 0;
	if (r->target.tls ? plain_port : tls_port)
		lint_find(l, r->service->start, "port %s is usually one %s TLS", port,
			r->target.tls ? "without" : "with");
}

static void hello_world(struct lint *l, const struct view *v, const struct view_rule *r)
{
	if (v->count > 1 && r->fault == INGRESS_OK && r->target.kind == INGRESS_HELLO_WORLD)
		lint_find(l, r->service->start, "the test page answers for %s",
			view_is_any(r->host) ? "the rest" : r->host);
}

static void own_hostname(struct lint *l, const struct view *v, const struct view_rule *r)
{
	(void)v;
	if (r->fault != INGRESS_OK || r->target.host == NULL || view_is_any(r->host))
		return;
	if (view_host_covers(r->host, r->target.host) ||
		(r->punycode != NULL && view_host_covers(r->punycode, r->target.host)))
		lint_find(l, r->service->start, "%s is served by this rule: the request would come back",
			r->target.host);
}

static void brackets(struct lint *l, const struct view *v, const struct view_rule *r)
{
	struct in6_addr address;
	struct gourl u;

	(void)v;
	if (!url_of(r, &u))
		return;
	bool bracketed = u.host.len > 0 && u.host.p[0] == '[';
	size_t first = span_find(u.host, ':'), last = span_rfind(u.host, ':');
	if (!bracketed && first < last)
		lint_find(l, r->service->start, "%.*s: an IPv6 address stands in brackets", (int)u.host.len,
			u.host.p);
	else if (bracketed && inet_pton(AF_INET6, r->target.host, &address) != 1)
		lint_find(l, r->service->start, "%.*s: the brackets hold no IPv6 address", (int)u.host.len,
			u.host.p);
}

static void null_rule(struct lint *l, const struct view *v)
{
	tree_each (item, v->list)
		if (tree_is_null(item))
			lint_find(l, item->start,
				"an empty element; the rule under it may have lost its indentation");
}

const struct lint_check checks_service[] = {
	{"IL201", scheme_unknown, NULL},
	{"IL202", stream_port, NULL},
	{"IL203", parts_ignored, NULL},
	{"IL204", port_range, NULL},
	{"IL205", unix_path, NULL},
	{"IL206", localhost, NULL},
	{"IL207", localhost_in_container, NULL},
	{"IL208", scheme_and_port, NULL},
	{"IL209", hello_world, NULL},
	{"IL210", own_hostname, NULL},
	{"IL211", brackets, NULL},
	{"IL212", NULL, null_rule},
	{0},
};
