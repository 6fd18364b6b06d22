/* One catch-all rule out of flags, as cloudflared makes it. */
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/proto/url.h"
#include "tunnel/cmd/service_flags.h"

/* --url is also taken without a scheme, and with the "/" that browsers show behind the address. */
static void write_url(struct span url, struct buf *service)
{
	struct url_authority address;
	bool keyword = span_eq(url, SPAN("hello_world")) || span_starts(url, SPAN("http_status:"));

	if (!keyword && url_split_authority(url, &address))
		buf_add_str(service, "http://");
	else if (span_starts(url, SPAN("http")) && span_ends(url, SPAN("/")))
		url.len--;
	buf_add_span(service, url);
}

static void set_text(char **member, const char *value)
{
	if (value == NULL)
		return;
	free(*member);
	*member = mem_strdup(value);
}

static void apply(const struct service_flags *f, const struct opt *options, const struct opt_seen *seen,
	struct ingress_options *o)
{
	set_text(&o->http_host_header, f->http_host_header);
	set_text(&o->origin_server_name, f->origin_server_name);
	set_text(&o->ca_pool, f->origin_ca_pool);
	o->no_tls_verify = f->no_tls_verify;
	o->disable_chunked_encoding = f->no_chunked;
	o->http2_origin = f->http2_origin;
	o->no_happy_eyeballs = f->no_happy_eyeballs;
	if (opt_was_set(options, seen, "proxy-connect-timeout"))
		o->connect_timeout_ns = f->connect_timeout_ns;
	if (opt_was_set(options, seen, "proxy-tls-timeout"))
		o->tls_timeout_ns = f->tls_timeout_ns;
	if (opt_was_set(options, seen, "proxy-tcp-keepalive"))
		o->tcp_keep_alive_ns = f->tcp_keepalive_ns;
	if (opt_was_set(options, seen, "proxy-keepalive-timeout"))
		o->keep_alive_timeout_ns = f->keepalive_timeout_ns;
	if (opt_was_set(options, seen, "proxy-keepalive-connections"))
		o->keep_alive_connections = f->keepalive_connections;
}

static bool is_carried_out(enum ingress_kind kind)
{
	return kind == INGRESS_HTTP || kind == INGRESS_UNIX || kind == INGRESS_STATUS ||
	       kind == INGRESS_HELLO_WORLD;
}

static struct ingress *make_ingress(const struct service_flags *f, struct span service, struct err *err)
{
	struct ingress *in = ingress_single(service, err);

	if (in != NULL && !is_carried_out(ingress_rule(in, 0)->service.kind)) {
		err_set(err, "%.*s: only http, https, ws and wss are supported yet", (int)service.len,
			service.p);
		ingress_free(in);
		in = NULL;
	}
	if (in == NULL)
		err_wrap(err, f->unix_socket != NULL ? "--unix-socket" : "--url");
	return in;
}

struct ingress *service_flags_ingress(const struct service_flags *f, const struct opt *options,
	const struct opt_seen *seen, struct err *err)
{
	struct buf service = {0};

	if (f->hello_world)
		buf_add_str(&service, "hello_world");
	else if (f->unix_socket != NULL)
		buf_addf(&service, "unix:%s", f->unix_socket);
	else if (f->url != NULL)
		write_url(span_str(f->url), &service);
	else
		buf_add_str(&service, "http_status:503");
	struct ingress *in = make_ingress(f, buf_span(&service), err);
	buf_free(&service);
	if (in != NULL)
		apply(f, options, seen, ingress_single_options(in));
	return in;
}
