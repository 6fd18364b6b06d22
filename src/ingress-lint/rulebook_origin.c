/* The catalogue: originRequest. */
/* Examples are kept as they look in a file. */
/* clang-format off */
#include "ingress-lint/rulebook.h"

const struct rulebook_rule rulebook_origin[] = {
	{"IL301", "tls-option-without-tls", RULEBOOK_WARNING,
		"A TLS option has no TLS to act on.",
		"The hop is plain text, though the file reads as if it were not.",
		"Use https://, or drop the option.",
		"measured with cloudflared 2025.5.0",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://internal-ingress\n"
		"    originRequest:\n"
		"      noTLSVerify: true\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://internal-ingress\n"
		"  - service: http_status:404\n"},
	{"IL302", "http2-without-tls", RULEBOOK_WARNING,
		"http2Origin needs TLS.",
		"HTTP/2 is agreed on in the TLS handshake alone; without one, gRPC fails.",
		"Use https://, or drop it.",
		"cloudflare/cloudflared#491, cloudflare/cloudflared#682, cloudflare/cloudflared#1304",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://grpc:50051\n"
		"    originRequest:\n"
		"      http2Origin: true\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://grpc:50051\n"
		"    originRequest:\n"
		"      http2Origin: true\n"
		"  - service: http_status:404\n"},
	{"IL303", "no-tls-verify", RULEBOOK_WARNING,
		"The origin's certificate is not verified.",
		"Whoever sits on the way to the origin can pose as it.",
		"Set originServerName and caPool instead.",
		"cloudflare/cloudflared#32, cloudflare/cloudflared#505, cloudflare/cloudflared#1297",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://10.0.0.5:8443\n"
		"    originRequest:\n"
		"      noTLSVerify: true\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://10.0.0.5:8443\n"
		"    originRequest:\n"
		"      originServerName: app.example.com\n"
		"      caPool: /etc/cloudflared/ca.pem\n"
		"  - service: http_status:404\n"},
	{"IL304", "host-header-same", RULEBOOK_INFO,
		"httpHostHeader repeats the hostname.",
		"That name is passed on anyway; all that is gained is an X-Forwarded-Host.",
		"Remove it unless that header is wanted.",
		"cloudflare/argo-tunnel-examples#28",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://internal-ingress\n"
		"    originRequest:\n"
		"      httpHostHeader: app.example.com\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://internal-ingress\n"
		"  - service: http_status:404\n"},
	{"IL305", "host-header-with-wildcard", RULEBOOK_WARNING,
		"One Host header stands for many names.",
		"The origin cannot tell its virtual hosts apart any more.",
		"Set it in rules with one exact name each.",
		"cloudflare/cloudflared#111",
		"ingress:\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: http://internal-ingress\n"
		"    originRequest:\n"
		"      httpHostHeader: app.example.com\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: http://internal-ingress\n"
		"  - service: http_status:404\n"},
	{"IL306", "host-header-missing", RULEBOOK_INFO,
		"The ingress controller does not know the host.",
		"It answers 404 to a Host that no Ingress names.",
		"Set httpHostHeader to a host of an Ingress, or add the host there.",
		"cloudflare/argo-tunnel-examples#28, cloudflare/cloudflared#111",
		"apiVersion: networking.k8s.io/v1\n"
		"kind: Ingress\n"
		"metadata:\n"
		"  name: app\n"
		"spec:\n"
		"  rules:\n"
		"    - host: app.internal\n"
		"---\n"
		"apiVersion: v1\n"
		"kind: ConfigMap\n"
		"metadata:\n"
		"  name: cloudflared\n"
		"data:\n"
		"  config.yaml: |\n"
		"    ingress:\n"
		"      - hostname: app.example.com\n"
		"        service: http://internal-ingress\n"
		"      - service: http_status:404\n",
		"apiVersion: networking.k8s.io/v1\n"
		"kind: Ingress\n"
		"metadata:\n"
		"  name: app\n"
		"spec:\n"
		"  rules:\n"
		"    - host: app.internal\n"
		"---\n"
		"apiVersion: v1\n"
		"kind: ConfigMap\n"
		"metadata:\n"
		"  name: cloudflared\n"
		"data:\n"
		"  config.yaml: |\n"
		"    ingress:\n"
		"      - hostname: app.example.com\n"
		"        service: http://internal-ingress\n"
		"        originRequest:\n"
		"          httpHostHeader: app.internal\n"
		"      - service: http_status:404\n"},
	{"IL307", "host-header-on-unix", RULEBOOK_WARNING,
		"httpHostHeader has no effect on a socket.",
		"Requests to unix: services keep the visitor's Host.",
		"Have the application accept the public name, or use TCP.",
		"cloudflare/cloudflared#560",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: unix:/run/app.sock\n"
		"    originRequest:\n"
		"      httpHostHeader: app.internal\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://127.0.0.1:8000\n"
		"    originRequest:\n"
		"      httpHostHeader: app.internal\n"
		"  - service: http_status:404\n"},
	{"IL308", "match-sni-conflict", RULEBOOK_WARNING,
		"matchSNItoHost conflicts with another option.",
		"It overrides originServerName and switches HTTP/2 off.",
		"Keep one of them.",
		"cloudflare/cloudflared#541",
		"ingress:\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: https://gateway:443\n"
		"    originRequest:\n"
		"      matchSNItoHost: true\n"
		"      http2Origin: true\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: https://gateway:443\n"
		"    originRequest:\n"
		"      matchSNItoHost: true\n"
		"  - service: http_status:404\n"},
	{"IL309", "server-name-missing", RULEBOOK_INFO,
		"The certificate is checked against an inner name.",
		"For an address, localhost or a cluster name that rarely fits, and to an address no SNI is sent.",
		"Set originServerName to a name that the certificate has.",
		"cloudflare/cloudflared#505, cloudflare/cloudflared#541, coollabsio/coolify-docs#684",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://10.0.0.5:443\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://10.0.0.5:443\n"
		"    originRequest:\n"
		"      originServerName: app.example.com\n"
		"  - service: http_status:404\n"},
	{"IL310", "option-without-effect", RULEBOOK_INFO,
		"An option has no effect on this service.",
		"It reads as if it did something.",
		"Remove it.",
		"read in cloudflared's source",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: ssh://host:22\n"
		"    originRequest:\n"
		"      httpHostHeader: host\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: ssh://host:22\n"
		"  - service: http_status:404\n"},
	{"IL311", "duration-odd", RULEBOOK_WARNING,
		"A duration is out of the ordinary.",
		"A negative time-out fails each request at once; zero waits for ever; very short ones fail under load.",
		"Stay between 1s and 60s.",
		"cloudflare/cloudflared#1702",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    originRequest:\n"
		"      connectTimeout: -1s\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    originRequest:\n"
		"      connectTimeout: 5s\n"
		"  - service: http_status:404\n"},
	{"IL312", "keepalive-odd", RULEBOOK_INFO,
		"A keep-alive value is out of the ordinary.",
		"Negative stops reuse, 0 connections means two per host, and 1.5 is cut to 1.",
		"Leave the default, or write a whole number above 0.",
		"read in cloudflared's source",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    originRequest:\n"
		"      keepAliveConnections: 0\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    originRequest:\n"
		"      keepAliveConnections: 50\n"
		"  - service: http_status:404\n"},
	{"IL313", "ca-pool-useless", RULEBOOK_WARNING,
		"A caPool does nothing.",
		"Without verification it is never consulted; a path that is not found stops the start.",
		"Drop noTLSVerify, and write the path from the root.",
		"measured with cloudflared 2025.5.0",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app:443\n"
		"    originRequest:\n"
		"      caPool: /etc/cloudflared/ca.pem\n"
		"      noTLSVerify: true\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app:443\n"
		"    originRequest:\n"
		"      caPool: /etc/cloudflared/ca.pem\n"
		"  - service: http_status:404\n"},
	{0},
};
