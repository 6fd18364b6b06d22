/* As much of Go's net/url as decides what a URL is, and which host and path it names. */
#include <arpa/inet.h>

#include "common/base/mem.h"
#include "common/conf/gourl.h"

static bool is_letter(char c)
{
	c = span_lower(c);
	return c >= 'a' && c <= 'z';
}

/* getScheme: text up to the colon, or none. False when there is nothing before the colon. */
static bool take_scheme(struct span *rest, struct span *scheme)
{
	*scheme = SPAN("");
	for (size_t i = 0; i < rest->len; i++) {
		char c = rest->p[i];
		if (is_letter(c))
			continue;
		if ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.') {
			if (i == 0)
				return true;
			continue;
		}
		if (c != ':')
			return true;
		if (i == 0)
			return false;
		*scheme = span_of(rest->p, i);
		*rest = span_skip(*rest, i + 1);
		return true;
	}
	return true;
}

/* Bytes that a host may hold as they are (shouldEscape with encodeHost). */
static bool is_host_byte(char c)
{
	return (unsigned char)c >= 0x80 || is_letter(c) || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-_.~$&+,=:;!'()*[]<>\"", c) != NULL);
}

/* May the byte be written as an escape? In a host only what is not ASCII, in a zone what could stand there as it is, too. */
static bool may_be_escaped(unsigned char c, bool zone)
{
	return c >= 0x80 || c == '%' || (zone && (c == ' ' || is_host_byte((char)c)));
}

/* unescape with encodeHost, or encodeZone for what follows the first "%25" in brackets. */
static const char *check_host_text(struct span host, bool zone)
{
	for (size_t i = 0; i < host.len; i++) {
		if (host.p[i] != '%') {
			if (!is_host_byte(host.p[i]))
				return "invalid character in host name";
			continue;
		}
		int high = i + 2 < host.len ? span_hex_digit(host.p[i + 1]) : -1;
		int low = i + 2 < host.len ? span_hex_digit(host.p[i + 2]) : -1;
		if (high < 0 || low < 0 || !may_be_escaped((unsigned char)(high * 16 + low), zone))
			return "invalid URL escape";
		i += 2;
	}
	return NULL;
}

/* Where the zone of an address begins; the length when there is none. */
static size_t find_zone(struct span name)
{
	const char *at = name.len > 0 ? memmem(name.p, name.len, "%25", 3) : NULL;

	return at != NULL ? (size_t)(at - name.p) : name.len;
}

/* What stands in brackets, as netip.ParseAddr takes it. */
static bool is_ipv6(struct span name)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	size_t zone = find_zone(name);

	if (zone >= sizeof(text) || zone + 3 == name.len)
		return false;
	memcpy(text, name.p, zone);
	text[zone] = '\0';
	return inet_pton(AF_INET6, text, bytes) == 1;
}

/* validOptionalPort: "" or ":" and digits. */
static bool is_optional_port(struct span s)
{
	if (s.len == 0)
		return true;
	if (s.p[0] != ':')
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

/* parseHost, of a host that begins with a bracket. */
static const char *check_literal(struct span host, bool strict)
{
	size_t close = span_rfind(host, ']');

	if (close == host.len)
		return "missing ']' in host";
	if (!is_optional_port(span_skip(host, close + 1)))
		return "invalid port after host";
	struct span name = span_of(host.p + 1, close - 1);
	size_t zone = find_zone(name);
	const char *why = check_host_text(span_of(name.p, zone), false);
	if (why == NULL)
		why = check_host_text(span_skip(name, zone), true);
	if (why == NULL && strict && !is_ipv6(name))
		why = "brackets are for IPv6 addresses alone";
	return why;
}

/* parseHost, of another. */
static const char *check_name(struct span host, struct span scheme, bool strict)
{
	bool http = span_eq_nocase(scheme, SPAN("http")) || span_eq_nocase(scheme, SPAN("https"));
	size_t colon = strict && http ? span_find(host, ':') : span_rfind(host, ':');

	if (colon < host.len && !is_optional_port(span_skip(host, colon)))
		return "invalid port after host";
	return check_host_text(host, false);
}

/* Bytes of userinfo (validUserinfo). */
static bool is_userinfo(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_letter(s.p[i]) && !(s.p[i] >= '0' && s.p[i] <= '9') &&
			(s.p[i] == '\0' || strchr("-._:~!$&'()*+,;=%@", s.p[i]) == NULL))
			return false;
	return true;
}

/* setPath: every escape must be one. */
static const char *check_path(struct span path)
{
	for (size_t i = 0; i < path.len; i++)
		if (path.p[i] == '%' && (i + 2 >= path.len || span_hex_digit(path.p[i + 1]) < 0 ||
						span_hex_digit(path.p[i + 2]) < 0))
			return "invalid URL escape";
	return NULL;
}

static const char *take_authority(struct span authority, bool strict, struct gourl *u)
{
	size_t at = span_rfind(authority, '@');

	if (at < authority.len) {
		u->userinfo = span_of(authority.p, at);
		if (!is_userinfo(u->userinfo))
			return "net/url: invalid userinfo";
		if (check_path(u->userinfo) != NULL)
			return "invalid URL escape";
		authority = span_skip(authority, at + 1);
	}
	u->host = authority;
	size_t open = span_rfind(authority, '[');
	if (strict && open > 0 && open < authority.len)
		return "brackets are for IPv6 addresses alone";
	if (authority.len > 0 && authority.p[0] == '[')
		return check_literal(authority, strict);
	return check_name(authority, u->scheme, strict);
}

const char *gourl_parse(struct span text, enum release release, struct gourl *u)
{
	*u = (struct gourl){.scheme = SPAN(""), .host = SPAN(""), .path = SPAN("")};
	struct span rest = span_cut(text, '#', &u->fragment);

	for (size_t i = 0; i < rest.len; i++)
		if ((unsigned char)rest.p[i] < 0x20 || rest.p[i] == 0x7f)
			return "net/url: invalid control character in URL";
	if (check_path(u->fragment) != NULL)
		return "invalid URL escape";
	if (span_eq(rest, SPAN("*"))) {
		u->path = rest;
		return NULL;
	}
	if (!take_scheme(&rest, &u->scheme))
		return "missing protocol scheme";
	rest = span_cut(rest, '?', &u->query);
	if (rest.len == 0 || rest.p[0] != '/') {
		if (u->scheme.len > 0)
			return NULL; /* opaque */
		size_t colon = span_find(rest, ':'), slash = span_find(rest, '/');
		if (colon < slash)
			return "first path segment in URL cannot contain colon";
	}
	if (span_starts(rest, SPAN("//")) && (u->scheme.len > 0 || !span_starts(rest, SPAN("///")))) {
		struct span authority = span_skip(rest, 2);
		size_t slash = span_find(authority, '/');
		u->path = span_skip(authority, slash);
		const char *why = take_authority(span_of(authority.p, slash), release == RELEASE_2026, u);
		if (why != NULL)
			return why;
	} else {
		u->path = rest;
	}
	return check_path(u->path);
}

void gourl_split_host(struct span host, struct span *name, struct span *port)
{
	size_t colon = span_rfind(host, ':');

	*port = SPAN("");
	*name = host;
	if (colon < host.len && is_optional_port(span_skip(host, colon))) {
		*name = span_of(host.p, colon);
		*port = span_skip(host, colon + 1);
	}
	if (name->len >= 2 && name->p[0] == '[' && name->p[name->len - 1] == ']')
		*name = span_of(name->p + 1, name->len - 2);
}

char *gourl_unescape(struct span s, size_t *len)
{
	char *out = mem_alloc(s.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '%' && i + 2 < s.len) {
			out[n++] = (char)(span_hex_digit(s.p[i + 1]) * 16 + span_hex_digit(s.p[i + 2]));
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	}
	*len = n;
	return out;
}
