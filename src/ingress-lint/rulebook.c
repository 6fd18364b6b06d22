/* Finding rules in the catalogue. */
#include <stdlib.h>

#include "ingress-lint/rulebook.h"

static const struct rulebook_rule *const tables[] = {
	rulebook_refused,
	rulebook_routing,
	rulebook_service,
	rulebook_origin,
	rulebook_access,
	rulebook_settings,
	rulebook_yaml,
	rulebook_kube,
	rulebook_cluster,
	rulebook_proxy,
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

const struct rulebook_rule *rulebook_find(struct span id)
{
	for (const struct rulebook_rule *r = rulebook_next(NULL); r != NULL; r = rulebook_next(r))
		if (span_eq_nocase(id, span_str(r->id)) || span_eq(id, span_str(r->name)))
			return r;
	return NULL;
}

/* Is the row one of this table? */
static bool is_within(const struct rulebook_rule *table, const struct rulebook_rule *rule)
{
	for (; table->id != NULL; table++)
		if (table == rule)
			return true;
	return false;
}

const struct rulebook_rule *rulebook_next(const struct rulebook_rule *rule)
{
	if (rule == NULL)
		return tables[0];
	if (rule[1].id != NULL)
		return rule + 1;
	for (size_t i = 0; i + 1 < TABLES; i++)
		if (is_within(tables[i], rule))
			return tables[i + 1];
	return NULL;
}

const char *rulebook_severity_name(enum rulebook_severity severity)
{
	switch (severity) {
	case RULEBOOK_INFO: return "info";
	case RULEBOOK_WARNING: return "warning";
	case RULEBOOK_ERROR: return "error";
	}
	abort();
}
