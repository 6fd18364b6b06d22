/* The catalogue: Access and proxies. */
/* Examples are kept as they look in a file. */
/* clang-format off */
#include "ingress-lint/rulebook.h"

const struct rulebook_rule rulebook_access[] = {
	{"IL401", "global-access-ignored", RULEBOOK_ERROR,
		"A global access protects nothing.",
		"It is read and shown, and never enforced: every service stays open.",
		"Repeat access in each rule; an anchor saves the typing.",
		"cloudflare/cloudflared#784, cloudflare/cloudflare-docs#32006",
		"originRequest:\n"
		"  access:\n"
		"    required: true\n"
		"    teamName: widgets\n"
		"    audTag: [aaaa]\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"x-access: &a\n"
		"  required: true\n"
		"  teamName: widgets\n"
		"  audTag: [aaaa]\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    originRequest:\n"
		"      access: *a\n"
		"  - service: http_status:404\n"},
	{"IL402", "access-not-required", RULEBOOK_WARNING,
		"Access is configured and not required.",
		"Without required: true no token is looked at.",
		"Add required: true.",
		"cloudflare/cloudflared#784",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    originRequest:\n"
		"      access:\n"
		"        teamName: widgets\n"
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
	{"IL403", "access-without-audience", RULEBOOK_WARNING,
		"Access is required, and nothing can pass.",
		"With no audience listed, or no team, even a valid token is answered 403.",
		"List teamName and the audience tags.",
		"cloudflare/cloudflared#1169",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"    originRequest:\n"
		"      access:\n"
		"        required: true\n"
		"        teamName: widgets\n"
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
	{"IL404", "key-misplaced", RULEBOOK_WARNING,
		"A key stands at the wrong level.",
		"In a rule that is a warning at most, at the top not even that; it has no effect in either place.",
		"Indent it under originRequest, or under access.",
		"cloudflare/cloudflare-docs#2649, cloudflare/cloudflared#1169",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"    noTLSVerify: true\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"    originRequest:\n"
		"      noTLSVerify: true\n"
		"  - service: http_status:404\n"},
	{"IL405", "bastion-global", RULEBOOK_WARNING,
		"bastionMode replaces services.",
		"URL services become open bastions without being parsed: the client chooses the destination.",
		"Use service: bastion in one rule, behind Access.",
		"measured with cloudflared 2025.5.0",
		"originRequest:\n"
		"  bastionMode: true\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: jump.example.com\n"
		"    service: bastion\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL406", "socks-denies-all", RULEBOOK_WARNING,
		"A SOCKS proxy denies everything.",
		"Only the rule's own ipRules count, and what none of them allows is denied.",
		"Put ipRules with allow: true into the rule.",
		"measured with cloudflared 2025.5.0",
		"originRequest:\n"
		"  ipRules:\n"
		"    - prefix: 10.0.0.0/8\n"
		"      allow: true\n"
		"ingress:\n"
		"  - hostname: socks.example.com\n"
		"    service: socks-proxy\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: socks.example.com\n"
		"    service: socks-proxy\n"
		"    originRequest:\n"
		"      ipRules:\n"
		"        - prefix: 10.0.0.0/8\n"
		"          allow: true\n"
		"  - service: http_status:404\n"},
	{"IL407", "open-jump-host", RULEBOOK_WARNING,
		"A way into the network stands open.",
		"Unless an Access application covers the name, anyone may connect to anything behind it.",
		"Require access in the rule, and narrow the prefixes.",
		"cloudflare/cloudflared#1169",
		"ingress:\n"
		"  - hostname: socks.example.com\n"
		"    service: socks-proxy\n"
		"    originRequest:\n"
		"      ipRules:\n"
		"        - prefix: 0.0.0.0/0\n"
		"          allow: true\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: socks.example.com\n"
		"    service: socks-proxy\n"
		"    originRequest:\n"
		"      access:\n"
		"        required: true\n"
		"        teamName: widgets\n"
		"        audTag: [aaaa]\n"
		"      ipRules:\n"
		"        - prefix: 10.1.0.0/16\n"
		"          allow: true\n"
		"  - service: http_status:404\n"},
	{0},
};
