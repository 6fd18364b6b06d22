/* What the files of api share. */
#ifndef API_API_PRIVATE_H
#define API_API_PRIVATE_H

#include <curl/curl.h>

#include "common/api/api.h"
#include "common/api/api_json.h"

#define API_BODY_MAX ((size_t)16 << 10)  /* bytes of a body, but for configurations */
#define API_CONFIG_MAX ((size_t)1 << 20) /* bytes of a configuration */

struct api {
	struct api_conf conf;
	char *base; /* without a slash at its end */
	CURL *curl;
	struct curl_slist *headers; /* with the token */
	char error[CURL_ERROR_SIZE];
	struct api_failure failure;
	int64_t server_time;
};

/* One call. */
struct api_request {
	const char *method;
	const char *what; /* for messages: "list tunnels" */
	struct buf path;  /* below the base, with its query; NUL-terminated by api_call */
	struct buf body;  /* reserved in full by whoever fills it */
	bool has_body, has_query;
	bool is_mute;              /* what an error says is not passed on */
	bool may_be_empty;         /* a 200 without a body will do */
	const struct secret *sent; /* a secret in the body; NULL for none */
};

/* --- api_request.c: composing --- */

/* Begin a call to a path below ".../accounts/A" or ".../zones/Z". id and rest may be NULL. */
void api_request_account(struct api_request *r, const struct api *a, const char *method, const char *what,
	const struct uuid *id, const char *rest);
void api_request_routes(struct api_request *r, const struct api *a, const struct uuid *id);
/* A member of the query, encoded as Go's url.Values does; call them in the order of the keys. NULL adds none. */
void api_request_query(struct api_request *r, const char *key, const char *value);
/* The body: members of an object between begin and end. -1 when it would be too large, or the text is not UTF-8. */
void api_request_begin(struct api_request *r, size_t max);
int api_request_text(struct api_request *r, const char *key, const char *value, struct err *err);
int api_request_secret(struct api_request *r, const char *key, const struct secret *value, struct err *err);
int api_request_raw(struct api_request *r, const char *key, struct span json, struct err *err);
int api_request_end(struct api_request *r, struct err *err);
/* Wipe and free. */
void api_request_free(struct api_request *r);

/* --- api.c: sending --- */

/* Send it, again where that does no harm. On API_OK *out is the envelope, to be freed. */
enum api_result api_call(struct api *a, struct api_request *r, struct api_envelope *out, struct err *err);
/* The answer was good, what is in it is not: err says which part. For writes it may have been carried out. */
enum api_result api_bad_answer(struct api *a, const struct api_request *r, struct err *err);

#endif
