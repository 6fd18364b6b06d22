/* Development certificates by OpenSSL: P-256 keys, which every connector offers. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "tunnel/edge/devca.h"

#define DEVCA_DAYS 825 /* longest that common clients accept */

/* A certificate to be made. */
struct plan {
	const char *name;      /* common name */
	const char *alt_names; /* "DNS:a,IP:b"; NULL for the authority itself */
};

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	int ok = ext != NULL && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

static int add_extensions(X509 *cert, X509 *issuer, const struct plan *plan)
{
	if (plan->alt_names == NULL)
		return add_extension(cert, issuer, NID_basic_constraints, "critical,CA:TRUE") &&
		       add_extension(cert, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
		       add_extension(cert, issuer, NID_subject_key_identifier, "hash");
	return add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(cert, issuer, NID_ext_key_usage, "serverAuth") &&
	       add_extension(cert, issuer, NID_subject_alt_name, plan->alt_names) &&
	       add_extension(cert, issuer, NID_authority_key_identifier, "keyid");
}

static int set_serial(X509 *cert)
{
	unsigned char bytes[16];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return 0;
	bytes[0] &= 0x7f;
	BIGNUM *n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	int ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
	BN_free(n);
	return ok;
}

/* A certificate for key by the issuer; self-signed when issuer is NULL. */
static X509 *make_cert(const struct plan *plan, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509 *signer = issuer != NULL ? issuer : cert;

	int ok = X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
		 X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
		 X509_gmtime_adj(X509_getm_notAfter(cert), DEVCA_DAYS * 86400L) != NULL &&
		 X509_set_pubkey(cert, key) &&
		 X509_NAME_add_entry_by_txt(
			 name, "CN", MBSTRING_UTF8, (const unsigned char *)plan->name, -1, -1, 0) &&
		 X509_set_issuer_name(cert, X509_get_subject_name(signer)) &&
		 add_extensions(cert, signer, plan) &&
		 X509_sign(cert, issuer_key != NULL ? issuer_key : key, EVP_sha256()) > 0;
	if (ok)
		return cert;
	X509_free(cert);
	return NULL;
}

/* --- PEM --- */

static int key_text(EVP_PKEY *key, struct buf *out, struct err *err)
{
	BIO *pem = BIO_new(BIO_s_secmem());
	int rc = -1;

	if (pem == NULL || PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) != 1) {
		err_ssl(err, "development key");
	} else {
		char *text;
		long len = BIO_get_mem_data(pem, &text);
		rc = buf_add(out, text, (size_t)len);
	}
	BIO_free(pem);
	return rc;
}

static int cert_text(X509 *cert, struct buf *out, struct err *err)
{
	BIO *pem = BIO_new(BIO_s_mem());
	int rc = -1;

	if (pem == NULL || PEM_write_bio_X509(pem, cert) != 1) {
		err_ssl(err, "development certificate");
	} else {
		char *text;
		long len = BIO_get_mem_data(pem, &text);
		rc = buf_add(out, text, (size_t)len);
	}
	BIO_free(pem);
	return rc;
}

static int write_key(const char *path, EVP_PKEY *key, struct err *err)
{
	struct buf pem = {0};
	int rc = key_text(key, &pem, err);

	if (rc == 0)
		rc = fsx_write(path, buf_span(&pem), 0600, err);
	buf_wipe(&pem);
	return rc;
}

static int write_cert(const char *path, X509 *cert, struct err *err)
{
	struct buf pem = {0};
	int rc = cert_text(cert, &pem, err);

	if (rc == 0)
		rc = fsx_write(path, buf_span(&pem), 0644, err);
	buf_free(&pem);
	return rc;
}

/* --- Pairs --- */

/* A new key and its certificate by the issuer, or by itself; both owned by the caller, also NULL. */
static int new_pair(const struct plan *plan, X509 *issuer, EVP_PKEY *issuer_key, X509 **cert, EVP_PKEY **key,
	struct err *err)
{
	*key = EVP_EC_gen("P-256");
	*cert = *key != NULL ? make_cert(plan, *key, issuer, issuer_key) : NULL;
	return *cert != NULL ? 0 : err_ssl(err, "development certificate");
}

/* Make key and certificate files. */
static int make_pair(const struct plan *plan, const char *cert_path, const char *key_path, X509 *issuer,
	EVP_PKEY *issuer_key, struct err *err)
{
	EVP_PKEY *key;
	X509 *cert;
	int rc = new_pair(plan, issuer, issuer_key, &cert, &key, err);

	if (rc == 0)
		rc = write_key(key_path, key, err);
	if (rc == 0)
		rc = write_cert(cert_path, cert, err);
	X509_free(cert);
	EVP_PKEY_free(key);
	return rc;
}

static bool is_pair(const char *cert_path, const char *key_path)
{
	return access(cert_path, R_OK) == 0 && access(key_path, R_OK) == 0;
}

static int load_authority(
	const char *cert_path, const char *key_path, X509 **cert, EVP_PKEY **key, struct err *err)
{
	BIO *c = BIO_new_file(cert_path, "r"), *k = BIO_new_file(key_path, "r");

	*cert = c != NULL ? PEM_read_bio_X509(c, NULL, NULL, NULL) : NULL;
	*key = k != NULL ? PEM_read_bio_PrivateKey(k, NULL, NULL, NULL) : NULL;
	BIO_free(c);
	BIO_free(k);
	if (*cert != NULL && *key != NULL)
		return 0;
	X509_free(*cert);
	EVP_PKEY_free(*key);
	*cert = NULL;
	*key = NULL;
	err_ssl(err, "cannot be used");
	return err_wrap(err, "%s and %s (remove both to have them made anew)", cert_path, key_path);
}

#define TUNNEL_NAMES \
	"DNS:h2.cftunnel.com,DNS:quic.cftunnel.com,DNS:probe.cftunnel.com,DNS:localhost,IP:127.0.0.1,IP:::1"

static char *public_names(const char *const *names, size_t count)
{
	char *list = mem_strdup("DNS:localhost,DNS:*.localhost,IP:127.0.0.1,IP:::1");

	for (size_t i = 0; i < count; i++) {
		char *more = mem_printf("%s,DNS:%s", list, names[i]);
		free(list);
		list = more;
	}
	return list;
}

/* The two server certificates, as far as they are missing. */
static int devca_make_servers(
	const struct devca *d, const char *ca_key, const char *const *names, size_t count, struct err *err)
{
	struct plan tunnel = {"h2.cftunnel.com", TUNNEL_NAMES};
	char *names_text = public_names(names, count);
	struct plan public = {"localhost", names_text};
	X509 *cert = NULL;
	EVP_PKEY *key = NULL;
	int rc = load_authority(d->ca, ca_key, &cert, &key, err);

	if (rc == 0 && !is_pair(d->tunnel_cert, d->tunnel_key))
		rc = make_pair(&tunnel, d->tunnel_cert, d->tunnel_key, cert, key, err);
	if (rc == 0 && !is_pair(d->public_cert, d->public_key))
		rc = make_pair(&public, d->public_cert, d->public_key, cert, key, err);
	X509_free(cert);
	EVP_PKEY_free(key);
	free(names_text);
	return rc;
}

int devca_open(const char *dir, const char *const *names, size_t count, struct devca *out, struct err *err)
{
	struct plan authority = {"outbore development CA", NULL};
	char *ca_key = mem_printf("%s/ca.key", dir);

	*out = (struct devca){.ca = mem_printf("%s/ca.pem", dir),
		.tunnel_cert = mem_printf("%s/tunnel.pem", dir),
		.tunnel_key = mem_printf("%s/tunnel.key", dir),
		.public_cert = mem_printf("%s/public.pem", dir),
		.public_key = mem_printf("%s/public.key", dir)};
	int rc = fsx_mkdir(dir, 0700, err);
	if (rc == 0 && !is_pair(out->ca, ca_key))
		rc = make_pair(&authority, out->ca, ca_key, NULL, NULL, err);
	if (rc == 0 &&
		!(is_pair(out->tunnel_cert, out->tunnel_key) && is_pair(out->public_cert, out->public_key)))
		rc = devca_make_servers(out, ca_key, names, count, err);
	free(ca_key);
	if (rc < 0)
		devca_free(out);
	return rc;
}

void devca_free(struct devca *d)
{
	free(d->ca);
	free(d->tunnel_cert);
	free(d->tunnel_key);
	free(d->public_cert);
	free(d->public_key);
	*d = (struct devca){0};
}

/* --- In memory --- */

int devca_make(struct devca_pems *out, struct err *err)
{
	struct plan authority = {"outbore throw-away CA", NULL}, tunnel = {"h2.cftunnel.com", TUNNEL_NAMES};
	X509 *ca, *cert = NULL;
	EVP_PKEY *ca_key, *key = NULL;

	*out = (struct devca_pems){0};
	int rc = new_pair(&authority, NULL, NULL, &ca, &ca_key, err);
	if (rc == 0)
		rc = new_pair(&tunnel, ca, ca_key, &cert, &key, err);
	if (rc == 0)
		rc = cert_text(ca, &out->ca, err);
	if (rc == 0)
		rc = cert_text(cert, &out->cert, err);
	if (rc == 0)
		rc = key_text(key, &out->key, err);
	X509_free(ca);
	X509_free(cert);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	return rc;
}

void devca_pems_free(struct devca_pems *p)
{
	buf_free(&p->ca);
	buf_free(&p->cert);
	buf_wipe(&p->key);
}
