/* A configuration from the edge is refused with a reason, or has rules of which the last catches all; the answer to it is
 * JSON. */
#include <jansson.h>

#include "common/conf/ingress_remote.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ingress_remote r;
	struct err err = {0};
	struct buf answer = {0};
	enum ingress_remote_result result = ingress_remote_parse(span_of((const char *)data, size), &r, &err);

	MUST((result == INGRESS_REMOTE_OK) == (r.ingress != NULL));
	MUST((result == INGRESS_REMOTE_OK) == (err.text[0] == '\0'));
	if (result == INGRESS_REMOTE_OK) {
		const struct ingress_rule *last = ingress_rule(r.ingress, ingress_count(r.ingress) - 1);
		MUST((last->hostname[0] == '\0' || strcmp(last->hostname, "*") == 0) &&
			last->path[0] == '\0');
	}
	MUST(ingress_remote_answer(r.version, result == INGRESS_REMOTE_OK ? NULL : err.text, &answer) == 0);
	json_t *object = json_loadb(buf_span(&answer).p, buf_len(&answer), 0, NULL);
	MUST(json_is_integer(json_object_get(object, "lastAppliedVersion")));
	MUST(json_is_null(json_object_get(object, "err")) == (result == INGRESS_REMOTE_OK));
	json_decref(object);
	buf_free(&answer);
	ingress_remote_free(&r);
	return 0;
}
