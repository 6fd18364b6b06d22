/* Ingress rules as cloudflared reads them: an ordered list, the first that matches serves. Parsed once, then read-only.
 * Facts from cloudflared's config/configuration.go and ingress/ingress.go. */
#ifndef CONF_INGRESS_H
#define CONF_INGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/release.h"
#include "common/conf/settings.h"
#include "common/conf/yaml.h"

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
	char *prefix; /* NULL when absent */
	int64_t *ports;
	size_t port_count;
	bool allow;
};

struct ingress_access {
	bool required;
	char *team_name; /* NULL when absent */
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
	struct yaml_mark where[INGRESS_KEYS]; /* of each key's value; line 0: it is a default */
};

#define INGRESS_WARP_CONNECT_NS INT64_C(5000000000) /* defaults of warp-routing */
#define INGRESS_WARP_KEEP_ALIVE_NS INT64_C(30000000000)

/* warp-routing: for TCP and UDP streams of private networks. */
struct ingress_warp {
	int64_t connect_timeout_ns, tcp_keep_alive_ns;
	uint64_t max_active_flows; /* 0: no limit */
	struct yaml_mark at;       /* line 0: not in the file */
};

struct ingress_rule {
	char *hostname; /* "" for every host */
	char *punycode; /* of hostname, NULL when it has none or the same */
	char *path;     /* expression, "" for every path */
	struct ingress_service service;
	struct ingress_options options;
	struct yaml_mark at, hostname_at, path_at, service_at;
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
	struct yaml_mark at;
	struct err err; /* message, without file and place */
};

/* A key that cloudflared does not know where it stands, and reports without failing. */
struct ingress_warning {
	struct yaml_mark at;
	char *key;
	const char *type; /* Go's name of what it stands in: "config.OriginRequestConfig" */
};

/* A configuration file. Zero-initialised is an empty one. */
struct ingress_file {
	char *tunnel; /* UUID or name; NULL when absent */
	struct yaml_mark tunnel_at;
	struct ingress *ingress; /* NULL when there are no rules */
	struct ingress_warp warp;
	struct settings settings;
	struct ingress_warning *warnings;
	size_t warning_count;
};

/* Parse a file whole. INGRESS_OK, or INGRESS_NO_RULES or INGRESS_NO_CONFIG_FILE with what else it says in out, or another
 * fault with out empty. error is filled in for all but INGRESS_OK. */
enum ingress_fault ingress_parse(struct span yaml, struct ingress_file *out, struct ingress_error *error);

#define INGRESS_ERRORS_MAX 200

/* Faults of one kind or another, in no order. Zero-initialised is none. */
struct ingress_errors {
	struct ingress_error *items; /* owned */
	size_t count;
};

/* The same as another release than 2025.5.0 does it. all, unless it is NULL, gets every value that does not fit its key and
 * every key that is there twice, up to INGRESS_ERRORS_MAX, where error has but the first. */
enum ingress_fault ingress_parse_as(struct span yaml, enum release release, struct ingress_file *out,
	struct ingress_error *error, struct ingress_errors *all);
void ingress_file_free(struct ingress_file *f);

/* Is the text ADDRESS/BITS, as Go's net.ParseCIDR takes it? */
bool ingress_is_cidr(struct span text);

/* One rule that serves everything, as cloudflared makes it of --url and its like. service is parsed as in a file; options
 * are the defaults. NULL with err. */
struct ingress *ingress_single(struct span service, struct err *err);
void ingress_free(struct ingress *in); /* NULL is fine */

size_t ingress_count(const struct ingress *in);
const struct ingress_rule *ingress_rule(const struct ingress *in, size_t i);
/* The global originRequest over the defaults. */
const struct ingress_options *ingress_global(const struct ingress *in);
/* The options of ingress_single's rule, to be changed before use. */
struct ingress_options *ingress_single_options(struct ingress *in);

/* Memory for choosing rules: one for each loop. The ingress is borrowed. */
struct ingress_matcher;
struct ingress_matcher *ingress_matcher_new(const struct ingress *in);
void ingress_matcher_free(struct ingress_matcher *m); /* NULL is fine */

/* The rule that serves a request: host as received (a port is cut off, case counts), path percent-decoded, without
 * query. The last rule matches everything, so this cannot fail. Index from 0. */
size_t ingress_match(struct ingress_matcher *m, struct span host, struct span path);

#endif
