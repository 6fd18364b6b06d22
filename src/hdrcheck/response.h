/* One response to judge, with what the scan around it saw. Everything is borrowed from an arena. */
#ifndef HDRCHECK_RESPONSE_H
#define HDRCHECK_RESPONSE_H

#include <jansson.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/proto/header.h"
#include "common/proto/url.h"

#define RESPONSE_PROBE_ORIGIN "https://outbore-probe.example" /* of requests that pose as another site's */
#define RESPONSE_LINE_MAX ((size_t)4 << 20)                   /* bytes of one record */

enum response_https {
	HTTPS_VALID,
	HTTPS_INVALID, /* an answer, with a certificate that does not fit */
	HTTPS_NONE,
};

struct response_step {
	struct span url;
	int status;
};

/* Header values are text: each byte of the wire is one character, U+0000 to U+00FF. */
struct response {
	struct span request_url; /* of this response */
	struct url url;          /* the same, parsed */
	struct span host;        /* the one that was asked for */
	enum response_https https;
	bool has_http_chain; /* something answered on plain HTTP */
	struct response_step *http_chain;
	size_t http_chain_count;
	bool has_cors; /* an answer to a preflight */
	struct span cors_origin;
	int cors_status;
	struct fields cors;
	const char **origins; /* further ones that a preflight was allowed from, and should not have been */
	size_t origin_count;
	struct fields again; /* the headers of a second answer; empty: none was asked for */
	int status;
	int http_version; /* 10, 11, 20; 0: not known */
	struct fields headers;
	bool foreign_origin; /* the request was a WebSocket handshake from another site */
	struct span body;    /* as far as it was read; a NULL pointer: none */
};

/* Read the object that holds the input fields of tests/corpus/headers. response_fini frees the lists of fields. */
int response_from_json(struct arena *a, const json_t *in, struct response *r, struct err *err);
/* Read what `curl -i` wrote, the last head of it. */
int response_from_curl(
	struct arena *a, struct span url, struct span text, struct response *r, struct err *err);
void response_fini(struct response *r);
/* The version that a status line names: 0 when it is none of ours. */
int response_version(struct span status_line);

/* The values of a name joined by ", ", as clients see them; of names that hold one value by definition (Server, Location,
 * ...) the first. A NULL pointer: not there. */
struct span response_value(struct arena *a, const struct fields *headers, const char *name);
/* The same for comparisons: joined by " + ", each nonce alike, cookies without their values. */
struct span response_stable(struct arena *a, const struct fields *headers, struct span name);
/* The media type: what stands before ";" in Content-Type, as written. */
struct span response_type(const struct response *r);
/* Text from bytes that mean U+0000 to U+00FF. */
struct span response_text(struct arena *a, struct span bytes);

#endif
