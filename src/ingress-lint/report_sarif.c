/* SARIF 2.1.0 (OASIS), for code scanning. */
#include <stdlib.h>

#include "common/base/version.h"
#include "ingress-lint/report.h"

static const char *level_of(enum rulebook_severity severity)
{
	switch (severity) {
	case RULEBOOK_INFO: return "note";
	case RULEBOOK_WARNING: return "warning";
	case RULEBOOK_ERROR: return "error";
	}
	abort();
}

static json_t *text_of(const char *text)
{
	json_t *o = json_object();

	json_object_set_new(o, "text", report_string(text));
	return o;
}

/* The whole catalogue, in its order: results refer to it by index. */
static json_t *rules_json(void)
{
	json_t *list = json_array();

	for (const struct rulebook_rule *r = rulebook_next(NULL); r != NULL; r = rulebook_next(r)) {
		json_t *o = json_object(), *level = json_object();
		json_object_set_new(o, "id", json_string(r->id));
		json_object_set_new(o, "name", json_string(r->name));
		json_object_set_new(o, "shortDescription", text_of(r->title));
		json_object_set_new(o, "fullDescription", text_of(r->why));
		json_object_set_new(o, "help", text_of(r->fix));
		json_object_set_new(level, "level", json_string(level_of(r->severity)));
		json_object_set_new(o, "defaultConfiguration", level);
		json_array_append_new(list, o);
	}
	return list;
}

static json_int_t index_of(const struct rulebook_rule *rule)
{
	json_int_t index = 0;

	for (const struct rulebook_rule *r = rulebook_next(NULL); r != rule; r = rulebook_next(r))
		index++;
	return index;
}

/* A path as a relative reference (RFC 3986, 4.2). */
static json_t *uri_of(const char *path)
{
	struct buf uri = {0};

	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;
		bool plain = (span_lower(*path) >= 'a' && span_lower(*path) <= 'z') ||
			     (c >= '0' && c <= '9') || strchr("-._~/", *path) != NULL;
		if (plain)
			buf_add_char(&uri, *path);
		else
			buf_addf(&uri, "%%%02X", c);
	}
	json_t *text = json_stringn(buf_span(&uri).p, buf_len(&uri));
	buf_free(&uri);
	return text;
}

static json_t *location_json(const struct lint_finding *f)
{
	json_t *location = json_object(), *physical = json_object(), *artifact = json_object(),
	       *region = json_object();

	json_object_set_new(artifact, "uri", uri_of(f->file));
	json_object_set_new(region, "startLine", json_integer(f->line > 0 ? f->line : 1));
	json_object_set_new(region, "startColumn", json_integer(f->column > 0 ? f->column : 1));
	json_object_set_new(physical, "artifactLocation", artifact);
	json_object_set_new(physical, "region", region);
	json_object_set_new(location, "physicalLocation", physical);
	return location;
}

static json_t *result_json(const struct lint_finding *f)
{
	json_t *o = json_object(), *locations = json_array();

	json_object_set_new(o, "ruleId", json_string(f->rule->id));
	json_object_set_new(o, "ruleIndex", json_integer(index_of(f->rule)));
	json_object_set_new(o, "level", json_string(level_of(f->severity)));
	json_object_set_new(o, "message", text_of(f->message));
	json_array_append_new(locations, location_json(f));
	json_object_set_new(o, "locations", locations);
	if (f->witness != NULL) {
		json_t *properties = json_object();
		json_object_set_new(properties, "witness", report_string(f->witness));
		json_object_set_new(o, "properties", properties);
	}
	return o;
}

int report_sarif(FILE *to, const struct report *r)
{
	json_t *log = json_object(), *runs = json_array(), *run = json_object(), *tool = json_object(),
	       *driver = json_object(), *results = json_array();

	json_object_set_new(driver, "name", json_string("ingress-lint"));
	json_object_set_new(driver, "version", json_string(VERSION));
	json_object_set_new(driver, "rules", rules_json());
	json_object_set_new(tool, "driver", driver);
	for (size_t i = 0; i < r->count; i++)
		for (size_t k = 0; k < r->inputs[i].lint.count; k++)
			json_array_append_new(results, result_json(&r->inputs[i].lint.findings[k]));
	json_object_set_new(run, "tool", tool);
	json_object_set_new(run, "columnKind", json_string("unicodeCodePoints"));
	json_object_set_new(run, "results", results);
	json_array_append_new(runs, run);
	json_object_set_new(log, "$schema", json_string("https://json.schemastore.org/sarif-2.1.0.json"));
	json_object_set_new(log, "version", json_string("2.1.0"));
	json_object_set_new(log, "runs", runs);
	int rc = json_dumpf(log, to, JSON_INDENT(2));
	json_decref(log);
	return rc < 0 || fputc('\n', to) == EOF ? -1 : 0;
}
