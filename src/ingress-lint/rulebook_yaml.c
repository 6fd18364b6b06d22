/* The catalogue: YAML. */
/* Examples are kept as they look in a file. */
/* clang-format off */
#include "ingress-lint/rulebook.h"

const struct rulebook_rule rulebook_yaml[] = {
	{"IL601", "ignored-document", RULEBOOK_WARNING,
		"There is text after the first document.",
		"It is never read, not even for its syntax.",
		"Put everything into one document.",
		"family yaml-syntax",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"
		"---\n"
		"originRequest:\n"
		"  noTLSVerify: false\n",
		"originRequest:\n"
		"  noTLSVerify: false\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL602", "scalar-surprise", RULEBOOK_WARNING,
		"A value looks like another type.",
		"Here its text is taken as written; other tools that rewrite the file turn it into a boolean, a number or nothing.",
		"Quote it.",
		"families string-value, path-scalar",
		"ingress:\n"
		"  - hostname: on\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: \"on\"\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL603", "yaml11-boolean", RULEBOOK_INFO,
		"A boolean is written in the manner of YAML 1.1.",
		"It is taken inside originRequest, refused at the top, and read as text by YAML 1.2 tools.",
		"Write true or false.",
		"family bool-value",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"    originRequest:\n"
		"      noTLSVerify: 'yes'\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"    originRequest:\n"
		"      noTLSVerify: true\n"
		"  - service: http_status:404\n"},
	{"IL604", "lookalike-character", RULEBOOK_WARNING,
		"A character only looks like ASCII.",
		"Typographic quotes, special spaces and look-alike letters are part of the value.",
		"Type the ASCII character.",
		"measured with cloudflared 2025.5.0",
		"ingress:\n"
		"  - hostname: “app.example.com”\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n",
		"ingress:\n"
		"  - hostname: \"app.example.com\"\n"
		"    service: http://app:80\n"
		"  - service: http_status:404\n"},
	{"IL605", "merge-surprise", RULEBOOK_INFO,
		"A merge hides a mistake.",
		"Values that are overridden are not checked, and '<<' in quotes merges nothing.",
		"Clean up the mapping that is merged.",
		"measured with cloudflared 2025.5.0",
		"x: &d\n"
		"  noTLSVerify: maybe\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"    originRequest:\n"
		"      <<: *d\n"
		"      noTLSVerify: false\n"
		"  - service: http_status:404\n",
		"x: &d\n"
		"  noTLSVerify: true\n"
		"ingress:\n"
		"  - hostname: app.example.com\n"
		"    service: https://app\n"
		"    originRequest:\n"
		"      <<: *d\n"
		"      noTLSVerify: false\n"
		"  - service: http_status:404\n"},
	{0},
};
