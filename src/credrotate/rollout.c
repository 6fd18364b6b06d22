/* Strategic merge patches on a Deployment, and reading its status. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "credrotate/immutable.h"
#include "credrotate/podspec.h"
#include "credrotate/rollout.h"
#include "credrotate/secretdoc.h"

static const char *name_of(const struct target *t)
{
	return strchr(t->rollout, '/') + 1;
}

static char *path_of(const struct target *t)
{
	struct span rest, ns = span_cut(span_str(t->place), '/', &rest);

	return mem_printf("/apis/apps/v1/namespaces/%.*s/deployments/%s", (int)ns.len, ns.p, name_of(t));
}

/* What of a Deployment decides how long it may take, and how many have to come. */
static void learn(struct target *t, json_t *deployment)
{
	json_t *spec = json_object_get(deployment, "spec"), *count = json_object_get(spec, "replicas");
	json_t *progress = json_object_get(spec, "progressDeadlineSeconds");

	if (!t->has_replicas)
		t->replicas = !json_is_integer(count) ? 1 : json_integer_value(count);
	if (json_is_integer(progress) && json_integer_value(progress) > 0)
		t->progress_s = json_integer_value(progress);
}

static enum kube_result ask(struct target *t, json_t **deployment, struct err *err)
{
	char *path = path_of(t);
	enum kube_result result = kube_ask(t->env->kube, "GET", path, NULL, NULL, deployment, err);

	free(path);
	t->denied = result == KUBE_DENIED;
	if (result == KUBE_OK)
		learn(t, *deployment);
	return result;
}

int rollout_get(struct target *t, json_t **deployment, struct err *err)
{
	return ask(t, deployment, err) == KUBE_OK ? 0 : -1;
}

/* --- Rolling --- */

char *rollout_mark(struct target *t, struct err *err)
{
	json_t *deployment;

	if (rollout_get(t, &deployment, err) < 0)
		return NULL;
	json_t *template = json_object_get(json_object_get(deployment, "spec"), "template");
	json_t *marks = json_object_get(json_object_get(template, "metadata"), "annotations");
	const char *mark = json_string_value(json_object_get(marks, SECRETDOC_FINGERPRINT));
	char *copy = mem_strdup(mark != NULL ? mark : "");
	json_decref(deployment);
	return copy;
}

static json_t *compose(struct target *t, struct err *err)
{
	const char *mark = t->env->is_back && t->rolled_from != NULL ? t->rolled_from : t->env->fingerprint;

	json_t *spec = NULL, *deployment;
	int rc = immutable_resume(t, err);

	if (rc == 0 && t->reference != NULL && (rc = rollout_get(t, &deployment, err)) == 0) {
		spec = podspec_switch(podspec_of(deployment), t->base, t->reference);
		json_decref(deployment);
	}
	if (rc < 0)
		return NULL;
	json_t *pods = json_pack("{s:{s:{s:s?}}}", "metadata", "annotations", SECRETDOC_FINGERPRINT,
		mark[0] != '\0' ? mark : NULL);
	if (spec != NULL)
		json_object_set_new(pods, "spec", spec);
	return json_pack("{s:{s:o}}", "spec", "template", pods);
}

/* When it got stuck; NULL when it is not. */
static const char *stuck_since(json_t *status)
{
	json_t *condition;
	size_t i;

	json_array_foreach(json_object_get(status, "conditions"), i, condition)
	{
		const char *reason = json_string_value(json_object_get(condition, "reason"));
		const char *since = json_string_value(json_object_get(condition, "lastUpdateTime"));
		if (reason != NULL && strcmp(reason, "ProgressDeadlineExceeded") == 0)
			return since != NULL ? since : "";
	}
	return NULL;
}

int rollout_start(struct target *t, struct err *err)
{
	json_t *change = compose(t, err), *answer = NULL;

	if (change == NULL)
		return -1;
	char *path = path_of(t), *url = mem_printf("%s?fieldManager=credrotate", path);
	char *body = json_dumps(change, JSON_COMPACT);
	enum kube_result result = kube_ask(
		t->env->kube, "PATCH", url, "application/strategic-merge-patch+json", body, &answer, err);

	t->denied = result == KUBE_DENIED;
	if (result == KUBE_OK) {
		const char *since = stuck_since(json_object_get(answer, "status"));
		learn(t, answer);
		snprintf(t->stuck_before, sizeof(t->stuck_before), "%s", since != NULL ? since : "");
	}
	json_decref(answer);
	json_decref(change);
	free(body);
	free(url);
	free(path);
	return result == KUBE_OK ? 0 : -1;
}

static json_int_t number(json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static bool judge(const struct target *t, json_t *deployment, struct err *err)
{
	json_t *status = json_object_get(deployment, "status"), *spec = json_object_get(deployment, "spec");
	json_t *count = json_object_get(spec, "replicas");
	json_int_t replicas = json_is_integer(count) ? json_integer_value(count) : 1;
	const char *since = stuck_since(status);
	bool seen = number(status, "observedGeneration") >=
		    number(json_object_get(deployment, "metadata"), "generation");
	bool done = seen && number(status, "updatedReplicas") == replicas &&
		    number(status, "replicas") == replicas && number(status, "availableReplicas") >= replicas;

	/* a Deployment stays stuck until something moves, a new template or not */
	if (seen && !done && since != NULL &&
		(t->stuck_before[0] == '\0' || strcmp(since, t->stuck_before) != 0))
		err_set(err, "Deployment %s: ProgressDeadlineExceeded; see kubectl rollout status",
			name_of(t));
	return done;
}

bool rollout_is_done(struct target *t, struct err *err)
{
	json_t *deployment;
	enum kube_result result = ask(t, &deployment, err);

	if (result != KUBE_OK) {
		if (result == KUBE_FAILED) /* it may come back within the target's time */
			err->text[0] = '\0';
		return false;
	}
	bool done = judge(t, deployment, err);
	json_decref(deployment);
	return done;
}
