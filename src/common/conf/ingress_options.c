/* originRequest: its keys and their types, the defaults, and how a rule's own values go over the global ones. */
#include <stdlib.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/conf/ingress_private.h"

/* --- ipRules and access --- */

static bool decode_ports(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	struct ingress_ip_rule *rule = out;
	void *ports;
	bool good = yaml_decode_list(d, n, yaml_decode_int, sizeof(int64_t), &ports, &rule->port_count);

	rule->ports = ports;
	return good;
}

static const struct yaml_member ip_rule_members[] = {
	{"prefix", yaml_decode_text, offsetof(struct ingress_ip_rule, prefix), YAML_NOWHERE, 0},
	{"ports", decode_ports, 0, YAML_NOWHERE, 0},
	{"allow", yaml_decode_bool, offsetof(struct ingress_ip_rule, allow), YAML_NOWHERE, 0},
};

static bool decode_ip_rule(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	static const struct yaml_struct type = {"config.IngressIPRule", ip_rule_members, 3, NULL};

	return yaml_decode_struct(d, n, &type, out);
}

static bool decode_ip_rules(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	struct ingress_options *o = out;
	void *rules;
	bool good = yaml_decode_list(
		d, n, decode_ip_rule, sizeof(struct ingress_ip_rule), &rules, &o->ip_rule_count);

	o->ip_rules = rules;
	return good;
}

static bool decode_aud_tags(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	struct ingress_access *access = out;
	void *tags;
	bool good = yaml_decode_list(d, n, yaml_decode_text, sizeof(char *), &tags, &access->aud_count);

	access->aud_tags = tags;
	return good;
}

/* Of no use to us: our connector asks no server for keys. */
static bool decode_environment(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	char *text = NULL;
	bool good = yaml_decode_text(d, n, &text);

	(void)out;
	free(text);
	return good;
}

static const struct yaml_member access_members[] = {
	{"required", yaml_decode_bool, offsetof(struct ingress_access, required), YAML_NOWHERE, 0},
	{"teamName", yaml_decode_text, offsetof(struct ingress_access, team_name), YAML_NOWHERE, 0},
	{"audTag", decode_aud_tags, 0, YAML_NOWHERE, 0},
	{"environment", decode_environment, 0, YAML_NOWHERE, RELEASE_BIT(RELEASE_2026)},
};

static bool decode_access(struct yaml_decode *d, const struct yaml_node *n, void *out)
{
	static const struct yaml_struct type = {"config.AccessConfig", access_members, 4, NULL};

	return yaml_decode_struct(d, n, &type, out);
}

/* --- Keys --- */

#define OPTION(key, name, fn, member)                                \
	[key] = {name, fn, offsetof(struct ingress_options, member), \
		offsetof(struct ingress_options, where) + (key) * sizeof(struct yaml_mark), 0}
#define OPTION_WHOLE(key, name, fn) \
	[key] = {name, fn, 0, offsetof(struct ingress_options, where) + (key) * sizeof(struct yaml_mark), 0}

static const struct yaml_member option_members[INGRESS_KEYS] = {
	OPTION(INGRESS_CONNECT_TIMEOUT, "connectTimeout", yaml_decode_duration, connect_timeout_ns),
	OPTION(INGRESS_TLS_TIMEOUT, "tlsTimeout", yaml_decode_duration, tls_timeout_ns),
	OPTION(INGRESS_TCP_KEEP_ALIVE, "tcpKeepAlive", yaml_decode_duration, tcp_keep_alive_ns),
	OPTION(INGRESS_NO_HAPPY_EYEBALLS, "noHappyEyeballs", yaml_decode_bool, no_happy_eyeballs),
	OPTION(INGRESS_KEEP_ALIVE_CONNECTIONS, "keepAliveConnections", yaml_decode_int,
		keep_alive_connections),
	OPTION(INGRESS_KEEP_ALIVE_TIMEOUT, "keepAliveTimeout", yaml_decode_duration, keep_alive_timeout_ns),
	OPTION(INGRESS_HTTP_HOST_HEADER, "httpHostHeader", yaml_decode_text, http_host_header),
	OPTION(INGRESS_ORIGIN_SERVER_NAME, "originServerName", yaml_decode_text, origin_server_name),
	[INGRESS_MATCH_SNI_TO_HOST] = {"matchSNItoHost", yaml_decode_bool,
		offsetof(struct ingress_options, match_sni_to_host),
		offsetof(struct ingress_options, where) +
			INGRESS_MATCH_SNI_TO_HOST * sizeof(struct yaml_mark),
		RELEASE_SINCE_2025},
	OPTION(INGRESS_CA_POOL, "caPool", yaml_decode_text, ca_pool),
	OPTION(INGRESS_NO_TLS_VERIFY, "noTLSVerify", yaml_decode_bool, no_tls_verify),
	OPTION(INGRESS_DISABLE_CHUNKED_ENCODING, "disableChunkedEncoding", yaml_decode_bool,
		disable_chunked_encoding),
	OPTION(INGRESS_BASTION_MODE, "bastionMode", yaml_decode_bool, bastion_mode),
	OPTION(INGRESS_PROXY_ADDRESS, "proxyAddress", yaml_decode_text, proxy_address),
	OPTION(INGRESS_PROXY_PORT, "proxyPort", yaml_decode_uint, proxy_port),
	OPTION(INGRESS_PROXY_TYPE, "proxyType", yaml_decode_text, proxy_type),
	OPTION_WHOLE(INGRESS_IP_RULES, "ipRules", decode_ip_rules),
	OPTION(INGRESS_HTTP2_ORIGIN, "http2Origin", yaml_decode_bool, http2_origin),
	OPTION(INGRESS_ACCESS, "access", decode_access, access),
};

const char *ingress_key_name(enum ingress_key key)
{
	return option_members[key].name;
}

bool ingress_options_decode(struct yaml_decode *d, const struct yaml_node *n, void *o)
{
	static const struct yaml_struct type = {
		"config.OriginRequestConfig", option_members, INGRESS_KEYS, NULL};

	return yaml_decode_struct(d, n, &type, o);
}

/* --- Values --- */

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

/* Put one value over another; texts are copied. */
static void override(enum ingress_key key, struct ingress_options *to, const struct ingress_options *from)
{
	const struct yaml_member *m = &option_members[key];
	char *at = (char *)to + m->offset;
	const char *value = (const char *)from + m->offset;

	if (m->fn == yaml_decode_text) {
		free(*(char **)(void *)at);
		*(char **)(void *)at = mem_strdup(*(char *const *)(const void *)value);
	} else {
		memcpy(at, value, m->fn == yaml_decode_bool ? sizeof(bool) : sizeof(int64_t));
	}
	to->where[key] = from->where[key];
}

void ingress_options_merge(
	struct ingress_options *out, const struct ingress_options *global, struct ingress_options *own)
{
	ingress_options_default(out);
	for (enum ingress_key key = 0; key < INGRESS_KEYS; key++) {
		if (key == INGRESS_IP_RULES || key == INGRESS_ACCESS)
			continue;
		if (own->where[key].line > 0)
			override(key, out, own);
		else if (global->where[key].line > 0)
			override(key, out, global);
	}
	out->ip_rules = own->ip_rules;
	out->ip_rule_count = own->ip_rule_count;
	out->access = own->access;
	out->where[INGRESS_IP_RULES] = own->where[INGRESS_IP_RULES];
	out->where[INGRESS_ACCESS] = own->where[INGRESS_ACCESS];
	own->ip_rules = NULL;
	own->ip_rule_count = 0;
	own->access = (struct ingress_access){0};
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
