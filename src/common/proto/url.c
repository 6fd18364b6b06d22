/* Taking URLs and authorities apart. */
#include <arpa/inet.h>

#include "common/proto/url.h"

#define LABEL_MAX 63 /* RFC 1035, 2.3.4 */
#define PORT_MAX 65535

/* A numeric address, family AF_INET or AF_INET6. inet_pton takes no zone ("%eth0") and no short form ("127.1"). */
static bool is_address(int family, struct span s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr unused;

	if (s.len >= sizeof(text) || span_find(s, '\0') < s.len)
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return inet_pton(family, text, &unused) == 1;
}

static bool is_label_char(char c)
{
	char l = span_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of a name; the dot at its end may be there. A name that ends in a digit-only label is an address to some
 * resolvers ("127.1"), so it has to be a plain one. */
static bool is_name(struct span s)
{
	bool digits = true; /* the label so far */
	size_t label = 0;

	if (s.len > 1 && s.p[s.len - 1] == '.')
		s.len--;
	if (s.len > URL_HOST_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			digits = true;
			continue;
		}
		if (!is_label_char(c) || ++label > LABEL_MAX)
			return false;
		digits = digits && c >= '0' && c <= '9';
	}
	return label > 0 && (!digits || is_address(AF_INET, s));
}

/* The part after the host: nothing, or ":" and a port that may be empty. */
static bool read_port(struct span s, int *port)
{
	uint64_t n;

	*port = -1;
	if (s.len == 0)
		return true;
	if (s.p[0] != ':')
		return false;
	s = span_skip(s, 1);
	if (s.len == 0)
		return true;
	if (s.len > 5 || !span_to_u64(s, PORT_MAX, &n))
		return false;
	*port = (int)n;
	return true;
}

/* Split without a look at a host that is a name. */
static bool split(struct span text, struct url_authority *out)
{
	out->ipv6 = text.len > 0 && text.p[0] == '[';
	if (out->ipv6) {
		size_t close = span_find(text, ']');
		if (close == text.len)
			return false;
		out->host = span_of(text.p + 1, close - 1);
		return is_address(AF_INET6, out->host) && read_port(span_skip(text, close + 1), &out->port);
	}
	size_t colon = span_find(text, ':');
	out->host = span_of(text.p, colon);
	return read_port(span_skip(text, colon), &out->port);
}

bool url_split_authority(struct span text, struct url_authority *out)
{
	return split(text, out) && (out->ipv6 || is_name(out->host));
}

int url_parse_address(struct span text, struct url_authority *out, struct err *err)
{
	int shown = text.len < URL_HOST_MAX ? (int)text.len : URL_HOST_MAX;

	if (!split(text, out) || (out->host.len > 0 && !out->ipv6 && !is_name(out->host)))
		return err_set(
			err, "\"%.*s\" is no HOST:PORT (an IPv6 address stands in brackets)", shown, text.p);
	if (out->port < 0)
		return err_set(err, "\"%.*s\" has no port", shown, text.p);
	return 0;
}

static const struct {
	struct span prefix;
	enum url_scheme scheme;
	uint16_t port;
} schemes[] = {
	{{"http://", 7}, URL_HTTP, 80},
	{{"https://", 8}, URL_HTTPS, 443},
	{{"ws://", 5}, URL_WS, 80},
	{{"wss://", 6}, URL_WSS, 443},
};

/* Take the scheme off *rest. */
static int take_scheme(struct span *rest, struct url *out, struct err *err)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (!span_starts_nocase(*rest, schemes[i].prefix))
			continue;
		out->scheme = schemes[i].scheme;
		out->port = schemes[i].port;
		*rest = span_skip(*rest, schemes[i].prefix.len);
		return 0;
	}
	return err_set(err, "a URL begins with http://, https://, ws:// or wss://");
}

/* Take the authority off *rest, which goes up to the path, the query or the end (RFC 3986, 3.2). */
static int take_authority(struct span *rest, struct url *out, struct err *err)
{
	struct url_authority authority;
	size_t end = 0;

	while (end < rest->len && rest->p[end] != '/' && rest->p[end] != '?')
		end++;
	out->authority = span_of(rest->p, end);
	if (span_find(out->authority, '@') < end)
		return err_set(err, "a user name or password in a URL is not supported");
	if (!url_split_authority(out->authority, &authority) || authority.port == 0)
		return err_set(err, "host or port of the URL is invalid");
	out->host = authority.host;
	out->ipv6 = authority.ipv6;
	if (authority.port > 0)
		out->port = (uint16_t)authority.port;
	*rest = span_skip(*rest, end);
	return 0;
}

int url_parse(struct span text, struct url *out, struct err *err)
{
	struct span rest = text;

	if (text.len > URL_MAX)
		return err_set(err, "the URL is longer than %zu bytes", URL_MAX);
	/* Before anything else, so that no message has to show such bytes. */
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.p[i] <= ' ' || text.p[i] == 0x7f || text.p[i] == '#')
			return err_set(err, "a URL has no space, control character or fragment");
	if (take_scheme(&rest, out, err) < 0 || take_authority(&rest, out, err) < 0)
		return -1;
	out->path = span_cut(rest, '?', &out->query);
	if (out->path.len == 0)
		out->path = SPAN("/");
	return 0;
}

bool url_is_tls(enum url_scheme scheme)
{
	return scheme == URL_HTTPS || scheme == URL_WSS;
}
