/* A site file beside a configuration that expects upgrades. Whatever stands in it, a finding is at a place in it, and there
 * is one at least when nothing was understood. */
#include <stdlib.h>

#include "fuzz.h"
#include "ingress-lint/run.h"

static unsigned count_lines(struct span text)
{
	unsigned lines = 1;

	for (size_t i = 0; i < text.len; i++)
		lines += text.p[i] == '\n';
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char config[] =
		"ingress:\n  - hostname: a.example.com\n    path: ^/live/ws\n    service: ws://a:1\n"
		"  - service: http_status:404\n";
	static const struct opt_list none;
	const struct run_options how = {.proxies = 1, .enable = &none, .disable = &none};
	struct input inputs[] = {{.name = "config.yml"}, {.name = "-"}};

	buf_add_str(&inputs[0].text, config);
	buf_add(&inputs[1].text, data, size);
	run_lint(inputs, 2, &how);
	const struct lint *l = &inputs[1].lint;
	unsigned lines = count_lines(buf_span(&inputs[1].text));
	for (size_t i = 0; i < l->count; i++)
		MUST(l->findings[i].line >= 1 && l->findings[i].line <= lines && l->findings[i].column >= 1);
	input_fini(&inputs[0]);
	input_fini(&inputs[1]);
	return 0;
}
