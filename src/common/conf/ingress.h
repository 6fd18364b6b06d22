/* Ingress rules as cloudflared reads them: an ordered list, the first that matches serves. Parsed once, then read-only.
 * Facts from cloudflared's config/configuration.go and ingress/ingress.go. */
#ifndef CONF_INGRESS_H
#define CONF_INGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

/* Where something stands in the file; line 0: nowhere, it is a default. */
struct ingress_place {
	unsigned line, column; /* from 1 */
};

enum ingress_kind {
	INGRESS_HTTP,        /* http, https, ws, wss */
	INGRESS_UNIX,        /* unix:, unix+tls: */
	INGRESS_STATUS,      /* http_status:N */
	INGRESS_HELLO_WORLD, /* hello_world, hello-world */
	INGRESS_TCP,         /* tcp, ssh, rdp, smb and every other scheme */
	INGRESS_SOCKS_PROXY,
	INGRESS_BASTION,
};

struct ingress_service {
	enum ingress_kind kind;
	bool tls;   /* https, wss, unix+tls */
	char *host; /* HTTP and TCP: name or address, no brackets */
	char *port; /* HTTP and TCP: as given, or the scheme's own; "" when there is none */
	char *path; /* UNIX: of the socket */
	int status; /* STATUS */
	char *text; /* as `cloudflared tunnel ingress rule` prints it */
};

/* The keys of originRequest. */
enum ingress_key {
	INGRESS_CONNECT_TIMEOUT,
	INGRESS_TLS_TIMEOUT,
	INGRESS_TCP_KEEP_ALIVE,
	INGRESS_NO_HAPPY_EYEBALLS,
	INGRESS_KEEP_ALIVE_CONNECTIONS,
	INGRESS_KEEP_ALIVE_TIMEOUT,
	INGRESS_HTTP_HOST_HEADER,
	INGRESS_ORIGIN_SERVER_NAME,
	INGRESS_MATCH_SNI_TO_HOST,
	INGRESS_CA_POOL,
	INGRESS_NO_TLS_VERIFY,
	INGRESS_DISABLE_CHUNKED_ENCODING,
	INGRESS_BASTION_MODE,
	INGRESS_PROXY_ADDRESS,
	INGRESS_PROXY_PORT,
	INGRESS_PROXY_TYPE,
	INGRESS_IP_RULES,
	INGRESS_HTTP2_ORIGIN,
	INGRESS_ACCESS,
	INGRESS_KEYS, /* how many */
};

/* Name of a key in the file: "connectTimeout". */
const char *ingress_key_name(enum ingress_key key);

struct ingress_ip_rule {
	char *prefix;
	int *ports;
	size_t port_count;
	bool allow;
};

struct ingress_access {
	bool required;
	char *team_name;
	char **aud_tags;
	size_t aud_count;
};

/* Effective values of originRequest: the rule's own, else the global ones, else the defaults. Texts are "" when unset. */
struct ingress_options {
	int64_t connect_timeout_ns, tls_timeout_ns, tcp_keep_alive_ns, keep_alive_timeout_ns;
	int64_t keep_alive_connections;
	uint64_t proxy_port;
	bool no_happy_eyeballs, match_sni_to_host, no_tls_verify, disable_chunked_encoding, bastion_mode,
		http2_origin;
	char *http_host_header, *origin_server_name, *ca_pool, *proxy_address, *proxy_type;
	struct ingress_ip_rule *ip_rules;
	size_t ip_rule_count;
	struct ingress_access access;
	struct ingress_place where[INGRESS_KEYS]; /* of each key */
};

struct ingress_rule {
	char *hostname; /* "" for every host */
	char *punycode; /* of hostname, NULL when it has none or the same */
	char *path;     /* expression, "" for every path */
	struct ingress_service service;
	struct ingress_options options;
	struct ingress_place at, hostname_at, path_at, service_at;
};

struct ingress; /* opaque; owned by whoever made it */

/* Why a configuration is refused; names of classes in parentheses are those that reports use. */
enum ingress_fault {
	INGRESS_OK,
	INGRESS_NO_CONFIG_FILE,          /* empty, or comments only (no-config-file) */
	INGRESS_YAML_SYNTAX,             /* (yaml-syntax) */
	INGRESS_YAML_TYPE,               /* (yaml-type) */
	INGRESS_YAML_DUPLICATE_KEY,      /* (yaml-duplicate-key) */
	INGRESS_SETTING_TYPE,            /* (setting-type) */
	INGRESS_NO_RULES,                /* (no-rules) */
	INGRESS_SERVICE_ADDRESS,         /* (service-address) */
	INGRESS_SERVICE_PATH,            /* (service-path) */
	INGRESS_SERVICE_URL,             /* (service-url) */
	INGRESS_STATUS_CODE,             /* (status-code) */
	INGRESS_HOSTNAME_PORT,           /* (hostname-port) */
	INGRESS_HOSTNAME_WILDCARD,       /* (hostname-wildcard) */
	INGRESS_LAST_RULE_NOT_CATCH_ALL, /* (last-rule-not-catch-all) */
	INGRESS_EARLY_CATCH_ALL,         /* (early-catch-all) */
	INGRESS_REGEX,                   /* (regex) */
	INGRESS_IP_RULE,                 /* (ip-rule) */
	INGRESS_ACCESS_TEAM,             /* (access-team) */
	INGRESS_URL_SETTING,             /* (url-setting) */
};
const char *ingress_fault_class(enum ingress_fault fault);

/* What went wrong, and where. */
struct ingress_error {
	enum ingress_fault fault;
	struct ingress_place at;
	struct err err; /* message, without file and place */
};

/* One rule that serves everything, as cloudflared makes it of --url and its like. service is parsed as in a file; options
 * are the defaults. NULL with err. */
struct ingress *ingress_single(struct span service, struct err *err);
void ingress_free(struct ingress *in); /* NULL is fine */

size_t ingress_count(const struct ingress *in);
const struct ingress_rule *ingress_rule(const struct ingress *in, size_t i);
/* The options of ingress_single's rule, to be changed before use. */
struct ingress_options *ingress_single_options(struct ingress *in);

/* The rule that serves a request: host as received (a port is cut off, case counts), path percent-decoded, without
 * query. The last rule matches everything, so this cannot fail. Index from 0. */
size_t ingress_match(const struct ingress *in, struct span host, struct span path);

#endif
