/* How the origin's response header travels: all fields in one, base64 pairs (cloudflared, connection/header.go), and the
 * meta field that says who made the response. */
#ifndef H2_CFHEADER_H
#define H2_CFHEADER_H

#include "common/base/buf.h"
#include "common/proto/header.h"

/* Field names on the tunnel, lower case. */
#define CFHEADER_UPGRADE SPAN("cf-cloudflared-proxy-connection-upgrade")
#define CFHEADER_TCP_SOURCE SPAN("cf-cloudflared-proxy-src")
#define CFHEADER_FIELDS SPAN("cf-cloudflared-response-headers")
#define CFHEADER_META SPAN("cf-cloudflared-response-meta")

/* Values of CFHEADER_UPGRADE. */
#define CFHEADER_CONTROL SPAN("control-stream")
#define CFHEADER_WEBSOCKET SPAN("websocket")
#define CFHEADER_CONFIGURE SPAN("update-configuration")

/* Values of CFHEADER_META that a connector sends. */
#define CFHEADER_FROM_ORIGIN SPAN("{\"src\":\"origin\"}")
#define CFHEADER_FROM_CONNECTOR SPAN("{\"src\":\"cloudflared\"}")

/* Is the name the tunnel's own (cf-int-*, cf-cloudflared-*, cf-proxy-*)? An origin's fields of such names stay with the
 * connector. */
bool cfheader_is_internal(struct span name);

/* Append the encoding of the fields that are not internal: B64(name) ":" B64(value), joined by ";". out is empty before.
 * -1 when a name or value is not allowed, or past out's ceiling. */
int cfheader_encode(const struct fields *fields, struct buf *out);
/* Decode text. Names and values go to bytes, which must be empty, and out points into it; space around a value is
 * dropped. False, with a constant reason and no fields, when the text is malformed, longer than bytes may get, or a name
 * or value could not stand in an HTTP message. */
bool cfheader_decode(struct span text, struct buf *bytes, struct fields *out, const char **why);

enum cfheader_source {
	CFHEADER_SOURCE_ORIGIN,    /* status and fields are the origin's */
	CFHEADER_SOURCE_CONNECTOR, /* the connector failed */
	CFHEADER_SOURCE_UNKNOWN,   /* no meta field, or none that says */
};
/* Read a CFHEADER_META value: a JSON object with "src". */
enum cfheader_source cfheader_source(struct span meta);

#endif
