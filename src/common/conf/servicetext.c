/* Services, and as much of Go's net/url as decides whether one is accepted. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/servicetext.h"

/* What url.Parse finds; spans point into the text. */
struct go_url {
	struct span scheme, host, path; /* host with its port, as written */
	bool has_authority;
};

/* --- net/url --- */

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

static const char *take_authority(struct span authority, struct go_url *u)
{
	size_t at = span_rfind(authority, '@');

	if (at < authority.len) {
		if (!is_userinfo(span_of(authority.p, at)))
			return "net/url: invalid userinfo";
		authority = span_skip(authority, at + 1);
	}
	u->host = authority;
	return check_host(authority);
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

/* url.Parse, without what only matters for the parts not used here. A reason when it fails. */
static const char *go_parse(struct span text, struct go_url *u)
{
	struct span fragment, query, rest = span_cut(text, '#', &fragment);

	*u = (struct go_url){.scheme = SPAN(""), .host = SPAN(""), .path = SPAN("")};
	for (size_t i = 0; i < rest.len; i++)
		if ((unsigned char)rest.p[i] < 0x20 || rest.p[i] == 0x7f)
			return "net/url: invalid control character in URL";
	if (fragment.p != NULL && check_path(fragment) != NULL)
		return "invalid URL escape";
	if (span_eq(rest, SPAN("*")))
		return NULL;
	if (!take_scheme(&rest, &u->scheme))
		return "missing protocol scheme";
	rest = span_cut(rest, '?', &query);
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
		u->has_authority = true;
		u->path = span_skip(authority, slash);
		const char *why = take_authority(span_of(authority.p, slash), u);
		if (why != NULL)
			return why;
	} else {
		u->path = rest;
	}
	return check_path(u->path);
}

/* Hostname and Port: brackets are taken off, the port is what follows the last colon if it is digits. */
static void split_host(struct span host, struct span *name, struct span *port)
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

/* --- Services --- */

struct scheme {
	struct span name;
	enum ingress_kind kind;
	bool tls;
	const char *port;
};

static const struct scheme schemes[] = {
	{{"http", 4}, INGRESS_HTTP, false, "80"},
	{{"ws", 2}, INGRESS_HTTP, false, "80"},
	{{"https", 5}, INGRESS_HTTP, true, "443"},
	{{"wss", 3}, INGRESS_HTTP, true, "443"},
	{{"ssh", 3}, INGRESS_TCP, false, "22"},
	{{"rdp", 3}, INGRESS_TCP, false, "3389"},
	{{"smb", 3}, INGRESS_TCP, false, "445"},
	{{"tcp", 3}, INGRESS_TCP, false, "7864"},
};

static char *lower_text(struct span s)
{
	char *text = mem_spandup(s);

	for (char *c = text; *c != '\0'; c++)
		*c = span_lower(*c);
	return text;
}

/* Bytes of a host with its escapes resolved. */
static char *unescape_host(struct span s)
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
	return out;
}

static void fill_url(const struct go_url *u, struct span text, struct ingress_service *out)
{
	struct span name, port;
	char *scheme = lower_text(u->scheme);
	const struct scheme *known = NULL;

	split_host(u->host, &name, &port);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (span_eq(schemes[i].name, span_str(scheme)))
			known = &schemes[i];
	out->kind = known != NULL ? known->kind : INGRESS_TCP;
	out->tls = known != NULL && known->tls;
	out->host = unescape_host(name);
	out->port = port.len > 0 ? mem_spandup(port) : mem_strdup(known != NULL ? known->port : "");
	if (out->kind == INGRESS_TCP && port.len == 0 && out->port[0] != '\0')
		out->text = mem_printf("%s://%.*s:%s", scheme, (int)u->host.len, u->host.p, out->port);
	else
		out->text =
			mem_printf("%s%.*s", scheme, (int)(text.len - u->scheme.len), text.p + u->scheme.len);
	free(scheme);
}

static enum ingress_fault parse_url(struct span text, struct ingress_service *out, struct err *err)
{
	struct go_url u;
	struct span name, port;
	const char *why = go_parse(text, &u);

	if (why != NULL) {
		err_set(err, "service \"%.*s\" is not a URL: %s", (int)text.len, text.p, why);
		return INGRESS_SERVICE_URL;
	}
	split_host(u.host, &name, &port);
	if (u.scheme.len == 0 || name.len == 0) {
		err_set(err, "service \"%.*s\" has no %s; write it as http://HOST:PORT", (int)text.len,
			text.p, u.scheme.len == 0 ? "scheme" : "host name");
		return INGRESS_SERVICE_ADDRESS;
	}
	if (u.path.len > 0) {
		err_set(err,
			"service \"%.*s\" has a path, which is not allowed: the request's own path is used",
			(int)text.len, text.p);
		return INGRESS_SERVICE_PATH;
	}
	fill_url(&u, text, out);
	return INGRESS_OK;
}

/* Go's strconv.Atoi: an optional sign and decimal digits. */
static enum ingress_fault parse_status(struct span text, struct ingress_service *out, struct err *err)
{
	struct span digits = text;
	uint64_t code = 0;
	bool negative = text.len > 0 && text.p[0] == '-';

	if (text.len > 0 && (text.p[0] == '+' || text.p[0] == '-'))
		digits = span_skip(text, 1);
	if (!span_to_u64(digits, INT64_MAX, &code) || negative || code < 100 || code > 999) {
		err_set(err, "http_status:%.*s is not a status from 100 to 999", (int)text.len, text.p);
		return INGRESS_STATUS_CODE;
	}
	out->kind = INGRESS_STATUS;
	out->status = (int)code;
	out->text = mem_printf("http_status:%d", out->status);
	return INGRESS_OK;
}

static enum ingress_fault fill_unix(struct span path, bool tls, struct ingress_service *out)
{
	out->kind = INGRESS_UNIX;
	out->tls = tls;
	out->path = mem_spandup(path);
	out->text = mem_printf("unix:%s", out->path);
	return INGRESS_OK;
}

static enum ingress_fault fill_plain(enum ingress_kind kind, const char *text, struct ingress_service *out)
{
	out->kind = kind;
	out->text = mem_strdup(text);
	return INGRESS_OK;
}

enum ingress_fault servicetext_parse(
	struct span text, bool bastion, struct ingress_service *out, struct err *err)
{
	*out = (struct ingress_service){0};
	if (span_starts(text, SPAN("unix:")))
		return fill_unix(span_skip(text, 5), false, out);
	if (span_starts(text, SPAN("unix+tls:")))
		return fill_unix(span_skip(text, 9), true, out);
	if (span_starts(text, SPAN("http_status:")))
		return parse_status(span_skip(text, 12), out, err);
	if (span_eq(text, SPAN("hello_world")) || span_eq(text, SPAN("hello-world")))
		return fill_plain(INGRESS_HELLO_WORLD, "hello_world", out);
	if (span_eq(text, SPAN("socks-proxy")))
		return fill_plain(INGRESS_SOCKS_PROXY, "socks-proxy", out);
	if (span_eq(text, SPAN("bastion")) || bastion)
		return fill_plain(INGRESS_BASTION, "bastion", out);
	return parse_url(text, out, err);
}

void servicetext_free(struct ingress_service *s)
{
	free(s->host);
	free(s->port);
	free(s->path);
	free(s->text);
}
