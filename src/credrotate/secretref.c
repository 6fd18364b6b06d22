/* Names, paths and values. */
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "credrotate/secretref.h"

#define NAME_LEN_MAX 253

/* Lower-case letters, digits, - and . for names (RFC 1123); keys may have capitals and _ as well. */
static bool is_name(struct span s, bool is_key)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		bool common = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
		if (!common && !(is_key && ((c >= 'A' && c <= 'Z') || c == '_')))
			return false;
	}
	return s.len > 0 && s.len <= NAME_LEN_MAX;
}

int secretref_parse(struct secretref *ref, const struct target *t, struct err *err)
{
	struct span rest, key, ns = span_cut(span_str(t->place), '/', &rest);
	struct span name = span_cut(rest, '#', &key);

	if (!is_name(ns, false) || !is_name(name, false) || !is_name(key, true))
		return err_set(err, "\"%s\": is not NAMESPACE/NAME#KEY as Kubernetes names them", t->text);
	ref->ns = mem_spandup(ns);
	ref->name = mem_spandup(name);
	ref->key = mem_spandup(key);
	ref->path = mem_printf("/api/v1/namespaces/%s/secrets/%s", ref->ns, ref->name);
	ref->patch_path = mem_printf("%s?fieldManager=credrotate", ref->path);
	return 0;
}

void secretref_free(struct secretref *ref)
{
	free(ref->ns);
	free(ref->name);
	free(ref->key);
	free(ref->path);
	free(ref->patch_path);
}

enum kube_result secretref_get(const struct secretref *ref, struct kube *k, json_t **object, struct err *err)
{
	return kube_ask(k, "GET", ref->path, NULL, NULL, object, err);
}

int secretref_value(const struct secretref *ref, json_t *object, struct secret *out, struct err *err)
{
	json_t *value = json_object_get(json_object_get(object, "data"), ref->key);
	char bytes[CRED_FILE_MAX];
	size_t len;

	if (!json_is_string(value))
		return err_set(err, "Kubernetes: Secret %s/%s has no key %s", ref->ns, ref->name, ref->key);
	bool ok = base64_decode(span_of(json_string_value(value), json_string_length(value)), BASE64_PADDED,
		bytes, sizeof(bytes), &len);
	if (ok)
		secret_set(out, bytes, len);
	secret_wipe(bytes, sizeof(bytes));
	return ok ? 0
		  : err_set(err, "Kubernetes: Secret %s/%s: key %s is not base64 of at most %zu bytes",
			    ref->ns, ref->name, ref->key, sizeof(bytes));
}
