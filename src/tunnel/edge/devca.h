/* A certificate authority for development: made on first use and kept in a directory, or for one process and never
 * written anywhere. Not for production. */
#ifndef EDGE_DEVCA_H
#define EDGE_DEVCA_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Paths of what is in the directory; owned. */
struct devca {
	char *ca;                       /* ca.pem: for --cacert */
	char *tunnel_cert, *tunnel_key; /* h2.cftunnel.com and its relatives */
	char *public_cert, *public_key; /* localhost, *.localhost, 127.0.0.1, ::1, and further names */
};

/* Use the directory, making it and whatever is missing in it. names are further host names for the public certificate,
 * used when that is made. Keys are 0600. */
int devca_open(const char *dir, const char *const *names, size_t count, struct devca *out, struct err *err);
void devca_free(struct devca *d);

/* PEM of an authority, and of a tunnel certificate by it. The authority's own key is gone. */
struct devca_pems {
	struct buf ca, cert, key;
};
/* Free in every case. */
int devca_make(struct devca_pems *out, struct err *err);
void devca_pems_free(struct devca_pems *p); /* wiped */

#endif
