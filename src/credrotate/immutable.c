/* Names, and the order of making, telling and removing. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "credrotate/immutable.h"
#include "credrotate/podspec.h"
#include "credrotate/rollout.h"
#include "credrotate/secretdoc.h"

static bool is_for(const struct target *t)
{
	return t->env->immutable && t->ops == &target_kube && t->rollout != NULL;
}

static const char *note_of(json_t *object, const char *name)
{
	json_t *notes = json_object_get(json_object_get(object, "metadata"), "annotations");

	return json_string_value(json_object_get(notes, name));
}

/* Going back, or where versions are not counted, the fingerprint is what tells Secrets apart. To be freed. */
static char *next_name(const struct target *t)
{
	return t->env->version > 0 && !t->env->is_back
		       ? mem_printf("%s-%lld", t->base, (long long)t->env->version)
		       : mem_printf("%s-%s", t->base, t->env->fingerprint);
}

static void set_reference(struct target *t, const char *name)
{
	char *copy = mem_strdup(name);

	free(t->reference);
	t->reference = copy;
}

static int fail(struct target *t, enum kube_result result)
{
	t->denied = result == KUBE_DENIED;
	return -1;
}

int immutable_find(struct target *t, struct secretref *ref, struct err *err)
{
	json_t *deployment;

	if (!is_for(t))
		return 0;
	if (rollout_get(t, &deployment, err) < 0)
		return -1;
	const char *name = podspec_find(podspec_of(deployment), t->base);
	bool good = name != NULL && secretref_is_name(span_str(name));
	if (good)
		secretref_move(ref, name);
	json_decref(deployment);
	return good ? 0
		    : err_set(err, "Deployment %s: uses neither Secret %s nor %s-VERSION",
			      strchr(t->rollout, '/') + 1, t->base, t->base);
}

int immutable_check(struct target *t, const struct secretref *ref, struct err *err)
{
	static const char *const verbs[] = {"create", "delete", "get"};

	if (!is_for(t))
		return err_set(err,
			"%s: is immutable; with --immutable and rollout=deployment/NAME another takes its "
			"place",
			t->place);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]);
		i++) /* of any name: the next is not known yet */
		if (!kube_may(t->env->kube, verbs[i], "", "secrets", ref->ns, "", err))
			return fail(t, KUBE_DENIED);
	return 0;
}

/* --- Making --- */

/* Does the Secret hold it? -1 when there is no such Secret, or it cannot be read. */
static int holds(struct target *t, const struct secretref *ref, const struct secret *wanted, struct err *err)
{
	struct secret value = {0}, is = {0};
	json_t *object = NULL;
	enum target_format format;
	enum kube_result result = secretref_get(ref, t->env->kube, &object, err);
	int rc = result == KUBE_OK ? 0 : fail(t, result);

	if (rc == 0 && secretref_value(ref, object, &value, err) == 0 &&
		target_extract(span_of((const char *)value.data, value.len), t->format, t->env->tunnel,
			&format, &is, err) == 0)
		rc = secretref_same(span_of((const char *)is.data, is.len), wanted);
	secret_free(&value);
	secret_free(&is);
	json_decref(object);
	return rc;
}

static int make(struct target *t, const struct secretdoc *d, const struct cred *c, struct err *err)
{
	struct buf body = {0};
	char *path = mem_printf("/api/v1/namespaces/%s/secrets?fieldManager=credrotate", d->ns);
	json_t *answer = NULL;
	enum kube_result result = KUBE_FAILED;

	if (secretdoc_compose(d, &body, err) == 0 && buf_add_char(&body, '\0') == 0)
		result = kube_ask(
			t->env->kube, "POST", path, "application/json", buf_span(&body).p, &answer, err);
	buf_wipe(&body);
	json_decref(answer);
	free(path);
	if (result != KUBE_CONFLICT)
		return result == KUBE_OK ? 0 : fail(t, result);
	/* there already: ours, of an answer that was lost or of a run that ended there, or not */
	struct secretref ref = {.ns = mem_strdup(d->ns), .key = mem_strdup(d->key)};
	secretref_move(&ref, d->name);
	int same = holds(t, &ref, &c->secret, err);
	secretref_free(&ref);
	if (same == 0)
		return err_set(err,
			"Secret %s is there already and holds something else; kubectl delete secret %s",
			d->name, d->name);
	return same > 0 ? 0 : -1;
}

/* Is the one before what is wanted? Then pods can simply be told to use it again. */
static bool go_back(struct target *t, const struct secretref *ref, const char *before, const struct cred *c)
{
	struct secretref old = {.ns = mem_strdup(ref->ns), .key = mem_strdup(ref->key)};
	struct err unused;

	secretref_move(&old, before);
	bool same = holds(t, &old, &c->secret, &unused) > 0;
	secretref_free(&old);
	t->denied = false; /* another can be made */
	return same;
}

int immutable_install(struct target *t, const struct secretref *ref, json_t *object, const struct cred *c,
	struct span value, struct buf *note, struct err *err)
{
	const char *before = note_of(object, SECRETDOC_REPLACES);

	if (before != NULL && podspec_is_version(before, t->base) && secretref_is_name(span_str(before)) &&
		go_back(t, ref, before, c)) {
		set_reference(t, before);
		buf_addf(note, "Secret %s again", before);
		return 0;
	}
	char *name = next_name(t);
	struct secretdoc d = {.ns = ref->ns,
		.name = name,
		.key = ref->key,
		.fingerprint = t->env->fingerprint,
		.value = value,
		.old = object,
		.is_immutable = true,
		.replaces = ref->name};
	int rc = make(t, &d, c, err);
	if (rc == 0) {
		set_reference(t, name);
		buf_addf(note, "Secret %s", name);
	}
	free(name);
	return rc;
}

int immutable_resume(struct target *t, struct err *err)
{
	json_t *object = NULL;

	if (!is_for(t) || t->reference != NULL)
		return 0;
	struct span rest, ns = span_cut(span_str(t->place), '/', &rest);
	char *name = next_name(t),
	     *path = mem_printf("/api/v1/namespaces/%.*s/secrets/%s", (int)ns.len, ns.p, name);
	enum kube_result result = kube_ask(t->env->kube, "GET", path, NULL, NULL, &object, err);
	if (result == KUBE_OK)
		set_reference(t, name);
	json_decref(object);
	free(path);
	free(name);
	/* without it, the Secret was not immutable, and was changed in place */
	return result == KUBE_OK || result == KUBE_MISSING ? 0 : fail(t, result);
}

/* --- Removing --- */

static int drop(struct target *t, const struct secretref *ref, const char *name, struct err *err)
{
	char *path = mem_printf("/api/v1/namespaces/%s/secrets/%s", ref->ns, name);
	json_t *answer = NULL;
	enum kube_result result = kube_ask(t->env->kube, "DELETE", path, NULL, NULL, &answer, err);

	json_decref(answer);
	free(path);
	return result == KUBE_OK || result == KUBE_MISSING ? 0 : fail(t, result);
}

int immutable_forget(struct target *t, const struct secretref *ref, struct err *err)
{
	json_t *object = NULL;
	enum kube_result result = secretref_get(ref, t->env->kube, &object, err);

	if (result != KUBE_OK)
		return fail(t, result);
	const char *before = note_of(object, SECRETDOC_REPLACES);
	char *made = next_name(t);
	int rc = 0;
	if (json_is_true(json_object_get(object, "immutable"))) {
		if (before != NULL && podspec_is_version(before, t->base) && strcmp(before, ref->name) != 0 &&
			secretref_is_name(span_str(before)))
			rc = drop(t, ref, before, err);
		if (rc == 0 && strcmp(made, ref->name) != 0)
			rc = drop(t, ref, made, err);
	}
	free(made);
	json_decref(object);
	return rc;
}
