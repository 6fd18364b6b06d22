/* cloudflared's flags for one service in place of ingress rules: shared by `tunnel run` and `tunnel quick`. */
#ifndef CMD_SERVICE_FLAGS_H
#define CMD_SERVICE_FLAGS_H

#include "common/base/opt.h"
#include "common/conf/ingress.h"

/* What the options write to; texts are borrowed. */
struct service_flags {
	const char *url, *unix_socket;
	bool hello_world;
	/* Keys of originRequest. */
	const char *http_host_header, *origin_server_name, *origin_ca_pool;
	int64_t connect_timeout_ns, tls_timeout_ns, tcp_keepalive_ns, keepalive_timeout_ns,
		keepalive_connections;
	bool no_tls_verify, no_chunked, http2_origin, no_happy_eyeballs;
};

#define SERVICE_TIME(type, member) OPT_TIME(type, service.member, INT64_MIN, INT64_MAX)

/* Their rows of an option table. The member of `type` that holds them is named `service`. */
/* clang-format off */
#define SERVICE_FLAG_ROWS(type)                                                                                          \
	{0, "url", "URL", "the service: http://HOST:PORT, or HOST:PORT",                                                  \
		OPT_TEXT(type, service.url), "TUNNEL_URL"},                                                              \
	{0, "unix-socket", "PATH", "the service behind a unix socket",                                                   \
		OPT_TEXT(type, service.unix_socket), "TUNNEL_UNIX_SOCKET"},                                              \
	{0, "hello-world", NULL, "a built-in test page",                                                                 \
		OPT_BOOL(type, service.hello_world), "TUNNEL_HELLO_WORLD"},                                              \
	{0, "http-host-header", "HOST", "originRequest httpHostHeader",                                                  \
		OPT_TEXT(type, service.http_host_header), "TUNNEL_HTTP_HOST_HEADER"},                                    \
	{0, "origin-server-name", "HOST", "originRequest originServerName",                                              \
		OPT_TEXT(type, service.origin_server_name), "TUNNEL_ORIGIN_SERVER_NAME"},                                \
	{0, "origin-ca-pool", "FILE", "originRequest caPool",                                                            \
		OPT_TEXT(type, service.origin_ca_pool), "TUNNEL_ORIGIN_CA_POOL"},                                        \
	{0, "no-tls-verify", NULL, "originRequest noTLSVerify",                                                          \
		OPT_BOOL(type, service.no_tls_verify), "NO_TLS_VERIFY"},                                                 \
	{0, "no-chunked-encoding", NULL, "originRequest disableChunkedEncoding",                                         \
		OPT_BOOL(type, service.no_chunked), "TUNNEL_NO_CHUNKED_ENCODING"},                                       \
	{0, "http2-origin", NULL, "originRequest http2Origin",                                                           \
		OPT_BOOL(type, service.http2_origin), "TUNNEL_ORIGIN_ENABLE_HTTP2"},                                     \
	{0, "proxy-connect-timeout", "DURATION", "originRequest connectTimeout",                                         \
		SERVICE_TIME(type, connect_timeout_ns), NULL},                                                           \
	{0, "proxy-tls-timeout", "DURATION", "originRequest tlsTimeout",                                                 \
		SERVICE_TIME(type, tls_timeout_ns), NULL},                                                               \
	{0, "proxy-tcp-keepalive", "DURATION", "originRequest tcpKeepAlive",                                             \
		SERVICE_TIME(type, tcp_keepalive_ns), NULL},                                                             \
	{0, "proxy-keepalive-timeout", "DURATION", "originRequest keepAliveTimeout",                                     \
		SERVICE_TIME(type, keepalive_timeout_ns), NULL},                                                         \
	{0, "proxy-keepalive-connections", "N", "originRequest keepAliveConnections",                                    \
		OPT_NUMBER(type, service.keepalive_connections, 0, 100000), NULL},                                       \
	{0, "proxy-no-happy-eyeballs", NULL, "originRequest noHappyEyeballs",                                            \
		OPT_BOOL(type, service.no_happy_eyeballs), NULL}
/* clang-format on */

/* The one rule that they make: 503 for everything when they name no service, as in cloudflared. options and seen are those
 * of the table that has the rows. NULL with err naming the flag. */
struct ingress *service_flags_ingress(const struct service_flags *f, const struct opt *options,
	const struct opt_seen *seen, struct err *err);

#endif
