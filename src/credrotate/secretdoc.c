/* Member by member. */
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/secret.h"
#include "credrotate/secretdoc.h"

static void add_member(struct buf *out, const char *name, json_t *value)
{
	char *text = value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (text != NULL) {
		buf_addf(out, ",\"%s\":", name);
		buf_add_str(out, text);
	}
	free(text);
}

static json_t *notes_of(const struct secretdoc *d)
{
	json_t *notes = json_object();
	json_t *had = json_object_get(json_object_get(d->old, "metadata"), "annotations");

	if (json_is_object(had))
		json_object_update(notes, had);
	json_object_del(
		notes, "kubectl.kubernetes.io/last-applied-configuration"); /* it holds the old secret */
	json_object_del(notes, SECRETDOC_REPLACES);
	json_object_set_new(notes, SECRETDOC_FINGERPRINT, json_string(d->fingerprint));
	if (d->replaces != NULL)
		json_object_set_new(notes, SECRETDOC_REPLACES, json_string(d->replaces));
	return notes;
}

/* What may stand in quotes as it is: base64, and the names of keys. */
static bool is_plain(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-._";

	return text != NULL && text[strspn(text, plain)] == '\0';
}

/* The other keys: who replaces a Secret by this document must not lose them. */
static int add_others(const struct secretdoc *d, struct buf *out, struct err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(d->old, "data"), key, value)
	{
		const char *text = json_string_value(value);
		if (strcmp(key, d->key) == 0)
			continue;
		if (!is_plain(key) || !is_plain(text))
			return err_set(
				err, "Kubernetes: Secret %s/%s: key %s is not base64", d->ns, d->name, key);
		buf_addf(out, "\"%s\":\"", key);
		buf_add_str(out, text);
		buf_add_str(out, "\",");
	}
	return 0;
}

int secretdoc_compose(const struct secretdoc *d, struct buf *out, struct err *err)
{
	json_t *notes = notes_of(d);

	out->max = SECRETDOC_MAX;
	buf_reserve(out, SECRETDOC_MAX); /* what grows leaves copies behind */
	buf_addf(out,
		"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"%"
		"s\"",
		d->name, d->ns);
	add_member(out, "labels", json_object_get(json_object_get(d->old, "metadata"), "labels"));
	add_member(out, "annotations", notes);
	buf_add_char(out, '}');
	add_member(out, "type", json_object_get(d->old, "type"));
	if (d->is_immutable)
		buf_add_str(out, ",\"immutable\":true");
	buf_add_str(out, ",\"data\":{");
	int rc = add_others(d, out, err);
	buf_addf(out, "\"%s\":\"", d->key);
	base64_encode(d->value, BASE64_PADDED, out);
	if (rc == 0 && buf_add_str(out, "\"}}\n") < 0)
		rc = err_set(err, "Kubernetes: Secret %s/%s: too large", d->ns, d->name);
	json_decref(notes);
	return rc;
}
