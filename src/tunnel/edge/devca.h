/* A certificate authority for development: made on first use, kept in a directory. Never for production. */
#ifndef EDGE_DEVCA_H
#define EDGE_DEVCA_H

#include <stddef.h>

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

#endif
