/* Answers of the management API, from bytes to objects. No I/O; strict about types, silent about fields it does not know. */
#ifndef API_API_JSON_H
#define API_API_JSON_H

#include <jansson.h>

#include "common/api/api.h"

/* What an answer is wrapped in. root owns what the others point into. */
struct api_envelope {
	json_t *root;
	bool is_success;                                         /* and no errors */
	int code;                                                /* of the first error; 0 without */
	const char *message;                                     /* of it; "" without */
	json_t *result;                                          /* JSON null when it is that or missing */
	int64_t page, per_page, count, total_count, total_pages; /* of result_info; 0 without */
};

/* Parse an envelope. On failure, with a message that quotes nothing, *out is empty. */
int api_json_parse(struct span text, struct api_envelope *out, struct err *err);
void api_envelope_free(struct api_envelope *e);

/* From a result. On failure, with a message that names the field, *out is empty. A list goes behind the *count that are there. */
int api_json_tunnel(json_t *result, struct api_tunnel *out, struct err *err);
int api_json_tunnels(json_t *result, struct api_tunnel **out, size_t *count, struct err *err);
int api_json_connectors(json_t *result, struct api_connector **out, size_t *count, struct err *err);
/* A member that must be a text, of at most API_TEXT_MAX bytes: a copy. NULL with a message when it is none. */
char *api_json_text(json_t *object, const char *name, struct err *err);

#endif
