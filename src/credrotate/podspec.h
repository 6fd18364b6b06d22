/* The pods of a Deployment, as its template tells: where a Secret is used, and how to have another used in its place. JSON
 * in, JSON out. */
#ifndef CREDROTATE_PODSPEC_H
#define CREDROTATE_PODSPEC_H

#include <jansson.h>
#include <stdbool.h>

/* How containers come to a Secret's value, as bits. */
enum podspec_use {
	PODSPEC_DIRECTORY = 1, /* mounted: the kubelet changes the files */
	PODSPEC_SUBPATH = 2,   /* mounted by subPath: stays as it was when the container started */
	PODSPEC_ENV = 4,       /* environment: the same */
};

/* The pod's spec of a Deployment; borrowed. */
json_t *podspec_of(json_t *deployment);
unsigned podspec_uses(json_t *pod, const char *secret);
/* Is name that of a Secret which stands for base: base itself, or base-VERSION, or base-FINGERPRINT? */
bool podspec_is_version(const char *name, const char *base);
/* The Secret that stands for base in the pod; borrowed from it. NULL when none does. */
const char *podspec_find(json_t *pod, const char *base);
/* A strategic merge patch of the pod's spec that names the Secret `to` wherever one stands for base; to be released. Lists
 * that Kubernetes merges have only what changes, others are whole. */
json_t *podspec_switch(json_t *pod, const char *base, const char *to);
/* Seconds that containers give running requests when they are asked to end: the longest --grace-period of their arguments,
 * usual where none has one. */
long podspec_grace_s(json_t *pod, long usual);

#endif
