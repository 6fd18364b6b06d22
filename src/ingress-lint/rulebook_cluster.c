/* The catalogue: the cluster around a connector. */
/* Examples are kept as they look in a file. */
/* clang-format off */
#include "ingress-lint/rulebook.h"

const struct rulebook_rule rulebook_cluster[] = {
	{"IL719", "grace-period-cut", RULEBOOK_WARNING,
		"The pod is killed before the connector is done.",
		"Requests in flight are cut off when a pod ends: Kubernetes does not wait for the connector's grace period.",
		"Make terminationGracePeriodSeconds longer than grace-period.",
		"read in cloudflared's source",
		"apiVersion: apps/v1\n"
		"kind: Deployment\n"
		"metadata: {name: cloudflared}\n"
		"spec:\n"
		"  replicas: 2\n"
		"  template:\n"
		"    metadata: {labels: {app: cloudflared}}\n"
		"    spec:\n"
		"      containers:\n"
		"        - name: cloudflared\n"
		"          image: cloudflare/cloudflared:2025.5.0\n"
		"          args: [tunnel, --grace-period, 60s, --config, /etc/cloudflared/config.yaml, run]\n",
		"apiVersion: apps/v1\n"
		"kind: Deployment\n"
		"metadata: {name: cloudflared}\n"
		"spec:\n"
		"  replicas: 2\n"
		"  template:\n"
		"    metadata: {labels: {app: cloudflared}}\n"
		"    spec:\n"
		"      terminationGracePeriodSeconds: 90\n"
		"      containers:\n"
		"        - name: cloudflared\n"
		"          image: cloudflare/cloudflared:2025.5.0\n"
		"          args: [tunnel, --grace-period, 60s, --config, /etc/cloudflared/config.yaml, run]\n"},
	{"IL720", "network-policy-blocks", RULEBOOK_WARNING,
		"A NetworkPolicy keeps the connector away from a service.",
		"Every request to it ends in a time-out and a 502.",
		"Let the connector's namespace in.",
		"documentation of Kubernetes",
		"apiVersion: networking.k8s.io/v1\n"
		"kind: NetworkPolicy\n"
		"metadata: {name: web, namespace: web}\n"
		"spec:\n"
		"  podSelector: {}\n"
		"  ingress:\n"
		"    - from:\n"
		"        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress}}\n"
		"---\n"
		"apiVersion: v1\n"
		"kind: Service\n"
		"metadata: {name: app, namespace: web}\n"
		"spec:\n"
		"  selector: {app: app}\n"
		"  ports: [{port: 80}]\n"
		"---\n"
		"apiVersion: v1\n"
		"kind: ConfigMap\n"
		"metadata: {name: cloudflared, namespace: tunnel}\n"
		"data:\n"
		"  config.yaml: |\n"
		"    no-autoupdate: true\n"
		"    ingress:\n"
		"      - hostname: app.example.com\n"
		"        service: http://app.web.svc.cluster.local:80\n"
		"      - service: http_status:404\n",
		"apiVersion: networking.k8s.io/v1\n"
		"kind: NetworkPolicy\n"
		"metadata: {name: web, namespace: web}\n"
		"spec:\n"
		"  podSelector: {}\n"
		"  ingress:\n"
		"    - from:\n"
		"        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: tunnel}}\n"
		"---\n"
		"apiVersion: v1\n"
		"kind: Service\n"
		"metadata: {name: app, namespace: web}\n"
		"spec:\n"
		"  selector: {app: app}\n"
		"  ports: [{port: 80}]\n"
		"---\n"
		"apiVersion: v1\n"
		"kind: ConfigMap\n"
		"metadata: {name: cloudflared, namespace: tunnel}\n"
		"data:\n"
		"  config.yaml: |\n"
		"    no-autoupdate: true\n"
		"    ingress:\n"
		"      - hostname: app.example.com\n"
		"        service: http://app.web.svc.cluster.local:80\n"
		"      - service: http_status:404\n"},
	{"IL721", "service-scheme", RULEBOOK_WARNING,
		"The Service's port speaks another scheme.",
		"Its name or appProtocol says so; the handshake fails, or the origin answers 400.",
		"Make the scheme of the service that of the port.",
		"documentation of Kubernetes",
		"apiVersion: v1\n"
		"kind: Service\n"
		"metadata: {name: app, namespace: web}\n"
		"spec:\n"
		"  ports: [{name: https, port: 80}]\n"
		"---\n"
		"apiVersion: v1\n"
		"kind: ConfigMap\n"
		"metadata: {name: cloudflared, namespace: tunnel}\n"
		"data:\n"
		"  config.yaml: |\n"
		"    no-autoupdate: true\n"
		"    ingress:\n"
		"      - hostname: app.example.com\n"
		"        service: http://app.web.svc.cluster.local:80\n"
		"      - service: http_status:404\n",
		"apiVersion: v1\n"
		"kind: Service\n"
		"metadata: {name: app, namespace: web}\n"
		"spec:\n"
		"  ports: [{name: http, port: 80}]\n"
		"---\n"
		"apiVersion: v1\n"
		"kind: ConfigMap\n"
		"metadata: {name: cloudflared, namespace: tunnel}\n"
		"data:\n"
		"  config.yaml: |\n"
		"    no-autoupdate: true\n"
		"    ingress:\n"
		"      - hostname: app.example.com\n"
		"        service: http://app.web.svc.cluster.local:80\n"
		"      - service: http_status:404\n"},
	{"IL722", "budget-blocks", RULEBOOK_WARNING,
		"A PodDisruptionBudget never lets a pod go.",
		"Nodes cannot be drained while it asks for as many pods as there are.",
		"Ask for one pod less than there are replicas.",
		"documentation of Kubernetes",
		"apiVersion: policy/v1\n"
		"kind: PodDisruptionBudget\n"
		"metadata: {name: cloudflared}\n"
		"spec:\n"
		"  minAvailable: 2\n"
		"  selector: {matchLabels: {app: cloudflared}}\n"
		"---\n"
		"apiVersion: apps/v1\n"
		"kind: Deployment\n"
		"metadata: {name: cloudflared}\n"
		"spec:\n"
		"  replicas: 2\n"
		"  template:\n"
		"    metadata: {labels: {app: cloudflared}}\n"
		"    spec:\n"
		"      containers:\n"
		"        - name: cloudflared\n"
		"          image: cloudflare/cloudflared:2025.5.0\n"
		"          args: [tunnel, --grace-period, 60s, --config, /etc/cloudflared/config.yaml, run]\n",
		"apiVersion: policy/v1\n"
		"kind: PodDisruptionBudget\n"
		"metadata: {name: cloudflared}\n"
		"spec:\n"
		"  minAvailable: 1\n"
		"  selector: {matchLabels: {app: cloudflared}}\n"
		"---\n"
		"apiVersion: apps/v1\n"
		"kind: Deployment\n"
		"metadata: {name: cloudflared}\n"
		"spec:\n"
		"  replicas: 2\n"
		"  template:\n"
		"    metadata: {labels: {app: cloudflared}}\n"
		"    spec:\n"
		"      containers:\n"
		"        - name: cloudflared\n"
		"          image: cloudflare/cloudflared:2025.5.0\n"
		"          args: [tunnel, --grace-period, 60s, --config, /etc/cloudflared/config.yaml, run]\n"},
	{0},
};
