/* Services, in cloudflared's order of forms. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/gourl.h"
#include "common/conf/servicetext.h"

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

static void fill_url(const struct gourl *u, struct span text, struct ingress_service *out)
{
	struct span name, port;
	char *scheme = lower_text(u->scheme);
	const struct scheme *known = NULL;
	size_t len;

	gourl_split_host(u->host, &name, &port);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (span_eq(schemes[i].name, span_str(scheme)))
			known = &schemes[i];
	out->kind = known != NULL ? known->kind : INGRESS_TCP;
	out->tls = known != NULL && known->tls;
	out->host = gourl_unescape(name, &len);
	out->port = port.len > 0 ? mem_spandup(port) : mem_strdup(known != NULL ? known->port : "");
	if (out->kind == INGRESS_TCP && port.len == 0 && out->port[0] != '\0')
		out->text = mem_printf("%s://%.*s:%s", scheme, (int)u->host.len, u->host.p, out->port);
	else
		out->text =
			mem_printf("%s%.*s", scheme, (int)(text.len - u->scheme.len), text.p + u->scheme.len);
	free(scheme);
}

static enum ingress_fault parse_url(
	struct span text, enum release release, struct ingress_service *out, struct err *err)
{
	struct gourl u;
	struct span name, port;
	const char *why = gourl_parse(text, release, &u);

	if (why != NULL) {
		err_set(err, "service \"%.*s\" is not a URL: %s", (int)text.len, text.p, why);
		return INGRESS_SERVICE_URL;
	}
	gourl_split_host(u.host, &name, &port);
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
	struct span text, bool bastion, enum release release, struct ingress_service *out, struct err *err)
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
	return parse_url(text, release, out, err);
}

void servicetext_free(struct ingress_service *s)
{
	free(s->host);
	free(s->port);
	free(s->path);
	free(s->text);
}
