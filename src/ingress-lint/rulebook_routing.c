/* The catalogue: Which rule serves what. */
/* Examples are kept as they look in a file. */
/* clang-format off */
#include "ingress-lint/rulebook.h"

const struct rulebook_rule rulebook_routing[] = {
	{"IL101", "path-unanchored", RULEBOOK_WARNING,
		"A path without anchor also matches inside longer paths.",
		"Expressions are searched for, not compared from the start, so requests meant for later rules end up here.",
		"Begin with ^, and close the prefix: ^/grafana(/|$).",
		"cloudflare/cloudflared#889",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: /grafana/\n"
		"    service: http://grafana:3000\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/grafana(/|$)\n"
		"    service: http://grafana:3000\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL102", "path-unescaped-dot", RULEBOOK_INFO,
		"A dot that was meant literally matches any character.",
		"/.well-known/ also takes /xwell-known/.",
		"Escape it: \\.",
		"family path-regex",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/.well-known/acme-challenge/\n"
		"    service: http://acme:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/\\.well-known/acme-challenge/\n"
		"    service: http://acme:80\n"
		"  - service: http_status:404\n"},
	{"IL103", "path-glob", RULEBOOK_WARNING,
		"A path is written as a file pattern.",
		"In an expression \"*\" repeats what stands before it: /api/* is /api with any number of slashes after it, and /apikeys matches too.",
		"Write ^/api/ for what lies below, ^/api for the prefix.",
		"cloudflare/cloudflared#286",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: /api/*\n"
		"    service: http://api:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/api(/|$)\n"
		"    service: http://api:80\n"
		"  - service: http_status:404\n"},
	{"IL104", "rule-shadowed", RULEBOOK_WARNING,
		"A rule never runs: earlier rules take all its requests.",
		"The first rule that matches serves, however exact a later one is.",
		"Put the narrower rule first.",
		"cloudflare/cloudflared#889, and-fm/cloudflared-ssh-action#16",
		"ingress:\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: http://web:80\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: http://web:80\n"
		"  - service: http_status:404\n"},
	{"IL105", "path-never-matches", RULEBOOK_WARNING,
		"A path matches no request.",
		"Rules see the decoded path alone, from its slash on: no query, no fragment, no escapes, hardly ever a line end.",
		"Take away what can never be there; use |- in place of | for a block.",
		"families path-scalar, path-regex",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: |\n"
		"      ^/admin\n"
		"    service: http://admin:80\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/admin\n"
		"    service: http://admin:80\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL106", "wildcard-misses-apex", RULEBOOK_INFO,
		"A wildcard leaves the bare domain to the last rule.",
		"*.example.com does not match example.com.",
		"Add a rule for the domain itself if it is to be served.",
		"STRRL/cloudflare-tunnel-ingress-controller#192",
		"ingress:\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: http://web:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: http://web:80\n"
		"  - hostname: example.com\n"
		"    service: http://web:80\n"
		"  - service: http_status:404\n"},
	{"IL107", "wildcard-without-dot", RULEBOOK_WARNING,
		"A wildcard lacks the dot after it.",
		"The text is then compared letter by letter, star included, and no host looks like that.",
		"Write *.example.com.",
		"families hostname-form, host",
		"ingress:\n"
		"  - hostname: \"*example.com\"\n"
		"    service: http://web:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: http://web:80\n"
		"  - service: http_status:404\n"},
	{"IL108", "hostname-not-a-name", RULEBOOK_WARNING,
		"A hostname is none.",
		"It is accepted, and no visitor's Host will ever equal it.",
		"One plain DNS name for each rule.",
		"families hostname-form, encoding",
		"ingress:\n"
		"  - hostname: https://app.example.com:443\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL109", "hostname-case", RULEBOOK_WARNING,
		"A hostname has capital letters.",
		"Hosts are compared with case. A lower-case form is made only of names that IDNA accepts, never of wildcards.",
		"Write it in lower case.",
		"families host, idn-host",
		"ingress:\n"
		"  - hostname: \"*.Example.com\"\n"
		"    service: http://web:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: http://web:80\n"
		"  - service: http_status:404\n"},
	{"IL110", "wildcard-idn", RULEBOOK_WARNING,
		"A wildcard has letters outside ASCII.",
		"Visitors send the xn-- form, which is never made for wildcards.",
		"Write the xn-- form yourself.",
		"measured with cloudflared 2025.5.0",
		"ingress:\n"
		"  - hostname: \"*.bücher.example\"\n"
		"    service: http://web:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: \"*.xn--bcher-kva.example\"\n"
		"    service: http://web:80\n"
		"  - service: http_status:404\n"},
	{"IL111", "path-alternation-anchor", RULEBOOK_WARNING,
		"An anchor binds to one alternative alone.",
		"\"|\" divides the whole expression: ^/a|/b$ is what begins with /a or ends with /b.",
		"Group the alternatives: ^(/a|/b)$.",
		"family path-regex",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/v1|/v2\n"
		"    service: http://api:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/(v1|v2)(/|$)\n"
		"    service: http://api:80\n"
		"  - service: http_status:404\n"},
	{"IL112", "path-prefix-open", RULEBOOK_INFO,
		"A prefix goes on into other names.",
		"^/api takes /apikeys as well.",
		"End it with (/|$).",
		"sozu-proxy/sozu#1350, schmitthub/clawker#399",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/api\n"
		"    service: http://api:80\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/api(/|$)\n"
		"    service: http://api:80\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL113", "path-needs-newer-version", RULEBOOK_WARNING,
		"A path needs a newer cloudflared.",
		"Releases built before Go 1.22 refuse the construct, and with it the file.",
		"Use (?P<name>...), or a group without a name.",
		"measured with cloudflared 2023.7.0 and 2025.5.0",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/(?<v>v[0-9]+)/\n"
		"    service: http://api:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/v[0-9]+/\n"
		"    service: http://api:80\n"
		"  - service: http_status:404\n"},
	{"IL114", "path-as-protection", RULEBOOK_WARNING,
		"A path is used as protection.",
		"Dot segments stay in the path: /public/../admin takes the rule of /public, and the origin may serve /admin.",
		"Protect the whole host or the application; or refuse \\.\\. in a rule before all others.",
		"cloudflare/cloudflared#1717",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/public\n"
		"    service: http://app:80\n"
		"  - hostname: app.example.com\n"
		"    service: http_status:403\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: \\.\\.\n"
		"    service: http_status:400\n"
		"  - hostname: app.example.com\n"
		"    path: ^/public(/|$)\n"
		"    service: http://app:80\n"
		"  - hostname: app.example.com\n"
		"    service: http_status:403\n"
		"  - service: http_status:404\n"},
	{"IL115", "acme-shadowed", RULEBOOK_WARNING,
		"The challenge path of ACME is taken by an earlier rule.",
		"The certificate is not renewed, which shows only when it ends.",
		"Put the rule for /.well-known/acme-challenge/ first.",
		"cert-manager/cert-manager#2715, cert-manager/cert-manager#2861",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - hostname: app.example.com\n"
		"    path: ^/\\.well-known/acme-challenge/\n"
		"    service: http://acme:8089\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/\\.well-known/acme-challenge/\n"
		"    service: http://acme:8089\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL116", "catch-all-proxies", RULEBOOK_INFO,
		"The last rule proxies.",
		"Whatever name is pointed at the tunnel reaches this origin.",
		"End with http_status:404 unless that is meant.",
		"cloudflare/cloudflared#784",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http://router.lan:80\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL117", "rule-redundant", RULEBOOK_INFO,
		"A rule changes nothing.",
		"Its neighbour serves the same requests in the same way.",
		"Remove it.",
		"seen in published configurations",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/a\n"
		"    service: http://app:80\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL118", "stream-and-http-one-host", RULEBOOK_WARNING,
		"One host carries a stream and HTTP.",
		"The first rule wins whatever the client speaks, so the other cannot be reached.",
		"Give each protocol a hostname of its own.",
		"and-fm/cloudflared-ssh-action#16",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: ssh://host:22\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: ssh.example.com\n"
		"    service: ssh://host:22\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL119", "path-case-twins", RULEBOOK_WARNING,
		"Two paths of a host differ only in case.",
		"Case counts in paths: each takes its own spelling alone, and a third goes to neither.",
		"Keep one, and write (?i) before it if every spelling is meant.",
		"measured",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/Admin(/|$)\n"
		"    service: http://admin:80\n"
		"  - hostname: app.example.com\n"
		"    path: ^/admin(/|$)\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: (?i)^/admin(/|$)\n"
		"    service: http://admin:80\n"
		"  - hostname: app.example.com\n"
		"    path: ^/a\\D(/|$)\n"
		"    service: http://d:80\n"
		"  - hostname: app.example.com\n"
		"    path: ^/a\\d(/|$)\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL120", "rule-overlap", RULEBOOK_INFO,
		"An earlier rule takes a part of this one's requests, and neither holds the other.",
		"A narrower rule before a broader one is the way to write exceptions. Where two merely meet, the order of the file "
		"decides what is served where they do, and it may not be the one that was meant. A warning where the later rule guards "
		"what the earlier one serves.",
		"Make one of them say what of the other it leaves, or put them in the order that is meant.",
		"measured",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/api/\n"
		"    service: http://api:80\n"
		"  - hostname: app.example.com\n"
		"    path: \\.php$\n"
		"    service: http://php:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/api/.*\\.php$\n"
		"    service: http://php:80\n"
		"  - hostname: app.example.com\n"
		"    path: ^/api/\n"
		"    service: http://api:80\n"
		"  - hostname: app.example.com\n"
		"    path: ^/(a|b)\\.php$\n"
		"    service: http://php:80\n"
		"  - service: http_status:404\n"},
	{0},
};
