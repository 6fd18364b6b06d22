/* Finding rules in the catalogue. */
#include <stdlib.h>

#include "ingress-lint/catalogue.h"

static const struct catalogue_rule *const tables[] = {
	catalogue_refused,
	catalogue_routing,
	catalogue_service,
	catalogue_origin,
	catalogue_access,
	catalogue_settings,
	catalogue_yaml,
	catalogue_kube,
	catalogue_cluster,
	catalogue_proxy,
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

const struct catalogue_rule *catalogue_find(struct span id)
{
	for (const struct catalogue_rule *r = catalogue_next(NULL); r != NULL; r = catalogue_next(r))
		if (span_eq_nocase(id, span_str(r->id)) || span_eq(id, span_str(r->name)))
			return r;
	return NULL;
}

/* Is the row one of this table? */
static bool is_within(const struct catalogue_rule *table, const struct catalogue_rule *rule)
{
	for (; table->id != NULL; table++)
		if (table == rule)
			return true;
	return false;
}

const struct catalogue_rule *catalogue_next(const struct catalogue_rule *rule)
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

const char *catalogue_severity_name(enum catalogue_severity severity)
{
	switch (severity) {
	case CATALOGUE_INFO: return "info";
	case CATALOGUE_WARNING: return "warning";
	case CATALOGUE_ERROR: return "error";
	}
	abort();
}
