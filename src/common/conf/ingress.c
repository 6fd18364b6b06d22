/* Rules once they are made: names of keys and faults, the rule of --url, and freeing. Reading a file is in
 * ingress_parse.c, choosing a rule in ingress_match.c. */
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/conf/ingress_private.h"
#include "common/conf/servicetext.h"

const char *ingress_key_name(enum ingress_key key)
{
	static const char *const names[INGRESS_KEYS] = {
		[INGRESS_CONNECT_TIMEOUT] = "connectTimeout",
		[INGRESS_TLS_TIMEOUT] = "tlsTimeout",
		[INGRESS_TCP_KEEP_ALIVE] = "tcpKeepAlive",
		[INGRESS_NO_HAPPY_EYEBALLS] = "noHappyEyeballs",
		[INGRESS_KEEP_ALIVE_CONNECTIONS] = "keepAliveConnections",
		[INGRESS_KEEP_ALIVE_TIMEOUT] = "keepAliveTimeout",
		[INGRESS_HTTP_HOST_HEADER] = "httpHostHeader",
		[INGRESS_ORIGIN_SERVER_NAME] = "originServerName",
		[INGRESS_MATCH_SNI_TO_HOST] = "matchSNItoHost",
		[INGRESS_CA_POOL] = "caPool",
		[INGRESS_NO_TLS_VERIFY] = "noTLSVerify",
		[INGRESS_DISABLE_CHUNKED_ENCODING] = "disableChunkedEncoding",
		[INGRESS_BASTION_MODE] = "bastionMode",
		[INGRESS_PROXY_ADDRESS] = "proxyAddress",
		[INGRESS_PROXY_PORT] = "proxyPort",
		[INGRESS_PROXY_TYPE] = "proxyType",
		[INGRESS_IP_RULES] = "ipRules",
		[INGRESS_HTTP2_ORIGIN] = "http2Origin",
		[INGRESS_ACCESS] = "access",
	};

	return names[key];
}

const char *ingress_fault_class(enum ingress_fault fault)
{
	switch (fault) {
	case INGRESS_OK: return "ok";
	case INGRESS_NO_CONFIG_FILE: return "no-config-file";
	case INGRESS_YAML_SYNTAX: return "yaml-syntax";
	case INGRESS_YAML_TYPE: return "yaml-type";
	case INGRESS_YAML_DUPLICATE_KEY: return "yaml-duplicate-key";
	case INGRESS_SETTING_TYPE: return "setting-type";
	case INGRESS_NO_RULES: return "no-rules";
	case INGRESS_SERVICE_ADDRESS: return "service-address";
	case INGRESS_SERVICE_PATH: return "service-path";
	case INGRESS_SERVICE_URL: return "service-url";
	case INGRESS_STATUS_CODE: return "status-code";
	case INGRESS_HOSTNAME_PORT: return "hostname-port";
	case INGRESS_HOSTNAME_WILDCARD: return "hostname-wildcard";
	case INGRESS_LAST_RULE_NOT_CATCH_ALL: return "last-rule-not-catch-all";
	case INGRESS_EARLY_CATCH_ALL: return "early-catch-all";
	case INGRESS_REGEX: return "regex";
	case INGRESS_IP_RULE: return "ip-rule";
	case INGRESS_ACCESS_TEAM: return "access-team";
	case INGRESS_URL_SETTING: return "url-setting";
	}
	abort();
}

/* --- Options --- */

void ingress_options_default(struct ingress_options *o)
{
	*o = (struct ingress_options){.connect_timeout_ns = 30 * DURATION_S,
		.tls_timeout_ns = 10 * DURATION_S,
		.tcp_keep_alive_ns = 30 * DURATION_S,
		.keep_alive_timeout_ns = 90 * DURATION_S,
		.keep_alive_connections = 100,
		.http_host_header = mem_strdup(""),
		.origin_server_name = mem_strdup(""),
		.ca_pool = mem_strdup(""),
		.proxy_address = mem_strdup("127.0.0.1"),
		.proxy_type = mem_strdup("")};
}

void ingress_options_copy(struct ingress_options *to, const struct ingress_options *from)
{
	*to = *from;
	to->http_host_header = mem_strdup(from->http_host_header);
	to->origin_server_name = mem_strdup(from->origin_server_name);
	to->ca_pool = mem_strdup(from->ca_pool);
	to->proxy_address = mem_strdup(from->proxy_address);
	to->proxy_type = mem_strdup(from->proxy_type);
	/* ipRules and access count at the rule that has them only. */
	to->ip_rules = NULL;
	to->ip_rule_count = 0;
	to->access = (struct ingress_access){0};
	to->where[INGRESS_IP_RULES] = to->where[INGRESS_ACCESS] = (struct ingress_place){0};
}

void ingress_options_free(struct ingress_options *o)
{
	free(o->http_host_header);
	free(o->origin_server_name);
	free(o->ca_pool);
	free(o->proxy_address);
	free(o->proxy_type);
	for (size_t i = 0; i < o->ip_rule_count; i++) {
		free(o->ip_rules[i].prefix);
		free(o->ip_rules[i].ports);
	}
	free(o->ip_rules);
	free(o->access.team_name);
	for (size_t i = 0; i < o->access.aud_count; i++)
		free(o->access.aud_tags[i]);
	free(o->access.aud_tags);
}

/* --- Rules --- */

struct ingress *ingress_single(struct span service, struct err *err)
{
	struct ingress_service parsed;

	if (servicetext_parse(service, false, &parsed, err) != INGRESS_OK)
		return NULL;
	struct ingress *in = mem_alloc(sizeof(*in));
	in->rules = mem_array(1, sizeof(*in->rules));
	in->count = 1;
	in->rules[0] =
		(struct ingress_rule){.hostname = mem_strdup(""), .path = mem_strdup(""), .service = parsed};
	ingress_options_default(&in->rules[0].options);
	return in;
}

struct ingress_options *ingress_single_options(struct ingress *in)
{
	return &in->rules[0].options;
}

size_t ingress_count(const struct ingress *in)
{
	return in->count;
}

const struct ingress_rule *ingress_rule(const struct ingress *in, size_t i)
{
	return &in->rules[i];
}

void ingress_free(struct ingress *in)
{
	if (in == NULL)
		return;
	for (size_t i = 0; i < in->count; i++) {
		struct ingress_rule *r = &in->rules[i];
		free(r->hostname);
		free(r->punycode);
		free(r->path);
		servicetext_free(&r->service);
		ingress_options_free(&r->options);
	}
	free(in->rules);
	ingress_index_free(in->index);
	free(in);
}
