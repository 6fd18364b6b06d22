/* Strategic merge patches on a Deployment, and reading its status. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "credrotate/rollout.h"

#define GRACE_DEFAULT_S 30

static const char *namespace_of(const struct target *t, char out[256])
{
	struct span rest, ns = span_cut(span_str(t->place), '/', &rest);

	memcpy(out, ns.p, ns.len < 255 ? ns.len : 255);
	out[ns.len < 255 ? ns.len : 255] = '\0';
	return out;
}

static const char *name_of(const struct target *t)
{
	return strchr(t->rollout, '/') + 1;
}

static char *path_of(const struct target *t)
{
	char ns[256];

	return mem_printf("/apis/apps/v1/namespaces/%s/deployments/%s", namespace_of(t, ns), name_of(t));
}

static int get(struct target *t, json_t **out, struct err *err)
{
	char *path = path_of(t);
	enum kube_result result = kube_ask(t->env->kube, "GET", path, NULL, NULL, out, err);

	free(path);
	t->denied = result == KUBE_DENIED;
	return result == KUBE_OK ? 0 : -1;
}

/* --- Preflight --- */

/* "25%" of so many, rounded down, or a number as it is. */
static json_int_t share_of(json_t *value, json_int_t replicas, json_int_t usual)
{
	const char *text = json_string_value(value);

	if (json_is_integer(value))
		return json_integer_value(value);
	if (text == NULL)
		return usual;
	return strtoll(text, NULL, 10) * replicas / 100;
}

static int check_strategy(json_t *spec, json_int_t replicas, const char *name, struct err *err)
{
	json_t *strategy = json_object_get(spec, "strategy");
	const char *type = json_string_value(json_object_get(strategy, "type"));
	json_t *rolling = json_object_get(strategy, "rollingUpdate");

	if (type != NULL && strcmp(type, "Recreate") == 0)
		return err_set(err,
			"Deployment %s: strategy Recreate stops all pods at once; use RollingUpdate", name);
	if (share_of(json_object_get(rolling, "maxUnavailable"), replicas, replicas / 4) > 0)
		return err_set(err, "Deployment %s: set strategy.rollingUpdate.maxUnavailable: 0", name);
	json_t *surge = json_object_get(rolling, "maxSurge");
	/* a share of surge is rounded up */
	if (json_is_integer(surge) && json_integer_value(surge) < 1)
		return err_set(err, "Deployment %s: set strategy.rollingUpdate.maxSurge: 1", name);
	return 0;
}

static bool probes_ready(json_t *container, const char *probe)
{
	const json_t *ask = json_object_get(json_object_get(container, probe), "httpGet");
	const char *path = json_string_value(json_object_get(ask, "path"));

	return path != NULL && strcmp(path, "/ready") == 0;
}

static int check_container(json_t *container, const char *deployment, bool *ready, struct err *err)
{
	const char *name = json_string_value(json_object_get(container, "name"));

	*ready |= probes_ready(container, "readinessProbe");
	if (probes_ready(container, "livenessProbe"))
		return err_set(err,
			"Deployment %s: container %s: a liveness probe on /ready kills connectors that wait; "
			"probe "
			"something else",
			deployment, name != NULL ? name : "?");
	return 0;
}

static int check_pods(json_t *spec, const char *name, struct err *err)
{
	json_t *pod = json_object_get(json_object_get(spec, "template"), "spec"), *container;
	json_t *grace = json_object_get(pod, "terminationGracePeriodSeconds");
	bool ready = false;
	size_t i;

	json_array_foreach(json_object_get(pod, "containers"), i,
		container) if (check_container(container, name, &ready, err) < 0) return -1;
	if (!ready)
		return err_set(err,
			"Deployment %s: no readiness probe on /ready, so that pods count as available too "
			"early",
			name);
	if (json_is_integer(grace) && json_integer_value(grace) < GRACE_DEFAULT_S)
		return err_set(err,
			"Deployment %s: terminationGracePeriodSeconds is below %d, the connector's grace "
			"period",
			name, GRACE_DEFAULT_S);
	return 0;
}

int rollout_check(struct target *t, struct err *err)
{
	json_t *object;
	char ns[256];

	if (get(t, &object, err) < 0)
		return -1;
	json_t *spec = json_object_get(object, "spec"), *count = json_object_get(spec, "replicas");
	json_int_t replicas = json_is_integer(count) ? json_integer_value(count) : 1;
	int rc = check_strategy(spec, replicas, name_of(t), err);
	if (rc == 0)
		rc = check_pods(spec, name_of(t), err);
	if (rc == 0 && t->replicas == 1)
		t->replicas = replicas > 0 ? replicas : 1;
	json_decref(object);
	if (rc == 0 && !kube_may(t->env->kube, "patch", "apps", "deployments", namespace_of(t, ns),
			       name_of(t), err)) {
		t->denied = true;
		rc = -1;
	}
	return rc;
}

/* --- Rolling --- */

int rollout_start(struct target *t, struct err *err)
{
	char *path = path_of(t), *url = mem_printf("%s?fieldManager=credrotate", path);
	char *body = mem_printf("{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"outbore.dev/"
				"secret-fingerprint\":\"%s\"}}}}}",
		t->env->fingerprint);
	json_t *answer = NULL;
	enum kube_result result = kube_ask(
		t->env->kube, "PATCH", url, "application/strategic-merge-patch+json", body, &answer, err);

	t->denied = result == KUBE_DENIED;
	json_decref(answer);
	free(body);
	free(url);
	free(path);
	return result == KUBE_OK ? 0 : -1;
}

static json_int_t number(json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static bool is_stuck(json_t *status)
{
	json_t *condition;
	size_t i;

	json_array_foreach(json_object_get(status, "conditions"), i, condition)
	{
		const char *reason = json_string_value(json_object_get(condition, "reason"));
		if (reason != NULL && strcmp(reason, "ProgressDeadlineExceeded") == 0)
			return true;
	}
	return false;
}

bool rollout_is_done(struct target *t, struct err *err)
{
	json_t *object;

	if (get(t, &object, err) < 0)
		return false;
	json_t *status = json_object_get(object, "status"), *spec = json_object_get(object, "spec");
	json_t *count = json_object_get(spec, "replicas");
	json_int_t replicas = json_is_integer(count) ? json_integer_value(count) : 1;
	bool seen = number(status, "observedGeneration") >=
		    number(json_object_get(object, "metadata"), "generation");
	bool done = seen && number(status, "updatedReplicas") == replicas &&
		    number(status, "replicas") == replicas && number(status, "availableReplicas") >= replicas;
	if (seen && !done && is_stuck(status))
		err_set(err, "Deployment %s: ProgressDeadlineExceeded; see kubectl rollout status",
			name_of(t));
	json_decref(object);
	return done;
}
