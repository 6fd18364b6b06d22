/* What every client of wscat(1) shares: the options that say how to connect, and what is made of them once. */
#ifndef WSCAT_ENV_H
#define WSCAT_ENV_H

#include "common/base/duration.h"
#include "common/base/opt.h"
#include "common/net/loop.h"
#include "common/net/tls.h"
#include "common/proto/ws_deflate.h"

/* Exit statuses. */
enum {
	EXIT_OK = 0,
	EXIT_WRONG = 1, /* the peer or the probe failed */
	EXIT_USAGE = 2,
	EXIT_CANNOT = 3,   /* could not connect, or read what was to be read */
	EXIT_SIGNAL = 128, /* and the signal's number */
};

#define CLIENT_TIMEOUT (INT64_C(10) * 1000 * 1000 * 1000) /* ns: default of --timeout */
#define CLIENT_MESSAGE_MAX (INT64_C(16) << 20)            /* bytes: default of --max-size */

/* Connection options. The first member of every subcommand's configuration, so that their rows may be shared. */
struct client_conf {
	struct opt_list headers, resolve, subprotocols;
	const char *origin, *host;
	const char *auth_file, *cookie_file;
	const char *connect_to, *proxy;
	const char *cacert, *cert, *key;
	bool insecure, http2, http11;
	const char *compression;
	int64_t timeout_ns, message_max;
};
#define CLIENT_CONF_DEFAULT                                                      \
	{                                                                        \
		.timeout_ns = CLIENT_TIMEOUT, .message_max = CLIENT_MESSAGE_MAX, \
	}

/* The rows, for an option table whose struct begins with a struct client_conf. */
#define CLIENT_OPTIONS                                                                                    \
	{'H', "header", "NAME: VALUE", "add a field to the request (repeatable)",                         \
		OPT_LIST(struct client_conf, headers), NULL},                                             \
		{'o', "origin", "ORIGIN", "the Origin to send; \"\" for none",                            \
			OPT_TEXT(struct client_conf, origin), NULL},                                      \
		{0, "host", "NAME", "the Host to send, and the name the certificate must have",           \
			OPT_TEXT(struct client_conf, host), NULL},                                        \
		{'s', "subprotocol", "NAME", "offer this subprotocol (repeatable)",                       \
			OPT_LIST(struct client_conf, subprotocols), NULL},                                \
		{0, "auth-file", "FILE", "Authorization from a file: USER:PASSWORD, or \"Bearer TOKEN\"", \
			OPT_TEXT(struct client_conf, auth_file), NULL},                                   \
		{0, "cookie-file", "FILE", "Cookie from a file: one line",                                \
			OPT_TEXT(struct client_conf, cookie_file), NULL},                                 \
		{0, "connect-to", "HOST:PORT", "connect there, whatever the URL says",                    \
			OPT_TEXT(struct client_conf, connect_to), NULL},                                  \
		{0, "resolve", "HOST:PORT:ADDRESS", "use this address for that name (repeatable)",        \
			OPT_LIST(struct client_conf, resolve), NULL},                                     \
		{0, "proxy", "URL", "go through http://, socks5:// (names resolved here) or socks5h://",  \
			OPT_TEXT(struct client_conf, proxy), NULL},                                       \
		{0, "cacert", "FILE", "trust only these certificates (PEM)",                              \
			OPT_TEXT(struct client_conf, cacert), NULL},                                      \
		{0, "cert", "FILE", "our own certificate (PEM), with --key",                              \
			OPT_TEXT(struct client_conf, cert), NULL},                                        \
		{0, "key", "FILE", "its key (PEM)", OPT_TEXT(struct client_conf, key), NULL},             \
		{'k', "insecure", NULL, "do not verify the server's certificate",                         \
			OPT_BOOL(struct client_conf, insecure), NULL},                                    \
		{0, "http2", NULL, "over HTTP/2 (RFC 8441)", OPT_BOOL(struct client_conf, http2), NULL},  \
		{0, "http1.1", NULL, "over HTTP/1.1 (the default)", OPT_BOOL(struct client_conf, http11), \
			NULL},                                                                            \
		{0, "compression", "off|on|PARAMS",                                                       \
			"permessage-deflate; PARAMS as in the field: \"client_max_window_bits=10\"",      \
			OPT_TEXT(struct client_conf, compression), NULL},                                 \
		{0, "timeout", "TIME", "give up when the WebSocket is not open by then (default 10s)",    \
			OPT_TIME(struct client_conf, timeout_ns, DURATION_MS, 3600 * DURATION_S), NULL},  \
	{                                                                                                 \
		0, "max-size", "BYTES", "largest message taken (default 16 MiB)",                         \
			OPT_NUMBER(struct client_conf, message_max, 1, INT64_C(1) << 30), NULL            \
	}

/* One loop and what the options came to. */
struct env {
	struct loop *loop;
	const struct client_conf *conf;   /* borrowed */
	struct tls_context *tls;          /* offers http/1.1; NULL until env_tls */
	struct tls_context *tls_h2;       /* offers h2 only; likewise */
	char *authorization, *cookie;     /* field values, owned; NULL for none */
	struct ws_deflate_params deflate; /* the offer */
};

/* -1 with err; *status is the exit status then. */
int env_init(struct env *env, const struct client_conf *conf, int *status, struct err *err);
/* The context for TLS, made at its first use: reading the system's certificates takes a while. NULL with err. */
struct tls_context *env_tls(struct env *env, bool use_h2, struct err *err);
void env_fini(struct env *env);

#endif
