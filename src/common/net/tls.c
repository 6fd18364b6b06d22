/* OpenSSL as a stream. Partial writes and released buffers keep idle connections small; read-ahead saves a system call
 * per record. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/net/loop.h"
#include "common/net/tls.h"

#define TLS_BULK_BUFFER \
	((size_t)64 * 1024) /* bytes taken from the socket at once where much comes; else a record */

struct tls_context {
	SSL_CTX *ctx;   /* the client's settings, or the server's default certificate */
	SSL_CTX **more; /* server: one per further certificate */
	size_t more_count;
	bool has_cert;
	const char *groups;  /* borrowed constant */
	unsigned char *alpn; /* owned; server's list */
	unsigned alpn_len;
};

static SSL_CTX *tls_new_ctx(const SSL_METHOD *method, const char *groups, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
		(groups != NULL && !SSL_CTX_set1_groups_list(ctx, groups))) {
		err_ssl(err, "TLS set-up");
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	return ctx;
}

static X509 *tls_pem_cert(struct span pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return cert;
}

static EVP_PKEY *tls_pem_key(struct span pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return key;
}

static int tls_trust_pem(SSL_CTX *ctx, struct span pem, struct err *err)
{
	X509 *cert = tls_pem_cert(pem);
	bool ok = cert != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) == 1;

	X509_free(cert);
	return ok ? 0 : err_ssl(err, "certificate to trust");
}

static int tls_load_trust(SSL_CTX *ctx, const struct tls_client_settings *settings, struct err *err)
{
	if (settings->ca_pem.len > 0)
		return tls_trust_pem(ctx, settings->ca_pem, err);
	if (settings->ca_file != NULL && access(settings->ca_file, R_OK) < 0)
		return err_sys(err, "%s", settings->ca_file);
	if (settings->ca_file != NULL && SSL_CTX_load_verify_file(ctx, settings->ca_file) != 1)
		return err_wrap(err, "%s", settings->ca_file);
	if (settings->ca_file == NULL && SSL_CTX_set_default_verify_paths(ctx) != 1)
		return err_ssl(err, "system certificates");
	if (settings->ca_extra != NULL && SSL_CTX_load_verify_file(ctx, settings->ca_extra) != 1)
		return err_wrap(err, "%s", settings->ca_extra);
	return 0;
}

static int tls_no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int tls_use_files(SSL_CTX *ctx, const char *cert_file, const char *key_file, struct err *err)
{
	/* Nobody is there to be asked for one. */
	SSL_CTX_set_default_passwd_cb(ctx, tls_no_passphrase);
	if (access(cert_file, R_OK) < 0)
		return err_sys(err, "%s", cert_file);
	if (access(key_file, R_OK) < 0)
		return err_sys(err, "%s", key_file);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1) {
		ERR_clear_error();
		return err_set(
			err, "%s: no certificate in it; PEM is expected, the server's own first", cert_file);
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
		bool other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
			     ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH;
		ERR_clear_error();
		return other ? err_set(err, "%s: not the key of %s", key_file, cert_file)
			     : err_set(err, "%s: no key in it; PEM without passphrase is expected", key_file);
	}
	return 0;
}

struct tls_context *tls_client_context(const struct tls_client_settings *settings, struct err *err)
{
	static const unsigned char alpn_h2[] = "\x02h2\x08http/1.1";
	SSL_CTX *ctx = tls_new_ctx(TLS_client_method(), settings->groups, err);

	if (ctx == NULL)
		return NULL;
	if (settings->no_verify) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	} else {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		err_set(err, "no usable certificate in this PEM file");
		if (tls_load_trust(ctx, settings, err) < 0) {
			ERR_clear_error();
			SSL_CTX_free(ctx);
			return NULL;
		}
	}
	if (settings->alpn_h2)
		SSL_CTX_set_alpn_protos(ctx, alpn_h2, sizeof(alpn_h2) - 1);
	else if (settings->alpn.len > 0)
		SSL_CTX_set_alpn_protos(
			ctx, (const unsigned char *)settings->alpn.p, (unsigned)settings->alpn.len);
	if (settings->cert_file != NULL &&
		tls_use_files(ctx, settings->cert_file, settings->key_file, err) < 0) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	struct tls_context *tls = mem_alloc(sizeof(*tls));
	tls->ctx = ctx;
	return tls;
}

/* --- Server --- */

static bool tls_cert_covers(SSL_CTX *ctx, const char *name)
{
	X509 *cert = SSL_CTX_get0_certificate(ctx);

	return cert != NULL && X509_check_host(cert, name, 0, 0, NULL) == 1;
}

static int tls_on_servername(SSL *ssl, int *alert, void *arg)
{
	struct tls_context *tls = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (name == NULL || tls_cert_covers(tls->ctx, name))
		return SSL_TLSEXT_ERR_OK;
	for (size_t i = 0; i < tls->more_count; i++) {
		if (tls_cert_covers(tls->more[i], name)) {
			SSL_set_SSL_CTX(ssl, tls->more[i]);
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_OK;
}

struct tls_context *tls_server_context(const char *groups, struct err *err)
{
	SSL_CTX *ctx = tls_new_ctx(TLS_server_method(), groups, err);

	if (ctx == NULL)
		return NULL;
	struct tls_context *tls = mem_alloc(sizeof(*tls));
	tls->ctx = ctx;
	tls->groups = groups;
	SSL_CTX_set_tlsext_servername_callback(ctx, tls_on_servername);
	SSL_CTX_set_tlsext_servername_arg(ctx, tls);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return tls;
}

static int tls_use_pem(SSL_CTX *ctx, struct span cert_pem, struct span key_pem, struct err *err)
{
	X509 *cert = tls_pem_cert(cert_pem);
	EVP_PKEY *key = tls_pem_key(key_pem);
	bool ok = cert != NULL && key != NULL && SSL_CTX_use_certificate(ctx, cert) == 1 &&
		  SSL_CTX_use_PrivateKey(ctx, key) == 1;

	X509_free(cert);
	EVP_PKEY_free(key);
	return ok ? 0 : err_ssl(err, "certificate and key");
}

/* Settings for one more certificate. NULL with err. */
static SSL_CTX *tls_next_ctx(struct tls_context *tls, struct err *err)
{
	if (!tls->has_cert) {
		tls->has_cert = true;
		return tls->ctx;
	}
	SSL_CTX *ctx = tls_new_ctx(TLS_server_method(), tls->groups, err);
	if (ctx == NULL)
		return NULL;
	tls->more = mem_grow(tls->more, tls->more_count + 1, sizeof(SSL_CTX *));
	tls->more[tls->more_count++] = ctx;
	return ctx;
}

int tls_server_add(struct tls_context *tls, const char *cert_file, const char *key_file, struct err *err)
{
	SSL_CTX *ctx = tls_next_ctx(tls, err);

	return ctx != NULL ? tls_use_files(ctx, cert_file, key_file, err) : -1;
}

int tls_server_add_pem(struct tls_context *tls, struct span cert, struct span key, struct err *err)
{
	SSL_CTX *ctx = tls_next_ctx(tls, err);

	return ctx != NULL ? tls_use_pem(ctx, cert, key, err) : -1;
}

static int tls_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
	unsigned in_len, void *arg)
{
	struct tls_context *tls = arg;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_len, tls->alpn, tls->alpn_len, in, in_len) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

void tls_server_alpn(struct tls_context *tls, struct span protocols)
{
	tls->alpn = (unsigned char *)mem_spandup(protocols);
	tls->alpn_len = (unsigned)protocols.len;
	SSL_CTX_set_alpn_select_cb(tls->ctx, tls_on_alpn, tls);
}

void tls_context_free(struct tls_context *tls)
{
	if (tls == NULL)
		return;
	for (size_t i = 0; i < tls->more_count; i++)
		SSL_CTX_free(tls->more[i]);
	free(tls->more);
	free(tls->alpn);
	SSL_CTX_free(tls->ctx);
	free(tls);
}

void tls_expect_bulk(struct tls_context *tls)
{
	SSL_CTX_set_default_read_buffer_len(tls->ctx, TLS_BULK_BUFFER);
	SSL_CTX_clear_mode(tls->ctx, SSL_MODE_RELEASE_BUFFERS);
}

/* --- Streams --- */

/* Translate the library's answer to a read or a write; *want is what lets it go on. */
static ssize_t tls_result(struct stream *s, int rc, unsigned char *want)
{
	switch (SSL_get_error(s->tls, rc)) {
	case SSL_ERROR_WANT_READ: *want = LOOP_READ; return STREAM_AGAIN;
	case SSL_ERROR_WANT_WRITE: *want = LOOP_WRITE; return STREAM_AGAIN;
	case SSL_ERROR_ZERO_RETURN: return STREAM_EOF;
	case SSL_ERROR_SYSCALL: s->why = errno == ECONNRESET ? "connection reset" : "connection lost"; break;
	default: s->why = "TLS error"; break;
	}
	ERR_clear_error();
	return STREAM_FAIL;
}

static ssize_t tls_read(struct stream *s, void *p, size_t len)
{
	size_t n;
	int rc = SSL_read_ex(s->tls, p, len, &n);

	s->more = rc == 1 && SSL_has_pending(s->tls) == 1;
	return rc == 1 ? (ssize_t)n : tls_result(s, rc, &s->want_read);
}

static ssize_t tls_write(struct stream *s, const void *p, size_t len)
{
	size_t n;
	int rc = SSL_write_ex(s->tls, p, len, &n);

	if (rc == 1)
		return (ssize_t)n;
	ssize_t result = tls_result(s, rc, &s->want_write);
	return result == STREAM_EOF ? STREAM_FAIL : result;
}

static void tls_shutdown(struct stream *s)
{
	SSL_shutdown(s->tls);
	ERR_clear_error();
	shutdown(s->fd, SHUT_WR);
}

static void tls_close(struct stream *s)
{
	SSL_free(s->tls);
	close(s->fd);
	s->tls = NULL;
}

static const struct stream_ops tls_ops = {tls_read, tls_write, tls_shutdown, tls_close};

static int tls_attach(struct stream *s, struct tls_context *tls, struct err *err)
{
	SSL *ssl = SSL_new(tls->ctx);

	if (ssl == NULL || SSL_set_fd(ssl, s->fd) != 1) {
		SSL_free(ssl);
		return err_ssl(err, "TLS");
	}
	s->tls = ssl;
	s->ops = &tls_ops;
	return 0;
}

/* The name to check the certificate against: an address has a check of its own. */
static bool tls_expect(SSL *ssl, const char *name)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	return SSL_set1_host(ssl, name) == 1;
}

int tls_connect(
	struct stream *s, struct tls_context *tls, const char *sni, const char *verify_name, struct err *err)
{
	if (tls_attach(s, tls, err) < 0)
		return -1;
	SSL_set_connect_state(s->tls);
	if (sni != NULL && SSL_set_tlsext_host_name(s->tls, sni) != 1)
		return err_ssl(err, "TLS server name");
	if (verify_name != NULL && !tls_expect(s->tls, verify_name))
		return err_ssl(err, "TLS server name");
	return 0;
}

int tls_accept(struct stream *s, struct tls_context *tls, struct err *err)
{
	if (tls_attach(s, tls, err) < 0)
		return -1;
	SSL_set_accept_state(s->tls);
	return 0;
}

enum tls_step tls_handshake(struct stream *s, struct err *err)
{
	int rc = SSL_do_handshake(s->tls);

	if (rc == 1) {
		s->want_read = LOOP_READ;
		s->want_write = LOOP_WRITE;
		return TLS_DONE;
	}
	unsigned char want = LOOP_READ;
	long verdict = SSL_get_verify_result(s->tls);
	unsigned long code = ERR_peek_last_error();
	if (verdict != X509_V_OK && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		ERR_clear_error();
		err_set(err, "TLS: certificate refused: %s", X509_verify_cert_error_string(verdict));
		return TLS_FAIL;
	}
	if (code != 0 && SSL_get_error(s->tls, rc) == SSL_ERROR_SSL) {
		err_ssl(err, "TLS");
		return TLS_FAIL;
	}
	if (tls_result(s, rc, &want) == STREAM_AGAIN) {
		s->want_read = want;
		return TLS_WAIT;
	}
	err_set(err, "TLS: %s", s->why != NULL ? s->why : "closed during the handshake");
	return TLS_FAIL;
}

struct span tls_alpn(const struct stream *s)
{
	const unsigned char *name = NULL;
	unsigned len = 0;

	if (s->tls != NULL)
		SSL_get0_alpn_selected(s->tls, &name, &len);
	return span_of((const char *)name, len);
}

bool tls_is_h2(const struct stream *s)
{
	return span_eq(tls_alpn(s), SPAN("h2"));
}

/* Append a name, after a space; whole or not at all. */
static void tls_add_name(char names[TLS_NAMES_MAX], const char *name)
{
	size_t held = strlen(names), len = strlen(name);

	if (held + len + 2 <= TLS_NAMES_MAX)
		snprintf(names + held, TLS_NAMES_MAX - held, "%s%s", held > 0 ? " " : "", name);
}

static void tls_add_general_name(char names[TLS_NAMES_MAX], const GENERAL_NAME *name)
{
	char text[INET6_ADDRSTRLEN];

	if (name->type == GEN_DNS) {
		const ASN1_IA5STRING *dns = name->d.dNSName;
		/* A NUL inside would hide what follows it. */
		if (strlen((const char *)dns->data) == (size_t)dns->length)
			tls_add_name(names, (const char *)dns->data);
	} else if (name->type == GEN_IPADD) {
		const ASN1_OCTET_STRING *ip = name->d.iPAddress;
		if ((ip->length == 4 || ip->length == 16) &&
			inet_ntop(ip->length == 4 ? AF_INET : AF_INET6, ip->data, text, sizeof(text)) != NULL)
			tls_add_name(names, text);
	}
}

bool tls_peer_cert(const struct stream *s, struct tls_peer_cert *out)
{
	X509 *cert = s->tls != NULL ? SSL_get0_peer_certificate(s->tls) : NULL;
	int days = 0, seconds = 0;

	*out = (struct tls_peer_cert){0};
	if (cert == NULL)
		return false;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		tls_add_general_name(out->names, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
	if (out->names[0] == '\0')
		X509_NAME_get_text_by_NID(
			X509_get_subject_name(cert), NID_commonName, out->names, (int)sizeof(out->names));
	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) == 1)
		out->days_left = days + seconds / 86400.0;
	return true;
}

const char *tls_version(const struct stream *s)
{
	return s->tls != NULL ? SSL_get_version(s->tls) : "";
}
