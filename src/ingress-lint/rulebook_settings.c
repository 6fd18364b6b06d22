/* The catalogue: Settings, and keys that are unknown. */
/* Examples are kept as they look in a file. */
/* clang-format off */
#include "ingress-lint/rulebook.h"

const struct rulebook_rule rulebook_settings[] = {
	{"IL501", "unknown-setting", RULEBOOK_WARNING,
		"A top-level key is unknown.",
		"Such keys are collected without a word, so a typing error goes unseen.",
		"Correct the name.",
		"cloudflare/cloudflare-docs#13099",
		"credentialsFile: /etc/cloudflared/home.json\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"credentials-file: /etc/cloudflared/home.json\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL502", "unknown-key", RULEBOOK_WARNING,
		"A key is unknown where it stands.",
		"cloudflared warns and goes on, with exit status 0.",
		"Correct the name; case counts.",
		"w35l3y/hassio-addons#25, cloudflare/cloudflare-docs#29841",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"    originRequest:\n"
		"      matchSNIToHost: true\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"    originRequest:\n"
		"      matchSNItoHost: true\n"
		"  - service: http_status:404\n"},
	{"IL503", "legacy-origin-setting", RULEBOOK_WARNING,
		"A setting acts only without ingress rules.",
		"Beside rules it is ignored.",
		"Use the key of originRequest that does the same.",
		"cloudflare/cloudflared#585, cloudflare/cloudflare-docs#2649",
		"no-tls-verify: true\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"  - service: http_status:404\n",
		"originRequest:\n"
		"  noTLSVerify: true\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"  - service: http_status:404\n"},
	{"IL504", "removed-setting", RULEBOOK_WARNING,
		"A setting was removed from cloudflared.",
		"Current releases ignore it or refuse to start with it; warp-routing.enabled: false no longer keeps private traffic out.",
		"Remove it; private traffic is stopped by having no routes.",
		"release notes 2023.9.0 and 2026.2.0, w35l3y/hassio-addons#25",
		"warp-routing:\n"
		"  enabled: false\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL505", "metrics-exposed", RULEBOOK_WARNING,
		"Metrics are open to the network.",
		"The same port shows the whole configuration, profiles and diagnostics, without a password.",
		"Bind 127.0.0.1:2000.",
		"ChrispyBacon-dev/DockFlare#135",
		"metrics: 0.0.0.0:2000\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"metrics: 127.0.0.1:2000\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL506", "metrics-address", RULEBOOK_WARNING,
		"The address of metrics is incomplete.",
		"The listener fails at start, or takes some port.",
		"Write HOST:PORT.",
		"cloudflare/cloudflared#92",
		"metrics: localhost\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"metrics: localhost:2000\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL507", "credentials-place", RULEBOOK_WARNING,
		"Credentials lie in an unsafe place.",
		"The file is the key to the tunnel; others can write to or read from there.",
		"Use /etc/cloudflared with mode 0600.",
		"cloudflare/cloudflared#685",
		"credentials-file: /tmp/home.json\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"credentials-file: /etc/cloudflared/home.json\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL508", "secret-inline", RULEBOOK_ERROR,
		"A secret stands in the file.",
		"It spreads with every copy of the configuration.",
		"Refer to it with credentials-file or token-file.",
		"cloudflare/cloudflared#645, cloudflare/cloudflared#991",
		"token: eyJhIjoi...\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"credentials-file: /etc/cloudflared/home.json\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL509", "token-and-ingress", RULEBOOK_WARNING,
		"A token and rules stand side by side.",
		"A tunnel that runs by token is usually managed remotely, and those rules replace these.",
		"Keep one source of rules.",
		"cloudflare/cloudflared#633, cloudflare/cloudflared#1029",
		"token-file: /etc/cloudflared/token\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"tunnel: home\n"
		"credentials-file: /etc/cloudflared/home.json\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL510", "setting-value", RULEBOOK_WARNING,
		"A setting has a value that means nothing.",
		"Only its type is checked; the start fails or falls back. Debug logs show headers.",
		"Use one of the values named.",
		"family run-settings, PaperDebugger/paperdebugger#167",
		"loglevel: verbose\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"loglevel: info\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL511", "tunnel-missing", RULEBOOK_INFO,
		"The tunnel is not fully named.",
		"A name must be resolved with the account's certificate unless a credentials file gives the id.",
		"Give tunnel as UUID, and credentials-file.",
		"cloudflare/cloudflared#409, cloudflare/cloudflared#1331",
		"tunnel: home\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"tunnel: home\n"
		"credentials-file: /etc/cloudflared/home.json\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{0},
};
