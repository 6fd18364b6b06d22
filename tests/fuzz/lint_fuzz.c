/* A file, configuration or manifest: it is linted, what cloudflared refuses is an error, what it accepts is none of those,
 * fixes stay within the text, and every request of a proof selects its rule. */
#include "common/base/mem.h"
#include "fuzz.h"
#include "ingress-lint/proof.h"
#include "ingress-lint/run.h"

static void check_findings(const struct input *in)
{
	bool refused = false;

	for (size_t i = 0; i < in->lint.count; i++) {
		const struct lint_finding *f = &in->lint.findings[i];
		MUST(f->rule != NULL && f->message[0] != '\0' && f->file == in->name);
		for (const char *c = f->message; *c != '\0'; c++)
			MUST((unsigned char)*c >= ' ' && *c != 0x7f);
		MUST(f->edit.text == NULL || (f->edit.from < f->edit.to && f->edit.to <= buf_len(&in->text)));
		refused = refused || (f->severity == RULEBOOK_ERROR && f->rule->id[2] == '0');
	}
	if (!in->is_manifest && in->view_count == 1 && in->lint.dropped == 0 && in->err.text[0] == '\0')
		MUST(refused == (in->views[0].fault != INGRESS_OK));
}

static void check_proofs(const struct view *v)
{
	struct proof *p = proof_new(v);

	for (size_t i = 0; i < v->count; i++) {
		const struct proof_rule *known = proof_of(p, &v->rules[i]);
		if (known->reach == PROOF_SERVES)
			MUST(proof_match(p, known->host, span_of(known->path, known->path_len)) == i);
		else
			MUST(known->path == NULL);
	}
	proof_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct opt_list none;
	const struct run_options how = {.enable = &none, .disable = &none};
	struct input in = {.name = "fuzz.yml"};

	if (size > 20000) /* larger ones only slow the fuzzer down */
		return 0;
	buf_add(&in.text, data, size);
	run_lint(&in, 1, &how);
	check_findings(&in);
	if (in.view_count == 1 && in.views[0].matcher != NULL)
		check_proofs(&in.views[0]);
	input_fini(&in);
	return 0;
}
