/* Printing targets. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "ingress-lint/proof.h"
#include "ingress-lint/records.h"
#include "ingress-lint/report.h"

/* Words in a path or scheme that speak of WebSockets. */
bool records_is_websocket(const struct view_rule *r)
{
	static const char *const words[] = {
		"ws", "wss", "websocket", "socket.io", "sockjs", "/live", "signalr", "/hub"};

	if (strncmp(r->target.text, "ws:", 3) == 0 || strncmp(r->target.text, "wss:", 4) == 0)
		return true;
	for (size_t i = 2; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(r->expr, words[i]) != NULL)
			return true;
	return strstr(r->expr, "/ws") != NULL;
}

static json_t *rule_json(const struct input *in, const struct proof *p, const struct view_rule *r)
{
	const struct proof_rule *known = proof_of(p, r);
	char *url = proof_witness(p, r), *path = mem_strdup(url + strlen("https://") + strlen(known->host));
	json_t *record = out_record("rule", "ingress-lint"), *target = json_object(),
	       *ingress = json_object();

	json_object_set_new(target, "url", report_string(url));
	json_object_set_new(target, "hostname", report_string(known->host));
	json_object_set_new(target, "path", report_string(path));
	json_object_set_new(target, "service", report_string(r->target.text));
	json_object_set_new(target, "file", report_string(in->name));
	json_object_set_new(record, "target", target);
	json_object_set_new(record, "status", json_string("ok"));
	json_object_set_new(record, "findings", json_array());
	json_object_set_new(ingress, "rule", json_integer((json_int_t)r->number - 1));
	json_object_set_new(ingress, "hostname", report_string(r->host));
	json_object_set_new(ingress, "path", report_string(r->expr));
	json_object_set_new(ingress, "service", report_string(r->target.text));
	json_object_set_new(ingress, "websocket", json_boolean(records_is_websocket(r)));
	json_object_set_new(record, "ingress", ingress);
	free(path);
	free(url);
	return record;
}

static int print_view(FILE *to, const struct input *in, const struct view *v)
{
	int rc = 0;

	if (v->matcher == NULL)
		return 0;
	struct proof *p = proof_new(v);
	for (size_t i = 0; i < v->count && rc == 0; i++)
		if (proof_of(p, &v->rules[i])->reach == PROOF_SERVES)
			rc = out_line(to, rule_json(in, p, &v->rules[i]));
	proof_free(p);
	return rc;
}

int records_print(FILE *to, const struct input *inputs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < inputs[i].view_count; k++)
			if (print_view(to, &inputs[i], &inputs[i].views[k]) < 0)
				return -1;
	return 0;
}
