/* TLS over a stream, by OpenSSL. Every verification setting is made in one function: tls_client_context. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "common/base/span.h"
#include "common/net/stream.h"

struct tls_context; /* opaque: settings and certificates; one owner, shared by its connections */

/* What a client checks and offers. Strings are borrowed for the call. */
struct tls_client_settings {
	const char *ca_file;  /* PEM; only these are trusted. NULL: the system's */
	const char *ca_extra; /* PEM; trusted besides. NULL for none */
	struct span
		ca_pem; /* text of one certificate, trusted in place of files and system; empty for none */
	bool no_verify; /* trust everybody */
	const char *groups;               /* key exchange groups, "P-256:X25519"; NULL: the library's */
	bool alpn_h2;                     /* offer h2 and http/1.1; else what alpn says */
	struct span alpn;                 /* list to offer, "\x08http/1.1"; empty: no ALPN */
	const char *cert_file, *key_file; /* PEM; the client's own certificate. NULL for none */
};
struct tls_context *tls_client_context(const struct tls_client_settings *settings, struct err *err);

/* A server with no certificate yet. */
struct tls_context *tls_server_context(const char *groups, struct err *err);
/* Add a certificate chain and its key from PEM files. The first one is the default; a connection gets the first whose
 * names cover the client's SNI. */
int tls_server_add(struct tls_context *ctx, const char *cert_file, const char *key_file, struct err *err);
/* The same for one certificate and its key as PEM text. */
int tls_server_add_pem(struct tls_context *ctx, struct span cert, struct span key, struct err *err);
/* Offer and accept only this ALPN list ("\x08http/1.1"); a client without a common protocol is served all the same. */
void tls_server_alpn(struct tls_context *ctx, struct span protocols);
/* Its connections are few and carry much: their buffers are larger, and kept when idle. */
void tls_expect_bulk(struct tls_context *ctx);
void tls_context_free(struct tls_context *ctx);

/* Put TLS on an open stream: as client with the name for SNI and verification (NULL: no SNI, and the certificate's names
 * are not checked), or as server. The handshake has yet to be done. */
int tls_connect(
	struct stream *s, struct tls_context *ctx, const char *sni, const char *verify_name, struct err *err);
int tls_accept(struct stream *s, struct tls_context *ctx, struct err *err);

enum tls_step {
	TLS_DONE,
	TLS_WAIT, /* wait for what s->want_read says, then call again */
	TLS_FAIL, /* reason in err */
};
/* Go on with the handshake. After TLS_WAIT, s->want_read says what to wait for. */
enum tls_step tls_handshake(struct stream *s, struct err *err);

/* What ALPN chose; empty when nothing. */
struct span tls_alpn(const struct stream *s);
#define TLS_NAMES_MAX 256 /* bytes of the names shown of a certificate */
struct tls_peer_cert {
	char names
		[TLS_NAMES_MAX]; /* its DNS names and addresses, or its common name; separated by spaces, cut */
	double days_left;        /* negative when expired */
};
/* What the peer's certificate says, whether it was verified or not. False when it showed none. */
bool tls_peer_cert(const struct stream *s, struct tls_peer_cert *out);
/* Was h2 agreed on by ALPN? */
bool tls_is_h2(const struct stream *s);
/* Negotiated version, "TLSv1.3"; a constant string, "" for a plain stream. */
const char *tls_version(const struct stream *s);

#endif
