/* The catalogue: What cloudflared refuses. */
/* Examples are kept as they look in a file. */
/* clang-format off */
#include "ingress-lint/rulebook.h"

const struct rulebook_rule rulebook_refused[] = {
	{"IL001", "yaml-syntax", RULEBOOK_ERROR,
		"The file is no YAML.",
		"Nothing of it can be read, so the connector does not start.",
		"Mend the text where the finding points; the cause is often a line above, in its indentation.",
		"families yaml-syntax and mutation-*",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"  service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL002", "wrong-type", RULEBOOK_ERROR,
		"A value has the wrong type for its key.",
		"The connector refuses the whole file, not just this value.",
		"Write the kind of value that the message names; true, false and numbers stand without quotes.",
		"families bool-value, int-value, string-value",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"    originRequest:\n"
		"      noTLSVerify: \"true\"\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"    originRequest:\n"
		"      noTLSVerify: true\n"
		"  - service: http_status:404\n"},
	{"IL003", "duration-without-unit", RULEBOOK_ERROR,
		"A duration lacks its unit.",
		"The dashboard and the API count in seconds; the file takes only text with a unit, and refuses plain numbers.",
		"Add the unit: 30s, 1m30s, 500ms. Nothing longer than hours exists.",
		"cloudflare/cloudflare-go#1257, cloudflare/cloudflare-go#1303, cloudflare/cloudflared#1702",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    originRequest:\n"
		"      connectTimeout: 30\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    originRequest:\n"
		"      connectTimeout: 30s\n"
		"  - service: http_status:404\n"},
	{"IL004", "duplicate-key", RULEBOOK_ERROR,
		"A key stands twice in one mapping.",
		"The file is refused, though many other YAML tools take the last of the two without a word.",
		"Keep one of the two.",
		"family duplicate-key",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    service: http://app:81\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL005", "no-ingress-rules", RULEBOOK_ERROR,
		"There are no ingress rules.",
		"Validation fails; a connector that runs anyway answers 503 to every request.",
		"Add ingress: with rules, the last of them for everything.",
		"cloudflare/cloudflared#1029, cloudflare/cloudflared#933",
		"tunnel: home\n"
		"credentials-file: /etc/cloudflared/home.json\n",
		"tunnel: home\n"
		"credentials-file: /etc/cloudflared/home.json\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL006", "missing-catch-all", RULEBOOK_ERROR,
		"The last rule does not match everything.",
		"Requests that no rule wants need an answer, so the file is refused.",
		"End the list with \"- service: http_status:404\".",
		"cloudflare/terraform-provider-cloudflare#2327, cloudflare/terraform-provider-cloudflare#3327",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL007", "catch-all-not-last", RULEBOOK_ERROR,
		"A rule that matches everything is not the last.",
		"The rules after it would be dead; the file is refused. A misspelt hostname: has this effect too.",
		"Move the rule to the end, or give it back the hostname that it was meant to have.",
		"families catch-all, mutation-key-typo",
		"ingress:\n"
		"  - host: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL008", "service-without-scheme", RULEBOOK_ERROR,
		"A service has no scheme or no host.",
		"localhost:8080 reads as scheme \"localhost\", which is no address; the file is refused.",
		"Begin with http:// or the scheme that the origin speaks.",
		"cloudflare/cloudflared#286, cloudflare/cloudflared#742",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: localhost:8080\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://localhost:8080\n"
		"  - service: http_status:404\n"},
	{"IL009", "service-has-path", RULEBOOK_ERROR,
		"A service has a path.",
		"The path of the request is passed on as it is and never rewritten; a path here is refused, even a lone slash.",
		"Take the path away, and have the application serve under it or the origin rewrite it.",
		"cloudflare/cloudflared#563, cloudflare/cloudflared#912, homeassistant-apps/app-cloudflared#582",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://nas.lan/photos\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/photos(/|$)\n"
		"    service: http://nas.lan\n"
		"  - service: http_status:404\n"},
	{"IL010", "service-url-malformed", RULEBOOK_ERROR,
		"A service is no URL.",
		"It cannot be parsed, so the file is refused.",
		"Correct the character or port that the message names.",
		"family service-form",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80a\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL011", "status-code-range", RULEBOOK_ERROR,
		"http_status: is not followed by a status code.",
		"Only whole numbers from 100 to 999 are taken, without a space before them.",
		"Write http_status:404.",
		"family service-form",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: \"http_status: 404\"\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http_status:404\n"
		"  - service: http_status:404\n"},
	{"IL012", "hostname-has-port", RULEBOOK_ERROR,
		"A hostname has a port.",
		"Rules never see the port of a request; the file is refused. A pasted URL ends up here as well.",
		"Write the name alone.",
		"family hostname-form",
		"ingress:\n"
		"  - hostname: app.example.com:8443\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL013", "hostname-wildcard-misplaced", RULEBOOK_ERROR,
		"A wildcard stands inside a hostname.",
		"Only the first label may be \"*\"; anything else is refused.",
		"Use *.example.com, or one rule for each name.",
		"cloudflare/cloudflare-docs#29012, homeassistant-apps/app-cloudflared#1006",
		"ingress:\n"
		"  - hostname: app-*.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL014", "hostname-wildcard-unquoted", RULEBOOK_ERROR,
		"A wildcard lacks its quotes.",
		"For YAML a plain \"*\" begins an alias, and its message about that says nothing of hostnames.",
		"Put the value in quotes: \"*.example.com\".",
		"bitnami/charts#4839, airflow-helm/charts#927",
		"ingress:\n"
		"  - hostname: *.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: \"*.example.com\"\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL015", "path-regex-invalid", RULEBOOK_ERROR,
		"A path is no valid expression.",
		"Paths are RE2 expressions: no look-around, no back references; a bad one refuses the file.",
		"Say it without the construct; a rule before this one often does what a negative look-ahead would.",
		"family path-regex",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/(?!admin)\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: ^/admin\n"
		"    service: http_status:403\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL016", "path-escape-in-double-quotes", RULEBOOK_ERROR,
		"A backslash stands in double quotes.",
		"Inside double quotes YAML has escapes of its own, and refuses those that it does not know.",
		"Use single quotes, or none.",
		"family path-scalar",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: \"\\.php$\"\n"
		"    service: http://php:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    path: '\\.php$'\n"
		"    service: http://php:80\n"
		"  - service: http_status:404\n"},
	{"IL017", "setting-wrong-type", RULEBOOK_ERROR,
		"A top-level setting has the wrong type.",
		"Settings are checked before any rule is looked at, and more strictly: yes and on are no booleans here.",
		"Quote texts, write true or false bare, add units to durations.",
		"family run-settings",
		"metrics: 2000\n"
		"no-autoupdate: yes\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"metrics: 0.0.0.0:2000\n"
		"no-autoupdate: true\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL018", "url-with-ingress", RULEBOOK_ERROR,
		"A url stands beside ingress rules.",
		"The two exclude each other for the validation.",
		"Remove url.",
		"family run-settings",
		"url: http://localhost:8080\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL019", "ip-rule-invalid", RULEBOOK_ERROR,
		"An entry of ipRules is invalid.",
		"On a socks-proxy the file is refused; elsewhere the list is dropped without a word.",
		"Give a prefix such as 10.0.0.1/32 and ports from 1 to 65535.",
		"family ip-rules",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: socks-proxy\n"
		"    originRequest:\n"
		"      ipRules:\n"
		"        - prefix: 10.0.0.1\n"
		"          allow: true\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: socks-proxy\n"
		"    originRequest:\n"
		"      ipRules:\n"
		"        - prefix: 10.0.0.1/32\n"
		"          allow: true\n"
		"  - service: http_status:404\n"},
	{"IL020", "access-team-missing", RULEBOOK_ERROR,
		"Access has audience tags but no team.",
		"The token's issuer is made of the team's name; a rule without it is refused, and at the global level nobody looks.",
		"Add teamName.",
		"family access, cloudflare/cloudflared#784",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    originRequest:\n"
		"      access:\n"
		"        required: true\n"
		"        audTag: [aaaa]\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    originRequest:\n"
		"      access:\n"
		"        required: true\n"
		"        teamName: widgets\n"
		"        audTag: [aaaa]\n"
		"  - service: http_status:404\n"},
	{"IL021", "tab-indentation", RULEBOOK_ERROR,
		"A tab indents a line.",
		"YAML knows only spaces there, and often reports the line after it.",
		"Replace the tab by spaces.",
		"family mutation-tab-indent",
		"ingress:\n"
		"\t- hostname: app.example.com\n"
		"\t  service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{0},
};
