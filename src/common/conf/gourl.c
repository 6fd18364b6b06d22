/* As much of Go's net/url as decides what a URL is, and which host and path it names. */
#include "common/conf/gourl.h"
#include "common/base/mem.h"

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

/* unescape with encodeHost: only escapes of bytes that are not ASCII, and "%25", are allowed. */
static const char *check_host_text(struct span host)
{
	for (size_t i = 0; i < host.len; i++) {
		if (host.p[i] != '%') {
			if (!is_host_byte(host.p[i]))
				return "invalid character in host name";
			continue;
		}
		if (i + 2 >= host.len || span_hex_digit(host.p[i + 1]) < 0 ||
			span_hex_digit(host.p[i + 2]) < 0)
			return "invalid URL escape";
		if (span_hex_digit(host.p[i + 1]) < 8 && !span_eq(span_of(host.p + i, 3), SPAN("%25")))
			return "invalid URL escape";
		i += 2;
	}
	return NULL;
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

/* parseHost. */
static const char *check_host(struct span host)
{
	if (host.len > 0 && host.p[0] == '[') {
		size_t close = span_rfind(host, ']');
		if (close == host.len)
			return "missing ']' in host";
		if (!is_optional_port(span_skip(host, close + 1)))
			return "invalid port after host";
	} else {
		size_t colon = span_rfind(host, ':');
		if (colon < host.len && !is_optional_port(span_skip(host, colon)))
			return "invalid port after host";
	}
	return check_host_text(host);
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

static const char *take_authority(struct span authority, struct gourl *u)
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
	return check_host(authority);
}

const char *gourl_parse(struct span text, struct gourl *u)
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
		const char *why = take_authority(span_of(authority.p, slash), u);
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
