/* The catalogue: Services. */
/* Examples are kept as they look in a file. */
/* clang-format off */
#include "ingress-lint/rulebook.h"

const struct rulebook_rule rulebook_service[] = {
	{"IL201", "scheme-unknown", RULEBOOK_WARNING,
		"The scheme of a service is not known.",
		"It is taken for a raw TCP stream, which no browser understands.",
		"Use http, https, ws, wss, ssh, rdp, smb or tcp; UDP does not exist here.",
		"cloudflare/cloudflared#1304",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: h2c://app:8080\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:8080\n"
		"  - service: http_status:404\n"},
	{"IL202", "stream-port-missing", RULEBOOK_WARNING,
		"A stream has no port.",
		"tcp falls back to 7864, unknown schemes to none at all.",
		"Write the port.",
		"read in cloudflared's source",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: tcp://db.lan\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: tcp://db.lan:5432\n"
		"  - service: http_status:404\n"},
	{"IL203", "service-parts-ignored", RULEBOOK_WARNING,
		"Parts of a service's URL are ignored.",
		"User, password, query and fragment are dropped; a password then lies in the file for nothing.",
		"Leave scheme, host and port.",
		"measured with cloudflared 2025.5.0",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://user:secret@app:80?x=1\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL204", "port-out-of-range", RULEBOOK_ERROR,
		"A port does not exist.",
		"The check of the file lets it pass; then every request fails with 502.",
		"Use 1 to 65535.",
		"family service-form",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80800\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:8080\n"
		"  - service: http_status:404\n"},
	{"IL205", "unix-path", RULEBOOK_WARNING,
		"A socket's path is not absolute.",
		"All that follows unix: is the path as it stands: unix://run/a is //run/a, and ~ stays ~.",
		"Write unix:/run/app.sock.",
		"cloudflare/cloudflared#366",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: unix://run/app.sock\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: unix:/run/app.sock\n"
		"  - service: http_status:404\n"},
	{"IL206", "localhost-two-families", RULEBOOK_INFO,
		"localhost may be either of two addresses.",
		"Where it resolves to ::1 first, an application on 127.0.0.1 alone cannot be reached.",
		"Write 127.0.0.1 or [::1].",
		"cloudflare/cloudflared#742, danny-avila/LibreChat#4828",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://localhost:8080\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://127.0.0.1:8080\n"
		"  - service: http_status:404\n"},
	{"IL207", "localhost-in-container", RULEBOOK_WARNING,
		"A container's service points at the container itself.",
		"Loopback inside the pod is the connector's own, where nothing else listens.",
		"Use the name of the Service, or the address of the host.",
		"cloudflare/cloudflared#642, cloudflare/cloudflared#976, 1Panel-dev/1Panel#4079",
		"apiVersion: v1\n"
		"kind: ConfigMap\n"
		"metadata:\n"
		"  name: cloudflared\n"
		"data:\n"
		"  config.yaml: |\n"
		"    ingress:\n"
		"      - service: http://localhost:8080\n",
		"apiVersion: v1\n"
		"kind: ConfigMap\n"
		"metadata:\n"
		"  name: cloudflared\n"
		"data:\n"
		"  config.yaml: |\n"
		"    ingress:\n"
		"      - service: http://app.default.svc.cluster.local:8080\n"},
	{"IL208", "scheme-port-mismatch", RULEBOOK_WARNING,
		"Scheme and port disagree.",
		"Plain HTTP to a TLS port, or the reverse, ends in a 400 or a failed handshake.",
		"Change one of the two.",
		"STRRL/cloudflare-tunnel-ingress-controller#77",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://10.0.0.5:443\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://10.0.0.5:443\n"
		"  - service: http_status:404\n"},
	{"IL209", "hello-world-left", RULEBOOK_WARNING,
		"The test page is still there.",
		"hello_world answers real visitors.",
		"Put the real service in its place.",
		"read in cloudflared's source",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: hello_world\n"
		"  - hostname: www.example.com\n"
		"    service: http://web:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: www.example.com\n"
		"    service: http://web:80\n"
		"  - service: http_status:404\n"},
	{"IL210", "service-is-own-hostname", RULEBOOK_WARNING,
		"A service is the rule's own hostname.",
		"By public DNS the request comes back through the tunnel, round and round.",
		"Point to the inner name or address.",
		"NginxProxyManager/nginx-proxy-manager#2696",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app.example.com\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://10.0.0.5\n"
		"    originRequest:\n"
		"      originServerName: app.example.com\n"
		"  - service: http_status:404\n"},
	{"IL211", "ipv6-without-brackets", RULEBOOK_WARNING,
		"An IPv6 address lacks its brackets, or brackets hold none.",
		"It is accepted by current releases, dials something else, and will be refused by builds with Go 1.26.",
		"Write http://[::1]:8080.",
		"family service-form",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://::1:8080\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://[::1]:8080\n"
		"  - service: http_status:404\n"},
	{"IL212", "null-rule", RULEBOOK_WARNING,
		"A list element is empty.",
		"It is dropped without a word; often a rule has slipped out of its indentation.",
		"Remove the dash, or indent the rule under it.",
		"measured with cloudflared 2025.5.0",
		"ingress:\n"
		"  -\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{0},
};
