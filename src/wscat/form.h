/* How messages look on standard input and output: lines of text, raw bytes, hex or base64. */
#ifndef WSCAT_FORM_H
#define WSCAT_FORM_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/proto/ws_conn.h"

enum form {
	FORM_TEXT,   /* text messages, as they are */
	FORM_BINARY, /* binary messages, as they are */
	FORM_HEX,    /* binary messages in hexadecimal digits */
	FORM_BASE64, /* binary messages in base64 */
};

/* A record of the input made into a message's payload, appended to out. -1 with err. */
int form_read(enum form form, struct span record, struct buf *out, struct err *err);
/* A message made into a record of the output, without the delimiter. for_terminal: escaped. */
void form_write(
	enum form form, enum ws_opcode opcode, struct span message, bool for_terminal, struct buf *out);
/* "\n", "\t", "\0", "\xNN", "\\" in an option's text. False when malformed or empty. */
bool form_unescape(const char *text, struct buf *out);

#endif
