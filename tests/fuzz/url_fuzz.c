/* A URL's parts put together again are the same URL, and its host has no byte that could end a line or a field. */
#include "common/base/buf.h"
#include "common/proto/header.h"
#include "common/proto/url.h"
#include "fuzz.h"

static void check_host(struct span host, bool ipv6)
{
	MUST(host.len > 0 && host.len <= URL_HOST_MAX + 1 && header_is_token(host) == !ipv6);
	for (size_t i = 0; i < host.len; i++)
		MUST(host.p[i] != '/' && host.p[i] != '@' && host.p[i] != '?' && host.p[i] != '%');
}

static void check_put_together(const struct url *u)
{
	static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
	struct buf text = {0};
	struct url again;
	struct err err;

	MUST(buf_add_str(&text, schemes[u->scheme]) == 0 && buf_add_span(&text, u->authority) == 0);
	MUST(buf_add_span(&text, u->path) == 0);
	if (u->query.p != NULL)
		MUST(buf_add_char(&text, '?') == 0 && buf_add_span(&text, u->query) == 0);
	/* A "/" for the path may have made it one longer. */
	MUST(url_parse(buf_span(&text), &again, &err) == 0 || buf_len(&text) > URL_MAX);
	if (buf_len(&text) <= URL_MAX) {
		MUST(again.scheme == u->scheme && again.port == u->port && again.ipv6 == u->ipv6);
		MUST(span_eq(again.host, u->host) && span_eq(again.path, u->path) &&
			span_eq(again.query, u->query));
		MUST((again.query.p == NULL) == (u->query.p == NULL));
	}
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	struct url_authority authority, address;
	struct url u;
	struct err err;

	if (url_parse(in, &u, &err) == 0) {
		check_host(u.host, u.ipv6);
		MUST(u.port > 0 && u.path.len > 0 && u.path.p[0] == '/');
		check_put_together(&u);
	}
	bool is_address = url_parse_address(in, &address, &err) == 0;
	if (url_split_authority(in, &authority)) {
		check_host(authority.host, authority.ipv6);
		MUST(authority.port >= -1 && authority.port <= 65535);
		MUST(is_address == (authority.port >= 0));
	} else {
		MUST(!is_address || address.host.len == 0);
	}
	return 0;
}
