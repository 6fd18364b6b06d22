/* Signatures of servers, as measured on Apache 2.4, nginx 1.22, HAProxy 2.6, Caddy 2.6, cloudflared, gorilla, node-ws. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "wscat/writer.h"

static const char *body_of(const struct reply *r)
{
	return r->body != NULL ? r->body : "";
}

static bool field_has(const struct reply *r, const char *name, const char *what)
{
	char value[256];

	return strcasestr(reply_field(r, name, value, sizeof(value), NULL), what) != NULL;
}

static bool has_field(const struct reply *r, const char *name)
{
	char value[8];
	int count;

	reply_field(r, name, value, sizeof(value), &count);
	return count > 0;
}

static bool is_http2(const struct reply *r)
{
	size_t len = r->head != NULL ? strcspn(r->head, "\n") : 0;

	return len > 7 && strncmp(r->head + len - 7, " HTTP/2", 7) == 0;
}

/* Every field name in lower case, and at least one there: HAProxy, in HTTP/1.1 too. Over HTTP/2 everybody's are. */
static bool is_lower_case(const struct reply *r)
{
	const char *line = r->head != NULL ? strchr(r->head, '\n') : NULL;
	bool any = false;

	if (is_http2(r))
		return false;
	while (line != NULL && *++line != '\0' && *line != '\n') {
		size_t len = strcspn(line, ":\n");
		for (size_t i = 0; i < len; i++)
			if (isupper((unsigned char)line[i]))
				return false;
		any = any || line[len] == ':';
		line = strchr(line, '\n');
	}
	return any;
}

bool writer_is_html(const struct reply *r)
{
	return field_has(r, "content-type", "text/html") ||
	       strcasestr(body_of(r), "<!doctype html") != NULL || strcasestr(body_of(r), "<html") != NULL;
}

static bool is_empty(const struct reply *r)
{
	return body_of(r)[0] == '\0';
}

static bool is_apache_page(const struct reply *r)
{
	return field_has(r, "content-type", "iso-8859-1") &&
	       strstr(body_of(r), "<!DOCTYPE HTML PUBLIC \"-//") != NULL;
}

static bool is_nginx_page(const struct reply *r)
{
	return strstr(body_of(r), "<center>nginx") != NULL ||
	       strstr(body_of(r), "<center>openresty") != NULL ||
	       strstr(body_of(r), "default backend - 404") != NULL;
}

static bool is_haproxy_page(const struct reply *r)
{
	return strncmp(body_of(r), "<html><body><h1>", 16) == 0 && !has_field(r, "server");
}

static bool is_caddy_page(const struct reply *r)
{
	char value[64];
	int count;

	reply_field(r, "server", value, sizeof(value), &count);
	return is_empty(r) && count == 1 && strcmp(value, "Caddy") == 0;
}

static bool is_cloudflared_page(const struct reply *r)
{
	return is_empty(r) && !has_field(r, "server") && (r->status == 502 || r->status == 404) &&
	       !is_lower_case(r);
}

enum product writer_of(const struct reply *r)
{
	if (r->status == 0)
		return PRODUCT_UNKNOWN;
	if (is_apache_page(r))
		return PRODUCT_APACHE;
	if (is_nginx_page(r))
		return PRODUCT_NGINX;
	if (is_haproxy_page(r))
		return PRODUCT_HAPROXY;
	if (is_caddy_page(r))
		return PRODUCT_CADDY;
	if (is_cloudflared_page(r))
		return PRODUCT_CLOUDFLARED;
	return PRODUCT_APP;
}

/* Does field a stand before field b, both being there? */
static bool comes_before(const struct reply *r, const char *a, const char *b)
{
	const char *x = strstr(r->head, a), *y = strstr(r->head, b);

	return x != NULL && y != NULL && x < y;
}

/* A 101: who turned it over. (Apache writes Connection before Upgrade, both last, and nothing of its own.) */
static enum product front_of_101(const struct reply *r)
{
	if (comes_before(r, "\nConnection: Upgrade\n", "\nUpgrade: websocket\n") &&
		comes_before(r, "\nSec-WebSocket-Accept:", "\nConnection: Upgrade\n"))
		return PRODUCT_APACHE;
	if (strstr(r->head, "\nSec-Websocket-Accept:") != NULL && !has_field(r, "server"))
		return PRODUCT_CLOUDFLARED;
	return PRODUCT_UNKNOWN;
}

enum product writer_front(const struct reply *r)
{
	char server[64];
	enum product writer = writer_of(r);

	if (writer != PRODUCT_UNKNOWN && writer != PRODUCT_APP && writer != PRODUCT_CLOUDFLARED) {
		/* A page that came through something else shows it in its fields. */
		reply_field(r, "server", server, sizeof(server), NULL);
		if (is_lower_case(r))
			return PRODUCT_HAPROXY;
		if (strcmp(server, "Caddy") == 0)
			return PRODUCT_CADDY;
		return strncasecmp(server, "nginx", 5) == 0 ? PRODUCT_NGINX : writer;
	}
	if (r->head == NULL || r->head[0] == '\0')
		return PRODUCT_UNKNOWN;
	if (is_lower_case(r))
		return PRODUCT_HAPROXY;
	reply_field(r, "server", server, sizeof(server), NULL);
	if (strcmp(server, "Caddy") == 0)
		return PRODUCT_CADDY;
	if (strncasecmp(server, "nginx", 5) == 0 || strncasecmp(server, "openresty", 9) == 0)
		return PRODUCT_NGINX;
	if (strncasecmp(server, "Apache", 6) == 0)
		return PRODUCT_APACHE;
	return r->status == 101 ? front_of_101(r) : writer == PRODUCT_CLOUDFLARED ? writer : PRODUCT_UNKNOWN;
}

bool writer_is_plain_answer(const struct reply *r)
{
	return r->status == 426 || (r->status == 400 && (has_field(r, "sec-websocket-version") ||
								strncmp(body_of(r), "Bad Request", 11) == 0));
}

bool writer_same(const struct reply *a, const struct reply *b)
{
	return a->status != 0 && a->status == b->status && strcmp(body_of(a), body_of(b)) == 0;
}
