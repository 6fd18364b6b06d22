/* What is not done here yet, found by its key or its service. */
#include <stdlib.h>

#include "tunnel/origin/able.h"

/* Does the key ask for something that is not done here? A value that is the default asks for nothing. */
static bool asks_too_much(const struct ingress_options *o, enum ingress_key key)
{
	if (o->where[key].line == 0)
		return false;
	switch (key) {
	case INGRESS_BASTION_MODE: return o->bastion_mode;
	case INGRESS_PROXY_TYPE: return o->proxy_type != NULL && o->proxy_type[0] != '\0';
	case INGRESS_PROXY_ADDRESS:
	case INGRESS_PROXY_PORT:
	case INGRESS_ACCESS: return true;
	case INGRESS_IP_RULES: return o->ip_rule_count > 0;
	case INGRESS_CONNECT_TIMEOUT:
	case INGRESS_TLS_TIMEOUT:
	case INGRESS_TCP_KEEP_ALIVE:
	case INGRESS_NO_HAPPY_EYEBALLS:
	case INGRESS_KEEP_ALIVE_CONNECTIONS:
	case INGRESS_KEEP_ALIVE_TIMEOUT:
	case INGRESS_HTTP_HOST_HEADER:
	case INGRESS_ORIGIN_SERVER_NAME:
	case INGRESS_MATCH_SNI_TO_HOST:
	case INGRESS_CA_POOL:
	case INGRESS_NO_TLS_VERIFY:
	case INGRESS_DISABLE_CHUNKED_ENCODING:
	case INGRESS_HTTP2_ORIGIN:
	case INGRESS_KEYS: return false;
	}
	abort();
}

static int check_options(const struct ingress_options *o, struct yaml_mark *at, struct err *err)
{
	for (enum ingress_key key = 0; key < INGRESS_KEYS; key++) {
		if (!asks_too_much(o, key))
			continue;
		*at = o->where[key];
		return err_set(
			err, "originRequest %s: not supported by this program yet", ingress_key_name(key));
	}
	return 0;
}

static int check_service(const struct ingress_rule *r, struct yaml_mark *at, struct err *err)
{
	switch (r->service.kind) {
	case INGRESS_HTTP:
	case INGRESS_UNIX:
	case INGRESS_STATUS:
	case INGRESS_HELLO_WORLD: return 0;
	case INGRESS_TCP:
	case INGRESS_SOCKS_PROXY:
	case INGRESS_BASTION: break;
	}
	*at = r->service_at;
	return err_set(err,
		"service %s: not supported by this program yet; http, https, ws, wss, unix, unix+tls, "
		"http_status and hello_world are",
		r->service.text);
}

int able_check(const struct ingress *in, struct yaml_mark *at, struct err *err)
{
	if (check_options(ingress_global(in), at, err) < 0)
		return -1;
	for (size_t i = 0; i < ingress_count(in); i++) {
		const struct ingress_rule *r = ingress_rule(in, i);
		if (check_options(&r->options, at, err) < 0 || check_service(r, at, err) < 0)
			return -1;
	}
	return 0;
}
