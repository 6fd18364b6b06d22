/* Asking again, with patience. */
#include "credrotate/fleet.h"
#include "common/base/rfc3339.h"

#define RETRY_AFTER_MAX_S 60

bool fleet_is_denied(const struct fleet *f)
{
	int status = api_failure(f->api)->status;

	return status == 401 || status == 403;
}

bool fleet_is_missing(const struct fleet *f)
{
	return api_failure(f->api)->status == 404;
}

/* Is a change that was certainly not made worth asking for again? Waits before it says so. */
static bool ask_again(const struct fleet *f, enum api_result result, int *tries)
{
	const struct api_failure *why = api_failure(f->api);
	int64_t wait_s = 1 << *tries;

	if (result == API_OK || interrupt_came(f->interrupt) || ++*tries >= FLEET_TRIES)
		return false;
	if (result == API_REFUSED && why->status != 429)
		return false;
	if (result == API_UNKNOWN)
		return false;
	if (result == API_REFUSED && why->retry_after_s > 0)
		wait_s = why->retry_after_s < RETRY_AFTER_MAX_S ? why->retry_after_s : RETRY_AFTER_MAX_S;
	interrupt_sleep(f->interrupt, wait_s * 1000);
	return true;
}

int fleet_find(struct fleet *f, const char *id_or_name, struct api_tunnel *out, struct err *err)
{
	enum api_result result = api_find(f->api, id_or_name, out, err);
	if (result == API_OK)
		f->id = out->id;
	return result == API_OK ? 0 : -1;
}

int fleet_tunnel(struct fleet *f, struct api_tunnel *out, struct err *err)
{
	enum api_result result = api_get(f->api, &f->id, out, err);
	return result == API_OK ? 0 : -1;
}

int fleet_secret(struct fleet *f, struct cred *out, struct err *err)
{
	struct secret token = {0};
	enum api_result result = api_token(f->api, &f->id, &token, err);
	int rc = -1;

	if (result == API_OK) {
		cred_free(out);
		rc = cred_parse_token(span_of((const char *)token.data, token.len), out, err);
		if (rc < 0)
			err_wrap(err, "the API's token");
	}
	secret_free(&token);
	return rc;
}

int fleet_poll(struct fleet *f, struct err *err)
{
	fleet_fini(f);
	enum api_result result = api_connectors(f->api, &f->id, &f->conns, &f->count, err);
	return result == API_OK ? 0 : -1;
}

int64_t fleet_now(const struct fleet *f)
{
	int64_t now = api_server_time(f->api);

	return now != API_TIME_NONE ? now : rfc3339_now();
}

enum api_result fleet_edit(
	struct fleet *f, const struct api_edit *edit, struct api_tunnel *out, struct err *err)
{
	enum api_result result;
	int tries = 0;

	do {
		result = api_edit(f->api, &f->id, edit, out, err);
	} while (ask_again(f, result, &tries));
	return result;
}

int fleet_evict(struct fleet *f, const struct uuid *connector, struct err *err)
{
	enum api_result result;
	int tries = 0;

	do {
		result = api_cleanup(f->api, &f->id, connector, err);
		/* closing what is closed does no harm */
	} while (result == API_UNKNOWN ? ++tries < FLEET_TRIES : ask_again(f, result, &tries));
	return result == API_OK ? 0 : -1;
}

void fleet_fini(struct fleet *f)
{
	api_connectors_free(f->conns, f->count);
	f->conns = NULL;
	f->count = 0;
}
