/* What the files about Kubernetes share: the objects of all manifests. For them alone. */
#ifndef LINT_KUBE_MODEL_H
#define LINT_KUBE_MODEL_H

#include "ingress-lint/kube.h"

/* One object: a document of a manifest, or an item of a List. */
struct kube_object {
	struct input *input;
	struct view *place; /* only to say where things are: its origin is that of the document */
	const struct yaml_node *root;
	struct span kind, name, ns; /* ns: "default" unless it is said */
};

/* A configuration in a ConfigMap. */
struct kube_config {
	const struct kube_object *object;
	struct span key; /* of the entry */
	struct view *view;
};

struct cluster {
	struct kube_object *objects;
	size_t count;
	struct kube_config *configs;
	size_t config_count;
	struct view **places; /* of each document; owned, with their trees */
	size_t place_count;
};

/* A check of one object; reports go to its input. */
struct kube_check {
	const char *id; /* NULL ends a table */
	void (*check)(struct lint *l, const struct cluster *c, const struct kube_object *o);
};
extern const struct kube_check kube_pod_checks[], kube_workload_checks[], kube_edge_checks[];
/* Checks of a configuration inside of a cluster: l->cluster and l->object are set. */
extern const struct lint_check kube_config_checks[], kube_policy_checks[], kube_network_checks[];

/* In ascending order. */
enum kube_match { KUBE_NO, KUBE_UNKNOWN, KUBE_YES };

struct kube_labels {
	const struct yaml_node *map; /* NULL for none */
	bool complete;               /* there are no others */
};
/* Does a selector of matchLabels and matchExpressions choose what has the labels? An absent one chooses all. */
enum kube_match kube_selects(const struct yaml_node *selector, const struct kube_labels *l);

/* The object of a kind, a name and a namespace; NULL when it is not among the manifests. */
const struct kube_object *kube_find(
	const struct cluster *c, const char *kind, struct span name, struct span ns);
static inline bool kube_is(const struct kube_object *o, const char *kind)
{
	return span_eq(o->kind, span_str(kind));
}
/* Does the text hold what? */
bool kube_holds(struct span text, const char *what);
/* Is it a token, a credentials file or a private key? */
bool kube_is_secret(struct span text);

/* Of a workload: its pods' labels and spec, NULL for other kinds; and the container that is a connector, NULL for none. */
const struct yaml_node *kube_pod_labels(const struct kube_object *o);
const struct yaml_node *kube_pod_spec(const struct kube_object *o);
const struct yaml_node *kube_connector(const struct kube_object *o);
/* The configuration that the workload's connector mounts, or the only one there is; NULL when it is not among the manifests. */
const struct view *kube_config_of(const struct cluster *c, const struct kube_object *o);
/* The value of "--name value" or "--name=value" among the arguments, its node in *at; a NULL pointer when it is not there. */
struct span kube_flag(const struct yaml_node *container, const char *name, const struct yaml_node **at);
/* The Service that the rule's service names, when it is among the manifests. */
const struct kube_object *kube_service_of(const struct lint *l, const struct view_rule *r);
/* Does the container say no-autoupdate, by argument or environment? */
bool kube_forbids_update(const struct yaml_node *container);
/* Is its command line without --config, so that no file has a say? */
bool kube_has_config(const struct yaml_node *container);

#endif
