/* What of a Deployment would leave a gap, or would not take the new secret up (rotation without a gap needs all of it). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "credrotate/immutable.h"
#include "credrotate/podspec.h"
#include "credrotate/rollout.h"

#define GRACE_DEFAULT_S 30  /* a connector's --grace-period */
#define PATIENT_S 300       /* a liveness probe that waits so long kills nobody who reconnects */
#define PERIOD_DEFAULT_S 10 /* of probes */
#define FAILURES_DEFAULT 3

/* Where remedies go, and who they are of. */
struct check {
	const char *deployment;
	struct buf *remedies;
};

static void remedy(const struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void remedy(const struct check *c, const char *fmt, ...)
{
	char text[ERR_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_addf(c->remedies, "Deployment %s: %s\n", c->deployment, text);
}

/* --- The strategy --- */

/* "25%" of so many, rounded up or down, or a number as it is. */
static json_int_t share_of(json_t *value, json_int_t replicas, const char *usual, bool up)
{
	const char *text = json_is_string(value) ? json_string_value(value) : usual;

	if (json_is_integer(value))
		return json_integer_value(value);
	return (strtoll(text, NULL, 10) * replicas + (up ? 99 : 0)) / 100;
}

static void check_strategy(const struct check *c, json_t *spec, json_int_t replicas)
{
	json_t *strategy = json_object_get(spec, "strategy");
	json_t *rolling = json_object_get(strategy, "rollingUpdate");
	const char *type = json_string_value(json_object_get(strategy, "type"));

	if (type != NULL && strcmp(type, "Recreate") == 0) {
		remedy(c, "strategy Recreate stops all pods at once; set strategy.type: RollingUpdate");
		return;
	}
	if (share_of(json_object_get(rolling, "maxUnavailable"), replicas, "25%", false) > 0)
		remedy(c, "pods would go before others are ready; set strategy.rollingUpdate.maxUnavailable: "
			  "0");
	if (share_of(json_object_get(rolling, "maxSurge"), replicas, "25%", true) < 1)
		remedy(c, "there is no room for a pod beside the others; set "
			  "strategy.rollingUpdate.maxSurge: 1");
	if (json_is_true(json_object_get(spec, "paused")))
		remedy(c, "is paused; kubectl rollout resume deployment/%s", c->deployment);
	if (replicas < 1)
		remedy(c, "has no replicas that could take the secret up; scale it, or leave rollout= out");
}

/* --- Pods --- */

static bool asks_ready(json_t *container, const char *probe)
{
	json_t *ask = json_object_get(json_object_get(container, probe), "httpGet");
	const char *path = json_string_value(json_object_get(ask, "path"));

	return path != NULL && strcmp(path, "/ready") == 0;
}

static json_int_t number_or(json_t *object, const char *name, json_int_t usual)
{
	json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? json_integer_value(value) : usual;
}

static bool check_probes(const struct check *c, json_t *container)
{
	json_t *probe = json_object_get(container, "livenessProbe");
	const char *name = json_string_value(json_object_get(container, "name"));
	json_int_t patience = number_or(probe, "periodSeconds", PERIOD_DEFAULT_S) *
			      number_or(probe, "failureThreshold", FAILURES_DEFAULT);

	if (asks_ready(container, "livenessProbe") && patience < PATIENT_S)
		remedy(c,
			"container %s: a livenessProbe on /ready kills connectors that wait; probe something "
			"else, or "
			"let periodSeconds times failureThreshold be %d at least",
			name != NULL ? name : "?", PATIENT_S);
	return asks_ready(container, "readinessProbe");
}

static void check_pods(const struct check *c, json_t *pod)
{
	json_int_t stop = number_or(pod, "terminationGracePeriodSeconds", GRACE_DEFAULT_S);
	long grace = podspec_grace_s(pod, GRACE_DEFAULT_S);
	json_t *container;
	bool ready = false;
	size_t i;

	json_array_foreach(json_object_get(pod, "containers"), i, container) ready |=
		check_probes(c, container);
	if (!ready)
		remedy(c, "pods would count as available too early; set readinessProbe.httpGet.path: /ready");
	if (stop < grace)
		remedy(c,
			"pods are killed while requests run; set terminationGracePeriodSeconds: %ld, more "
			"than the "
			"connector's --grace-period",
			grace + 10);
}

/* --- Does the new secret come to the pods? --- */

static void check_use(const struct check *c, const struct target *t, json_t *pod, const char *secret)
{
	unsigned uses = podspec_uses(pod, secret);

	if (uses == 0)
		remedy(c, "its pods do not use Secret %s, neither by a volume nor by their environment",
			secret);
	else if (t->signal == TARGET_ROLLOUT)
		return;
	else if ((uses & PODSPEC_ENV) != 0)
		remedy(c, "running pods keep Secret %s as it was in their environment; leave signal=none out",
			secret);
	else if ((uses & PODSPEC_SUBPATH) != 0)
		remedy(c,
			"running pods keep Secret %s as it was, mounted by subPath; mount the directory, or "
			"leave "
			"signal=none out",
			secret);
}

int rollout_check(struct target *t, struct buf *remedies, struct err *err)
{
	const struct check c = {strchr(t->rollout, '/') + 1, remedies};
	json_t *deployment;

	if (rollout_get(t, &deployment, err) < 0)
		return -1;
	json_t *pod = podspec_of(deployment);
	const char *secret = t->env->immutable ? podspec_find(pod, t->base) : t->base;
	check_use(&c, t, pod, secret != NULL ? secret : t->base);
	if (t->signal == TARGET_ROLLOUT) {
		check_strategy(&c, json_object_get(deployment, "spec"), t->replicas);
		check_pods(&c, pod);
	}
	json_decref(deployment);
	if (t->signal != TARGET_ROLLOUT)
		return 0;
	struct span rest, ns = span_cut(span_str(t->place), '/', &rest);
	char *space = mem_spandup(ns);
	bool may = kube_may(t->env->kube, "patch", "apps", "deployments", space, c.deployment, err);
	free(space);
	t->denied = !may;
	return may ? 0 : -1;
}
