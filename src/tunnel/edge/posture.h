/* The header policy of an edge (header-policy(5)): one file, read again when it changes. */
#ifndef EDGE_POSTURE_H
#define EDGE_POSTURE_H

#include "common/proto/header.h"
#include "common/proto/nonce.h"
#include "tunnel/worker.h"

struct posture; /* opaque */

/* Read the file, and look after it from then on. NULL with err. path is borrowed. */
struct posture *posture_open(struct worker *w, const char *path, struct err *err);
void posture_free(struct posture *p); /* NULL is fine */

/* Where the policy asks for one: make the nonce of one response, and name the request header that tells it to the application,
 * which is borrowed until the file is read again. False, and an empty nonce, when it does not; p NULL never does. */
bool posture_nonce(struct posture *p, char nonce[NONCE_TEXT], struct span *header);

/* A response of the edge. */
struct posture_response {
	struct span host, path; /* of the request; without port and query */
	int status;
	const char *nonce; /* that was told to the application; empty: none */
};

/* Edit the fields of a response. What is added is valid until the next call. p NULL edits nothing. */
void posture_apply(struct posture *p, const struct posture_response *r, struct fields *fields);

#endif
