/* cert.pem, what `cloudflared tunnel login` or `tunnel edge cert` leaves: account, zone, and an API token. */
#ifndef API_CERT_H
#define API_CERT_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/secret.h"

#define CERT_FILE_MAX ((size_t)64 * 1024) /* bytes of the file */

/* Owned by whoever declares it; zero-initialised is empty. */
struct cert {
	char *zone, *account; /* ids */
	char *endpoint;       /* "fed" and the like; NULL when absent */
	struct secret token;  /* for the API */
};

/* Parse the text: one block ARGO TUNNEL TOKEN. Blocks PRIVATE KEY and CERTIFICATE and text outside of blocks are passed over,
 * any other block is an error. Messages quote no contents. */
int cert_parse(struct span text, struct cert *out, struct err *err);
/* Read a file; messages name it. */
int cert_read(const char *path, struct cert *out, struct err *err);
/* Wipe and free. */
void cert_free(struct cert *c);

#endif
