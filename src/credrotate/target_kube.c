/* A target that is a Kubernetes Secret. */
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "credrotate/immutable.h"
#include "credrotate/rollout.h"
#include "credrotate/secretdoc.h"

#define CONFLICT_TRIES 5

struct kube_target {
	struct secretref ref; /* of the Secret that counts now */
	char *base;           /* as the target names it; owned */
	unsigned char seen[SECRET_HASH_LEN];
	bool has_seen; /* what an install read first */
};

static int kube_open(struct target *t, struct err *err)
{
	struct kube_target *k = mem_alloc(sizeof(*k));

	t->own = k;
	if (secretref_parse(&k->ref, t, err) < 0)
		return -1;
	t->base = k->base = mem_strdup(k->ref.name);
	return 0;
}

/* What a call's end means to a run. */
static int fail(struct target *t, enum kube_result result, const struct secretref *ref, struct err *err)
{
	t->denied = result == KUBE_DENIED;
	if (result == KUBE_MISSING)
		return err_set(err, "Kubernetes has no Secret %s in namespace %s", ref->name, ref->ns);
	return -1;
}

static int kube_load(struct target *t, json_t **object, struct err *err)
{
	struct kube_target *k = t->own;

	*object = NULL;
	if (immutable_find(t, &k->ref, err) < 0)
		return -1;
	enum kube_result result = secretref_get(&k->ref, t->env->kube, object, err);
	return result == KUBE_OK ? 0 : fail(t, result, &k->ref, err);
}

static int kube_read(struct target *t, struct secret *out, struct err *err)
{
	struct kube_target *k = t->own;
	json_t *object;
	struct secret text = {0};
	int rc = -1;

	if (kube_load(t, &object, err) < 0)
		return -1;
	enum target_format format;
	if (secretref_value(&k->ref, object, &text, err) == 0) {
		rc = target_extract(span_of((const char *)text.data, text.len), t->format, t->env->tunnel,
			&format, out, err);
		if (rc < 0)
			err_wrap(err, "%s", t->place);
		else
			t->format = format;
	}
	secret_free(&text);
	json_decref(object);
	return rc;
}

/* --- Preflight --- */

/* Who would put the old one back? NULL when nobody. */
static const char *manager_of(json_t *object)
{
	static const struct {
		const char *prefix, *who;
	} marks[] = {{"argocd.argoproj.io/", "Argo CD"}, {"kustomize.toolkit.fluxcd.io/", "Flux"},
		{"helm.toolkit.fluxcd.io/", "Flux"}, {"meta.helm.sh/", "Helm"},
		{"sealedsecrets.bitnami.com/", "SealedSecrets"},
		{"reconcile.external-secrets.io/", "ExternalSecrets"},
		{"external-secrets.io/", "ExternalSecrets"}};
	json_t *meta = json_object_get(object, "metadata");
	const char *const places[] = {"annotations", "labels"};
	const char *key;
	json_t *value;

	if (json_array_size(json_object_get(meta, "ownerReferences")) > 0)
		return "its owner";
	for (size_t p = 0; p < 2; p++)
		json_object_foreach(json_object_get(meta, places[p]), key, value)
		{
			for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
				if (strncmp(key, marks[i].prefix, strlen(marks[i].prefix)) == 0)
					return marks[i].who;
		}
	return NULL;
}

static int check_manager(const struct target *t, json_t *object, const char *what, struct err *err)
{
	const char *manager = manager_of(object);

	if (manager == NULL || t->env->force)
		return 0;
	return err_set(err,
		"%s: %s is managed by %s, which would put the old one back; use a target manifest: in that "
		"pipeline, "
		"or --force",
		t->place, what, manager);
}

static int check_immutable(struct target *t, struct err *err)
{
	struct kube_target *k = t->own;
	json_t *deployment;

	if (immutable_check(t, &k->ref, err) < 0 || rollout_get(t, &deployment, err) < 0)
		return -1;
	int rc = check_manager(t, deployment, t->rollout, err);
	json_decref(deployment);
	return rc;
}

static int kube_check(struct target *t, struct err *err)
{
	struct kube_target *k = t->own;
	json_t *object;

	if (kube_load(t, &object, err) < 0)
		return -1;
	bool is_immutable = json_is_true(json_object_get(object, "immutable"));
	int rc = check_manager(t, object, "the Secret", err);
	json_decref(object);
	if (rc == 0 && is_immutable)
		return check_immutable(t, err);
	if (rc == 0 && !kube_may(t->env->kube, "patch", "", "secrets", k->ref.ns, k->ref.name, err)) {
		t->denied = true;
		rc = -1;
	}
	return rc;
}

/* --- Writing --- */

/* Composed by hand: no library holds the value. base64 and names that were checked need no escaping. */
static int compose_patch(
	struct target *t, json_t *object, struct span value, struct buf *out, struct err *err)
{
	struct kube_target *k = t->own;
	const char *version =
		json_string_value(json_object_get(json_object_get(object, "metadata"), "resourceVersion"));
	size_t room = base64_encoded_len(value.len, BASE64_PADDED) + 1024;

	if (version == NULL || strspn(version, "0123456789abcdefABCDEF") != strlen(version) ||
		strlen(version) > 64)
		return err_set(err, "%s: has no usable resourceVersion", t->place);
	out->max = room;
	buf_reserve(out, room);
	buf_addf(out,
		"{\"metadata\":{\"resourceVersion\":\"%s\",\"annotations\":{\"" SECRETDOC_FINGERPRINT
		"\":\"%s\"}},"
		"\"data\":{\"%s\":\"",
		version, t->env->fingerprint, k->ref.key);
	base64_encode(value, BASE64_PADDED, out);
	buf_add_str(out, "\"}}");
	return buf_add_char(out, '\0') < 0 ? err_set(err, "%s: too large", t->place) : 0;
}

/* After a conflict: whoever changed the Secret may have changed anything in it, but this key. */
static int check_seen(struct kube_target *k, const struct target *t, struct span now, struct err *err)
{
	unsigned char hash[SECRET_HASH_LEN];

	secret_hash(now, hash);
	if (k->has_seen && !secret_equal(hash, k->seen))
		return err_set(err,
			"%s: somebody else writes it too; it holds another secret than a moment ago",
			t->place);
	memcpy(k->seen, hash, sizeof(hash));
	k->has_seen = true;
	return 0;
}

/* Write what was composed if the Secret is still the one that was read. */
static enum kube_result write_patch(struct target *t, json_t *object, struct span text, struct err *err)
{
	struct kube_target *k = t->own;
	struct buf patch = {0};
	json_t *answer = NULL;
	enum kube_result result = KUBE_FAILED;

	if (compose_patch(t, object, text, &patch, err) == 0)
		result = kube_ask(t->env->kube, "PATCH", k->ref.patch_path, "application/merge-patch+json",
			buf_span(&patch).p, &answer, err);
	buf_wipe(&patch);
	json_decref(answer);
	return result;
}

/* What the Secret holds is known: is there something to do, and how? */
static enum kube_result change(struct target *t, const struct cred *c, json_t *object, struct span value,
	enum target_format format, struct buf *note, struct err *err)
{
	struct kube_target *k = t->own;
	struct buf text = {.max = CRED_FILE_MAX};
	enum kube_result result = KUBE_FAILED;

	if (target_compose(format, value, c, &text, err) == 0 &&
		json_is_true(json_object_get(object, "immutable")))
		result = immutable_install(t, &k->ref, object, c, buf_span(&text), note, err) < 0
				 ? (t->denied ? KUBE_DENIED : KUBE_FAILED)
				 : KUBE_OK;
	else if (buf_len(&text) > 0)
		result = write_patch(t, object, buf_span(&text), err);
	buf_wipe(&text);
	return result;
}

/* Read, compare, write what was read if it is still that. */
static enum kube_result install_once(
	struct target *t, const struct cred *c, struct buf *note, struct err *err)
{
	struct kube_target *k = t->own;
	struct secret value = {0}, now = {0};
	json_t *object = NULL;
	enum target_format format;
	enum kube_result result = secretref_get(&k->ref, t->env->kube, &object, err);

	if (result != KUBE_OK)
		goto out;
	result = KUBE_FAILED;
	if (secretref_value(&k->ref, object, &value, err) < 0 ||
		target_extract(span_of((const char *)value.data, value.len), t->format, t->env->tunnel,
			&format, &now, err) < 0)
		goto out;
	struct span is = span_of((const char *)now.data, now.len);
	if (secretref_same(is, &c->secret)) {
		buf_add_str(note, "holds it already");
		free(t->reference); /* nothing but the name that pods have is needed */
		t->reference = strcmp(k->ref.name, t->base) != 0 ? mem_strdup(k->ref.name) : NULL;
		result = KUBE_OK;
	} else if (check_seen(k, t, is, err) == 0) {
		result =
			change(t, c, object, span_of((const char *)value.data, value.len), format, note, err);
	}
out:
	secret_free(&value);
	secret_free(&now);
	json_decref(object);
	return result;
}

static int kube_install(struct target *t, const struct cred *c, bool keep, struct buf *note, struct err *err)
{
	struct kube_target *k = t->own;
	enum kube_result result = KUBE_CONFLICT;

	(void)keep; /* the journal's directory has it */
	t->denied = false;
	if (immutable_find(t, &k->ref, err) < 0)
		return -1;
	k->has_seen = false;
	for (int tries = 0; tries < CONFLICT_TRIES && result == KUBE_CONFLICT; tries++)
		result = install_once(t, c, note, err);
	return result == KUBE_OK ? 0 : fail(t, result, &k->ref, err);
}

static bool kube_kept(struct target *t, struct secret *out)
{
	(void)t;
	(void)out;
	return false;
}

static int kube_forget(struct target *t, struct err *err)
{
	struct kube_target *k = t->own;

	if (!t->env->immutable || t->rollout == NULL)
		return 0;
	return immutable_find(t, &k->ref, err) < 0 ? -1 : immutable_forget(t, &k->ref, err);
}

static void nothing(struct target *t)
{
	(void)t;
}

static void kube_close(struct target *t)
{
	struct kube_target *k = t->own;

	secretref_free(&k->ref);
	free(k->base);
	t->base = NULL;
	free(k);
	t->own = NULL;
}

const struct target_ops target_kube = {
	"k8s", kube_open, kube_read, kube_check, kube_install, kube_kept, kube_forget, nothing, kube_close};
