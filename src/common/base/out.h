/* Machine and terminal output: NDJSON records and escaping of bytes from elsewhere. */
#ifndef BASE_OUT_H
#define BASE_OUT_H

#include <jansson.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define OUT_SCHEMA "outbore/1"
#define OUT_CANNOT 3 /* the exit status of all programs that could not do it */

/* A fresh record with schema, kind and tool set. The caller owns it. */
json_t *out_record(const char *kind, const char *tool);
/* Write one record as a line and flush. The record is released. -1 when the stream failed. */
int out_line(FILE *to, json_t *record);
/* Append bytes so that no terminal is driven by them: control bytes and bytes that are not UTF-8 as \xNN. */
void out_escape(struct span bytes, struct buf *to);
/* Was all written that went to a stream, records included? -1 with err when not, unless its reader has gone, who wants no
 * more. name: of the stream, for the message. */
int out_end(FILE *to, const char *name, struct err *err);
/* out_end for standard output, last of all in main: returns code, or OUT_CANNOT in place of 0 and 1. */
int out_finish(const char *program, int code);
/* Print "PROGRAM: message" on stderr and return code, for main's last line. */
int out_die(const char *program, const struct err *err, int code);

#endif
