/* The management API from the caller's side: Cloudflare's v4 REST API for tunnels, as an edge of ours or the real service
 * offers it. Blocking calls, one at a time. Secrets go out and come in, but stay out of messages. */
#ifndef API_API_H
#define API_API_H

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/conf/uuid.h"

#define API_CONNECT_MS 5000              /* to connect */
#define API_TOTAL_MS 15000               /* for a whole exchange */
#define API_ANSWER_MAX ((size_t)8 << 20) /* bytes of an answer */
#define API_TIME_NONE INT64_MIN          /* a time that is null or missing */
#define API_TEXT_MAX ((size_t)4096)      /* bytes of a text in an answer */
#define API_LIST_MAX 200000              /* tunnels in a list */
#define API_PAGE 1000                    /* tunnels asked for at once, which is what may be */
#define API_TRIES 5                      /* of a call that only reads; 1, 2, 4 and 8 s lie between them */
#define API_RETRY_MAX_S 30               /* a longer Retry-After is not waited for */

/* Settings; borrowed until api_free. */
struct api_conf {
	const char *url;     /* base, ".../client/v4"; a slash at its end does not matter */
	const char *account; /* account id */
	const char *zone;    /* zone id, for routes; may be NULL */
	const struct secret *token;
	const char *ca_file;    /* trusted in place of the system's roots; NULL for those */
	const char *user_agent; /* NULL for ours */
	int page;               /* tunnels asked for at once; 0 for API_PAGE */
	int tries;              /* of calls that only read; 0 for API_TRIES, 1 for none again */
	bool allow_plain;       /* http:// to others than this machine too */
	/* Wait before the next try: false ends the tries. NULL sleeps, until a signal. */
	bool (*pause)(void *arg, int64_t ms);
	void *pause_arg;
};

struct api; /* opaque; one owner */

/* How a call ended. */
enum api_result {
	API_OK,
	API_REFUSED, /* answered, with errors: nothing was changed. api_failure says which */
	API_UNSENT,  /* no connection, or TLS failed: nothing was changed */
	API_UNKNOWN, /* the request may have been carried out: no answer, a broken one, or a 5xx */
};

/* What the last call that did not end with API_OK told. */
struct api_failure {
	int status; /* of HTTP; 0 without an answer */
	int code;   /* of the first error in the envelope; 0 without */
	char message
		[201]; /* of it; escaped, cut. Empty for api_token, and where it quotes a secret that was sent */
	int retry_after_s; /* of Retry-After; 0 without */
};

/* Times are microseconds since 1970 UTC. Texts are owned by the object that holds them. */
struct api_connection {
	struct uuid id, client_id;
	char *location, *origin_ip, *client_version; /* never NULL */
	bool is_pending;
	int64_t opened_at;
	int64_t secret_version; /* our extension; 0 where it is not offered */
};

struct api_connector {
	struct uuid id;
	char *version, *arch; /* never NULL */
	char **features;
	size_t feature_count;
	int64_t run_at, config_version;
	struct api_connection *conns;
	size_t conn_count;
};

struct api_tunnel {
	struct uuid id;
	char *account_tag, *name, *status, *config_src; /* never NULL */
	int64_t created_at, deleted_at, conns_active_at, conns_inactive_at;
	struct api_connection *conns;
	size_t conn_count;
	int64_t secret_version;      /* our extension; 0 where it is not offered */
	int64_t previous_expires_at; /* our extension */
	struct secret token;         /* in answers to creating and editing */
};

/* NULL when the settings are unusable, or http:// would carry the token to another machine. Not thread-safe: libcurl is set up
 * for the whole process, so that it wipes what it frees. */
struct api *api_new(const struct api_conf *conf, struct err *err);
void api_free(struct api *a);
const struct api_failure *api_failure(const struct api *a);
/* The server's clock in the newest answer, from its Date field; API_TIME_NONE without. */
int64_t api_server_time(const struct api *a);

/* All calls: on any result but API_OK, err has one line for people: what was asked, what was answered. Objects filled in
 * are freed with the functions below, also after a failure. Calls that only read are tried again when there was no usable
 * answer, a 5xx or a 429; all others are sent once. */

/* secret: NULL lets the edge draw one. config_src: NULL for "local". */
enum api_result api_create(struct api *a, const char *name, const struct secret *secret,
	const char *config_src, struct api_tunnel *out, struct err *err);

/* Which tunnels to list; NULL and false for no filter. */
struct api_filter {
	const char *name, *name_prefix, *exclude_prefix, *existed_at;
	const struct uuid *id;
	bool with_deleted, only_deleted;
};
/* All pages. *out is to be freed with api_tunnels_free. */
enum api_result api_list(struct api *a, const struct api_filter *filter, struct api_tunnel **out,
	size_t *count, struct err *err);
enum api_result api_get(struct api *a, const struct uuid *id, struct api_tunnel *out, struct err *err);
/* The live tunnel of that id or name. API_REFUSED with status 404 when there is none. */
enum api_result api_find(struct api *a, const char *id_or_name, struct api_tunnel *out, struct err *err);

/* What to change; NULL and API_TIME_NONE leave it. A secret without previous_expires_at ends the old one at once. */
struct api_edit {
	const char *name;
	const struct secret *secret; /* bytes, not base64 */
	int64_t previous_expires_at;
};
/* Never repeated by itself: whether it was done is found out by api_token. */
enum api_result api_edit(struct api *a, const struct uuid *id, const struct api_edit *edit,
	struct api_tunnel *out, struct err *err);
enum api_result api_delete(struct api *a, const struct uuid *id, bool cascade, struct err *err);
enum api_result api_connectors(
	struct api *a, const struct uuid *id, struct api_connector **out, size_t *count, struct err *err);
/* Close connections: of one connector, or of all when client_id is NULL. */
enum api_result api_cleanup(
	struct api *a, const struct uuid *id, const struct uuid *client_id, struct err *err);
/* The token as text. */
enum api_result api_token(struct api *a, const struct uuid *id, struct secret *out, struct err *err);
/* hostname to tunnel. changed is "new", "updated" or "unchanged", name the completed host name; both to be freed. */
enum api_result api_route_dns(struct api *a, const struct uuid *id, const char *hostname, bool overwrite,
	char **changed, char **name, struct err *err);
enum api_result api_route_lb(struct api *a, const struct uuid *id, const char *name, const char *pool,
	char **balancer_changed, char **pool_changed, struct err *err);
/* The configuration object of the answer as JSON text: {"version", "config", "source", ...}. */
enum api_result api_config_get(struct api *a, const struct uuid *id, struct buf *out, struct err *err);
/* json is the value of "config". */
enum api_result api_config_put(
	struct api *a, const struct uuid *id, struct span json, struct buf *out, struct err *err);

void api_tunnel_free(struct api_tunnel *t);
void api_tunnels_free(struct api_tunnel *t, size_t count);
void api_connectors_free(struct api_connector *c, size_t count);

#endif
