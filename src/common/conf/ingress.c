/* Rules once they are made: names of faults, the rule of --url, and freeing. Reading a file is in ingress_parse.c, choosing
 * a rule in ingress_match.c, the keys of originRequest are in ingress_options.c. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/conf/ingress_private.h"
#include "common/conf/servicetext.h"

const char *ingress_fault_class(enum ingress_fault fault)
{
	switch (fault) {
	case INGRESS_OK: return "ok";
	case INGRESS_NO_CONFIG_FILE: return "no-config-file";
	case INGRESS_YAML_SYNTAX: return "yaml-syntax";
	case INGRESS_YAML_TYPE: return "yaml-type";
	case INGRESS_YAML_DUPLICATE_KEY: return "yaml-duplicate-key";
	case INGRESS_SETTING_TYPE: return "setting-type";
	case INGRESS_NO_RULES: return "no-rules";
	case INGRESS_SERVICE_ADDRESS: return "service-address";
	case INGRESS_SERVICE_PATH: return "service-path";
	case INGRESS_SERVICE_URL: return "service-url";
	case INGRESS_STATUS_CODE: return "status-code";
	case INGRESS_HOSTNAME_PORT: return "hostname-port";
	case INGRESS_HOSTNAME_WILDCARD: return "hostname-wildcard";
	case INGRESS_LAST_RULE_NOT_CATCH_ALL: return "last-rule-not-catch-all";
	case INGRESS_EARLY_CATCH_ALL: return "early-catch-all";
	case INGRESS_REGEX: return "regex";
	case INGRESS_IP_RULE: return "ip-rule";
	case INGRESS_ACCESS_TEAM: return "access-team";
	case INGRESS_URL_SETTING: return "url-setting";
	}
	abort();
}

struct ingress *ingress_single(struct span service, struct err *err)
{
	struct ingress_service parsed;

	if (servicetext_parse(service, false, RELEASE_2025, &parsed, err) != INGRESS_OK)
		return NULL;
	struct ingress *in = mem_alloc(sizeof(*in));
	in->rules = mem_array(1, sizeof(*in->rules));
	in->count = 1;
	in->rules[0] =
		(struct ingress_rule){.hostname = mem_strdup(""), .path = mem_strdup(""), .service = parsed};
	ingress_options_default(&in->rules[0].options);
	ingress_options_default(&in->global);
	return in;
}

struct ingress_options *ingress_single_options(struct ingress *in)
{
	return &in->rules[0].options;
}

const struct ingress_options *ingress_global(const struct ingress *in)
{
	return &in->global;
}

size_t ingress_count(const struct ingress *in)
{
	return in->count;
}

const struct ingress_rule *ingress_rule(const struct ingress *in, size_t i)
{
	return &in->rules[i];
}

void ingress_free(struct ingress *in)
{
	if (in == NULL)
		return;
	for (size_t i = 0; i < in->count; i++) {
		struct ingress_rule *r = &in->rules[i];
		free(r->hostname);
		free(r->punycode);
		free(r->path);
		servicetext_free(&r->service);
		ingress_options_free(&r->options);
	}
	ingress_options_free(&in->global);
	ingress_index_free(in->index);
	for (size_t i = 0; in->paths != NULL && i < in->count; i++)
		rx_free(in->paths[i]);
	free(in->paths);
	free(in->rules);
	free(in);
}

void ingress_file_free(struct ingress_file *f)
{
	free(f->tunnel);
	ingress_free(f->ingress);
	settings_free(&f->settings);
	for (size_t i = 0; i < f->warning_count; i++)
		free(f->warnings[i].key);
	free(f->warnings);
	*f = (struct ingress_file){0};
}
