/* Lists of header fields, borrowed from somebody's bytes, and what RFC 9110 says of their names and values. */
#ifndef PROTO_HEADER_H
#define PROTO_HEADER_H

#include "common/base/span.h"

#define HEADER_FIELDS_MAX 512    /* fields in one head or trailer section */
#define HEADER_CONNECTION_MAX 32 /* options that the Connection fields of one head may list */

struct field {
	struct span name, value; /* borrowed */
};

/* Reusable: header_clear keeps the array. Zero-initialised is empty. */
struct fields {
	struct field *at; /* owned array */
	size_t count, cap;
};

/* An empty list in somebody's array of HEADER_FIELDS_MAX, where allocating would be a waste; not to be freed. */
#define HEADER_FIELDS_IN(array) ((struct fields){.at = (array), .cap = HEADER_FIELDS_MAX})

/* Append. -1 past HEADER_FIELDS_MAX. */
int header_add(struct fields *f, struct span name, struct span value);
void header_clear(struct fields *f);
void header_free(struct fields *f);

/* The first field of that name, ignoring case; NULL when there is none. */
const struct field *header_find(const struct fields *f, struct span name);
/* Its value, or the empty span with a NULL pointer. */
struct span header_value(const struct fields *f, struct span name);
/* How many fields have that name. */
size_t header_count(const struct fields *f, struct span name);
/* Does any field of that name list the token, ignoring case? (RFC 9110, 5.6.1: "Connection: a, b") */
bool header_has_token(const struct fields *f, struct span name, struct span token);

/* How many elements the fields of that name list in all. */
size_t header_count_items(const struct fields *f, struct span name);

/* A token (RFC 9110, 5.6.2) of at least one character: methods and field names. */
bool header_is_token(struct span s);
/* A field value (RFC 9110, 5.5): no control byte but tab, no space at either end. */
bool header_is_value(struct span s);

/* A field that belongs to one connection (RFC 9110, 7.6.1): connection, keep-alive, proxy-connection, te, trailer,
 * transfer-encoding, upgrade. */
bool header_is_hop_by_hop(struct span name);
/* The same, or named by a Connection field of f. Whoever made f from untrusted bytes has held it to
 * HEADER_CONNECTION_MAX, so that asking this for every field stays cheap. */
bool header_is_connection_bound(const struct fields *f, struct span name);

#endif
