/* Names, paths and values. */
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "credrotate/secretref.h"

#define NAME_LEN_MAX 253

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool secretref_is_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_letter_or_digit(s.p[i]) && s.p[i] != '-' && s.p[i] != '.')
			return false;
	return s.len > 0 && s.len <= NAME_LEN_MAX && is_letter_or_digit(s.p[0]) &&
	       is_letter_or_digit(s.p[s.len - 1]);
}

/* Keys become names of files, so that two dots in front are the kubelet's. */
static bool is_key(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (!is_letter_or_digit(c) && !(c >= 'A' && c <= 'Z') && strchr("-._", c) == NULL)
			return false;
	}
	return s.len > 0 && s.len <= NAME_LEN_MAX && !span_starts(s, SPAN("..")) && !span_eq(s, SPAN("."));
}

static void set_paths(struct secretref *ref)
{
	ref->path = mem_printf("/api/v1/namespaces/%s/secrets/%s", ref->ns, ref->name);
	ref->patch_path = mem_printf("%s?fieldManager=credrotate", ref->path);
}

int secretref_parse(struct secretref *ref, const struct target *t, struct err *err)
{
	struct span rest, key, ns = span_cut(span_str(t->place), '/', &rest);
	struct span name = span_cut(rest, '#', &key);

	if (!secretref_is_name(ns) || !secretref_is_name(name) || !is_key(key))
		return err_set(err, "\"%s\": is not NAMESPACE/NAME#KEY as Kubernetes names them", t->text);
	ref->ns = mem_spandup(ns);
	ref->name = mem_spandup(name);
	ref->key = mem_spandup(key);
	set_paths(ref);
	return 0;
}

void secretref_move(struct secretref *ref, const char *name)
{
	char *copy = mem_strdup(name);

	free(ref->name);
	free(ref->path);
	free(ref->patch_path);
	ref->name = copy;
	set_paths(ref);
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

bool secretref_same(struct span a, const struct secret *b)
{
	unsigned char x[SECRET_HASH_LEN], y[SECRET_HASH_LEN];

	secret_hash(a, x);
	secret_hash(span_of((const char *)b->data, b->len), y);
	return secret_equal(x, y);
}
