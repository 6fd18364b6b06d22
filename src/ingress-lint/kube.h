/* Kubernetes manifests: configurations inside ConfigMaps, and the objects around them. */
#ifndef LINT_KUBE_H
#define LINT_KUBE_H

#include "ingress-lint/input.h"

/* Does the text look like a manifest, and not like a configuration? */
bool kube_is_manifest(struct span text);
/* Lint all inputs that are manifests, as one cluster. Findings go to the input that they are about. */
void kube_lint(struct input *inputs, size_t count, enum release release);

#endif
